"""Progress: a bar on a terminal, lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from modelyard.commands.session import Session
from modelyard.jobs import TrainingEvent
from modelyard.training.v1.training_pb2 import TrainingJob


@contextmanager
def bytes_bar(session: Session, title: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many bytes are sent; nothing where there is no terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=session.notes, disable=not session.notes.is_terminal) as bar:
        task = bar.add_task(title, total=None)

        def tell(done: int, total: int) -> None:
            waits = f"{title} is sent; the server reads it" if done == total else title
            bar.update(task, completed=done, total=total, description=waits)

        yield tell


@contextmanager
def training_bar(session: Session) -> Iterator[Callable[[TrainingEvent], None]]:
    """Show how far a job is; where there is no terminal, each event is a line."""
    if not session.notes.is_terminal:
        yield lambda event: session.note(event_line(event))
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=session.notes) as bar:
        task = bar.add_task("queued", total=100)
        yield lambda event: bar.update(
            task, completed=event.progress_percent, description=event.stage or state_name(event)
        )


def event_line(event: TrainingEvent) -> str:
    """Tell an event in one line."""
    stage = event.stage or state_name(event)
    return f"{event.progress_percent:3d} % {stage} {event.message}".rstrip()


def state_name(event: TrainingEvent) -> str:
    """Return a job's state as a word."""
    return TrainingJob.State.Name(event.state).removeprefix("STATE_").lower()
