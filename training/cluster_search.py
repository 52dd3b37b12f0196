"""The worker's side of a search on a Ray cluster: starts its driver, and takes the best trial."""

import asyncio
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import structlog

from registry.child_process import KILLED, ChildLimits, LineHandler
from registry.reports import Fault
from training.columns import Table
from training.fitting import FitRequest
from training.runner_parts import Cluster
from training.search.remote import LOST, UNREACHABLE, ClusterOutcome, ClusterSearch

log = structlog.get_logger()

WORTH_ANOTHER_ATTEMPT = (KILLED, LOST, UNREACHABLE)

_NO_CLUSTER = Fault(
    "EXECUTOR_MISSING",
    "the worker that took the job has no Ray cluster; install the extra `ray` there (pip install"
    " 'modelyard-server[ray]') and set ray_address, or send the job to the queue of one that has",
)
_LEAST_SECONDS = 1.0


async def search_on_cluster(
    cluster: Cluster | None,
    request: FitRequest,
    table: Table,
    limits: ChildLimits,
    folder: Path,
    on_line: LineHandler,
) -> tuple[FitRequest, ChildLimits] | Fault:
    """Search on the cluster, for as long as this call is not cancelled.

    Args:
        cluster: The operator's.
        request: The fit, with its search.
        table: The table's profile.
        limits: What the fit may use; as much memory for each trial.
        folder: An empty folder.
        on_line: Takes the driver's progress.

    Returns:
        The fit of the best settings and what time is left for it, or why there are none.
    """
    if cluster is None or find_spec("ray") is None:
        return _NO_CLUSTER
    clock = asyncio.get_running_loop().time
    began = clock()
    outcome = await cluster.drivers.ask(
        "training.search.ray_search",
        folder,
        ClusterSearch(cluster.address, request, table, limits),
        ClusterOutcome,
        limits,
        on_line,
    )
    if isinstance(outcome, Fault):
        return replace(outcome, message=f"the search did not end well: {outcome.message}")
    if outcome.best is None:
        assert outcome.fault
        log.warning("a search on Ray failed", reason=outcome.fault.reason, cause=outcome.cause)
        return outcome.fault
    settings = request.settings | outcome.best.settings
    seconds = max(limits.seconds - (clock() - began), _LEAST_SECONDS)
    return replace(request, settings=settings, search=None), replace(limits, seconds=seconds)
