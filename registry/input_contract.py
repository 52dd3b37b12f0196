"""How strictly a model's typed services hold input to what training saw: a setting of the model."""

from enum import StrEnum


class InputContract(StrEnum):
    """What becomes of unseen categories, and of numbers outside of the range in training."""

    EXPLAIN = "EXPLAIN"
    """Warnings in answers to requests that set `explain`; what models have by default."""

    WARN = "WARN"
    """Warnings in every answer."""

    REFUSE = "REFUSE"
    """The call is refused, with every field at fault."""

    IGNORE = "IGNORE"
    """Nothing is looked at."""
