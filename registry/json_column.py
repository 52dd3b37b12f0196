"""A column that keeps a plain value as JSONB, checked both ways."""

from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator


class AsJson(TypeDecorator[Any]):
    """Maps a type that pydantic knows, such as a frozen dataclass, to JSONB.

    Args:
        type_: The type of the value. None is kept as SQL NULL.
    """

    impl = JSONB(none_as_null=True)
    cache_ok = True

    def __init__(self, type_: Any) -> None:
        super().__init__()
        self.type_ = type_
        self._adapter: TypeAdapter[Any] = TypeAdapter(type_)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002 - SQLAlchemy's interface
        """Turn the value into what JSON can hold."""
        return None if value is None else self._adapter.dump_python(value, mode="json")

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002 - SQLAlchemy's interface
        """Turn JSON into the value."""
        return None if value is None else self._adapter.validate_python(value)
