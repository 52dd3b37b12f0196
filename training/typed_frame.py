"""Frames of any types to frames of our few: Boolean, Int64, Float64, Datetime or String."""

from collections.abc import Mapping

import polars as pl

from training.columns import ColumnType
from training.csv_options import CsvOptions
from training.errors import TableInvalid
from training.table_limits import MAX_CELL_CHARACTERS
from training.typed_text import TIME, make_parsers

POLARS_TYPES: dict[ColumnType, pl.DataType] = {
    ColumnType.BOOLEAN: pl.Boolean(),
    ColumnType.INTEGER: pl.Int64(),
    ColumnType.FLOAT: pl.Float64(),
    ColumnType.TEXT: pl.String(),
    ColumnType.TIME: TIME,
}
"""The polars type in which columns of each of our types are kept."""

_BEYOND_64_BITS = (pl.UInt64, pl.Int128, pl.UInt128)
_NANOSECONDS = 1e9
_LONGEST_CHARACTER_BYTES = 4


def column_type(dtype: pl.DataType) -> ColumnType:
    """Tell which of our types a polars type is."""
    if dtype == pl.Boolean:
        return ColumnType.BOOLEAN
    if dtype.is_integer():
        return ColumnType.INTEGER
    if dtype.is_float():
        return ColumnType.FLOAT
    return ColumnType.TIME if dtype.is_temporal() else ColumnType.TEXT


def check_schema(schema: Mapping[str, pl.DataType]) -> None:
    """Check that every column holds something that we keep.

    Raises:
        TableInvalid: One holds lists, structs or bytes.
    """
    for name, dtype in schema.items():
        plain = dtype.is_numeric() or dtype.is_temporal() or dtype == pl.Boolean
        if not plain and dtype not in (pl.String, pl.Categorical, pl.Enum, pl.Null):
            raise TableInvalid(
                f"the column {name!r} holds {dtype}; only numbers, text, booleans and times are"
                " read: turn it into plain columns, or leave it out"
            )


def to_plain(frame: pl.DataFrame, types: Mapping[str, ColumnType]) -> pl.DataFrame:
    """Turn a frame into one of our types.

    Times with a zone become UTC; times of day and durations become seconds. Whole numbers of
    more than 64 bits are codes, as in CSV. NaN is missing.

    Args:
        frame: Of types that `check_schema` lets pass.
        types: What columns shall hold, where a caller says so.

    Raises:
        TableInvalid: A value is not of the type that a caller says, or a text is too long or
            holds a zero byte.
    """
    columns = [_to_type(_to_own_type(values), types.get(values.name)) for values in frame]
    for values in columns:
        if values.dtype == pl.String:
            _check_texts(values)
    return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))


def _to_own_type(values: pl.Series) -> pl.Series:
    dtype = values.dtype
    if dtype == pl.Boolean:
        return values
    if dtype in (pl.Time, pl.Duration):
        nanoseconds = values.cast(pl.Duration("ns") if dtype == pl.Duration else pl.Int64)
        return nanoseconds.cast(pl.Int64).cast(pl.Float64) / _NANOSECONDS
    if dtype.is_temporal():
        return _to_time(values)
    if dtype.is_integer() and dtype not in _BEYOND_64_BITS:
        return values.cast(pl.Int64)
    if dtype.is_numeric() and not dtype.is_integer():
        return values.cast(pl.Float64)
    return values.cast(pl.String)


def _to_time(values: pl.Series) -> pl.Series:
    if getattr(values.dtype, "time_zone", None):
        values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return values.cast(TIME)


def _to_type(values: pl.Series, wanted: ColumnType | None) -> pl.Series:
    if wanted is None or values.dtype == POLARS_TYPES[wanted]:
        return values
    if wanted is ColumnType.TEXT:
        return values.cast(pl.String)
    found = _convert(values, wanted)
    if found is None or found.null_count() > values.null_count():
        raise TableInvalid(
            f"the column {values.name!r} was said to hold {wanted}, but not all of its values"
            f" ({values.dtype}) are that"
        )
    return found


def _convert(values: pl.Series, wanted: ColumnType) -> pl.Series | None:
    """Convert values without loss; what can't be becomes null, all of it None."""
    if values.dtype == pl.String:
        words = values.str.strip_chars()
        return make_parsers(CsvOptions(), wanted)[0].parse(words)
    if wanted is ColumnType.TIME or values.dtype.is_temporal():
        return None
    found = values.cast(POLARS_TYPES[wanted], strict=False)
    return found.set(found.cast(values.dtype) != values, None)


def _check_texts(values: pl.Series) -> None:
    longest = values.str.len_bytes().max()
    if isinstance(longest, int) and longest > MAX_CELL_CHARACTERS * _LONGEST_CHARACTER_BYTES:
        raise TableInvalid(
            f"a text of the column {values.name!r} has {longest} bytes; at most"
            f" {MAX_CELL_CHARACTERS} characters are read"
        )
    if values.str.contains("\0", literal=True).any():
        raise TableInvalid(f"the column {values.name!r} has texts with a NUL character")
