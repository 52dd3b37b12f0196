"""The messages of one schema, as classes."""

from typing import Any

from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from registry.schema import ModelSchema
from registry.schema_descriptors import build_file
from registry.schema_names import METHODS, package_of


class MessageTypes:
    """The messages of one schema. Building them takes a fraction of a millisecond.

    They live in a pool of their own: a pool can't lose or change what is in it, so it has to
    go as a whole when the schema grows.

    Args:
        schema: What they are of.

    Attributes:
        pool: Where they are described.
        requests: By method, the class of its requests.
        responses: By method, the class of its answers.
        by_class: The class of lists by class in answers of many rows, if there are such.
    """

    def __init__(self, schema: ModelSchema) -> None:
        package = package_of(schema.model_id, schema.major)
        self.pool = DescriptorPool()
        self.pool.Add(build_file(schema))

        def find(name: str) -> Any:
            return GetMessageClass(self.pool.FindMessageTypeByName(f"{package}.{name}"))

        self.requests = {method: find(f"{method}Request") for method in METHODS}
        has_classes = any(field.column.is_by_class for field in schema.outputs)
        self.by_class = find("ClassProbabilities") if has_classes else None
        self.responses = {method: find(f"{method}Response") for method in METHODS}
