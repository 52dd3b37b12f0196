"""Messages of the registry to values and back; pure functions."""

from typing import Any

from modelyard.registry.v1 import registry_pb2 as rpc
from modelyard.registry.v1 import resources_pb2 as pb
from registry import names
from registry.aliases import Alias, Move
from registry.artifacts import Artifact
from registry.errors import FieldInvalid
from registry.names import alias_name, artifact_name, version_name
from registry.report_messages import (
    metric_of,
    parity_report_of,
    to_admission_report,
    to_fault,
    to_metrics,
    to_parity_report,
)
from registry.reports import Lineage
from registry.requests import RequestKey
from registry.schema_names import service_of
from registry.signature import Role, Signature, Task, TensorSpec
from registry.timestamps import to_timestamp
from registry.version import Version, VersionDraft


def request_key(method: str, request: Any) -> RequestKey:
    """Tell a request from others by its id and its content."""
    content = type(request)()
    content.CopyFrom(request)
    content.ClearField("request_id")
    text = content.SerializeToString(deterministic=True)
    return RequestKey(request.request_id, method.encode() + b"\0" + text)


def check_mask(paths: list[str], allowed: frozenset[str]) -> None:
    """Refuse a mask that names what can't be updated.

    Raises:
        FieldInvalid: It does.
    """
    if wrong := set(paths) - allowed - {"*"}:
        raise FieldInvalid(
            f"update_mask names {sorted(wrong)}; only {sorted(allowed)} can be updated",
            field="update_mask",
        )


def task_of(value: int) -> Task | None:
    """Read a task; unspecified is None.

    Raises:
        FieldInvalid: The number means nothing.
    """
    try:
        return {
            pb.TASK_UNSPECIFIED: None,
            pb.TASK_CLASSIFICATION: Task.CLASSIFICATION,
            pb.TASK_REGRESSION: Task.REGRESSION,
            pb.TASK_MULTILABEL_CLASSIFICATION: Task.MULTILABEL_CLASSIFICATION,
        }[pb.Task.ValueType(value)]
    except KeyError:
        raise FieldInvalid(f"task has no value {value}", field="task") from None


def to_task(task: Task | None) -> pb.Task.ValueType:
    """Write a task."""
    return pb.Task.Value(f"TASK_{task.name}") if task else pb.TASK_UNSPECIFIED


def role_of(value: int, field: str) -> Role | None:
    """Read a role; unspecified is None.

    Raises:
        FieldInvalid: The number means nothing.
    """
    if value == pb.TensorSpec.ROLE_UNSPECIFIED:
        return None
    if value not in pb.TensorSpec.Role.values():
        raise FieldInvalid(f"{field} has no value {value}", field=field)
    name = pb.TensorSpec.Role.Name(pb.TensorSpec.Role.ValueType(value))
    return Role[name.removeprefix("ROLE_")]


def to_role(role: Role | None) -> pb.TensorSpec.Role.ValueType:
    """Write a role."""
    if role is None:
        return pb.TensorSpec.ROLE_UNSPECIFIED
    return pb.TensorSpec.Role.Value(f"ROLE_{role.name}")


def alias_to_create(request: rpc.CreateModelAliasRequest) -> Move:
    """Read where a new alias shall point.

    Raises:
        FieldInvalid: Something has no legal form.
    """
    model_id = names.model_id_of(request.parent, "parent")
    alias_id = names.check_alias_id(request.model_alias_id, "model_alias_id")
    return Move(model_id, alias_id, names.target_of(request.model_alias.model_version, model_id))


def alias_to_move(request: rpc.UpdateModelAliasRequest) -> Move:
    """Read where an alias shall point.

    Raises:
        FieldInvalid: Something has no legal form, or the mask names something else.
    """
    wanted = request.model_alias
    check_mask(list(request.update_mask.paths), frozenset({"model_version"}))
    model_id, alias_id = names.alias_of(wanted.name, "model_alias.name")
    number = names.target_of(wanted.model_version, model_id)
    return Move(model_id, alias_id, number, wanted.etag, request.allow_missing)


def to_alias(alias: Alias) -> pb.ModelAlias:
    """Write an alias."""
    return pb.ModelAlias(
        name=alias_name(alias.model_id, alias.alias_id),
        model_version=version_name(alias.model_id, alias.number),
        etag=alias.etag,
        create_time=to_timestamp(alias.create_time),
        update_time=to_timestamp(alias.update_time),
    )


def version_draft(message: pb.ModelVersion) -> VersionDraft:
    """Read what a caller says of a version."""
    return VersionDraft(
        description=message.description,
        labels=dict(message.labels),
        task=task_of(message.task),
        classes=tuple(message.classes),
        target_names=tuple(message.target_names),
        metrics=tuple(metric_of(metric) for metric in message.metrics),
        parameters=dict(message.parameters),
        lineage=_lineage(message.lineage),
        parity_report=parity_report_of(message) if message.HasField("parity_report") else None,
    )


def _lineage(message: pb.Lineage) -> Lineage:
    return Lineage(
        training_job=message.training_job,
        dataset_version=message.dataset_version,
        dataset_sha256=message.dataset_sha256,
        libraries=dict(message.libraries),
    )


def to_version(version: Version) -> pb.ModelVersion:
    """Write a version."""
    draft, verdict = version.draft, version.verdict
    return pb.ModelVersion(
        name=version_name(version.model_id, version.number),
        state=pb.ModelVersion.State.Value(f"STATE_{version.state}"),
        description=draft.description,
        labels=draft.labels,
        uid=version.uid,
        etag=version.etag,
        create_time=to_timestamp(version.create_time),
        update_time=to_timestamp(version.update_time),
        task=to_task(draft.task),
        signature=to_signature(verdict.signature) if verdict.signature else None,
        classes=draft.classes,
        target_names=draft.target_names,
        metrics=to_metrics(draft.metrics),
        parameters=draft.parameters,
        lineage=_to_lineage(draft.lineage),
        parity_report=to_parity_report(draft.parity_report) if draft.parity_report else None,
        admission_report=to_admission_report(verdict.report) if verdict.report else None,
        faults=[to_fault(fault) for fault in verdict.faults],
        digest=version.digest,
        artifacts=[
            to_artifact(version.model_id, version.number, artifact)
            for artifact in version.artifacts
        ],
        aliases=version.aliases,
        typed_service=(
            service_of(version.model_id, version.schema_major) if version.schema_major else ""
        ),
    )


def to_signature(signature: Signature) -> pb.Signature:
    """Write a signature."""
    return pb.Signature(
        inputs=[_to_tensor_spec(spec) for spec in signature.inputs],
        outputs=[_to_tensor_spec(spec) for spec in signature.outputs],
    )


def _to_tensor_spec(spec: TensorSpec) -> pb.TensorSpec:
    return pb.TensorSpec(
        name=spec.name,
        datatype=spec.datatype,
        shape=spec.shape,
        role=to_role(spec.role),
        categories=spec.categories,
        minimum=spec.minimum,
        maximum=spec.maximum,
    )


def to_artifact(model_id: str, number: int, artifact: Artifact) -> pb.Artifact:
    """Write an artifact."""
    return pb.Artifact(
        name=artifact_name(model_id, number, artifact.artifact_id),
        mime_type=artifact.mime_type,
        size_bytes=artifact.size_bytes,
        sha256=artifact.sha256,
        create_time=to_timestamp(artifact.create_time),
    )


def _to_lineage(lineage: Lineage) -> pb.Lineage:
    return pb.Lineage(
        training_job=lineage.training_job,
        dataset_version=lineage.dataset_version,
        dataset_sha256=lineage.dataset_sha256,
        libraries=lineage.libraries,
    )
