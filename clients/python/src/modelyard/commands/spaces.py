"""Reads searches from the command line."""

import json
from datetime import timedelta
from typing import Any, Literal

import typer

from modelyard.searches import Domain, search
from modelyard.training.v1.search_pb2 import FloatRange, IntRange, Search

Method = Literal["random", "halving", "bayesian"]


def read_search(
    method: Method | None, space: list[str], trials: int, seconds: float, metric: str, folds: int
) -> Search | None:
    """Read a search; None if there is none."""
    if not (method or space):
        return None
    if not space:
        raise typer.BadParameter("name what is searched", param_hint="--space")
    return search(
        dict(_read_domain(text) for text in space),
        method or "random",
        max_trials=trials,
        max_time=timedelta(seconds=seconds),
        metric=metric,
        folds=folds,
    )


def _read_domain(text: str) -> tuple[str, Domain]:
    """Read KEY=LOW..HIGH, with :log behind it or not, or KEY=VALUE,VALUE."""
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        message = f"'{text}' is neither KEY=LOW..HIGH nor KEY=VALUE,VALUE"
        raise typer.BadParameter(message, param_hint="--space")
    low, dots, high = value.removesuffix(":log").partition("..")
    if not dots:
        return key, [_read_value(it) for it in value.split(",")]
    ends, log = [_read_value(low), _read_value(high)], value.endswith(":log")
    if all(isinstance(end, int) for end in ends):
        return key, IntRange(min=ends[0], max=ends[1], log=log)
    if all(isinstance(end, int | float) for end in ends):
        return key, FloatRange(min=ends[0], max=ends[1], log=log)
    raise typer.BadParameter(f"'{value}' is no range of numbers", param_hint="--space")


def _read_value(text: str) -> Any:
    """Read a value; one that is no JSON is text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
