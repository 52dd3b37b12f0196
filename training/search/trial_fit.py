"""One trial of a search, in a child process with limits on some machine of a cluster.

`python -m training.search.trial_fit FOLDER` reads the request there and writes the outcome.
It exits with 1, after a traceback on standard error, only for faults of ours.
"""

import sys
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from registry.child_process import OUTCOME_FILE, REQUEST_FILE
from registry.errors import DomainError
from registry.reports import Fault
from training.fit import fit_and_measure, read_examples
from training.promotion import choose_metric
from training.refusal import FitRefused
from training.search.executor import LocalExecutor
from training.search.remote import TrialOutcome, TrialRequest, decisive_libraries
from training.search.validation import Validation


def try_once(request: TrialRequest) -> TrialOutcome:
    """Fit and validate one proposal, as a search in one process does."""
    if differences := _find_differences(request.libraries):
        message = f"a machine of the cluster has other releases than the worker: {differences}"
        return TrialOutcome(fault=Fault("NODE_UNFIT", message))
    assert request.fit.search
    search = request.fit.search.spec
    try:
        # One thread, as in `training.fit`: so the same trial has the same value everywhere.
        with threadpool_limits(1):
            plan, examples = read_examples(request.fit, lambda _: None)
            metric = choose_metric(search.metric, plan.task)
            evaluate = partial(fit_and_measure, request.fit)
            validation = Validation(search, metric, plan, examples, evaluate)
            (measured,) = LocalExecutor(validation.measure).run([request.proposal])
    except FitRefused as refused:
        return TrialOutcome(fault=refused.fault)
    except DomainError as error:
        return TrialOutcome(fault=Fault("TABLE_INVALID", error.message))
    return TrialOutcome(measured)


def _find_differences(wanted: dict[str, str]) -> str:
    here = decisive_libraries()
    return ", ".join(
        f"{name} {here[name]}, not {release}"
        for name, release in wanted.items()
        if here[name] != release
    )


def main() -> None:
    """Try what the folder named on the command line asks for."""
    folder = Path(sys.argv[1])
    request = TypeAdapter(TrialRequest).validate_json((folder / REQUEST_FILE).read_bytes())
    outcome = TypeAdapter(TrialOutcome).dump_json(try_once(request))
    (folder / OUTCOME_FILE).write_bytes(outcome)


if __name__ == "__main__":
    main()
