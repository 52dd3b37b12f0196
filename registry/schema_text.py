"""A typed service as people read it: file descriptor -> .proto text."""

from collections.abc import Iterator, Mapping
from textwrap import wrap

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)

from registry.schema import ModelSchema, SchemaField
from registry.schema_descriptors import EXPLAIN, MODEL_VERSION, WARNINGS, build_file
from registry.schema_names import default_json_name
from registry.signature import TensorSpec

_SHOWN_CATEGORIES = 10
_LONGEST_NAME = 60
_LINE_CHARACTERS = 90
_ABOUT_METHODS = {
    "Predict": "Answers one row. A field that is not set is missing, which zero is not.",
    "BatchPredict": "Answers many rows, a list for each column, all of the same length. A column"
    " left out misses in every row; NaN or the empty text misses in one.",
    "PredictStream": "Answers rows as they come, in their order. One that fails ends the stream"
    " with its status.",
}
_ABOUT_OWN = {
    ("Request", EXPLAIN): "Whether to tell what is unusual about the input.",
    ("Response", MODEL_VERSION): "The number of the version that answered.",
    ("Response", WARNINGS): "What is unusual about the input.",
}
_ABOUT_WARNING = {
    "field": "The field of the request.",
    "row": "The row, from 0; for a request of many.",
    "reason": "For programs: UNSEEN_CATEGORY, OUT_OF_RANGE or COLUMN_IGNORED.",
    "message": "For people.",
}


def write_proto(schema: ModelSchema, specs: Mapping[str, TensorSpec]) -> str:
    """Write the .proto file of a schema.

    Args:
        schema: The package.
        specs: What is known of its columns, by name, for comments.
    """
    file = build_file(schema)
    lines = [
        f"// Model {schema.model_id} by the names of its columns.",
        "// Made from its registered versions: fields are added, and never renumbered or removed.",
        'syntax = "proto3";',
        "",
        *([] if "__" not in file.package else ["// buf:lint:ignore PACKAGE_LOWER_SNAKE_CASE"]),
        f"package {file.package};",
        "",
        *_write_service(file),
    ]
    for message in file.message_type:
        lines += ["", *_write_message(message, schema, specs)]
    return "\n".join(lines) + "\n"


def _write_service(file: FileDescriptorProto) -> Iterator[str]:
    (service,) = file.service
    yield "// Predicts, and says which version did."
    if not service.name.endswith("Service"):
        yield "// buf:lint:ignore SERVICE_SUFFIX"
    yield f"service {service.name} {{"
    for method in service.method:
        stream = "stream " if method.client_streaming else ""
        asks, answers = (t.rpartition(".")[2] for t in (method.input_type, method.output_type))
        for line in wrap(_ABOUT_METHODS[method.name], _LINE_CHARACTERS):
            yield f"  // {line}"
        yield f"  rpc {method.name}({stream}{asks}) returns ({stream}{answers});"
    yield "}"


def _write_message(
    message: DescriptorProto, schema: ModelSchema, specs: Mapping[str, TensorSpec]
) -> Iterator[str]:
    known = schema.inputs if message.name.endswith("Request") else schema.outputs
    columns = {field.number: field for field in known}
    is_ours = not message.name.endswith(("Request", "Response"))
    yield f"// {_about_message(message.name)}"
    yield f"message {message.name} {{"
    for field in message.field:
        column = None if is_ours else columns.get(field.number)
        yield f"  // {_about_field(message, field, column, specs)}"
        if column and not _is_lower_snake(field.name):
            yield "  // buf:lint:ignore FIELD_LOWER_SNAKE_CASE"
        yield f"  {_write_type(message, field)} {field.name} = {field.number}{_options(field)};"
    yield "}"


def _about_message(name: str) -> str:
    if name == "Warning":
        return "Something unusual about the input."
    if name == "ClassProbabilities":
        return "The probabilities of one class."
    return "What comes in." if name.endswith("Request") else "What goes out."


def _about_field(
    message: DescriptorProto,
    field: FieldDescriptorProto,
    column: SchemaField | None,
    specs: Mapping[str, TensorSpec],
) -> str:
    if message.name == "Warning":
        return _ABOUT_WARNING[field.name]
    if message.name == "ClassProbabilities":
        return "One for each row."
    if column is None:
        part = "Request" if message.name.endswith("Request") else "Response"
        return _ABOUT_OWN[part, field.number]
    return _about_column(column, specs.get(column.column.name))


def _about_column(field: SchemaField, spec: TensorSpec | None) -> str:
    column = field.column
    text = f"{_printable(column.name)}: {column.datatype}"
    if column.is_by_class:
        return f"{text}, by the name of the class."
    if column.is_list:
        text += f", {column.width} to a row"
    if spec and spec.minimum is not None and spec.maximum is not None:
        text += f", {spec.minimum:g} to {spec.maximum:g} in training"
    if spec and spec.categories:
        shown = [_printable(category) or '""' for category in spec.categories[:_SHOWN_CATEGORIES]]
        more = ", ..." if len(spec.categories) > _SHOWN_CATEGORIES else ""
        text += f", {', '.join(shown)}{more} in training"
    return f"{text}."


def _printable(text: str) -> str:
    """Write foreign text where it can neither end a comment nor fill a page."""
    return "".join(c if c.isprintable() else " " for c in text[:_LONGEST_NAME])


def _write_type(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    for entry in message.nested_type:
        if field.type_name.endswith(f".{entry.name}"):
            return f"map<string, {_type_name(entry.field[1])}>"
    word = ""
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        word = "repeated "
    elif field.proto3_optional:
        word = "optional "
    return word + _type_name(field)


def _type_name(field: FieldDescriptorProto) -> str:
    if field.type_name:
        return field.type_name.rpartition(".")[2]
    return FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()


def _options(field: FieldDescriptorProto) -> str:
    if field.json_name == default_json_name(field.name):
        return ""
    escaped = field.json_name.replace("\\", "\\\\").replace('"', '\\"')
    return f' [json_name = "{escaped}"]'


def _is_lower_snake(name: str) -> bool:
    words = name.split("_")
    return name == name.lower() and all(words)
