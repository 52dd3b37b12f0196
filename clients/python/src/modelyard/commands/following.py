"""Follows a training job to its end and shows what it made."""

import grpc
import typer

from modelyard.commands.bars import training_bar
from modelyard.commands.failures import explain
from modelyard.commands.panels import version_panel
from modelyard.commands.session import Session
from modelyard.error import ModelyardError
from modelyard.names import JobRef, job_name, last_id
from modelyard.training.v1.training_pb2 import TrainingJob


def watch_command(job: JobRef) -> str:
    """Return the command that follows a job."""
    return f"`modelyard jobs watch {last_id(job_name(job))}`"


def follow(session: Session, job: JobRef) -> TrainingJob:
    """Wait for a job; the one who leaves, or is left by the server, is told how to come back."""
    try:
        with training_bar(session) as on_event:
            return session.client.wait_for_training_job(job, on_event)
    except KeyboardInterrupt:
        session.note(f"{job_name(job)} goes on without you; {watch_command(job)} follows it again")
        raise typer.Exit(130) from None
    except ModelyardError as error:
        if error.code is not grpc.StatusCode.UNAVAILABLE:
            raise
        session.fail(
            explain(error, session.server),
            f"{job_name(job)} is kept; {watch_command(job)} follows it again when the server is "
            "back",
        )


def finish(session: Session, job: TrainingJob) -> None:
    """Show what a job made, and why it failed if it did."""
    version = None
    if job.model_version:
        version = session.client.get_model_version(job.model, last_id(job.model_version))
    session.answer(
        {"training_job": job, "model_version": version},
        version_panel(version) if version else f"{job.name} made no version",
    )
    if job.state != TrainingJob.STATE_SUCCEEDED:
        state = TrainingJob.State.Name(job.state).removeprefix("STATE_")
        session.fail(f"{job.name} is {state}{_fault(job)}")
    if version and "champion" not in version.aliases:
        number = last_id(version.name)
        session.note(f"`modelyard promote {last_id(job.model)} {number}` deploys it")


def _fault(job: TrainingJob) -> str:
    return f": {job.fault.message} ({job.fault.reason})" if job.HasField("fault") else ""
