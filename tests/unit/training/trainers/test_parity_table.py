"""Every trainer with every feature step, kinds of tasks taking turns, and the page of them all."""

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from registry.signature import Task
from tests.parity_table.cases import ALL, KINDS, STEPS, Combination
from tests.parity_table.cover import choose, choose_all, find_refusals
from tests.parity_table.page import (
    FAILED,
    PAGE,
    describe,
    mark,
    read_marks,
    read_totals,
    write_page,
)
from tests.parity_table.proof import EXACT, Proof, prove
from training.catalog import TRAINERS

OF_ONE_TARGET = {"categories by `target`": "'one_hot' or 'ordinal'"}
OF_ONE_TARGET |= {"selection by `univariate`": "'importance'"}


@pytest.fixture(scope="module")
def marks() -> dict[Combination, str]:
    return read_marks(PAGE.read_text())


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """As in a job."""
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("trainer", TRAINERS)
def test_the_graph_is_the_pipeline(marks: dict[Combination, str], trainer: str, step: str) -> None:
    combination = choose(trainer, step)
    proof = prove(combination, on_all_rows=False)
    assert proof.is_exact, (combination, proof)
    assert float(marks[combination]) < EXACT


def test_every_two_that_go_together_are_fitted_here() -> None:
    fitted = choose_all()
    possible = set(ALL) - find_refusals().keys()
    for left, right in ((0, 1), (0, 2), (1, 2)):
        pairs = {(it[left], it[right]) for it in fitted}
        assert pairs == {(it[left], it[right]) for it in possible}


def test_only_what_has_no_exact_graph_is_refused_beforehand() -> None:
    """What a trainer, an encoder or a selection can't do, each with what does it."""
    for combination in ALL:
        reason = describe(found) if (found := find_refusals().get(combination)) else ""
        kind, trainer = KINDS[combination.kind], TRAINERS[combination.trainer]
        if kind.learning.targets and combination.step in OF_ONE_TARGET:
            assert reason.endswith(f"several; use {OF_ONE_TARGET[combination.step]}")
        elif not trainer.can_do(kind.task):
            assert reason.startswith(f"the trainer {trainer.id!r} can't do {kind.task}; use ")
        elif kind.learning.weight_column and not trainer.takes_weights:
            assert reason.startswith(f"the trainer {trainer.id!r} can't weigh rows; logistic-")
        else:
            assert not reason


def test_every_task_is_a_kind() -> None:
    assert {kind.task for kind in KINDS.values()} == set(Task)


def test_the_page_has_what_is_found_of_every_combination(marks: dict[Combination, str]) -> None:
    """Its numbers are those measured; all else on it is as it is written now."""
    assert marks.keys() == set(ALL) - find_refusals().keys()
    assert FAILED not in marks.values()
    page = PAGE.read_text()
    assert write_page(marks, read_totals(page)) == page
    for kind, total in read_totals(page).items():
        assert total.fits == sum(combination.kind == kind for combination in marks)


@pytest.mark.parametrize(
    ("proof", "written"),
    [
        (Proof(passed=True, rows=9, flips=0, excused=0, difference=0.0), "0"),
        (Proof(passed=True, rows=9, flips=0, excused=0, difference=3e-8), "3e-08"),
        (Proof(passed=True, rows=9, flips=1, excused=1, difference=0.0), "0"),
        (Proof(passed=True, rows=9, flips=0, excused=0, difference=3e-7), FAILED),
        (Proof(passed=True, rows=9, flips=1, excused=0, difference=0.0), FAILED),
        (Proof(passed=False, rows=9, flips=0, excused=0, difference=0.0), FAILED),
    ],
)
def test_a_mark_tells_what_was_found(proof: Proof, written: str) -> None:
    assert mark(proof) == written
