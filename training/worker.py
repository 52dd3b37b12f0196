"""A worker: takes jobs from its queues and runs them, so many of each at a time."""

import asyncio
from collections.abc import Mapping

import structlog
from procrastinate import App
from procrastinate.app import WorkerOptions
from procrastinate.exceptions import ConnectorException, JobAborted
from procrastinate.jobs import DeleteJobCondition, Status

from registry.transactions import DATABASE_AWAY, Sessions, begin
from training import claims
from training.queue import TASK
from training.runner import Runner

EVERY_QUEUE = "*"
"""Stands for every queue where a worker's queues are named."""

_RECOVERY_SECONDS = 2.0

log = structlog.get_logger()


class Worker:
    """Runs jobs until it is cancelled.

    Args:
        app: The queue, not open yet.
        sessions: Opens transactions.
        runner: Runs a job.
        queues: How many jobs of each queue are run at a time; None is one of any queue.
    """

    def __init__(
        self,
        app: App,
        sessions: Sessions,
        runner: Runner,
        queues: Mapping[str, int] | None = None,
    ) -> None:
        self._app = app
        self._sessions = sessions
        self._runner = runner
        self._queues = queues or {EVERY_QUEUE: 1}
        app.task(name=TASK, queueing_lock=None)(self._run_job)

    async def run(self) -> None:
        """Take jobs, and put lost ones back into the queue, until this call is cancelled.

        The jobs at hand go back to their queues then.
        """
        try:
            await self._app.open_async()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._recover())
                for queue, concurrency in self._queues.items():
                    tasks.create_task(self._take_jobs(queue, concurrency))
        finally:
            # Also when opening was cancelled: a pool that is half open keeps tasks that
            # nobody else ends.
            await self._app.close_async()

    async def _take_jobs(self, queue: str, concurrency: int) -> None:
        """Take jobs of a queue until cancelled; the queue hands out the highest priority first.

        Raises:
            RuntimeError: The library stopped by itself; nothing would be taken any more.
        """
        options: WorkerOptions = {
            "concurrency": concurrency,
            "install_signal_handlers": False,
            # A job that ended is in our own row; its queue entry is of no more use.
            "delete_jobs": DeleteJobCondition.ALWAYS,
            "shutdown_graceful_timeout": 0,
            "fetch_job_polling_interval": 2.0,
        }
        if queue != EVERY_QUEUE:
            options["queues"] = [queue]
        await self._app.run_worker_async(**options)
        raise RuntimeError("the queue library stopped taking jobs")

    async def _run_job(self, job_id: str) -> None:
        try:
            await self._runner.run(job_id)
        except asyncio.CancelledError:
            # The queue takes a plain cancellation for a failure of the job.
            raise JobAborted from None

    async def _recover(self) -> None:
        while True:
            try:
                async with begin(self._sessions) as session:
                    lost = await claims.requeue_lost(session)
                await self._forget_dead_entries()
            except (*DATABASE_AWAY, ConnectorException):
                log.warning("the database does not answer; lost jobs are looked for later")
            else:
                if lost:
                    log.info("lost jobs are in the queue again", training_jobs=lost)
            await asyncio.sleep(_RECOVERY_SECONDS)

    async def _forget_dead_entries(self) -> None:
        """Remove the queue's entries of workers that died; their jobs are in our rows."""
        manager = self._app.job_manager
        for entry in await manager.get_stalled_jobs(seconds_since_heartbeat=30):
            await manager.finish_job(entry, status=Status.ABORTED, delete_job=True)
