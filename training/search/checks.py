"""What a search must fulfil before its job is taken."""

import math
from collections.abc import Iterator

from pydantic import JsonValue

from registry.errors import DomainError
from training import catalog
from training.findings import Finding, finding_of
from training.job import JobSpec
from training.promotion import METRICS
from training.search.spec import DomainKind, Method, Parameter, SearchSpec

_FIELD = "training_job.search"
_MOST_TRIALS = 1000
_MOST_PARAMETERS = 50
_MOST_CHOICES = 100
_MOST_FOLDS = 20
_MOST_REDUCTION = 10
_MOST_CHARACTERS = 1000
_LARGEST_INT = 2**53


def find_search_faults(spec: JobSpec) -> Iterator[Finding]:
    """Find what is not legal about a job's search."""
    search = spec.search
    if search is None:
        return
    yield from _find_wrong_numbers(search, spec.seconds)
    yield from _find_wrong_metric(search, spec)
    if spec.trainer not in catalog.TRAINERS:
        if not spec.trainer:
            message = "a search is over the settings of a trainer; name the trainer too"
            yield Finding("training_job.trainer", "FIELD_INVALID", message)
        return
    names = [parameter.setting for parameter in search.space]
    if not 1 <= len(names) <= _MOST_PARAMETERS or len(set(names)) < len(names):
        message = f"space must be 1 to {_MOST_PARAMETERS} different settings"
        yield Finding(f"{_FIELD}.space", "FIELD_INVALID", message)
    for position, parameter in enumerate(search.space[:_MOST_PARAMETERS]):
        yield from _find_wrong_parameter(parameter, spec, f"{_FIELD}.space[{position}]")
    yield from _find_wrong_resource(search, spec.trainer)


def _find_wrong_numbers(search: SearchSpec, job_seconds: float) -> Iterator[Finding]:
    halving = search.method is Method.HALVING
    for name, legal, words, instead in (
        ("max_trials", 1 <= search.max_trials <= _MOST_TRIALS, f"1 to {_MOST_TRIALS}", "20"),
        (
            "folds",
            search.folds in {0, *range(2, _MOST_FOLDS + 1)},
            f"0, or 2 to {_MOST_FOLDS}",
            "5",
        ),
        (
            "validation_fraction",
            0 < search.validation_fraction < 1,
            "over 0 and under 1",
            "0.25",
        ),
        (
            "max_time",
            0 <= search.max_seconds <= (job_seconds or math.inf),
            "no more than the job's limits.time, and not negative",
            "",
        ),
        ("patience", 0 <= search.patience <= _MOST_TRIALS, f"0 to {_MOST_TRIALS}", "0"),
        ("patience", not (halving and search.patience), "0 where halving ends trials", "0"),
        (
            "reduction_factor",
            2 <= search.reduction_factor <= _MOST_REDUCTION,  # noqa: PLR2004  one of two at least
            f"2 to {_MOST_REDUCTION}",
            "3",
        ),
    ):
        if not legal:
            yield Finding(f"{_FIELD}.{name}", "FIELD_INVALID", f"{name} must be {words}", instead)


def _find_wrong_metric(search: SearchSpec, spec: JobSpec) -> Iterator[Finding]:
    known = [name for task, names in METRICS.items() for name in names if spec.task in (None, task)]
    if search.metric and search.metric not in known:
        message = f"there is no metric {search.metric[:100]!r}; there are {', '.join(known)}"
        yield Finding(f"{_FIELD}.metric", "METRIC_UNKNOWN", message, known[0])


def _find_wrong_parameter(parameter: Parameter, spec: JobSpec, field: str) -> Iterator[Finding]:
    if parameter.setting in spec.settings:
        message = f"the setting {parameter.setting[:100]!r} is both set and searched"
        yield Finding(field, "FIELD_INVALID", message, "remove it from settings")
    if why := _find_wrong_domain(parameter):
        yield Finding(field, "FIELD_INVALID", f"{field} {why}")
        return
    for value in _take_samples(parameter):
        try:
            catalog.check_settings(spec.trainer, {parameter.setting: value})
        except DomainError as error:
            yield Finding(field, "FIELD_INVALID", error.message)
            return


def _find_wrong_domain(parameter: Parameter) -> str:
    if parameter.kind is DomainKind.CHOICE:
        if not 1 <= len(parameter.choices) <= _MOST_CHOICES:
            return f"must have 1 to {_MOST_CHOICES} choices"
        texts = [value for value in parameter.choices if isinstance(value, str)]
        too_long = any(len(text) > _MOST_CHARACTERS or "\0" in text for text in texts)
        nested = any(isinstance(value, list | dict) for value in parameter.choices)
        if too_long or nested:
            return f"must have choices that are numbers, booleans or texts of {_MOST_CHARACTERS}"
        return ""
    low, high = parameter.low, parameter.high
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        return "must be a range of finite numbers, from the smaller to the larger"
    if parameter.kind is DomainKind.INT and max(abs(low), abs(high)) > _LARGEST_INT:
        return "must be whole numbers of at most 2**53"
    return "must be over 0 to be searched by powers" if parameter.log and low <= 0 else ""


def _take_samples(parameter: Parameter) -> list[JsonValue]:
    """Take the values that are legal if all are: the choices, or ends and middle of a range."""
    if parameter.kind is DomainKind.CHOICE:
        return list(parameter.choices)
    if parameter.kind is DomainKind.INT:
        return [int(parameter.low), int(parameter.high)]
    # Of a setting that is a whole number the ends may be legal where the middle is not.
    middle = parameter.low + (parameter.high - parameter.low) / math.e
    return [parameter.low, middle, parameter.high]


def _find_wrong_resource(search: SearchSpec, trainer: str) -> Iterator[Finding]:
    if not search.resource:
        return
    field = f"{_FIELD}.resource"
    schema = catalog.get_trainer(trainer).settings.model_json_schema()["properties"]
    whole = [name for name, setting in schema.items() if setting.get("type") == "integer"]
    if search.method is not Method.HALVING:
        yield Finding(field, "FIELD_INVALID", "resource is for halving only", "")
    elif search.resource not in whole:
        message = f"resource must be empty, for the rows, or one of {', '.join(whole)}"
        yield finding_of(DomainError(message), field)
