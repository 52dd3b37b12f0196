"""The champion beside a new version, on the same holdout rows."""

from dataclasses import replace
from pathlib import Path

import pytest

from registry.reports import Fault, Metric
from registry.signature import Signature, Task
from tests.unit.training.conftest import Fit
from training.fitting import CHAMPION_FILE, MODEL_FILE, Rival
from training.promotion import Contest, Gate, judge


def test_the_champion_is_measured_as_it_was_when_it_was_made(
    run_fit: Fit, penguins_path: Path, tmp_path: Path
) -> None:
    champion = run_fit(penguins_path, "species", trainer="random-forest", settings={"trees": 5})
    (tmp_path / CHAMPION_FILE).write_bytes((tmp_path / MODEL_FILE).read_bytes())
    assert champion.signature
    rival = Rival(champion.signature, champion.classes)
    outcome = run_fit(penguins_path, "species", rival=rival)
    assert outcome.contest
    assert outcome.metrics != champion.metrics
    theirs = {metric.name: metric.value for metric in outcome.contest.metrics}
    assert theirs == pytest.approx({it.name: it.value for it in champion.metrics}, abs=1e-5)


def test_a_champion_with_another_signature_is_not_compared(
    run_fit: Fit, penguins_path: Path, tmp_path: Path
) -> None:
    (tmp_path / CHAMPION_FILE).write_bytes(b"is not opened")
    first = run_fit(penguins_path, "species")
    assert first.signature
    replaced, *rest = first.signature.inputs
    other = replace(replaced, name="other")
    for rival, word in (
        (Rival(Signature((other, *rest), first.signature.outputs), first.classes), "'other'"),
        (Rival(first.signature, ("a", "b")), "classes"),
    ):
        contest = run_fit(penguins_path, "species", rival=rival).contest
        assert contest
        assert contest.fault
        assert contest.fault.reason == "INCOMPATIBLE"
        assert word in contest.fault.message


def test_a_champion_that_can_not_be_run_is_not_compared(
    run_fit: Fit, penguins_path: Path, tmp_path: Path
) -> None:
    (tmp_path / CHAMPION_FILE).write_bytes(b"no graph")
    first = run_fit(penguins_path, "species")
    assert first.signature
    contest = run_fit(penguins_path, "species", rival=Rival(first.signature, first.classes)).contest
    assert contest
    assert contest.fault
    assert contest.fault.reason == "CHAMPION_FAILED"


@pytest.mark.parametrize(
    ("gate", "ours", "theirs", "reason"),
    [
        (Gate("rmse"), 1.0, 2.0, "BETTER"),
        (Gate("rmse"), 2.0, 1.0, "NOT_BETTER"),
        (Gate("rmse"), 1.0, 1.0, "NOT_BETTER"),
        (Gate("r2"), 0.9, 0.8, "BETTER"),
        (Gate("r2", 0.2), 0.9, 0.8, "NOT_BETTER"),
        (Gate(), 1.0, 1.5, "BETTER"),
        (Gate("mae"), 1.0, 1.5, "NOT_MEASURED"),
    ],
)
def test_a_gate_knows_which_way_is_better(
    gate: Gate, ours: float, theirs: float, reason: str
) -> None:
    def measured(value: float) -> tuple[Metric, ...]:
        return tuple(Metric(name, value) for name in ("rmse", "r2"))

    outcome = judge(gate, Task.REGRESSION, measured(ours), 3, Contest(measured(theirs)))
    assert (outcome.reason, outcome.moved) == (reason, reason == "BETTER")
    assert outcome.champion_number == 3


def test_a_contest_that_could_not_be_held_keeps_the_champion() -> None:
    metrics = (Metric("rmse", 0.0),)
    contest = Contest(fault=Fault("INCOMPATIBLE", "the inputs differ"))
    outcome = judge(Gate(), Task.REGRESSION, metrics, 1, contest)
    assert (outcome.moved, outcome.reason) == (False, "INCOMPATIBLE")
