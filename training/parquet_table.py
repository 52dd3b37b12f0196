"""Parquet to a frame of the same few types as CSV gives."""

from pathlib import Path

import polars as pl

from training.csv_table import check_names
from training.errors import TableInvalid


def read_parquet(path: Path) -> pl.DataFrame:
    """Read a Parquet file of plain columns.

    Returns:
        Columns of Boolean, Int64, Float64, String or a time type; missing and NaN are null.

    Raises:
        TableInvalid: It is damaged, or holds lists, structs or bytes, or its names are not
            in order.
    """
    try:
        schema = pl.read_parquet_schema(path)
        check_names(list(schema))
        types = pl.Schema({name: _plain_type(name, dtype) for name, dtype in schema.items()})
        frame = pl.read_parquet(path).cast(types)
    except pl.exceptions.PolarsError as error:
        raise TableInvalid(f"the Parquet file can't be read: {_first_line(error)}") from error
    for values in frame.select(pl.col(pl.String)):
        if values.str.contains("\0", literal=True).any():
            raise TableInvalid(f"the column {values.name!r} has texts with a NUL character")
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))


def _plain_type(name: str, dtype: pl.DataType) -> pl.DataType:
    """Tell which of our few types holds a column."""
    if dtype == pl.Boolean or dtype.is_temporal():
        return dtype
    if dtype.is_integer():
        # Numbers of more than 64 bits are codes, as in CSV.
        return pl.String() if dtype in (pl.UInt64, pl.Int128, pl.UInt128) else pl.Int64()
    if dtype.is_numeric():
        return pl.Float64()
    if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        return pl.String()
    raise TableInvalid(
        f"the column {name!r} holds {dtype}; only numbers, text, booleans and times are read:"
        " turn it into plain columns, or leave it out"
    )


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:200]
