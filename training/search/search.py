"""The search: propose, try, learn, until the budget is spent; the best settings make the plan."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace

from training.fitting import FitProgress, Level
from training.plan import Examples, Plan, Report
from training.promotion import choose_metric
from training.refusal import FitRefused
from training.search.executor import LocalExecutor, Measured, TrialExecutor
from training.search.proposals import Proposal, propose, rank
from training.search.spec import SearchRequest, SearchSpec, Trial, TrialState
from training.search.validation import Evaluate, Validation, apply_settings

_FIRST_PERCENT, _LAST_PERCENT = 15, 60


def search_plan(
    request: SearchRequest, plan: Plan, examples: Examples, evaluate: Evaluate, report: Report
) -> Plan:
    """Search for the best settings.

    Args:
        request: What is asked, and the trials that ended in earlier attempts.
        plan: What would be done without a search.
        examples: What is learned from; the holdout rows are not touched.
        evaluate: Fits and measures.
        report: Is told every trial when it begins and when it ends.

    Returns:
        The plan with the settings of the best trial.

    Raises:
        FitRefused: No trial succeeded.
    """
    metric = choose_metric(request.spec.metric, plan.task)
    validation = Validation(request.spec, metric, plan, examples, evaluate)
    search = Search(request, metric, plan.seed, LocalExecutor(validation.measure), report)
    best = search.run()
    return apply_settings(plan, best.settings)


def keep_rising(report: Report) -> Report:
    """Make a report that never tells of less progress than before: a search is most of a fit."""
    highest = 0

    def tell(progress: FitProgress) -> None:
        nonlocal highest
        highest = max(highest, progress.percent)
        report(replace(progress, percent=highest))

    return tell


class Search:
    """One search.

    Args:
        request: What is asked, and the trials that ended in earlier attempts.
        metric: What is to be best.
        seed: Seeds every choice.
        executor: Runs the trials.
        report: Is told every trial when it begins and when it ends.
    """

    def __init__(
        self,
        request: SearchRequest,
        metric: str,
        seed: int,
        executor: TrialExecutor,
        report: Report,
    ) -> None:
        self._spec = request.spec
        self._finished = {trial.number: trial for trial in request.finished}
        self._metric = metric
        self._seed = seed
        self._executor = executor
        self._report = report

    def run(self) -> Trial:
        """Try until the budget is spent, and return the best trial.

        Raises:
            FitRefused: No trial succeeded.
        """
        ended: list[Trial] = []
        while not self._is_over(ended) and (batch := self._propose(ended)):
            # In the order of their numbers, however many run side by side: so the search
            # ends behind the same trial with any executor.
            with closing(self._try(batch)) as trials:
                for trial in trials:
                    ended.append(trial)
                    if self._is_over(ended):
                        break
        ranked = rank(ended, self._metric)
        if not ranked:
            why = ended[-1].message if ended else "there was no time for one"
            raise FitRefused("SEARCH_FAILED", f"no trial of the search succeeded: {why}")
        best = replace(ranked[0], best=True)
        self._tell(best, f"trial {best.number} of {len(ended)} is the best")
        return best

    def _is_over(self, ended: Sequence[Trial]) -> bool:
        return is_over(self._spec, self._metric, ended)

    def _propose(self, ended: Sequence[Trial]) -> list[Proposal]:
        batch: list[Proposal] = []
        while len(batch) < self._executor.width:
            number = len(ended) + len(batch) + 1
            proposal = propose(self._spec, self._metric, self._seed, ended, number)
            if proposal is None:
                break
            batch.append(proposal)
        return batch

    def _try(self, batch: list[Proposal]) -> Generator[Trial]:
        """Run the proposals that did not end in an earlier attempt already.

        Yields:
            How the trials ended, in order. Closed before the last one, it calls off the rest.
        """
        missing = [proposal for proposal in batch if not self._find_finished(proposal)]
        for proposal in missing:
            trial = self._describe(proposal)
            self._tell(trial, f"trial {trial.number} begins: {_words(trial)}")
        try:
            with closing(self._executor.run(tuple(missing))) as results:
                for proposal in batch:
                    known = self._find_finished(proposal)
                    yield known or self._conclude(missing.pop(0), next(results))
        finally:
            for proposal in missing:
                trial = replace(self._describe(proposal), state=TrialState.CANCELLED)
                self._tell(trial, f"trial {trial.number} is called off: the search ended before it")

    def _find_finished(self, proposal: Proposal) -> Trial | None:
        """Find a trial of an earlier attempt, if it tried the same."""
        trial = self._finished.get(proposal.number)
        same = trial and (trial.settings, trial.fraction) == (proposal.settings, proposal.fraction)
        return trial if same else None

    def _describe(self, proposal: Proposal) -> Trial:
        return Trial(
            proposal.number,
            TrialState.RUNNING,
            proposal.settings,
            proposal.fraction,
            self._metric,
        )

    def _conclude(self, proposal: Proposal, measured: Measured) -> Trial:
        state = TrialState.FAILED if measured.value is None else TrialState.SUCCEEDED
        trial = replace(
            self._describe(proposal),
            state=state,
            value=measured.value,
            seconds=round(measured.seconds, 3),
            message=measured.message,
        )
        where = f" on {measured.place}" if measured.place else ""
        self._tell(trial, _describe_end(trial) + where)
        return trial

    def _tell(self, trial: Trial, message: str) -> None:
        done = trial.number - (trial.state is TrialState.RUNNING)
        span = _LAST_PERCENT - _FIRST_PERCENT
        percent = _FIRST_PERCENT + span * done // self._spec.max_trials
        level = Level.WARNING if trial.state is TrialState.FAILED else Level.INFO
        percent = _LAST_PERCENT if trial.best else percent
        self._report(FitProgress("search", percent, message, level, trial=trial))


def is_over(search: SearchSpec, metric: str, ended: Sequence[Trial]) -> bool:
    """Tell whether no trial begins any more: the time is up, or none was better for long."""
    if search.max_seconds and sum(trial.seconds for trial in ended) >= search.max_seconds:
        return True
    ranked = rank(ended, metric)
    return bool(search.patience and ranked and len(ended) - ranked[0].number >= search.patience)


def _describe_end(trial: Trial) -> str:
    if trial.state is TrialState.FAILED:
        return f"trial {trial.number} failed: {trial.message}"
    return f"trial {trial.number}: {trial.metric} {trial.value:.6g}"


def _words(trial: Trial) -> str:
    words = [f"{name}={_word(value)}" for name, value in trial.settings.items()]
    if trial.fraction < 1:
        words.append(f"with {trial.fraction:.3g} of the resource")
    return ", ".join(words)


def _word(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)[:100]
