"""Messages of searches to values and back; pure functions."""

from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import ListValue, Struct
from pydantic import JsonValue

from modelyard.training.v1 import search_pb2 as pb
from registry.errors import FieldInvalid
from training.search.spec import (
    DEFAULT_REDUCTION_FACTOR,
    DEFAULT_TRIALS,
    DEFAULT_VALIDATION_FRACTION,
    DomainKind,
    Method,
    Parameter,
    SearchSpec,
    Trial,
)

_FIELD = "training_job.search"


def search_spec(message: pb.Search, executor: str) -> SearchSpec:
    """Read what is to be searched, and where its trials run.

    Raises:
        FieldInvalid: Something has no legal form.
    """
    return SearchSpec(
        method=_method_of(message.method),
        space=tuple(_parameter_of(it, position) for position, it in enumerate(message.space)),
        max_trials=message.max_trials or DEFAULT_TRIALS,
        max_seconds=seconds_of(message.max_time),
        metric=message.metric,
        folds=message.folds,
        validation_fraction=message.validation_fraction or DEFAULT_VALIDATION_FRACTION,
        patience=message.patience,
        resource=message.resource,
        reduction_factor=message.reduction_factor or DEFAULT_REDUCTION_FACTOR,
        executor=executor,
    )


def _method_of(value: int) -> Method:
    if value == pb.Search.METHOD_UNSPECIFIED:
        return Method.RANDOM
    if value not in pb.Search.Method.values():
        raise FieldInvalid(f"method has no value {value}", field=f"{_FIELD}.method")
    return Method(pb.Search.Method.Name(pb.Search.Method.ValueType(value)).removeprefix("METHOD_"))


def _parameter_of(message: pb.SearchParameter, position: int) -> Parameter:
    field, name = f"{_FIELD}.space[{position}]", message.setting
    match message.WhichOneof("domain"):
        case "int_range":
            whole = message.int_range
            return Parameter(name, DomainKind.INT, whole.min, whole.max, whole.log)
        case "float_range":
            range_ = message.float_range
            return Parameter(name, DomainKind.FLOAT, range_.min, range_.max, range_.log)
        case "choices":
            choices = _choices_of(message.choices, f"{field}.choices")
            return Parameter(name, DomainKind.CHOICE, choices=choices)
    raise FieldInvalid(f"{field} must have one of int_range, float_range and choices", field=field)


def _choices_of(message: ListValue, field: str) -> tuple[JsonValue, ...]:
    """Read choices; a ListValue knows only floating-point numbers, so whole ones become int."""
    try:
        values: Any = MessageToDict(message)  # of a ListValue it is a list
    except ValueError:
        raise FieldInvalid("choices must be finite", field=field) from None
    return tuple(int(it) if isinstance(it, float) and it.is_integer() else it for it in values)


def to_search(search: SearchSpec) -> pb.Search:
    """Write a search."""
    return pb.Search(
        method=pb.Search.Method.Value(f"METHOD_{search.method}"),
        space=[_to_parameter(parameter) for parameter in search.space],
        max_trials=search.max_trials,
        max_time=to_duration(search.max_seconds) if search.max_seconds else None,
        metric=search.metric,
        folds=search.folds,
        validation_fraction=search.validation_fraction,
        patience=search.patience,
        resource=search.resource,
        reduction_factor=search.reduction_factor,
    )


def _to_parameter(parameter: Parameter) -> pb.SearchParameter:
    message = pb.SearchParameter(setting=parameter.setting)
    low, high, log = parameter.low, parameter.high, parameter.log
    if parameter.kind is DomainKind.INT:
        message.int_range.CopyFrom(pb.IntRange(min=int(low), max=int(high), log=log))
    elif parameter.kind is DomainKind.FLOAT:
        message.float_range.CopyFrom(pb.FloatRange(min=low, max=high, log=log))
    else:
        choices: Any = parameter.choices  # checked to be plain values
        message.choices.extend(choices)
    return message


def to_trial(trial: Trial) -> pb.Trial:
    """Write a trial."""
    settings = Struct()
    settings.update(trial.settings)
    return pb.Trial(
        number=trial.number,
        state=pb.Trial.State.Value(f"STATE_{trial.state}"),
        settings=settings,
        resource_fraction=trial.fraction,
        metric=trial.metric,
        value=trial.value,
        time=to_duration(trial.seconds),
        message=trial.message,
        best=trial.best,
    )


def seconds_of(duration: Duration) -> float:
    """Read a duration."""
    return duration.seconds + duration.nanos / 1e9


def to_duration(seconds: float) -> Duration:
    """Write a duration, to the microsecond."""
    duration = Duration()
    duration.FromMicroseconds(round(seconds * 1e6))
    return duration
