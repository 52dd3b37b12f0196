"""A typed service as protobuf describes it: schema -> file descriptor."""

from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)

from registry.schema import ModelSchema, SchemaField
from registry.schema_names import (
    METHODS,
    default_json_name,
    file_of,
    json_name_of,
    package_of,
    short_service_of,
)

EXPLAIN, MODEL_VERSION, WARNINGS = 100_001, 100_001, 100_002
"""Our own fields, far above those of columns and outputs."""

CLASS_VALUES = 1
"""The field of the list in the messages by class."""

_Field = FieldDescriptorProto
_TYPES = {
    "BOOL": _Field.TYPE_BOOL,
    "BYTES": _Field.TYPE_STRING,
    "FP16": _Field.TYPE_FLOAT,
    "FP32": _Field.TYPE_FLOAT,
    "FP64": _Field.TYPE_DOUBLE,
    "INT64": _Field.TYPE_INT64,
    "UINT64": _Field.TYPE_UINT64,
    **dict.fromkeys(("INT8", "INT16", "INT32"), _Field.TYPE_INT32),
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), _Field.TYPE_UINT32),
}


def build_file(schema: ModelSchema) -> FileDescriptorProto:
    """Describe the package of a schema; it needs no other file."""
    package = package_of(schema.model_id, schema.major)
    file = FileDescriptorProto(
        name=file_of(schema.model_id, schema.major), package=package, syntax="proto3"
    )
    for method in METHODS:
        many = method.startswith("Batch")
        _add_request(file.message_type.add(name=f"{method}Request"), schema, many=many)
        _add_response(file.message_type.add(name=f"{method}Response"), schema, package, many=many)
    if any(field.column.is_by_class for field in schema.outputs):
        by_class = file.message_type.add(name="ClassProbabilities")
        _add_field(by_class, "values", CLASS_VALUES, _Field.TYPE_DOUBLE, many=True)
    _add_warning(file.message_type.add(name="Warning"))
    service = file.service.add(name=short_service_of(schema.model_id))
    for method in METHODS:
        added = service.method.add(
            name=method,
            input_type=f".{package}.{method}Request",
            output_type=f".{package}.{method}Response",
        )
        if method.endswith("Stream"):
            added.client_streaming = added.server_streaming = True
    return file


def _add_request(message: DescriptorProto, schema: ModelSchema, *, many: bool) -> None:
    for field in schema.inputs:
        _add_column(message, field, many=many)
    _add_field(message, "explain", EXPLAIN, _Field.TYPE_BOOL)
    _add_presence(message)


def _add_response(
    message: DescriptorProto, schema: ModelSchema, package: str, *, many: bool
) -> None:
    for field in schema.outputs:
        if field.column.is_by_class:
            _add_by_class(message, field, package, many=many)
        else:
            _add_column(message, field, many=many)
    _add_field(message, "model_version", MODEL_VERSION, _Field.TYPE_STRING)
    warnings = _add_field(message, "warnings", WARNINGS, _Field.TYPE_MESSAGE, many=True)
    warnings.type_name = f".{package}.Warning"
    _add_presence(message)


def _add_warning(message: DescriptorProto) -> None:
    _add_field(message, "field", 1, _Field.TYPE_STRING)
    _add_field(message, "row", 2, _Field.TYPE_INT64)
    _add_field(message, "reason", 3, _Field.TYPE_STRING)
    _add_field(message, "message", 4, _Field.TYPE_STRING)


def _add_column(message: DescriptorProto, field: SchemaField, *, many: bool) -> None:
    column = field.column
    repeats = many or column.is_list
    added = _add_field(message, field.name, field.number, _TYPES[column.datatype], many=repeats)
    added.json_name = json_name_of(column.name, field.name)
    if not repeats:
        added.proto3_optional = True


def _add_by_class(
    message: DescriptorProto, field: SchemaField, package: str, *, many: bool
) -> None:
    """Add a map from the name of a class, because classes change and fields must not."""
    entry = message.nested_type.add(name=f"{field.name[:1].upper()}{field.name[1:]}Entry")
    entry.options.map_entry = True
    _add_field(entry, "key", 1, _Field.TYPE_STRING)
    value = _add_field(entry, "value", 2, _Field.TYPE_MESSAGE if many else _Field.TYPE_DOUBLE)
    if many:
        value.type_name = f".{package}.ClassProbabilities"
    added = _add_field(message, field.name, field.number, _Field.TYPE_MESSAGE, many=True)
    added.type_name = f".{package}.{message.name}.{entry.name}"


def _add_field(
    message: DescriptorProto,
    name: str,
    number: int,
    type_: FieldDescriptorProto.Type.ValueType,
    *,
    many: bool = False,
) -> FieldDescriptorProto:
    label = _Field.LABEL_REPEATED if many else _Field.LABEL_OPTIONAL
    return message.field.add(
        name=name, number=number, type=type_, label=label, json_name=default_json_name(name)
    )


def _add_presence(message: DescriptorProto) -> None:
    """Give each optional field the oneof that stands for its presence, as protoc does."""
    taken = {field.name for field in message.field}
    for field in message.field:
        if field.proto3_optional:
            field.oneof_index = len(message.oneof_decl)
            name = next(name for name in _oneof_names(field.name) if name not in taken)
            taken.add(name)
            message.oneof_decl.add(name=name)


def _oneof_names(name: str) -> Iterator[str]:
    # protoc's own names; C++ reserves those with two underscores.
    candidate = f"X{name}" if name.startswith("_") else f"_{name}"
    while True:
        yield candidate
        candidate = f"X{candidate}"
