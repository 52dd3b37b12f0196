"""What a table may be at most. Every limit is named by the error of a table that is over it."""

from collections import Counter

from training.errors import TableInvalid

MAX_COLUMNS = 10_000
MAX_NAME_LENGTH = 256
MAX_ROWS = 100_000_000
MAX_CELL_CHARACTERS = 131_072
MAX_LINE_CHARACTERS = 16 << 20
MAX_BLOCK_CELLS = 1 << 28
MAX_BLOCK_BYTES = 2 << 30
MAX_DECODED_BYTES = 64 << 30
BATCH_CELLS = 1_000_000
BATCH_CHARACTERS = 32 << 20


def batch_rows(columns: int) -> int:
    """Say how many rows of so many columns are worked on at a time."""
    return max(1, min(50_000, BATCH_CELLS // max(1, columns)))


def check_names(names: list[str]) -> None:
    """Check a table's column names.

    Raises:
        TableInvalid: There are none or too many, or one is empty, too long or there twice.
    """
    if not names:
        raise TableInvalid("the table has no columns; its first line must name them")
    if len(names) > MAX_COLUMNS:
        raise TableInvalid(f"the table has {len(names)} columns; at most {MAX_COLUMNS} are read")
    for position, name in enumerate(names, start=1):
        if not name.strip():
            raise TableInvalid(f"column {position} has no name; name every column")
        if len(name) > MAX_NAME_LENGTH or "\0" in name:
            raise TableInvalid(
                f"the name of column {position} is longer than {MAX_NAME_LENGTH} characters or"
                " holds a zero byte; shorten it"
            )
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise TableInvalid(f"{count} columns are named {name!r}; names must differ")


def check_rows(rows: int) -> None:
    """Check a number of rows.

    Raises:
        TableInvalid: It is over the limit.
    """
    if rows > MAX_ROWS:
        raise TableInvalid(f"the table has more than {MAX_ROWS} rows; divide it, or take a sample")


def check_block(rows: int, columns: int, size_bytes: int, what: str) -> None:
    """Check a part of a file that can only be decoded as a whole.

    Args:
        rows: How many rows it says it has.
        columns: How many columns the table has.
        size_bytes: How long it says it is when decoded.
        what: What it is, such as `row group 3`.

    Raises:
        TableInvalid: It is over a limit, or says something impossible.
    """
    if rows < 0 or size_bytes < 0:
        raise TableInvalid(f"{what} says that it has a negative size; the file is damaged")
    if rows * columns > MAX_BLOCK_CELLS:
        raise TableInvalid(
            f"{what} has {rows} rows of {columns} columns; at most {MAX_BLOCK_CELLS} cells are"
            " decoded at a time: write the file in smaller groups of rows"
        )
    if size_bytes > MAX_BLOCK_BYTES:
        raise TableInvalid(
            f"{what} has {size_bytes >> 20} MiB when decoded; at most {MAX_BLOCK_BYTES >> 20} MiB"
            " are decoded at a time: write the file in smaller groups of rows"
        )
