"""How targets are learned, from a message to values and back."""

import pytest

from modelyard.registry.v1.resources_pb2 import (
    TASK_CLASSIFICATION,
    TASK_MULTILABEL_CLASSIFICATION,
    TASK_REGRESSION,
)
from modelyard.training.v1 import training_pb2 as pb
from registry.errors import FieldInvalid
from training.catalog import TRAINERS
from training.job_messages import job_spec, to_trainer
from training.learning import DEFAULT_TOLERANCE, Calibration, Learning


def _job(**fields: object) -> pb.TrainingJob:
    named = {"model": "models/m", "dataset_version": "datasets/d/versions/1"}
    return pb.TrainingJob(**named, **fields)  # type: ignore[arg-type]  # fields of any type


def test_how_targets_are_learned_is_read() -> None:
    spec = job_spec(
        _job(
            targets=["a", "b"],
            weight_column="w",
            class_weights={"x": 2.0},
            calibration=pb.CALIBRATION_ISOTONIC,
            parity_tolerance=1e-4,
        )
    )
    assert spec.target == "a"
    assert spec.learning == Learning(("a", "b"), "w", {"x": 2.0}, Calibration.ISOTONIC, 1e-4)


@pytest.mark.parametrize("fields", [{"target": "a"}, {"targets": ["a"]}])
def test_one_target_may_be_said_either_way(fields: dict[str, object]) -> None:
    spec = job_spec(_job(**fields))
    assert (spec.target, spec.learning.targets) == ("a", ())
    assert spec.learning.parity_tolerance == DEFAULT_TOLERANCE


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"target": "a", "targets": ["b"]}, "training_job.targets"),
        ({"target": "a", "calibration": 9}, "training_job.calibration"),
    ],
)
def test_what_has_no_meaning_is_refused(fields: dict[str, object], field: str) -> None:
    with pytest.raises(FieldInvalid) as caught:
        job_spec(_job(**fields))
    assert caught.value.field == field


def test_a_classifier_also_does_several_labels() -> None:
    tasks = {it.id: list(to_trainer(it).tasks) for it in TRAINERS.values()}
    assert tasks["linear-regression"] == [TASK_REGRESSION]
    assert tasks["logistic-regression"] == [TASK_CLASSIFICATION, TASK_MULTILABEL_CLASSIFICATION]
