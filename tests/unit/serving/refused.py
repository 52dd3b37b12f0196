from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from serving.errors import TensorInvalid


@contextmanager
def refused(field: str, *words: str) -> Iterator[None]:
    with pytest.raises(TensorInvalid) as caught:
        yield
    assert caught.value.field == field
    assert [word for word in words if word not in caught.value.message] == []
