"""One file per algorithm family; with features and evaluation the only users of scikit-learn."""

from training.trainers.boosting import BOOSTING
from training.trainers.exact_boosting import EXACT_BOOSTING
from training.trainers.family import Family
from training.trainers.forests import DECISION_TREE, EXTRA_TREES, RANDOM_FOREST
from training.trainers.lightgbm_trees import LIGHTGBM
from training.trainers.linear import LINEAR, LOGISTIC
from training.trainers.naive_bayes import NAIVE_BAYES
from training.trainers.neighbors import NEIGHBORS
from training.trainers.perceptron import PERCEPTRON
from training.trainers.support_vectors import SUPPORT_VECTORS
from training.trainers.xgboost_trees import XGBOOST

FAMILIES: dict[str, Family] = {
    "logistic-regression": LOGISTIC,
    "linear-regression": LINEAR,
    "gradient-boosting": BOOSTING,
    "exact-gradient-boosting": EXACT_BOOSTING,
    "random-forest": RANDOM_FOREST,
    "extra-trees": EXTRA_TREES,
    "decision-tree": DECISION_TREE,
    "k-nearest-neighbors": NEIGHBORS,
    "svm": SUPPORT_VECTORS,
    "naive-bayes": NAIVE_BAYES,
    "mlp": PERCEPTRON,
    "lightgbm": LIGHTGBM,
    "xgboost": XGBOOST,
}
"""The family of every trainer of `training.catalog`."""
