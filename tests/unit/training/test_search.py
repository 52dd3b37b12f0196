"""Searches: the same way for the same seed, within the budget, and taken up where they broke."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from registry.signature import Task
from tests.unit.training.conftest import Fit
from training.evaluation.scheme import DEFAULT
from training.evaluation.splits import Split, make_division
from training.fitting import MODEL_FILE, FitProgress
from training.plan import Examples
from training.search.executor import LocalExecutor, Measured, TrialExecutor
from training.search.proposals import Proposal, draw_settings, plan_rounds, propose
from training.search.search import Search, keep_rising
from training.search.spec import (
    DomainKind,
    Method,
    Parameter,
    SearchRequest,
    SearchSpec,
    Trial,
    TrialState,
)
from training.search.validation import cut_folds

SPACE = (
    Parameter("x", DomainKind.FLOAT, -1.0, 1.0),
    Parameter("n", DomainKind.INT, 1, 1000, log=True),
    Parameter("kind", DomainKind.CHOICE, choices=("a", 1, True, 0.5)),
)


def spec(method: Method = Method.RANDOM, **changes: Any) -> SearchSpec:
    return SearchSpec(method, SPACE, **{"max_trials": 20} | changes)


def loss(proposal: Proposal) -> float:
    """Be best at x = 0.25; some settings can't be worked with."""
    x = proposal.settings["x"]
    assert isinstance(x, float)
    if x < -0.9:
        raise ValueError("x is too small")
    return (x - 0.25) ** 2


def search(
    wanted: SearchSpec,
    finished: tuple[Trial, ...] = (),
    seed: int = 7,
    executor: TrialExecutor | None = None,
) -> tuple[Trial, list[Trial]]:
    """Search, and return the best trial with all that were told to have ended."""
    told: list[FitProgress] = []
    request = SearchRequest(wanted, finished)
    executor = executor or LocalExecutor(loss)
    best = Search(request, "rmse", seed, executor, keep_rising(told.append)).run()
    assert [it.percent for it in told] == sorted(it.percent for it in told)
    trials = [it.trial for it in told if it.trial]
    return best, [it for it in trials if it.state is not TrialState.RUNNING and not it.best]


def without_times(trials: list[Trial]) -> list[Trial]:
    return [replace(trial, seconds=0.0) for trial in trials]


@pytest.mark.parametrize("method", list(Method))
def test_the_same_seed_leads_to_the_same_trials(method: Method) -> None:
    first, again = search(spec(method)), search(spec(method))
    assert without_times(first[1]) == without_times(again[1])
    assert search(spec(method), seed=8)[1][0].settings != first[1][0].settings


@pytest.mark.parametrize("method", list(Method))
def test_a_search_that_broke_off_repeats_nothing_and_ends_the_same(method: Method) -> None:
    whole_best, whole = search(spec(method))
    for ended in (1, 7, 15, len(whole)):
        best, rest = search(spec(method), tuple(whole[:ended]))
        assert without_times(rest) == without_times(whole[ended:])
        assert replace(best, seconds=0) == replace(whole_best, seconds=0)


class Wide:
    """Runs trials four at a time, and tells which of them anybody waited for."""

    width = 4

    def __init__(self) -> None:
        self.taken = 0
        self.begun = 0

    def run(self, proposals: Sequence[Proposal]) -> Generator[Measured]:
        self.begun += len(proposals)
        for measured in LocalExecutor(loss).run(proposals):
            self.taken += 1
            yield measured


@pytest.mark.parametrize("method", [Method.RANDOM, Method.HALVING])
def test_side_by_side_gives_the_same_trials(method: Method) -> None:
    best, trials = search(spec(method))
    assert search(spec(method), executor=Wide()) == (best, trials)


def test_what_runs_behind_the_end_of_a_search_is_called_off() -> None:
    wanted = spec(patience=2)
    best, trials = search(wanted)
    wide = Wide()
    wide_best, told = search(wanted, executor=wide)
    assert (wide_best, told[: len(trials)]) == (best, trials)
    rest = told[len(trials) :]
    assert [it.number for it in rest] == list(range(len(trials) + 1, wide.begun + 1))
    assert rest
    assert {it.state for it in rest} == {TrialState.CANCELLED}
    assert wide.taken == len(trials)


def test_a_trial_that_tried_something_else_is_repeated() -> None:
    _, whole = search(spec())
    other = replace(whole[0], settings={"x": 0.0, "n": 1, "kind": "a"})
    _, done = search(spec(), (other, whole[1]))
    assert [trial.number for trial in done] == [1, *range(3, 21)]


def test_settings_that_fail_fail_their_trial_only() -> None:
    best, trials = search(spec(max_trials=60))
    failed = [trial for trial in trials if trial.state is TrialState.FAILED]
    assert failed
    assert {trial.message for trial in failed} == {"x is too small"}
    assert best.value == min(trial.value for trial in trials if trial.value is not None)


def test_what_is_learned_is_used() -> None:
    _, chosen = search(spec(Method.BAYESIAN, max_trials=40))
    _, drawn = search(spec(Method.RANDOM, max_trials=40))

    def late_loss(trials: list[Trial]) -> float:
        return float(np.median([it.value for it in trials[20:] if it.value is not None]))

    assert late_loss(chosen) < late_loss(drawn) / 2


def test_halving_gives_more_to_the_better() -> None:
    assert plan_rounds(20, 3) == [14, 4, 1]
    assert plan_rounds(1, 3) == [1]
    best, trials = search(spec(Method.HALVING))
    assert [trial.fraction for trial in trials] == [1 / 9] * 14 + [1 / 3] * 4 + [1.0]
    ranked = sorted(trials[:14], key=lambda it: 9.0 if it.value is None else it.value)
    assert [it.settings for it in trials[14:18]] == [it.settings for it in ranked[:4]]
    assert (best.number, best.settings) == (19, ranked[0].settings)


def test_budgets_end_a_search() -> None:
    first = Trial(1, TrialState.SUCCEEDED, draw_settings(SPACE, 7, 1), 1.0, "rmse", 0.0, 60.0)
    assert search(spec(max_seconds=60.0), (first,))[1] == []
    best, done = search(spec(patience=3), (first,))
    assert (best.number, [trial.number for trial in done]) == (1, [2, 3, 4])


def test_numbers_stay_in_their_range_and_spread() -> None:
    drawn = [draw_settings(SPACE, 1, number) for number in range(500)]
    whole = [it["n"] for it in drawn]
    assert all(isinstance(n, int) and 1 <= n <= 1000 for n in whole)
    assert sum(isinstance(n, int) and n < 32 for n in whole) == pytest.approx(250, abs=50)
    assert {repr(it["kind"]) for it in drawn} == {"'a'", "1", "True", "0.5"}
    assert propose(spec(), "rmse", 1, [], 21) is None


def test_folds_validate_every_row_once_and_leave_no_class_unlearned() -> None:
    target = np.array(["a"] * 50 + ["b"] * 20 + ["c"] * 2)
    rows = np.arange(len(target))
    division = make_division(DEFAULT, Task.CLASSIFICATION, pl.DataFrame(), target, 3)
    examples = Examples((), {}, target, Split(rows, rows[:0]), division)
    folds = cut_folds(examples, Task.CLASSIFICATION, spec(folds=5))
    validated = np.concatenate([fold.holdout for fold in folds])
    assert sorted(validated) == list(rows)
    for fold in folds:
        assert set(target[fold.training]) == {"a", "b", "c"}
        assert list(target[fold.holdout]).count("b") == 4


FOREST = (
    Parameter("max_depth", DomainKind.INT, 1, 8),
    Parameter("class_weight", DomainKind.CHOICE, choices=("none", "balanced")),
)


@pytest.mark.parametrize(
    "wanted",
    [
        SearchSpec(Method.RANDOM, FOREST, max_trials=3, folds=2),
        SearchSpec(Method.HALVING, FOREST, max_trials=4),
        SearchSpec(Method.HALVING, FOREST, max_trials=4, resource="trees"),
    ],
)
def test_a_fit_searches_and_makes_the_best_again(
    run_fit: Fit, penguins_path: Path, told: list[FitProgress], tmp_path: Path, wanted: SearchSpec
) -> None:
    options = {"trainer": "random-forest", "settings": {"trees": 9}, "seed": 5}
    files = []
    finished: tuple[Trial, ...] = ()
    for _ in range(2):
        outcome = run_fit(
            penguins_path, "species", search=SearchRequest(wanted, finished), **options
        )
        assert outcome.fault is None
        files.append((tmp_path / MODEL_FILE).read_bytes())
        trials = [it.trial for it in told if it.trial]
        (best,) = [trial for trial in trials if trial.best]
        assert outcome.parameters["max_depth"] == str(best.settings["max_depth"])
        assert outcome.parameters["trees"] == "9"
        finished = finished or tuple(
            it for it in trials if it.state is TrialState.SUCCEEDED and not it.best
        )
    assert files[0] == files[1]  # the second time every trial was known
    assert len(trials) == 1


def test_a_search_without_success_is_refused(run_fit: Fit, penguins_path: Path) -> None:
    wanted = SearchSpec(Method.RANDOM, FOREST, max_trials=2, metric="rmse")
    outcome = run_fit(
        penguins_path, "species", trainer="random-forest", search=SearchRequest(wanted)
    )
    assert outcome.fault
    assert outcome.fault.reason == "SEARCH_FAILED"
