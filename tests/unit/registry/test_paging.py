import base64

import pytest

from registry.errors import FieldInvalid
from registry.paging import DEFAULT_SIZE, MAX_SIZE, Page, cut_page, read_page, write_token


def test_sizes_are_defaulted_and_cut() -> None:
    assert read_page("models", 0, "").size == DEFAULT_SIZE
    assert read_page("models", 10**6, "").size == MAX_SIZE
    with pytest.raises(FieldInvalid):
        read_page("models", -1, "")


def test_a_token_continues_its_own_list_only() -> None:
    token = write_token("models", "penguins")
    assert read_page("models", 10, token) == Page(10, "penguins")
    with pytest.raises(FieldInvalid, match="page_token"):
        read_page("datasets", 10, token)


@pytest.mark.parametrize(
    "bad", ["x", "ä", "====", base64.b64encode(b"[1]").decode(), base64.b64encode(b"5").decode()]
)
def test_garbage_is_no_token(bad: str) -> None:
    with pytest.raises(FieldInvalid) as caught:
        read_page("models", 10, bad)
    assert caught.value.field == "page_token"


def test_the_token_is_empty_at_the_end_and_only_there() -> None:
    page = Page(2, None)
    assert cut_page(["a", "b"], page, "l", str) == (["a", "b"], "")
    shown, token = cut_page(["a", "b", "c"], page, "l", str)
    assert shown == ["a", "b"]
    assert read_page("l", 2, token).after == "b"
