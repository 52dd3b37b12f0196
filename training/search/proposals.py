"""What is tried next: a function of the seed, the number and the trials that ended.

Nothing else is remembered. So a search that was broken off and is taken up again goes the
same way, and the same seed leads to the same trials.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from training.promotion import improvement_of
from training.search.spec import DomainKind, Method, Parameter, SearchSpec, Trial, TrialState


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to try.

    Attributes:
        number: The trial's, from 1.
        settings: The searched settings.
        fraction: How much of the resource it gets, in (0, 1].
    """

    number: int
    settings: dict[str, JsonValue]
    fraction: float = 1.0


def propose(
    search: SearchSpec, metric: str, seed: int, ended: Sequence[Trial], number: int
) -> Proposal | None:
    """Choose what to try as the trial of this number.

    Args:
        search: What is asked.
        metric: What is to be best.
        seed: Seeds every choice.
        ended: The trials from the first on that have ended.
        number: Of the trial, over the number of those that ended.

    Returns:
        The proposal, or None: there is no such trial, or it hangs on trials that run still.
    """
    if number > search.max_trials:
        return None
    if search.method is Method.HALVING:
        return _propose_by_contest(search, metric, seed, ended, number)
    if search.method is Method.BAYESIAN:
        # Optuna is slow to import: who does not ask for it does not wait for it.
        from training.search.bayesian import propose_settings  # noqa: PLC0415

        return Proposal(number, propose_settings(search.space, metric, seed, ended, number))
    return Proposal(number, draw_settings(search.space, seed, number))


def draw_settings(space: Sequence[Parameter], seed: int, number: int) -> dict[str, JsonValue]:
    """Draw settings by chance; the same for the same seed and number."""
    random = np.random.default_rng([seed, number])
    return {parameter.setting: _draw(parameter, random) for parameter in space}


def _draw(parameter: Parameter, random: np.random.Generator) -> JsonValue:
    if parameter.kind is DomainKind.CHOICE:
        return parameter.choices[int(random.integers(len(parameter.choices)))]
    low, high = parameter.low, parameter.high
    if parameter.kind is DomainKind.INT:
        if not parameter.log:
            return int(random.integers(int(low), int(high), endpoint=True))
        # Half a step beyond both ends, so that they are drawn as often as their neighbours.
        drawn = math.exp(random.uniform(math.log(low - 0.5), math.log(high + 0.5)))
        return min(max(round(drawn), int(low)), int(high))
    if parameter.log:
        drawn = math.exp(random.uniform(math.log(low), math.log(high)))
    else:
        drawn = float(random.uniform(low, high))
    return min(max(drawn, low), high)


def _propose_by_contest(
    search: SearchSpec, metric: str, seed: int, ended: Sequence[Trial], number: int
) -> Proposal | None:
    """Give little to many, then more to the best of them, round by round."""
    sizes = plan_rounds(search.max_trials, search.reduction_factor)
    first, survivors = 1, list[Trial]()
    for round_, size in enumerate(sizes):
        count = min(size, len(survivors)) if round_ else size
        if number < first + count:
            fraction = float(search.reduction_factor) ** (round_ + 1 - len(sizes))
            if not round_:
                return Proposal(number, draw_settings(search.space, seed, number), fraction)
            return Proposal(number, survivors[number - first].settings, fraction)
        contest = ended[first - 1 : first - 1 + count]
        if len(contest) < count:
            return None
        first, survivors = first + count, rank(contest, metric)
    return None


def plan_rounds(max_trials: int, factor: int) -> list[int]:
    """Say how many trials each round of halving has, so that all fit into the budget."""
    start = max_trials
    while sum(sizes := _shrink(start, factor)) > max_trials:
        start -= 1
    return sizes


def _shrink(start: int, factor: int) -> list[int]:
    sizes = [start]
    while sizes[-1] >= factor:
        sizes.append(sizes[-1] // factor)
    return sizes


def rank(trials: Sequence[Trial], metric: str) -> list[Trial]:
    """Order the trials that succeeded: the most resource first, then the best, then the first."""

    def key(trial: Trial) -> tuple[float, float, int]:
        assert trial.value is not None
        return (-trial.fraction, -improvement_of(metric, trial.value, 0.0), trial.number)

    return sorted((it for it in trials if it.state is TrialState.SUCCEEDED), key=key)
