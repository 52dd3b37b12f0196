"""One trial in a process of its own: as in a search in one process, or a reason why not."""

from dataclasses import replace
from pathlib import Path

from registry.child_process import ChildLimits
from tests.unit.training.conftest import Fit
from training.columns import TableFormat
from training.fitting import FitProgress, FitRequest
from training.search.proposals import Proposal
from training.search.remote import TrialRequest, decisive_libraries
from training.search.spec import DomainKind, Method, Parameter, SearchRequest, SearchSpec
from training.search.trial_fit import try_once

SPACE = (Parameter("max_depth", DomainKind.INT, 1, 8),)
SEARCH = SearchRequest(SearchSpec(Method.RANDOM, SPACE, max_trials=2, folds=2))


def request(path: Path, target: str = "species") -> TrialRequest:
    fit = FitRequest(
        str(path),
        TableFormat.CSV,
        target,
        trainer="random-forest",
        settings={"trees": 5},
        seed=5,
        search=SEARCH,
    )
    return TrialRequest(fit, Proposal(1, {"max_depth": 2}), ChildLimits(), decisive_libraries())


def test_a_trial_gives_what_it_gives_in_a_search(
    run_fit: Fit, penguins_path: Path, told: list[FitProgress]
) -> None:
    options = {"trainer": "random-forest", "settings": {"trees": 5}, "seed": 5, "search": SEARCH}
    run_fit(penguins_path, "species", **options)
    trials = [it.trial for it in told if it.trial and it.trial.value is not None]
    for trial in trials:
        proposal = Proposal(trial.number, trial.settings)
        outcome = try_once(replace(request(penguins_path), proposal=proposal))
        assert outcome.measured
        assert outcome.measured.value == trial.value


def test_a_machine_with_other_releases_is_refused(penguins_path: Path) -> None:
    wanted = decisive_libraries() | {"numpy": "1.0"}
    outcome = try_once(replace(request(penguins_path), libraries=wanted))
    assert outcome.fault
    assert outcome.fault.reason == "NODE_UNFIT"
    assert "not 1.0" in outcome.fault.message


def test_what_is_wrong_with_the_table_is_told(penguins_path: Path, tmp_path: Path) -> None:
    outcome = try_once(request(penguins_path, "specie"))
    assert outcome.fault
    assert outcome.fault.reason == "TARGET_NOT_FOUND"
    garbage = tmp_path / "table.csv"
    garbage.write_bytes(b"\0" * 100)
    outcome = try_once(request(garbage))
    assert outcome.fault
    assert outcome.fault.reason == "TABLE_INVALID"
