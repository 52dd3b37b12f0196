"""What a search is asked: plain values, kept as JSON with a job."""

from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import JsonValue

DEFAULT_TRIALS = 20
DEFAULT_VALIDATION_FRACTION = 0.25
DEFAULT_REDUCTION_FACTOR = 3

LOCAL, RAY = "local", "ray"


class Method(StrEnum):
    """How settings are chosen: by chance, by chance and contest, or by what was learned so far."""

    RANDOM = "RANDOM"
    HALVING = "HALVING"
    BAYESIAN = "BAYESIAN"


class DomainKind(StrEnum):
    """What the values of a setting are."""

    INT = "INT"
    FLOAT = "FLOAT"
    CHOICE = "CHOICE"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One setting that is searched.

    Attributes:
        setting: Its name.
        kind: What its values are.
        low: The smallest number.
        high: The largest number, which belongs to the range.
        log: Whether each power of ten is as likely as the next; else each number is.
        choices: The values to choose from, instead of a range.
    """

    setting: str
    kind: DomainKind
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[JsonValue, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchSpec:
    """One search.

    Attributes:
        method: How settings are chosen.
        space: What is searched.
        max_trials: How many trials there are at most.
        max_seconds: After how long no trial begins any more; 0 sets no such time.
        metric: What is to be best; empty takes the task's default.
        folds: Into how many parts the training rows are cut, each to validate the fit on
            the others; 0 holds one part out instead.
        validation_fraction: The part of the training rows held out without folds.
        patience: After how many trials without a better one the search ends; 0 goes on.
        resource: What halving gives little of at first: empty for the training rows, or the
            name of a setting that is a whole number.
        reduction_factor: Of so many trials halving keeps one, and gives it so many times more.
        executor: Where trials run: LOCAL is in the process that fits, RAY a Ray cluster.
    """

    method: Method
    space: tuple[Parameter, ...]
    max_trials: int = DEFAULT_TRIALS
    max_seconds: float = 0.0
    metric: str = ""
    folds: int = 0
    validation_fraction: float = DEFAULT_VALIDATION_FRACTION
    patience: int = 0
    resource: str = ""
    reduction_factor: int = DEFAULT_REDUCTION_FACTOR
    executor: str = LOCAL


class TrialState(StrEnum):
    """Where a trial is in its life."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Trial:
    """One fit with settings of the search's choice.

    Attributes:
        number: Counts from 1.
        state: Where it is in its life.
        settings: The searched settings.
        fraction: How much of the resource it has, in (0, 1].
        metric: What was measured.
        value: Its value on the validation rows, on average over the folds.
        seconds: How long it took.
        message: Why it failed.
        best: Whether its settings were chosen.
    """

    number: int
    state: TrialState
    settings: dict[str, JsonValue]
    fraction: float = 1.0
    metric: str = ""
    value: float | None = None
    seconds: float = 0.0
    message: str = ""
    best: bool = False


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search that may have been begun before.

    Attributes:
        spec: What is asked.
        finished: The trials that ended in earlier attempts, from the first on.
    """

    spec: SearchSpec
    finished: tuple[Trial, ...] = field(default=())
