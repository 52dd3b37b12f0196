"""Times, which come as ISO 8601 text, to parts of the calendar.

What is read: `2024-02-29`, with `T` or a space a clock time `12:34` or `12:34:56.5`, then
nothing or `Z` for UTC, or an offset in quarters of an hour up to 14 hours such as `+05:30`.
Fractions of a second are dropped, years go from 0001 to 9999. Any other text, the empty one
and days that no calendar has included, is a missing time; it gets the parts of the median time
of the training rows.
"""

from typing import Any

import numpy as np
import polars as pl
from onnx import TensorProto
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from registry.signature import TensorSpec
from training.feature_steps import USUAL_TIME_PARTS, TimeSteps
from training.features import scaling
from training.features.calendar import DAY, CalendarParts, add_parts, count_days
from training.features.rows import Array
from training.features.whole_numbers import WholeNumbers
from training.onnx_graph import OnnxGraph

# Polars and ONNX Runtime read these with different engines, so they hold plain ASCII classes.
_YEAR = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DATE = (
    f"(?:{_YEAR}-(?:(?:0[13578]|1[02])-31|(?:0[13-9]|1[0-2])-(?:29|30)"
    f"|(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP_YEAR}-02-29)"
)
_OFFSET = "[+-](?:0[0-9]|1[0-3]):(?:00|15|30|45)|[+-]14:00"
_CLOCK = f"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]{{1,9}})?)?(?:Z|{_OFFSET})?"
_TIME = f"{_DATE}(?:[T ]{_CLOCK})?"
_PARTS = "^(....)-(..)-(..)(?:[T ](..):(..)(?::([0-9]{2})[.0-9]*)?)?Z?([+-][0-9]{2}:[0-9]{2})?$"
_WITH_SECONDS = ".{16}:.*"
_ANY_TIME = "1970-01-01T00:00:00+00:00"


def _list_offsets() -> dict[str, int]:
    """List every offset, in seconds."""
    quarters = range(14 * 4 + 1)
    return {
        f"{sign}{number // 4:02}:{number % 4 * 15:02}": (-1 if sign == "-" else 1) * number * 900
        for sign in "+-"
        for number in quarters
    }


def parse_times(values: Array) -> Array:
    """Read texts [rows].

    Returns:
        Seconds since 1970, FP64 [rows]; NaN where there is no time.
    """
    return _parse(pl.Series(values, dtype=pl.String))


def _parse(texts: pl.Series) -> Array:
    valid = texts.str.contains(f"^(?:{_TIME})$")
    fields = texts.set(~valid, _ANY_TIME).str.extract_groups(_PARTS).struct.unnest()
    offsets = fields["7"].fill_null("+00:00").replace_strict(_list_offsets()).to_numpy()
    numbers = fields.select(pl.all().exclude("7").cast(pl.Int64).fill_null(0)).to_numpy()
    seconds = _count_seconds(*numbers.T) - offsets
    return np.where(valid.to_numpy(), seconds.astype(np.float64), np.nan)


def _count_seconds(year: Any, month: Any, day: Any, hour: Any, minute: Any, second: Any) -> Any:
    return count_days(year, month, day) * DAY + hour * 3600 + minute * 60 + second


def parse_frame(frame: pl.DataFrame) -> Array:
    """Read texts of a frame; seconds as from `parse_times`, [rows, columns]."""
    return np.column_stack([_parse(texts) for texts in frame])


def build_times(steps: TimeSteps, scale: str) -> Pipeline:
    """Build the steps of columns with one declaration."""
    parts: list[tuple[str, Any]] = [
        ("read", FunctionTransformer(parse_frame)),
        ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
        ("parts", CalendarParts(steps.parts or USUAL_TIME_PARTS)),
    ]
    return Pipeline(parts if scale == "none" else [*parts, ("scale", scaling.build_scaler(scale))])


def add_times(graph: OnnxGraph, steps: Pipeline, inputs: list[TensorSpec]) -> str:
    """Add what `build_times` built; return the name of its FP64 matrix."""
    texts = graph.join([spec.name for spec in inputs])
    valid = _add_valid(graph, texts)
    medians = np.floor(steps["impute"].statistics_).astype(np.int64)
    seconds = _add_seconds(graph, texts, valid, len(inputs))
    seconds = graph.add("Where", valid, seconds, graph.add_constant(medians))
    matrix = add_parts(graph, steps["parts"], seconds)
    if "scale" in steps.named_steps:
        matrix = scaling.add_scaler(graph, steps["scale"], matrix)
    return matrix


def add_indicator(graph: OnnxGraph, steps: Pipeline, inputs: list[TensorSpec]) -> str:
    """Add what tells 1 where a time misses, else 0; return the name of its FP64 matrix."""
    del steps
    valid = _add_valid(graph, graph.join([spec.name for spec in inputs]))
    return graph.add("Cast", graph.add("Not", valid), to=TensorProto.DOUBLE)


def _add_valid(graph: OnnxGraph, texts: str) -> str:
    return graph.add("RegexFullMatch", texts, pattern=_TIME)


def _add_seconds(graph: OnnxGraph, texts: str, valid: str, columns: int) -> str:
    """Read texts [rows, columns], the invalid ones as some time or other; INT64."""
    some = graph.add_constant(np.full((1, columns), _ANY_TIME, dtype=object))
    # A row with every field: without it there might be fewer fields, or no row.
    rows = graph.add("Concat", graph.add("Where", valid, texts, some), some, axis=0)
    fields = [WholeNumbers(graph, name) for name in _add_fields(graph, rows)]
    seconds = _count_seconds(*fields) - WholeNumbers(graph, _add_offset(graph, rows))
    return graph.drop_last_row(seconds.name)


def _add_fields(graph: OnnxGraph, rows: str) -> list[str]:
    words = graph.add_words(rows, "[0-9]+", "0")
    fields = [
        graph.add("Gather", words, graph.add_constant(np.array(place)), axis=2)
        for place in range(6)
    ]
    # Without seconds, the sixth number is that of an offset.
    with_seconds = graph.add("RegexFullMatch", rows, pattern=_WITH_SECONDS)
    zero = graph.add_constant(np.array("0", dtype=object))
    fields[5] = graph.add("Where", with_seconds, fields[5], zero)
    return [graph.add("Cast", field, to=TensorProto.INT64) for field in fields]


def _add_offset(graph: OnnxGraph, rows: str) -> str:
    words = graph.add_words(rows, "[+-][0-9]{2}:[0-9]{2}", "+00:00")
    offset = graph.add("Gather", words, graph.add_constant(np.array(0)), axis=2)
    offsets = _list_offsets()
    return graph.add(
        "LabelEncoder",
        offset,
        domain="ai.onnx.ml",
        keys_strings=list(offsets),
        values_int64s=list(offsets.values()),
        default_int64=0,
    )
