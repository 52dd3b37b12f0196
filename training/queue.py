"""The queue of training jobs: procrastinate on the same database, in a schema of its own.

The queue only says that there is work. What a job is, who has it and how it ended is in
our own row (see `claims`), because the queue does not fence: a worker that was suspended
and comes back could otherwise finish a job that another worker runs again.
"""

from contextlib import suppress
from dataclasses import dataclass

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued
from psycopg.conninfo import make_conninfo
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncSession

SCHEMA = "queue"
TASK = "train"

# Knows how to write a queue entry; never opened, because it always writes through the
# connection of our own transaction.
_writer = App(connector=PsycopgConnector())


@dataclass(frozen=True, slots=True)
class Entry:
    """What the queue knows of a job.

    Attributes:
        job_id: The job.
        queue: The queue that it waits in.
        priority: The larger ones come first.
        delay_seconds: How long it is not to be had yet.
    """

    job_id: str
    queue: str
    priority: int
    delay_seconds: float = 0.0


async def enqueue(session: AsyncSession, entry: Entry) -> None:
    """Put a job into its queue, in the session's transaction: both or neither.

    A job that waits in the queue already is not put there twice.
    """
    connection = await session.connection()
    raw = (await connection.get_raw_connection()).driver_connection
    assert isinstance(raw, psycopg.AsyncConnection)
    # The queue's functions name their tables without a schema.
    await session.execute(text(f"set local search_path = public, {SCHEMA}"))
    with suppress(AlreadyEnqueued):
        # A savepoint: the refusal of an entry must not end our transaction. Made on the
        # driver's connection, because SQLAlchemy does not see what the library does on it.
        async with raw.transaction():
            delay = {"seconds": entry.delay_seconds} if entry.delay_seconds else None
            deferrer = _writer.configure_task(
                TASK,
                queueing_lock=entry.job_id,
                queue=entry.queue,
                priority=entry.priority,
                schedule_in=delay,
                connection=raw,
            )
            await deferrer.defer_async(job_id=entry.job_id)
    await session.execute(text("set local search_path to default"))


def make_app(url: URL, queues: int = 1) -> App:
    """Make the worker's side of the queue; open it before use.

    Args:
        url: The database.
        queues: How many queues are listened to, each on a connection of its own.
    """
    query = {key: value for key, value in url.query.items() if isinstance(value, str)}
    conninfo = make_conninfo(
        host=url.host or query.get("host"),
        port=url.port,
        user=url.username,
        password=url.password,
        dbname=url.database,
        options=f"-c search_path={SCHEMA}",
    )
    return App(connector=PsycopgConnector(conninfo=conninfo, min_size=1, max_size=3 + queues))
