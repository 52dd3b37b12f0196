"""Rows that tables seldom hold and requests do: made to find where a graph leaves its pipeline."""

from collections.abc import Callable, Iterable

import numpy as np

from registry.signature import Role, TensorSpec
from training.features import LARGEST_NUMBER, Array, Rows, select_rows

_MOST_CELLS = 200_000
_MOST_NEIGHBOURS = 32
_FLOATS = ("FP32", "FP64")
_EXTREMES: dict[str, tuple[float, ...]] = {
    "FP32": (0.0, -0.0, 1e-45, 1e30, -1e30, LARGEST_NUMBER, -LARGEST_NUMBER, np.inf, -np.inf),
    "FP64": (0.0, -0.0, 5e-324, 1e30, -1e30, LARGEST_NUMBER, -LARGEST_NUMBER, 1e300, np.inf),
    "INT64": (0, 1, -1, 2**24 + 1, 2**53 + 1, 2**63 - 1, -(2**63)),
    "BOOL": (False, True),
}
_MOST_TEXTS = 8
_TEXTS = (
    "a", "I", "a I a I", " ", "?!", "don't", "ß", "SS", "İi \u0131I", "Größe 測試",
    "e\u0301 \N{PENGUIN}", "x" * 1000, "\n\t\r", "\N{NO-BREAK SPACE}", "unheard-of",
)  # fmt: skip
_TIMES = (
    "2000-02-29", "1900-02-28", "2024-02-29T23:59:59", "2023-02-29", "2024-02-30", "1969-12-31",
    "1970-01-01", "0001-01-01 00:00+14:00", "9999-12-31T23:59:59-14:00", "0000-12-31", "1600-12-31",
    "2024-12-31 23:59:60", "2024-12-31T24:00", "24-01-01", "2024-1-1", "2024-01-01T", "yesterday",
    "2024-06-30T12:34", "2024-06-30 12:34+02:00", "2024-06-30T12:34:56.123456789-09:30",
    "2024-06-30T12:34:56z", "2024-06-30T12:34:56+14:15", " 2024-06-30", "2024-06-30\n",
    "\N{ARABIC-INDIC DIGIT TWO}024-06-30",
)  # fmt: skip
_NON_ASCII = "Größe 測試 \N{PENGUIN}"

Values = Callable[[TensorSpec, Array], Iterable[object]]
"""What to put into an input, told from the input and its values in training."""


def make_edge_rows(inputs: tuple[TensorSpec, ...], training: Rows, base: Rows) -> dict[str, Rows]:
    """Make rows for every kind of edge that the inputs have.

    Args:
        inputs: The inputs, described.
        training: The rows that were learned from.
        base: Ordinary rows that were not; in copies of them one input is changed at a time,
            and then all at once.

    Returns:
        Rows by the name of their kind.
    """
    kinds: dict[str, Values] = {
        "missing values": _missing,
        "unseen categories": _unseen,
        "non-ASCII categories": _non_ascii,
        "unusual texts": _texts,
        "unusual times": _times,
        "extreme numbers": _extremes,
        "neighbours of training values": _neighbours,
    }
    made = {kind: _vary(inputs, training, base, values) for kind, values in kinds.items()}
    return {kind: rows for kind, rows in made.items() if rows}


def _missing(spec: TensorSpec, _: Array) -> Iterable[object]:
    if spec.datatype == "BYTES":
        return [""]
    return [np.nan] if spec.datatype in _FLOATS else []


def _unseen(spec: TensorSpec, _: Array) -> Iterable[object]:
    if spec.role is not Role.CATEGORICAL or not spec.categories:
        return []
    # Longer than every category, so none of them; and nearly one.
    longest = max(spec.categories, key=len)
    return [longest + " unseen", longest + " "]


def _non_ascii(spec: TensorSpec, _: Array) -> Iterable[object]:
    if spec.role is not Role.CATEGORICAL:
        return []
    return [_NON_ASCII, *filter(_is_not_ascii, spec.categories)]


def _is_not_ascii(text: str) -> bool:
    return not text.isascii()


def _texts(spec: TensorSpec, values: Array) -> Iterable[object]:
    """Give training texts in other cases, cut and joined in other places, and texts unlike them."""
    if spec.role is not Role.TEXT:
        return []
    known = [str(text) for text in _spread(np.unique(values))[:_MOST_TEXTS]]
    changes: tuple[Callable[[str], str], ...] = (
        str.upper, str.title, str.swapcase, lambda text: text[1:-1],
        lambda text: text.replace(" ", "  a, "), lambda text: " ".join(reversed(text.split())),
        lambda text: f"{text} {text}", lambda text: f"\N{EN QUAD}{text}\N{HORIZONTAL ELLIPSIS}",
    )  # fmt: skip
    return [change(text) for text in known for change in changes] + list(_TEXTS)


def _times(spec: TensorSpec, values: Array) -> Iterable[object]:
    if spec.role is not Role.TIME:
        return []
    known = [str(text)[:10] for text in _spread(np.unique(values)) if text]
    endings = ("", "T00:00", " 23:59:59.999Z", "T12:30+05:30", " 01:02:03-14:00")
    return [text + endings[number % len(endings)] for number, text in enumerate(known)] + [*_TIMES]


def _extremes(spec: TensorSpec, _: Array) -> Iterable[object]:
    return _EXTREMES.get(spec.datatype, ())


def _neighbours(spec: TensorSpec, values: Array) -> Iterable[object]:
    """Give training values and the numbers next to them: thresholds lie between such."""
    if spec.datatype not in (*_FLOATS, "INT64"):
        return []
    known = np.unique(values[np.isfinite(values)])
    some = _spread(known)
    if spec.datatype == "INT64":
        ends = np.iinfo(np.int64)
        return np.concatenate([some, some[some > ends.min] - 1, some[some < ends.max] + 1])
    # Half-way between neighbours in training is where scikit-learn puts thresholds.
    some = np.concatenate([some, _spread(known[:-1] / 2 + known[1:] / 2)])
    infinity = values.dtype.type(np.inf)
    with np.errstate(over="ignore"):  # the neighbour of the largest number is infinite
        return np.concatenate([some, np.nextafter(some, -infinity), np.nextafter(some, infinity)])


def _spread(values: Array) -> Array:
    most = len(values)
    return values[np.linspace(0, most - 1, min(most, _MOST_NEIGHBOURS), dtype=int)]


def _vary(
    inputs: tuple[TensorSpec, ...], training: Rows, base: Rows, values_of: Values
) -> Rows | None:
    """Change each input in turn, then all; None when no input has such values."""
    values = {spec.name: list(values_of(spec, training[spec.name])) for spec in inputs}
    values = _limit({name: options for name, options in values.items() if options}, len(inputs))
    if not values:
        return None
    parts = [_change(base, {name: options}) for name, options in values.items()]
    parts.append(_change(base, values))
    return {name: np.concatenate([part[name] for part in parts]) for name in base}


def _limit(values: dict[str, list[object]], width: int) -> dict[str, list[object]]:
    """Bound the cells that are made: of a very wide table some inputs are changed, not all."""
    names: list[str] = []
    cells = 0
    for name, options in values.items():
        cells += len(options) * width
        if names and cells > _MOST_CELLS:
            break
        names.append(name)
    return {name: values[name] for name in names}


def _change(base: Rows, values: dict[str, list[object]]) -> Rows:
    """Copy the base rows for every value, inputs that have fewer values beginning again."""
    count = max(len(options) for options in values.values())
    size = len(next(iter(base.values())))
    rows = select_rows(base, np.tile(np.arange(size), count))
    for name, options in values.items():
        column = np.array(options, dtype=rows[name].dtype)
        rows[name] = np.repeat(np.resize(column, count), size)
    return rows
