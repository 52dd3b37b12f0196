"""Which items a list shows, and in which order: restrictions of AIP-160 joined by AND.

state = FAILED AND labels.team = "sea" AND create_time > "2026-01-01T00:00:00Z"
"""

import operator
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, func, tuple_

from registry.errors import FieldInvalid

Row = TypeVar("Row")

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


@dataclass(frozen=True, slots=True)
class FilterField:
    """A field that a list can be narrowed by.

    Attributes:
        column: What is compared.
        read: Turns the text of a filter into the column's type, or raises FieldInvalid.
        is_ordered: Whether it is compared by < and > too.
    """

    column: Any
    read: Callable[[str], Any] = str
    is_ordered: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """A part of what a list is ordered by.

    Attributes:
        column: What orders.
        pattern: What its values look like as text, without a slash.
        read: Turns the text into the column's type.
    """

    column: Any
    pattern: str
    read: Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class ListRules:
    """What a list can be narrowed and ordered by.

    Attributes:
        fields: The fields of a filter, by name.
        orders: The names of `order_by`, the default first, each with the keys that order;
            together these differ from item to item.
        labels: The column of labels, if the items have some.
        newest_first: Whether the default order is descending.
        example: A filter that makes sense for the list.
    """

    fields: Mapping[str, FilterField]
    orders: Mapping[str, tuple[Key, ...]]
    labels: Any = None
    newest_first: bool = False
    example: str = 'create_time > "2026-01-01T00:00:00Z"'


@dataclass(frozen=True, slots=True)
class Selection:
    """Which items, in which order.

    Attributes:
        conditions: What an item must fulfil.
        order: The name of the order.
        keys: What orders, the most important first.
        is_descending: Whether the largest, or newest, come first.
    """

    conditions: tuple[ColumnElement[bool], ...]
    order: str
    keys: tuple[Key, ...]
    is_descending: bool

    @property
    def place_pattern(self) -> re.Pattern[str]:
        """What tells where a page ended: the keys' values, joined by slashes."""
        return re.compile("/".join(key.pattern for key in self.keys))

    def apply(self, query: Select[Row], after: str | None) -> Select[Row]:
        """Narrow and order a query, and begin behind the place where a page ended."""
        query = query.where(*self.conditions)
        columns = [key.column for key in self.keys]
        if after is not None:
            parts = after.split("/")
            place = tuple(key.read(part) for key, part in zip(self.keys, parts, strict=True))
            keys = tuple_(*columns)
            query = query.where(keys < place if self.is_descending else keys > place)
        return query.order_by(*(it.desc() if self.is_descending else it.asc() for it in columns))


def name_list(name: str, request: Any) -> str:
    """Name one list of a request: a token is refused with another filter or order."""
    asked = (request.filter, request.order_by)
    return f"{name}?{asked[0]}&{asked[1]}" if any(asked) else name


def read_selection(rules: ListRules, filter_: str, order_by: str) -> Selection:
    """Read what a caller asks for; empty texts are all items in the list's own order.

    Raises:
        FieldInvalid: It has no legal form.
    """
    name, direction = _read_order(rules, order_by)
    conditions = _read_conditions(rules, filter_)
    return Selection(conditions, name, rules.orders[name], direction == "desc")


def _read_order(rules: ListRules, order_by: str) -> tuple[str, str]:
    words = order_by.split()
    if not words:
        return next(iter(rules.orders)), "desc" if rules.newest_first else "asc"
    name, direction = words[0], words[1] if len(words) > 1 else "asc"
    if name not in rules.orders or direction not in ("asc", "desc") or len(words) > 2:  # noqa: PLR2004  name and direction
        known = " or ".join(rules.orders)
        raise FieldInvalid(
            f'order_by must be {known}, with " desc" behind it or not', field="order_by"
        )
    return name, direction


def _read_conditions(rules: ListRules, filter_: str) -> tuple[ColumnElement[bool], ...]:
    if len(filter_) > _MOST_CHARACTERS:
        raise FieldInvalid(f"filter must be at most {_MOST_CHARACTERS} characters", field="filter")
    conditions: list[ColumnElement[bool]] = []
    position, joined = 0, bool(filter_.strip())
    while joined:
        match = _RESTRICTION.match(filter_, position)
        if not match or len(conditions) == _MOST_RESTRICTIONS:
            raise FieldInvalid(
                f"filter must be at most {_MOST_RESTRICTIONS} restrictions joined by AND, such as"
                f" {rules.example}; the fields are {_list_fields(rules)}",
                field="filter",
            )
        conditions.append(_read_condition(rules, match["field"], match["operator"], match["value"]))
        position, joined = match.end(), bool(match["joint"])
    return tuple(conditions)


def _read_condition(rules: ListRules, name: str, word: str, value: str) -> ColumnElement[bool]:
    text = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
    field = _find_field(rules, name)
    if not field.is_ordered and word not in ("=", "!="):
        raise FieldInvalid(f"{name} is compared by = and != only", field="filter")
    condition: ColumnElement[bool] = _OPERATORS[word](field.column, field.read(text))
    return condition


def _find_field(rules: ListRules, name: str) -> FilterField:
    if rules.labels is not None and name.startswith("labels."):
        key = name.removeprefix("labels.")
        return FilterField(func.coalesce(func.jsonb_extract_path_text(rules.labels, key), ""))
    if field := rules.fields.get(name):
        return field
    raise FieldInvalid(
        f"filter has no field {name[:50]!r}; there are {_list_fields(rules)}", field="filter"
    )


def _list_fields(rules: ListRules) -> str:
    labels = ["labels.KEY"] if rules.labels is not None else []
    return ", ".join([*rules.fields, *labels])


def read_number(text: str) -> int:
    """Read a whole number of a filter."""
    if not re.fullmatch(r"-?\d{1,18}", text):
        raise FieldInvalid("a number is compared with a whole number", field="filter")
    return int(text)


def read_time(text: str) -> datetime:
    """Read a time of a filter: RFC 3339 with its offset."""
    with suppress(ValueError):
        time = datetime.fromisoformat(text)
        if time.tzinfo:
            return time
    raise FieldInvalid('a time is compared with one such as "2026-01-01T00:00:00Z"', field="filter")


def one_of(words: type[Any], prefix: str = "") -> Callable[[str], Any]:
    """Make what reads a word of a StrEnum, with or without a prefix that the contract has."""

    def read(text: str) -> Any:
        word = text.removeprefix(prefix)
        for member in words:
            if word in (member.value, member.name):
                return member
        known = ", ".join(member.name for member in words)
        raise FieldInvalid(f"the value is one of {known}", field="filter")

    return read


def time_key(column: Any) -> Key:
    """Make the key of a column of times."""
    return Key(column, r"[\d:.+TZ-]{19,40}", _read_place_time)


def _read_place_time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise FieldInvalid("page_token is damaged; begin again", field="page_token") from None


def number_key(column: Any) -> Key:
    """Make the key of a column of whole numbers."""
    return Key(column, r"-?\d{1,18}", int)


def id_key(column: Any) -> Key:
    """Make the key of a column of ids."""
    return Key(column, r"[a-z0-9-]{1,100}", str)
