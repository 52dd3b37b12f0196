"""Which combinations `make test` fits: every two of trainer, step and kind that go together."""

from functools import cache

from tests.parity_table.cases import ALL, KINDS, STEPS, Combination
from tests.parity_table.proof import find_refusal
from training.catalog import TRAINERS
from training.findings import Finding


@cache
def find_refusals() -> dict[Combination, Finding]:
    """Find the combinations that are refused before any training, and why."""
    found = {combination: find_refusal(combination) for combination in ALL}
    return {combination: finding for combination, finding in found.items() if finding}


def choose(trainer: str, step: str) -> Combination:
    """Choose the kind for which a trainer is fitted with a step: kinds take turns."""
    kinds = _list_kinds(trainer, step)
    alike = [other for other in TRAINERS if _list_kinds(other, step) == kinds]
    # Of trainers for the same kinds each is one ahead of the last, so that a step meets them all.
    turn = alike.index(trainer) + list(STEPS).index(step)
    return Combination(kinds[turn % len(kinds)], step, trainer)


def _list_kinds(trainer: str, step: str) -> list[str]:
    refused = find_refusals()
    return [kind for kind in KINDS if Combination(kind, step, trainer) not in refused]


@cache
def choose_all() -> frozenset[Combination]:
    """Choose for every trainer and step."""
    return frozenset(choose(trainer, step) for trainer in TRAINERS for step in STEPS)
