"""How targets are learned and evaluated: messages to values and back; pure functions."""

from modelyard.training.v1 import training_pb2 as pb
from registry.errors import FieldInvalid
from training.evaluation.scheme import Scheme, SplitKind
from training.learning import DEFAULT_TOLERANCE, Calibration, Learning


def target_of(message: pb.TrainingJob) -> str:
    """Read the target, of several the first.

    Raises:
        FieldInvalid: Both fields are set.
    """
    if message.target and message.targets:
        raise FieldInvalid(
            "name one column as target, or several as targets, and not both",
            field="training_job.targets",
        )
    return message.targets[0] if message.targets else message.target


def learning_of(message: pb.TrainingJob) -> Learning:
    """Read how targets are learned.

    Raises:
        FieldInvalid: A number means nothing.
    """
    return Learning(
        targets=tuple(message.targets) if len(message.targets) > 1 else (),
        weight_column=message.weight_column,
        class_weights=dict(message.class_weights),
        calibration=_calibration_of(message.calibration),
        parity_tolerance=message.parity_tolerance or DEFAULT_TOLERANCE,
    )


def _calibration_of(value: int) -> Calibration | None:
    if value == pb.CALIBRATION_UNSPECIFIED:
        return None
    if value not in pb.Calibration.values():
        field = "training_job.calibration"
        raise FieldInvalid(f"calibration has no value {value}", field=field)
    name = pb.Calibration.Name(pb.Calibration.ValueType(value))
    return Calibration[name.removeprefix("CALIBRATION_")]


def to_calibration(calibration: Calibration | None) -> pb.Calibration.ValueType:
    """Write how probabilities are calibrated."""
    if calibration is None:
        return pb.CALIBRATION_UNSPECIFIED
    return pb.Calibration.Value(f"CALIBRATION_{calibration.name}")


def scheme_of(message: pb.Evaluation) -> Scheme:
    """Read how a version is evaluated.

    Raises:
        FieldInvalid: A number means nothing.
    """
    if message.split not in pb.Evaluation.Split.values():
        field = "training_job.evaluation.split"
        raise FieldInvalid(f"split has no value {message.split}", field=field)
    name = pb.Evaluation.Split.Name(message.split).removeprefix("SPLIT_")
    return Scheme(
        split=None if name == "UNSPECIFIED" else SplitKind[name],
        column=message.split_column,
        folds=message.folds,
        segment=message.segment_column,
    )


def to_evaluation(scheme: Scheme) -> pb.Evaluation:
    """Write how a version is evaluated."""
    split = f"SPLIT_{scheme.split.name}" if scheme.split else "SPLIT_UNSPECIFIED"
    return pb.Evaluation(
        split=pb.Evaluation.Split.Value(split),
        split_column=scheme.column,
        folds=scheme.folds,
        segment_column=scheme.segment,
    )
