"""A search on a Ray cluster, in a process of its own beside the worker: the driver.

`python -m training.search.ray_search FOLDER` reads the request there, prints progress, one JSON
object a line, and writes the outcome there. It reads no table: it hands the file on. Ending it,
however that happens, ends its trials on all machines.
"""

import os
import sys
from pathlib import Path
from typing import IO

from pydantic import TypeAdapter

from registry.child_process import OUTCOME_FILE, REQUEST_FILE
from registry.errors import FieldInvalid
from registry.reports import Fault
from training.fitting import FitProgress
from training.plan import Report, make_plan
from training.promotion import choose_metric
from training.refusal import FitRefused
from training.search.ray_executor import RayExecutor
from training.search.remote import ClusterOutcome, ClusterSearch
from training.search.search import Search, keep_rising

_MOST_CAUSE = 4000


def search_cluster(job: ClusterSearch, report: Report) -> ClusterOutcome:
    """Search on the cluster; what goes wrong is the outcome."""
    request = job.fit.search
    assert request
    try:
        plan = make_plan(job.fit, job.table)
        metric = choose_metric(request.spec.metric, plan.task)
        report(FitProgress("search", 0, "joining the Ray cluster"))
        executor = RayExecutor(job)
        report(FitProgress("search", 0, f"the cluster has {executor.width} processors to use"))
        return ClusterOutcome(Search(request, metric, plan.seed, executor, report).run())
    except FitRefused as refused:
        cause = str(refused.__cause__ or "")[:_MOST_CAUSE]
        return ClusterOutcome(fault=refused.fault, cause=cause)
    except FieldInvalid as error:
        return ClusterOutcome(fault=Fault("SETTINGS_INVALID", error.message))


def _take_output() -> Report:
    """Keep standard output for progress; what else is written there goes to standard error.

    Ray tells there of its nodes and their addresses, which is not for those who follow a job.
    """
    output = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return lambda progress: _write(output, progress)


def _write(output: IO[bytes], progress: FitProgress) -> None:
    output.write(TypeAdapter(FitProgress).dump_json(progress) + b"\n")


def main() -> None:
    """Search for what the folder named on the command line asks for."""
    folder = Path(sys.argv[1])
    job = TypeAdapter(ClusterSearch).validate_json((folder / REQUEST_FILE).read_bytes())
    outcome = search_cluster(job, keep_rising(_take_output()))
    (folder / OUTCOME_FILE).write_bytes(TypeAdapter(ClusterOutcome).dump_json(outcome))


if __name__ == "__main__":
    main()
