"""What a version is: its state, what its makers say of it, what admission decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from registry.artifacts import Artifact
from registry.errors import VersionStateInvalid
from registry.reports import AdmissionReport, Fault, Lineage, Metric, ParityReport
from registry.signature import Signature, Task


class VersionState(StrEnum):
    """Where a version is in its life."""

    CREATING = "CREATING"
    ACTIVE = "ACTIVE"
    FAILED = "FAILED"
    ARCHIVED = "ARCHIVED"


TRANSITIONS: dict[VersionState, frozenset[VersionState]] = {
    VersionState.CREATING: frozenset({VersionState.ACTIVE, VersionState.FAILED}),
    VersionState.ACTIVE: frozenset({VersionState.ARCHIVED}),
    VersionState.FAILED: frozenset(),
    VersionState.ARCHIVED: frozenset({VersionState.ACTIVE}),
}


@dataclass(frozen=True, slots=True)
class VersionDraft:
    """What is said of a version by those who made it."""

    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    task: Task | None = None
    classes: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    lineage: Lineage = field(default_factory=Lineage)
    parity_report: ParityReport | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What admission decided.

    Attributes:
        faults: Why the version is refused; none means it is admitted.
        signature: What goes in and comes out, if the file could be read.
        report: What running it showed, if it could be run.
    """

    faults: tuple[Fault, ...] = ()
    signature: Signature | None = None
    report: AdmissionReport | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """A version as the registry has it; without a typed service its `schema_major` is 0."""

    model_id: str
    number: int
    state: VersionState
    uid: str
    etag: str
    draft: VersionDraft
    verdict: Verdict
    digest: str
    schema_major: int
    artifacts: tuple[Artifact, ...]
    aliases: tuple[str, ...]
    create_time: datetime
    update_time: datetime


def check_creating(version: Version) -> None:
    """Make sure that a version still takes files.

    Raises:
        VersionStateInvalid: It does not.
    """
    if version.state != VersionState.CREATING:
        raise VersionStateInvalid(
            f"version {version.number} of {version.model_id!r} is {version.state}, and its files"
            " can't change any more; make a new version",
            details={"model": version.model_id, "state": version.state},
        )
