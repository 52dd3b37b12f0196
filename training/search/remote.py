"""What the parts of a search on a cluster ask and answer; JSON all the way.

A worker has its driver search (`python -m training.search.ray_search FOLDER`), the driver sends
each trial to a machine, and there a child process fits it (`python -m training.search.trial_fit
FOLDER`), confined as every process that reads a caller's table.
"""

from dataclasses import dataclass, field
from importlib.metadata import version

from registry.child_process import ChildLimits
from registry.reports import Fault
from training.columns import Table
from training.fitting import FitRequest
from training.search.executor import Measured
from training.search.proposals import Proposal
from training.search.spec import Trial

UNREACHABLE, LOST = "EXECUTOR_UNAVAILABLE", "TRIAL_LOST"
"""Reasons of faults after which another attempt may well succeed."""

# What decides how a trial ends; an older release may measure something else.
_DECISIVE = ("modelyard-server", "scikit-learn", "numpy", "polars")


@dataclass(frozen=True, slots=True)
class ClusterSearch:
    """A search that a driver is asked for.

    Attributes:
        address: HOST:PORT of the cluster's head.
        fit: What is fitted, with the search; the table's file is in the driver's folder.
        table: The table's profile.
        limits: What each trial may use.
    """

    address: str
    fit: FitRequest
    table: Table
    limits: ChildLimits


@dataclass(frozen=True, slots=True)
class ClusterOutcome:
    """What a driver answers.

    Attributes:
        best: The best trial.
        fault: Why there is none.
        cause: What Ray said of it; for the log, never for callers.
    """

    best: Trial | None = None
    fault: Fault | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """One trial that a machine is asked for.

    Attributes:
        fit: What is fitted; the machine fills in the path of the table.
        proposal: What to try.
        limits: What it may use.
        libraries: The releases that the driver has, which the machine must have too.
    """

    fit: FitRequest
    proposal: Proposal
    limits: ChildLimits
    libraries: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """How a trial ended, or why it could not be tried."""

    measured: Measured | None = None
    fault: Fault | None = None


def decisive_libraries() -> dict[str, str]:
    """Tell the releases here of what decides how a trial ends."""
    return {name: version(name) for name in _DECISIVE}
