"""What training saw of each column, and what is unlike it in a request."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from registry.signature import TensorSpec
from serving.elements import Array
from serving.errors import InputContractViolated
from serving.onnx_model import Feeds
from serving.typed.readers import ColumnReader

MOST_WARNINGS = 100
"""How many warnings an answer has at most; those of the first rows come first in a column."""

_MOST_KEPT_CATEGORIES = 100
_LONGEST_TEXT = 80

Warnings = list[dict[str, Any]]
"""Warnings as the fields of their messages."""


class Contract:
    """What training saw, as far as the signature tells.

    Args:
        specs: The model's inputs.
        columns: What reads them.
    """

    def __init__(self, specs: Sequence[TensorSpec], columns: Sequence[ColumnReader]) -> None:
        by_name = {column.name: column for column in columns}
        checks = [_make_check(spec, by_name[spec.name]) for spec in specs]
        self._checks = [check for check in checks if check]

    def find_unusual(self, feeds: Feeds) -> Warnings:
        """List what training did not see, within a bound."""
        found: Warnings = []
        for check in self._checks:
            for warning in check.find(feeds[check.name]):
                found.append(warning)
                if len(found) == MOST_WARNINGS:
                    return found
        return found


def refuse_unusual(warnings: Warnings, *, many: bool) -> None:
    """Refuse a request for what is unusual about it, if anything is.

    Raises:
        InputContractViolated: Something is.
    """
    if warnings:
        raise InputContractViolated(
            [(f"{w['field']}[{w['row']}]" if many else w["field"], w["message"]) for w in warnings]
        )


class _RangeCheck:
    """Finds numbers outside of the range that training saw; not-a-number is missing."""

    def __init__(self, column: ColumnReader, lowest: float, highest: float) -> None:
        self.name = column.name
        self._column = column
        self._lowest = lowest
        self._highest = highest

    def find(self, array: Array) -> Iterator[dict[str, Any]]:
        values = array.reshape(-1)
        # Compared as the column has them: 32.1 as FP32 is less than 32.1.
        lowest, highest = np.array((self._lowest, self._highest)).astype(array.dtype)
        for index in np.flatnonzero((values < lowest) | (values > highest))[:MOST_WARNINGS]:
            yield _warn(
                self._column,
                int(index),
                "OUT_OF_RANGE",
                f"is {values[index].item():g}; training saw {self._lowest:g} to {self._highest:g}",
            )


class _CategoryCheck:
    """Finds texts that training did not see. The empty text is missing, and known as that."""

    def __init__(self, column: ColumnReader, categories: Sequence[str]) -> None:
        self.name = column.name
        self._column = column
        self._known = frozenset((*categories, ""))

    def find(self, array: Array) -> Iterator[dict[str, Any]]:
        known = self._known
        for index, text in enumerate(array.reshape(-1).tolist()):
            if text not in known:
                yield _warn(
                    self._column,
                    index,
                    "UNSEEN_CATEGORY",
                    f"is {text[:_LONGEST_TEXT]!r}, which training did not see",
                )


def _make_check(spec: TensorSpec, column: ColumnReader) -> _RangeCheck | _CategoryCheck | None:
    if spec.datatype == "BYTES":
        # Of more categories only the most frequent are kept: nobody knows what the others were.
        is_whole = 0 < len(spec.categories) < _MOST_KEPT_CATEGORIES
        return _CategoryCheck(column, spec.categories) if is_whole else None
    if spec.minimum is None or spec.maximum is None or spec.datatype == "BOOL":
        return None
    return _RangeCheck(column, spec.minimum, spec.maximum)


def _warn(column: ColumnReader, index: int, reason: str, message: str) -> dict[str, Any]:
    return {
        "field": column.field_name,
        "row": index // column.width,
        "reason": reason,
        "message": message,
    }
