"""`modelyard jobs`."""

from typing import Annotated

import typer

from modelyard.commands.following import finish, follow, watch_command
from modelyard.commands.job_panels import job_panel, job_state, jobs_table
from modelyard.commands.session import Session
from modelyard.names import job_name

Job = Annotated[str, typer.Argument(help="The job's id or name.")]


def list_jobs(
    session: Session,
    *,
    where: Annotated[
        str, typer.Option("--filter", help="Such as: state = FAILED AND queue = nightly")
    ] = "",
    order_by: Annotated[str, typer.Option(help="create_time or priority, with desc or not.")] = "",
) -> None:
    """List the training jobs, newest first."""
    jobs = session.client.list_training_jobs(where=where, order_by=order_by)
    nothing = "no jobs yet; `modelyard train MODEL --dataset DATASET --target COLUMN` starts one"
    if where:
        nothing = "no such jobs"
    session.answer(jobs, jobs_table(jobs) if jobs else nothing)


def show_job(session: Session, job: Job) -> None:
    """Show a job: what it trains, how far it is, what it made."""
    found = session.client.get_training_job(job)
    session.answer(found, job_panel(found))


def watch_job(session: Session, job: Job) -> None:
    """Follow a job to its end, print metrics and the new version."""
    finish(session, follow(session, job))


def cancel_job(session: Session, job: Job) -> None:
    """Ask a job to stop; one that waits stops at once."""
    found = session.client.cancel_training_job(job)
    session.answer(found, f"{found.name} is {job_state(found)}")
    if job_state(found) == "cancelling":
        session.note(f"{watch_command(found)} follows it to its end")


def delete_job(session: Session, job: Job) -> None:
    """Remove a job that has ended, with its events; its version stays."""
    session.client.delete_training_job(job)
    name = job_name(job)
    session.answer({"name": name}, f"{name} is deleted")
