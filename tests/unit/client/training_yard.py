"""A server of models and jobs, for tests of the commands."""

from collections.abc import Callable
from typing import Any

from typer.testing import Result

from modelyard import (
    ModelVersion,
    TrainingEvent,
    TrainingJob,
)
from tests.unit.client.yard import Context, Yard

Command = Callable[..., Result]


def make_yard() -> Yard:
    """Make a yard with a model of two versions."""
    one = ModelVersion(name="models/penguins/versions/1", state=ModelVersion.STATE_ACTIVE)
    two = ModelVersion(name="models/penguins/versions/3", state=ModelVersion.STATE_ACTIVE)
    two.aliases.append("champion")
    two.metrics.add(name="accuracy", value=0.98765)
    return Yard(versions={it.name: it for it in [one, two]})


TRAIN = ["train", "penguins", "--dataset", "birds", "--target", "species"]


def end_jobs(yard: Yard, state: TrainingJob.State.ValueType, **fields: Any) -> None:
    """Let the job end before it is looked at."""

    def end(_: Context) -> None:
        for job in yard.jobs.values():
            job.MergeFrom(TrainingJob(state=state, **fields))

    yard.before["GetTrainingJob"] = [end]
    yard.events = [
        TrainingEvent(sequence=1, state=TrainingJob.STATE_QUEUED),
        TrainingEvent(sequence=2, stage="fit", progress_percent=40, message="fold 2 of 5"),
    ]
