"""Messages about models and the server <-> values; pure functions."""

from collections.abc import Iterable, Mapping

from modelyard.inference.v1 import inference_pb2 as pb
from modelyard.inference.v1 import model_config_pb2 as config_pb
from modelyard.inference.v1 import repository_pb2 as repository_pb
from modelyard.inference.v1 import settings_pb2 as settings_pb
from modelyard.inference.v1 import statistics_pb2 as statistics_pb
from registry.errors import FieldInvalid
from registry.signature import TensorSpec
from serving.errors import NotOffered
from serving.input_rules import count_most_rows, takes_rows
from serving.operations.log_settings import LogValue
from serving.operations.model_control import IndexEntry
from serving.predictor import ModelDescription
from serving.snapshot import ServableVersion
from serving.statistics import RunTotals, VersionStatistics

PLATFORM = "onnx_onnxv1"
"""The form of every model, in the protocol's spelling."""

EXTENSIONS = (
    "classification",
    "logging",
    "model_configuration",
    "model_repository",
    "statistics",
)
"""Triton's names of what this server has beyond the protocol's core."""

_INT32_MAX = 2**31 - 1
_OVERRIDES = ("config", "file:")


def write_metadata(description: ModelDescription) -> pb.ModelMetadataResponse:
    """Write what callers are told of a model."""
    return pb.ModelMetadataResponse(
        name=description.model_id,
        versions=[str(number) for number in description.numbers],
        platform=PLATFORM,
        inputs=[_write_spec(spec) for spec in description.signature.inputs],
        outputs=[_write_spec(spec) for spec in description.signature.outputs],
    )


def _write_spec(spec: TensorSpec) -> pb.ModelMetadataResponse.TensorMetadata:
    return pb.ModelMetadataResponse.TensorMetadata(
        name=spec.name, datatype=spec.datatype, shape=spec.shape
    )


def write_config(description: ModelDescription, max_elements: int) -> config_pb.ModelConfig:
    """Write a model's configuration.

    Args:
        description: The model.
        max_elements: The most elements that the inputs of one call have together.
    """
    signature = description.signature
    by_row = takes_rows(signature)
    most_rows = min(count_most_rows(signature, max_elements), _INT32_MAX) if by_row else 0
    config = config_pb.ModelConfig(
        name=description.model_id,
        platform=PLATFORM,
        backend="onnxruntime",
        version_policy=config_pb.ModelVersionPolicy(all=config_pb.ModelVersionPolicy.All()),
        max_batch_size=most_rows,
        model_transaction_policy=config_pb.ModelTransactionPolicy(decoupled=False),
        response_cache=config_pb.ModelResponseCache(enable=False),
    )
    config.instance_group.add(
        name=description.model_id, count=1, kind=config_pb.ModelInstanceGroup.KIND_CPU
    )
    for spec in signature.inputs:
        config.input.add(name=spec.name, data_type=_data_type(spec), dims=_dims(spec, by_row))
    for spec in signature.outputs:
        config.output.add(name=spec.name, data_type=_data_type(spec), dims=_dims(spec, by_row))
    return config


def _data_type(spec: TensorSpec) -> config_pb.DataType.ValueType:
    name = "STRING" if spec.datatype == "BYTES" else spec.datatype
    return config_pb.DataType.Value(f"TYPE_{name}")


def _dims(spec: TensorSpec, by_row: bool) -> tuple[int, ...]:  # noqa: FBT001 - one file's own
    return spec.shape[1:] if by_row else spec.shape


def write_statistics(
    version: ServableVersion, statistics: VersionStatistics
) -> statistics_pb.ModelStatistics:
    """Write what a version did."""
    total = statistics.sum_runs()
    return statistics_pb.ModelStatistics(
        name=version.model_id,
        version=str(version.number),
        last_inference=statistics.last_run_ms,
        inference_count=total.rows,
        execution_count=total.runs,
        inference_stats=_write_totals(total, statistics),
        batch_stats=[_write_batch(size, runs) for size, runs in statistics.list_batches()],
    )


def _write_totals(total: RunTotals, statistics: VersionStatistics) -> statistics_pb.InferStatistics:
    return statistics_pb.InferStatistics(
        success=_duration(total.requests, total.total_ns),
        fail=_duration(statistics.failures, statistics.failed_ns),
        queue=_duration(total.requests, total.queue_ns),
        compute_input=_duration(total.requests, total.input_ns),
        compute_infer=_duration(total.requests, total.request_infer_ns),
        compute_output=_duration(total.requests, total.output_ns),
        cache_hit=_duration(0, 0),
        cache_miss=_duration(0, 0),
    )


def _write_batch(size: int, totals: RunTotals) -> statistics_pb.InferBatchStatistics:
    return statistics_pb.InferBatchStatistics(
        batch_size=size,
        compute_input=_duration(totals.runs, totals.input_ns),
        compute_infer=_duration(totals.runs, totals.infer_ns),
        compute_output=_duration(totals.runs, totals.output_ns),
    )


def _duration(count: int, ns: int) -> statistics_pb.StatisticDuration:
    return statistics_pb.StatisticDuration(count=count, ns=ns)


def write_index(
    entries: Iterable[IndexEntry], *, only_ready: bool
) -> repository_pb.RepositoryIndexResponse:
    """Write the state of versions."""
    response = repository_pb.RepositoryIndexResponse()
    for entry in entries:
        if only_ready and entry.state != "READY":
            continue
        version = "" if entry.number is None else str(entry.number)
        response.models.add(
            name=entry.model_id, version=version, state=entry.state or "", reason=entry.reason
        )
    return response


def check_load_parameters(
    parameters: Mapping[str, repository_pb.ModelRepositoryParameter],
) -> None:
    """Check the parameters of a load: there are none that would do anything here.

    Raises:
        NotOffered: One would override the registry.
        FieldInvalid: There is no such parameter.
    """
    for key in parameters:
        path = f'parameters["{key[:80]}"]'
        if key.startswith(_OVERRIDES):
            raise NotOffered(
                f"{path} would override what the registry has, which this server does not do;"
                " push a version and promote it instead",
                field=path,
            )
        raise FieldInvalid(f"{path} is not known; leave it out", field=path)


def check_unload_parameters(
    parameters: Mapping[str, repository_pb.ModelRepositoryParameter],
) -> None:
    """Check the parameters of an unload.

    Raises:
        FieldInvalid: There is no such parameter, or it has another type.
    """
    for key, parameter in parameters.items():
        kind = parameter.WhichOneof("parameter_choice")
        if key != "unload_dependents" or kind != "bool_param":
            path = f'parameters["{key[:80]}"]'
            raise FieldInvalid(
                f"{path} is not the bool_param 'unload_dependents', the only parameter that an"
                " unload takes",
                field=path,
            )


def read_log_values(
    settings: Mapping[str, settings_pb.LogSettingsRequest.SettingValue],
) -> dict[str, LogValue]:
    """Read what to change of the log.

    Raises:
        FieldInvalid: A setting has no value.
    """
    values: dict[str, LogValue] = {}
    for name, setting in settings.items():
        kind = setting.WhichOneof("parameter_choice")
        if kind is None:
            path = f'settings["{name[:80]}"]'
            raise FieldInvalid(f"{path} has no value", field=path)
        values[name] = getattr(setting, kind)
    return values


def write_log_values(values: Mapping[str, LogValue]) -> settings_pb.LogSettingsResponse:
    """Write what the server logs."""
    response = settings_pb.LogSettingsResponse()
    for name, value in values.items():
        if isinstance(value, bool):
            response.settings[name].bool_param = value
        elif isinstance(value, int):
            response.settings[name].uint32_param = value
        else:
            response.settings[name].string_param = value
    return response
