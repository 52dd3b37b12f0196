"""What every trainer must do, on real tables and for every kind of task that it has."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
import polars as pl
import pytest

from registry.signature import Task
from tests.support.trainer_cases import CASES, QUICK, TARGET, WAYS, Case, fit_case, tell_nobody
from training.catalog import TRAINERS
from training.columns import TableFormat
from training.fit import fit
from training.fitting import FitOutcome, FitProgress, FitRequest
from training.trainers import FAMILIES

EDGES = {"holdout", "training", "extreme numbers", "neighbours of training values"}
MIXED_EDGES = {"missing values", "unseen categories", "non-ASCII categories"}
# Better than always answering the most frequent class, or the mean.
FLOORS = {"binary": ("roc_auc", 0.65), "multiclass": ("accuracy", 0.85), "regression": ("r2", 0.1)}
MIXED = [next(case for case in CASES if case.kind == kind) for kind in ("multiclass", "regression")]
MIXED_WAYS = [(trainer, case) for trainer, case in WAYS if case in MIXED]
CLASSIFIERS = [t.id for t in TRAINERS.values() if Task.CLASSIFICATION in t.tasks]


def _name(value: object) -> str:
    return value.name if isinstance(value, Case) else str(value)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fit that several tests look at."""

    outcome: FitOutcome
    told: list[FitProgress]
    folder: Path


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Case], Fitted]:
    """Fit a trainer on a table, once."""

    @cache
    def run(trainer: str, case: Case) -> Fitted:
        folder, told = tmp_path_factory.mktemp("fit"), list[FitProgress]()
        return Fitted(fit_case(trainer, case, folder, told, seed=-5), told, folder)

    return run


@pytest.mark.parametrize(("trainer", "case"), WAYS, ids=_name)
def test_the_graph_answers_as_the_pipeline(
    fitted: Callable[[str, Case], Fitted], trainer: str, case: Case
) -> None:
    outcome = fitted(trainer, case).outcome
    assert outcome.fault is None
    assert (outcome.task, outcome.trainer) == (case.task, trainer)
    _assert_exact(outcome, EDGES | (MIXED_EDGES if "penguins" in case.name else set()))
    figures = {metric.name: metric.value for metric in outcome.metrics}
    name, floor = FLOORS[case.kind]
    assert figures[name] > floor
    assert fitted(trainer, case).told[-1].percent == 100


def _assert_exact(outcome: FitOutcome, edges: set[str]) -> None:
    assert outcome.parity
    assert outcome.parity.passed
    assert {check.rows for check in outcome.parity.checks} >= edges
    assert sum(check.label_mismatch_count for check in outcome.parity.checks) == 0
    assert max(check.max_difference for check in outcome.parity.checks) < 2e-7


@pytest.mark.parametrize(("trainer", "case"), MIXED_WAYS, ids=_name)
def test_same_seed_and_data_make_the_same_bytes(
    fitted: Callable[[str, Case], Fitted], trainer: str, case: Case, tmp_path: Path
) -> None:
    fit_case(trainer, case, tmp_path, seed=-5)
    for name in ("model.onnx", "golden-rows.json", "evaluation.json"):
        first = fitted(trainer, case).folder / name
        assert (tmp_path / name).read_bytes() == first.read_bytes()


@pytest.mark.parametrize(("trainer", "case"), MIXED_WAYS, ids=_name)
def test_no_rows_and_many_rows_are_answered(
    fitted: Callable[[str, Case], Fitted], trainer: str, case: Case
) -> None:
    """The answers of a thousand rows at once are those of the rows alone."""
    signature = fitted(trainer, case).outcome.signature
    assert signature
    session = onnxruntime.InferenceSession(fitted(trainer, case).folder / "model.onnx")
    types = {"FP32": np.float32, "FP64": np.float64, "INT64": np.int64, "BYTES": object}
    frame = case.load()
    columns = {
        spec.name: np.array(
            frame[spec.name].fill_null("" if spec.datatype == "BYTES" else 0).to_list(),
            dtype=types[spec.datatype],
        )[:, np.newaxis]
        for spec in signature.inputs
    }
    alone = session.run(None, columns)
    many = session.run(None, {name: np.tile(values, (3, 1)) for name, values in columns.items()})
    none = session.run(None, {name: values[:0] for name, values in columns.items()})
    for one, three, empty in zip(alone, many, none, strict=True):
        assert empty.shape == (0, *one.shape[1:])
        if one.dtype == object:
            assert (three == np.tile(one, 3)).all()
        else:
            assert np.allclose(three, np.tile(one, (3, 1)), rtol=1e-6, atol=0)


@pytest.mark.parametrize("trainer", CLASSIFIERS)
@pytest.mark.parametrize("classes", [(False, True), (-7, 40), ("", "nein", "ja")])
def test_classes_keep_their_type(trainer: str, classes: tuple[object, ...], tmp_path: Path) -> None:
    known = [value for value in classes if value != ""]  # the empty text is a missing one
    values = [float(index) for index in range(len(classes))] * 20
    frame = pl.DataFrame({"x": values, TARGET: list(classes) * 20})
    frame.write_parquet(tmp_path / "table")
    # Leaves as small as the classes.
    small = {"min_samples_leaf"} & TRAINERS[trainer].settings.model_fields.keys()
    request = FitRequest(
        str(tmp_path / "table"),
        TableFormat.PARQUET,
        TARGET,
        task=Task.CLASSIFICATION,
        trainer=trainer,
        settings=QUICK.get(trainer, {}) | dict.fromkeys(small, 1),
        with_card=False,
    )
    assert fit(request, tmp_path, tell_nobody).fault is None
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    first = len(classes) - len(known)
    rows = np.array([[float(first)], [float(first + 1)]], np.float32)
    (labels,) = session.run(["label"], {"x": rows})
    assert labels.tolist() == known


def test_every_trainer_has_its_family() -> None:
    assert list(FAMILIES) == list(TRAINERS)
