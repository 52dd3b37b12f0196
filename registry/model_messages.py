"""Messages of models to values and back; pure functions."""

from google.protobuf.duration_pb2 import Duration

from modelyard.registry.v1 import registry_pb2 as rpc
from modelyard.registry.v1 import resources_pb2 as pb
from registry import names
from registry.aliases import Alias
from registry.batching import Batching
from registry.errors import FieldInvalid
from registry.input_contract import InputContract
from registry.messages import check_mask, to_alias
from registry.models import Model, ModelChange, ModelDraft
from registry.timestamps import to_timestamp

_SETTABLE = frozenset({"display_name", "description", "labels", "batching", "input_contract"})
_SECOND_NS = 1_000_000_000


def model_draft(message: pb.Model) -> ModelDraft:
    """Read what a caller says of a model.

    Raises:
        FieldInvalid: A duration is none, or an enum's number means nothing.
    """
    return ModelDraft(
        display_name=message.display_name,
        description=message.description,
        labels=dict(message.labels),
        batching=_batching(message.batching) if message.HasField("batching") else None,
        input_contract=_input_contract(message.input_contract),
    )


def model_to_change(request: rpc.UpdateModelRequest) -> ModelChange:
    """Read what shall become of a model.

    Raises:
        FieldInvalid: Something has no legal form, or the mask names something else.
    """
    wanted = request.model
    paths = list(request.update_mask.paths)
    check_mask(paths, _SETTABLE)
    present = [field.name for field, _ in wanted.ListFields()]
    fields = _SETTABLE if "*" in paths else _SETTABLE.intersection(paths or present)
    model_id = names.model_id_of(wanted.name, "model.name")
    return ModelChange(model_id, wanted.etag, model_draft(wanted), fields)


def to_model(model: Model, aliases: list[Alias]) -> pb.Model:
    """Write a model."""
    return pb.Model(
        name=names.model_name(model.model_id),
        display_name=model.display_name,
        description=model.description,
        labels=model.labels,
        uid=model.uid,
        etag=model.etag,
        create_time=to_timestamp(model.create_time),
        update_time=to_timestamp(model.update_time),
        aliases=[to_alias(alias) for alias in aliases],
        batching=_to_batching(model.batching) if model.batching else None,
        input_contract=_to_input_contract(model.input_contract),
    )


def _input_contract(value: int) -> InputContract | None:
    if value == pb.INPUT_CONTRACT_UNSPECIFIED:
        return None
    if value not in pb.InputContract.values():
        raise FieldInvalid(f"input_contract has no value {value}", field="model.input_contract")
    name = pb.InputContract.Name(pb.InputContract.ValueType(value))
    return InputContract(name.removeprefix("INPUT_CONTRACT_"))


def _to_input_contract(contract: InputContract | None) -> pb.InputContract.ValueType:
    if contract is None:
        return pb.INPUT_CONTRACT_UNSPECIFIED
    return pb.InputContract.Value(f"INPUT_CONTRACT_{contract}")


def _batching(message: pb.BatchingConfig) -> Batching:
    delay = message.max_delay
    if delay.seconds < 0 or not 0 <= delay.nanos < _SECOND_NS:
        raise FieldInvalid(
            "max_delay must be a duration that is not negative",
            field="model.batching.max_delay",
        )
    return Batching(message.max_rows, delay.seconds * _SECOND_NS + delay.nanos)


def _to_batching(batching: Batching) -> pb.BatchingConfig:
    seconds, nanos = divmod(batching.max_delay_ns, _SECOND_NS)
    return pb.BatchingConfig(
        max_rows=batching.max_rows, max_delay=Duration(seconds=seconds, nanos=nanos)
    )
