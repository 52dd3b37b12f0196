"""What a runner works with."""

from dataclasses import dataclass
from pathlib import Path

from registry.admission import Admission
from registry.artifact_store import ArtifactStore
from registry.child_process import ChildLimits, ChildProcess
from registry.transactions import Sessions
from training.claims import ClaimTimes


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Ray cluster that runs trials of searches.

    Attributes:
        address: HOST:PORT of its head.
        drivers: Starts the processes that speak to it.
    """

    address: str
    drivers: ChildProcess


@dataclass(frozen=True, slots=True)
class RunnerParts:
    """What a runner works with.

    Attributes:
        sessions: Opens transactions.
        store: Holds tables and takes the files of versions.
        admission: Checks versions.
        children: Starts the processes that fit.
        limits: What one fit may use at most; a job may have less.
        folder: Where fits have their folders.
        times: How claims live and die.
        cluster: Runs trials, if there is one.
    """

    sessions: Sessions
    store: ArtifactStore
    admission: Admission
    children: ChildProcess
    limits: ChildLimits
    folder: Path
    times: ClaimTimes
    cluster: Cluster | None = None
