"""One file per algorithm family; with features and evaluation the only users of scikit-learn."""

from training.trainers.boosting import BOOSTING
from training.trainers.family import Family
from training.trainers.forest import FOREST
from training.trainers.linear import LINEAR, LOGISTIC

FAMILIES: dict[str, Family] = {
    "logistic-regression": LOGISTIC,
    "linear-regression": LINEAR,
    "gradient-boosting": BOOSTING,
    "random-forest": FOREST,
}
"""The family of every trainer of `training.catalog`."""
