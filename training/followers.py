"""Followers of jobs: wait for what happens next, without asking the database all the time."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator

from registry.errors import LimitExceeded, ServerDraining
from registry.transactions import Sessions, begin
from training.job import JobEvent
from training.jobs import get_job, list_events

_AT_MOST = 100
_POLL_SECONDS = 2.0
_MOST_FOLLOWERS = 1000


class JobFollowers:
    """Wakes those who wait for a job when it changes.

    Args:
        sessions: Opens transactions.
        poll_seconds: How long a follower waits for a sign at most, in case one is lost.
    """

    def __init__(self, sessions: Sessions, poll_seconds: float = _POLL_SECONDS) -> None:
        self._sessions = sessions
        self._poll_seconds = poll_seconds
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._count = 0
        self._closing = False

    def notify(self, job_id: str) -> None:
        """Say that a job has changed; without an id, that any may have."""
        jobs = [job_id] if job_id else list(self._waiting)
        for event in [event for job in jobs for event in self._waiting.get(job, ())]:
            event.set()

    def close(self) -> None:
        """End every stream with UNAVAILABLE, so that its client takes it up again elsewhere."""
        self._closing = True
        self.notify("")

    async def follow(self, job_id: str, after_sequence: int) -> AsyncIterator[JobEvent]:
        """Yield a job's events from a sequence number on, until it has ended.

        Raises:
            TrainingJobNotFound: There is no such job.
            LimitExceeded: There are as many followers as the server can bear.
            ServerDraining: The server stops before the job has ended.
        """
        if self._count >= _MOST_FOLLOWERS:
            raise LimitExceeded("too many follow jobs here; ask with GetTrainingJob")
        self._count += 1
        changed = asyncio.Event()
        self._waiting[job_id].add(changed)
        try:
            while not self._closing:
                changed.clear()
                events, final = await self._read(job_id, after_sequence)
                for event in events:
                    yield event
                    after_sequence = event.sequence
                if final and len(events) < _AT_MOST:
                    return
                if len(events) < _AT_MOST:
                    await self._wait(changed)
            raise ServerDraining("the server stops; follow the job on, behind the last event")
        finally:
            self._count -= 1
            self._waiting[job_id].discard(changed)
            if not self._waiting[job_id]:
                del self._waiting[job_id]

    async def _read(self, job_id: str, after_sequence: int) -> tuple[list[JobEvent], bool]:
        async with begin(self._sessions) as session:
            # The state first: an event between the two reads is then seen the next time.
            final = (await get_job(session, job_id)).state.final
            return await list_events(session, job_id, after_sequence, _AT_MOST), final

    async def _wait(self, changed: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(self._poll_seconds):
                await changed.wait()
        except TimeoutError:
            pass
