"""Pages of lists: how many, and where the last one ended."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from registry.errors import FieldInvalid
from registry.names import ID_PATTERN

DEFAULT_SIZE = 50
MAX_SIZE = 1000

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted.

    Attributes:
        size: How many at most.
        after: The key of the last item seen; None begins at the start.
    """

    size: int
    after: str | None


def read_page(
    list_name: str, page_size: int, page_token: str, keys: re.Pattern[str] = ID_PATTERN
) -> Page:
    """Read what a caller asks for.

    Args:
        list_name: The list, such as `models/penguins/versions`; a token of another
            list is refused.
        page_size: 0 takes the default; too many are cut to the maximum.
        page_token: As `write_token` made it, or empty.
        keys: What a key of the list looks like.

    Raises:
        FieldInvalid: The size is negative, or the token is none of this list.
    """
    if page_size < 0:
        raise FieldInvalid("page_size must not be negative", field="page_size")
    size = min(page_size or DEFAULT_SIZE, MAX_SIZE)
    return Page(size, _read_token(list_name, page_token, keys) if page_token else None)


def write_token(list_name: str, after: str) -> str:
    """Make the token that continues a list behind the item with this key."""
    return base64.urlsafe_b64encode(json.dumps([list_name, after]).encode()).decode()


def cut_page(
    found: Sequence[Item], page: Page, list_name: str, key_of: Callable[[Item], str]
) -> tuple[Sequence[Item], str]:
    """Cut what a query found to the page, and make the token of the next one.

    Args:
        found: The items, one more than the page holds if there are more.
        page: What was asked for.
        list_name: The list, as for `read_page`.
        key_of: Returns an item's key.

    Returns:
        The items of the page, and the token: empty at the end of the list.
    """
    shown = found[: page.size]
    more = len(found) > page.size
    return shown, write_token(list_name, key_of(shown[-1])) if more else ""


def _read_token(list_name: str, token: str, keys: re.Pattern[str]) -> str:
    try:
        name, after = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (binascii.Error, ValueError, TypeError):
        name, after = None, None
    if name != list_name or not isinstance(after, str) or not keys.fullmatch(after):
        raise FieldInvalid(
            "page_token is not one that this list answered; begin again without it",
            field="page_token",
        )
    return after
