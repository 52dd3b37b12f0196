"""Columns that give the target away: a model that learns from one only looks good."""

import numpy as np
import polars as pl

MAX_CELLS = 20_000_000
MAX_ROWS = 200_000

_FEWEST_ROWS = 20
_REPEATS = 5
_ALMOST_ONE = 0.99999


def find_leaks(frame: pl.DataFrame, target: str) -> tuple[str, ...]:
    """Find columns that equal the target, determine it, or follow it in a straight line.

    Args:
        frame: The table; of long ones rows spread over all of it are looked at.
        target: The column to predict.

    Returns:
        A sentence for each such column.
    """
    rows = frame.filter(pl.col(target).is_not_null())
    most = max(_FEWEST_ROWS, min(MAX_ROWS, MAX_CELLS // frame.width))
    rows = rows.gather_every(max(1, -(-rows.height // most)))
    goal = rows[target]
    if rows.height < _FEWEST_ROWS or goal.n_unique() == 1:
        return ()
    columns = (values for values in rows if values.name != target)
    found = ((values.name, _describe(values, goal)) for values in columns)
    return tuple(f"the column {name!r} {how}" for name, how in found if how)


def _describe(values: pl.Series, goal: pl.Series) -> str:
    """Say how a column gives the target away; empty if it does not."""
    if values.null_count() == len(values):
        return ""
    if values.dtype == goal.dtype and values.equals(goal, check_names=False):
        return "equals the target in every row; leave it out unless you know it beforehand"
    if _follows_line(values, goal):
        return "gives the target by a straight line; leave it out unless you know it beforehand"
    if _determines(values, goal):
        return (
            "determines the target: each of its values goes with one target only; leave it out"
            " unless you know it beforehand"
        )
    return ""


def _follows_line(values: pl.Series, goal: pl.Series) -> bool:
    if not (values.dtype.is_numeric() and goal.dtype.is_numeric()) or values.null_count():
        return False
    x, y = values.cast(pl.Float64).to_numpy(), goal.cast(pl.Float64).to_numpy()
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return False
    with np.errstate(all="ignore"):
        x, y = x - x.mean(), y - y.mean()
        slope = (x @ y) / np.sqrt((x @ x) * (y @ y))
    return bool(abs(slope) > _ALMOST_ONE)


def _determines(values: pl.Series, goal: pl.Series) -> bool:
    """Tell whether equal values have equal targets, where values repeat often enough to say so.

    Of two columns with as many values each, as of a code and its name, one is enough.
    """
    different = values.n_unique()
    if different == 1 or different * _REPEATS > len(values):
        return False
    pairs = pl.DataFrame([values.alias("value"), goal.alias("goal")])
    return pairs.n_unique() == different
