"""What a search may be asked for, and its message."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, TypeAlias, TypedDict, Unpack

from google.protobuf.duration_pb2 import Duration

from modelyard.training.v1.search_pb2 import FloatRange, IntRange, Search, SearchParameter

Domain: TypeAlias = IntRange | FloatRange | Sequence[Any]
"""A range, or the values to choose from."""


class SearchOptions(TypedDict, total=False):
    """What a search may be asked for besides its space; see the contract's `Search`.

    Attributes:
        max_trials: How many trials there are at most; 0 is 20.
        max_time: After how long no trial begins any more.
        metric: What is to be best; the task's default when empty.
        folds: Into how many parts the training rows are cut; 0 holds one part out.
        validation_fraction: The part held out without folds; 0 is 0.25.
        patience: After how many trials without a better one the search ends; 0 goes on.
        resource: What halving gives little of at first: rows when empty, or a setting.
        reduction_factor: Of so many trials halving keeps one; 0 is 3.
    """

    max_trials: int
    max_time: timedelta | None
    metric: str
    folds: int
    validation_fraction: float
    patience: int
    resource: str
    reduction_factor: int


def search(
    space: Mapping[str, Domain],
    method: Literal["random", "halving", "bayesian"] = "random",
    **options: Unpack[SearchOptions],
) -> Search:
    """Make the message of a search, for `train`.

        search({"trees": IntRange(min=10, max=500, log=True), "max_depth": [4, 8, 16]})

    Args:
        space: The settings to search, each with its domain.
        method: How settings are chosen.
        options: See `SearchOptions`.
    """
    message = Search(
        method=Search.Method.Value(f"METHOD_{method.upper()}"),
        space=[_parameter(name, domain) for name, domain in space.items()],
        max_trials=options.get("max_trials", 0),
        metric=options.get("metric", ""),
        folds=options.get("folds", 0),
        validation_fraction=options.get("validation_fraction", 0.0),
        patience=options.get("patience", 0),
        resource=options.get("resource", ""),
        reduction_factor=options.get("reduction_factor", 0),
    )
    if max_time := options.get("max_time"):
        duration = Duration()
        duration.FromTimedelta(max_time)
        message.max_time.CopyFrom(duration)
    return message


def _parameter(name: str, domain: Domain) -> SearchParameter:
    if isinstance(domain, IntRange):
        return SearchParameter(setting=name, int_range=domain)
    if isinstance(domain, FloatRange):
        return SearchParameter(setting=name, float_range=domain)
    parameter = SearchParameter(setting=name)
    parameter.choices.extend(domain)
    return parameter
