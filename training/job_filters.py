"""Which jobs a list shows, and in which order: restrictions of AIP-160 joined by AND.

state = FAILED AND labels.team = "sea" AND create_time > "2026-01-01T00:00:00Z"
"""

import operator
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, tuple_

from registry.errors import FieldInvalid
from registry.names import model_id_of
from registry.tables import ModelRow
from training.states import JobState
from training.tables import JobRow

PLACE_PATTERN = re.compile(r"-?\d{1,4}\.\d{1,18}")
"""What tells where a page ended: priority and row of the last job."""

_MOST_CHARACTERS = 2000
_MOST_RESTRICTIONS = 20
_RESTRICTION = re.compile(
    r"\s*(?P<field>[a-z_]+|labels\.[\w.-]{1,63})\s*(?P<operator><=|>=|!=|=|<|>)\s*"
    r'(?P<value>"(?:[^"\\]|\\.)*"|[^\s"()]+)\s*(?P<joint>AND\s|$)'
)
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ORDERED = ("priority", "create_time", "end_time")
_FIELDS = ("state", "model", "trainer", "queue", "target", *_ORDERED, "labels.KEY")
_ORDERS = ("create_time", "create_time desc", "priority", "priority desc")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which jobs, in which order.

    Attributes:
        conditions: What a job must fulfil.
        by_priority: Whether the priority orders first, then the time of making.
        descending: Whether the largest, or newest, come first.
    """

    conditions: tuple[ColumnElement[bool], ...] = ()
    by_priority: bool = False
    descending: bool = True

    def apply(self, query: Select[JobRow], after: str | None) -> Select[JobRow]:
        """Narrow and order a query, and begin behind the place where a page ended."""
        query = query.where(*self.conditions)
        keys = (JobRow.priority, JobRow.id) if self.by_priority else (JobRow.id,)
        if after is not None:
            place = tuple(int(part) for part in after.split("."))[-len(keys) :]
            behind = tuple_(*keys) < place if self.descending else tuple_(*keys) > place
            query = query.where(behind)
        return query.order_by(*(key.desc() if self.descending else key for key in keys))


def read_selection(filter_: str, order_by: str) -> Selection:
    """Read what a caller asks for; empty texts are all jobs, newest first.

    Raises:
        FieldInvalid: It has no legal form.
    """
    words = " ".join(order_by.split()).removesuffix(" asc") or "create_time desc"
    if words not in _ORDERS:
        raise FieldInvalid(f"order_by must be one of {', '.join(_ORDERS)}", field="order_by")
    name, _, direction = words.partition(" ")
    return Selection(_read_conditions(filter_), name == "priority", direction == "desc")


def _read_conditions(filter_: str) -> tuple[ColumnElement[bool], ...]:
    if len(filter_) > _MOST_CHARACTERS:
        raise FieldInvalid(f"filter must be at most {_MOST_CHARACTERS} characters", field="filter")
    conditions: list[ColumnElement[bool]] = []
    position, joined = 0, bool(filter_.strip())
    while joined:
        match = _RESTRICTION.match(filter_, position)
        if not match or len(conditions) == _MOST_RESTRICTIONS:
            raise FieldInvalid(
                f"filter must be at most {_MOST_RESTRICTIONS} restrictions joined by AND, such as"
                f' state = FAILED AND labels.team = "sea"; the fields are {", ".join(_FIELDS)}',
                field="filter",
            )
        conditions.append(_read_condition(match["field"], match["operator"], match["value"]))
        position, joined = match.end(), bool(match["joint"])
    return tuple(conditions)


def _read_condition(field: str, word: str, value: str) -> ColumnElement[bool]:
    text = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
    if field not in _ORDERED and word not in ("=", "!="):
        raise FieldInvalid(f"{field} is compared by = and != only", field="filter")
    column, operand = _read_operand(field, text)
    condition: ColumnElement[bool] = _OPERATORS[word](column, operand)
    return condition


def _read_operand(field: str, text: str) -> tuple[Any, Any]:
    """Return the column of a field, and the value in the column's type."""
    match field:
        case "state":
            return JobRow.state, _read_state(text.removeprefix("STATE_"))
        case "model":
            return JobRow.model_row, _row_of_model(text)
        case "trainer" | "queue" | "target":
            return getattr(JobRow, field), text
        case "priority":
            return JobRow.priority, _read_number(text)
        case "create_time" | "end_time":
            return getattr(JobRow, field), _read_time(text)
    if field.startswith("labels."):
        key = field.removeprefix("labels.")
        return func.coalesce(func.jsonb_extract_path_text(JobRow.labels, key), ""), text
    raise FieldInvalid(
        f"filter has no field {field[:50]!r}; there are {', '.join(_FIELDS)}", field="filter"
    )


def _row_of_model(name: str) -> Any:
    model_id = model_id_of(name, "filter")
    return select(func.max(ModelRow.id)).where(ModelRow.model_id == model_id).scalar_subquery()


def _read_state(text: str) -> JobState:
    if text not in list(JobState):
        raise FieldInvalid(f"state is one of {', '.join(JobState)}", field="filter")
    return JobState(text)


def _read_number(text: str) -> int:
    if not re.fullmatch(r"-?\d{1,9}", text):
        raise FieldInvalid("priority is compared with a whole number", field="filter")
    return int(text)


def _read_time(text: str) -> datetime:
    with suppress(ValueError):
        time = datetime.fromisoformat(text)
        if time.tzinfo:
            return time
    raise FieldInvalid(
        'times are compared with RFC 3339 texts, such as "2026-01-31T12:00:00Z"', field="filter"
    )
