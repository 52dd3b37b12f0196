"""The trainers there are and their settings; what a server tells and checks without them.

A new trainer is a class in `settings`, an entry in `trainers` and a file in `training/trainers`.
"""

from training.catalog.choice import (
    check_settings,
    choose_trainer,
    describe_excess,
    find_trainer,
    get_trainer,
    list_trainers,
)
from training.catalog.settings import Settings
from training.catalog.trainers import TRAINERS, TrainerSpec

__all__ = [
    "TRAINERS",
    "Settings",
    "TrainerSpec",
    "check_settings",
    "choose_trainer",
    "describe_excess",
    "find_trainer",
    "get_trainer",
    "list_trainers",
]
