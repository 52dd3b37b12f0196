"""Bayesian search: Optuna's tree-structured Parzen estimator. The only user of Optuna."""

from collections.abc import Sequence

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from pydantic import JsonValue

from training.promotion import improvement_of
from training.search.spec import DomainKind, Parameter, Trial, TrialState

_BY_CHANCE = 10


def propose_settings(
    space: Sequence[Parameter], metric: str, seed: int, ended: Sequence[Trial], number: int
) -> dict[str, JsonValue]:
    """Choose settings by what is known of those tried so far; the first ten by chance.

    The study is made anew for each proposal, with a seed of its own: Optuna's random state
    would be lost with the process, and with it the way that the search would have gone.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    sampler = optuna.samplers.TPESampler(n_startup_trials=_BY_CHANCE, seed=sampler_seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    distributions = {parameter.setting: _to_distribution(parameter) for parameter in space}
    for trial in ended:
        if trial.state is TrialState.SUCCEEDED and trial.value is not None:
            known = optuna.trial.create_trial(
                params={it.setting: _to_optuna(it, trial.settings[it.setting]) for it in space},
                distributions=distributions,
                value=improvement_of(metric, trial.value, 0.0),
            )
            study.add_trial(known)
    chosen = study.ask(distributions).params
    return {it.setting: _from_optuna(it, chosen[it.setting]) for it in space}


def _to_distribution(parameter: Parameter) -> BaseDistribution:
    if parameter.kind is DomainKind.CHOICE:
        # By position: choices may be of types that Optuna does not keep apart.
        return CategoricalDistribution(range(len(parameter.choices)))
    if parameter.kind is DomainKind.INT:
        return IntDistribution(int(parameter.low), int(parameter.high), log=parameter.log)
    return FloatDistribution(parameter.low, parameter.high, log=parameter.log)


def _to_optuna(parameter: Parameter, value: JsonValue) -> JsonValue:
    return parameter.choices.index(value) if parameter.kind is DomainKind.CHOICE else value


def _from_optuna(parameter: Parameter, value: float) -> JsonValue:
    return parameter.choices[int(value)] if parameter.kind is DomainKind.CHOICE else value
