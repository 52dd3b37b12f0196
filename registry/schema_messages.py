"""Schemas of typed services to messages; pure functions."""

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from modelyard.registry.v1 import registry_pb2 as rpc
from registry.schema_changes import SchemaChange
from registry.schema_descriptors import build_file
from registry.schema_names import service_of
from registry.schema_text import write_proto
from registry.schemas import PublishedSchema, SchemaComparison


def to_model_proto(published: PublishedSchema) -> rpc.GetModelProtoResponse:
    """Write a typed service for generators of stubs."""
    schema, signature = published.schema, published.signature
    specs = {spec.name: spec for spec in signature.inputs} if signature else {}
    file = build_file(schema)
    return rpc.GetModelProtoResponse(
        typed_service=service_of(schema.model_id, schema.major),
        file_name=file.name,
        proto=write_proto(schema, specs),
        file_descriptor_set=FileDescriptorSet(file=[file]).SerializeToString(),
        typed_services=[service_of(schema.model_id, major) for major in published.majors],
    )


def to_schema_comparison(
    model_id: str, found: SchemaComparison
) -> rpc.ValidateSchemaChangeResponse:
    """Write what a promotion would mean."""
    return rpc.ValidateSchemaChangeResponse(
        typed_service=service_of(model_id, found.major) if found.major else "",
        current_typed_service=(
            service_of(model_id, found.current_major) if found.current_major else ""
        ),
        compatible=found.is_compatible,
        changes=[_to_change(change) for change in found.changes],
    )


def _to_change(change: SchemaChange) -> rpc.SchemaChange:
    return rpc.SchemaChange(
        kind=rpc.SchemaChange.Kind.Value(f"KIND_{change.kind}"),
        name=change.name,
        breaking=change.breaks,
        message=change.message,
    )
