"""Runs trials on the machines of a Ray cluster. The only user of Ray.

Ray pickles what goes between our own processes. From us that is the function below, by its
name, and bytes: the request and the outcome as JSON, which is checked when it is read, and the
table's file as it was uploaded. No object is made of what a caller sent outside the confined
child that each trial runs in.
"""

import asyncio
import socket
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import ray
from pydantic import TypeAdapter
from ray.exceptions import RayError, RayTaskError

from registry.child_process import KILLED, ChildProcess
from registry.reports import Fault
from training.refusal import FitRefused
from training.search.executor import Measured
from training.search.proposals import Proposal
from training.search.remote import (
    LOST,
    UNREACHABLE,
    ClusterSearch,
    TrialOutcome,
    TrialRequest,
    decisive_libraries,
)
from training.search.spec import SearchRequest
from training.search.trial_folders import open_folder

MOST_SIDE_BY_SIDE = 64
_MOST_ANSWER_BYTES = 1 << 16
_REACH_SECONDS = 5.0
# How often Ray begins a trial again whose machine died.
_MOST_RETRIES = 3
# Nothing of the machine's own: a child needs no more, and there may be secrets in it.
_ENVIRONMENT = {"ORT_DISABLE_TELEMETRY": "1"}
# What ends a trial and not the search: other settings may need less.
_FAULTS_OF_SETTINGS = ("OUT_OF_MEMORY",)

_REQUEST, _OUTCOME = TypeAdapter(TrialRequest), TypeAdapter(TrialOutcome)


class RayExecutor:
    """Runs trials side by side, each in a confined child on a machine with a free processor.

    Args:
        job: The search, with the path of its table.

    Raises:
        FitRefused: The cluster can't be reached.
    """

    def __init__(self, job: ClusterSearch) -> None:
        _join(job.address)
        assert job.fit.search
        search = SearchRequest(job.fit.search.spec)
        self._fit = replace(job.fit, table_path="", search=search, rival=None)
        self._limits = job.limits
        self._libraries = decisive_libraries()
        self._table = ray.put(np.fromfile(job.fit.table_path, dtype=np.uint8))
        self._remote = ray.remote(max_retries=_MOST_RETRIES, num_cpus=1)(run_on_node)

    @property
    def width(self) -> int:
        """How many processors the cluster has now, within a bound."""
        processors = int(ray.cluster_resources().get("CPU", 1))
        return max(1, min(processors, MOST_SIDE_BY_SIDE))

    def run(self, proposals: Sequence[Proposal]) -> Generator[Measured]:
        """Run trials side by side.

        Closing the generator leaves those that run to the end of this process, which is near
        then and ends them: a task that ends while `ray.cancel` calls it off ends its caller too.

        Raises:
            FitRefused: A trial was lost for good, or its machine is not fit for it.
        """
        references = [self._submit(proposal) for proposal in proposals]
        for reference in references:
            yield _read(reference)

    def _submit(self, proposal: Proposal) -> Any:
        request = TrialRequest(self._fit, proposal, self._limits, self._libraries)
        return self._remote.remote(_REQUEST.dump_json(request), self._table)


def _join(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        # Ray itself asks for minutes before it says that nobody is there.
        socket.create_connection((host.strip("[]"), int(port)), _REACH_SECONDS).close()
        ray.init(address, log_to_driver=False, logging_level="ERROR")
    except (RayError, OSError, RuntimeError, ValueError) as error:
        message = (
            "the Ray cluster can't be reached; the worker's machine must be a node of it, with the"
            " same releases of Python and Ray"
        )
        raise FitRefused(UNREACHABLE, message) from error


def _read(reference: Any) -> Measured:
    try:
        answer = ray.get(reference)
    except RayTaskError as error:
        message = "a machine of the cluster can't run trials; is modelyard-server installed there?"
        raise FitRefused("NODE_UNFIT", message) from error
    except RayError as error:
        message = f"a trial was lost with its machines, {1 + _MOST_RETRIES} times"
        raise FitRefused(LOST, message) from error
    if not isinstance(answer, bytes) or len(answer) > _MOST_ANSWER_BYTES:
        raise FitRefused("NODE_UNFIT", "a machine of the cluster answers what is no outcome")
    outcome = _OUTCOME.validate_json(answer)
    if outcome.measured:
        return outcome.measured
    assert outcome.fault
    raise FitRefused(outcome.fault.reason, outcome.fault.message)


def run_on_node(content: bytes, table: np.ndarray[Any, Any]) -> bytes:
    """Run one trial on this machine.

    Args:
        content: The request as JSON.
        table: [bytes] The table's file.

    Returns:
        The outcome as JSON.
    """
    request = _REQUEST.validate_json(content)
    with open_folder() as folder:
        path = folder / f"table.{request.fit.table_format}"
        table.tofile(path)
        outcome = asyncio.run(_ask_child(request, folder, path))
    node = ray.get_runtime_context().get_node_id()
    if outcome.measured:
        measured = replace(outcome.measured, place=f"node {node[:12]}")
        outcome = TrialOutcome(measured)
    return _OUTCOME.dump_json(outcome)


async def _ask_child(request: TrialRequest, folder: Path, path: Path) -> TrialOutcome:
    asked = replace(request, fit=replace(request.fit, table_path=str(path)))
    children = ChildProcess(_ENVIRONMENT)
    answer = await children.ask(
        "training.search.trial_fit", folder, asked, TrialOutcome, request.limits
    )
    if isinstance(answer, TrialOutcome):
        return answer
    if answer.reason in _FAULTS_OF_SETTINGS:
        return TrialOutcome(Measured(None, 0.0, answer.message))
    reason = LOST if answer.reason == KILLED else answer.reason
    return TrialOutcome(fault=Fault(reason, f"a trial did not end well: {answer.message}"))
