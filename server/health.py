"""The standard health service, of our own: the package's forgets watchers.

In grpcio-health-checking a watcher that leaves takes the notifications of every other
watcher of the same name with it.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1 import health_pb2_grpc as stubs

from registry.errors import LimitExceeded
from server.errors import ServiceNotFound

SERVING = pb.HealthCheckResponse.SERVING
NOT_SERVING = pb.HealthCheckResponse.NOT_SERVING
_MOST_WATCHERS = 10_000


class HealthServicer(stubs.HealthServicer):
    """Answers grpc.health.v1.Health.

    Args:
        services: The full names of the services; the server as a whole is "".
    """

    def __init__(self, services: list[str]) -> None:
        self._statuses = dict.fromkeys(["", *services], NOT_SERVING)
        self._watchers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._watcher_count = 0
        self._stopping = False

    def set_all(self, status: int) -> None:
        """Give every name the same status; nothing changes any more once stopping."""
        if self._stopping:
            return
        for name in self._statuses:
            self._statuses[name] = status
        self._wake()

    def stop(self) -> None:
        """Say NOT_SERVING for good, and end every watch after that."""
        self.set_all(NOT_SERVING)
        self._stopping = True
        self._wake()

    async def Check(self, request: pb.HealthCheckRequest, context: Any) -> pb.HealthCheckResponse:
        """Tell a service's status."""
        if request.service not in self._statuses:
            raise ServiceNotFound(f"there is no service {request.service[:200]!r} here")
        return pb.HealthCheckResponse(status=self._statuses[request.service])

    async def List(self, request: pb.HealthListRequest, context: Any) -> pb.HealthListResponse:
        """Tell every service's status."""
        return pb.HealthListResponse(
            statuses={
                name: pb.HealthCheckResponse(status=status)
                for name, status in self._statuses.items()
            }
        )

    async def Watch(
        self, request: pb.HealthCheckRequest, context: Any
    ) -> AsyncIterator[pb.HealthCheckResponse]:
        """Tell a service's status now and whenever it changes."""
        if self._watcher_count >= _MOST_WATCHERS:
            raise LimitExceeded("too many watch health here; ask with Check")
        changed, told = asyncio.Event(), None
        self._watchers[request.service].add(changed)
        self._watcher_count += 1
        try:
            while True:
                changed.clear()
                status = self._statuses.get(request.service, pb.HealthCheckResponse.SERVICE_UNKNOWN)
                if status != told:
                    told = status
                    yield pb.HealthCheckResponse(status=status)
                elif self._stopping:
                    return
                else:
                    await changed.wait()
        finally:
            self._watcher_count -= 1
            self._watchers[request.service].discard(changed)
            if not self._watchers[request.service]:
                del self._watchers[request.service]

    def _wake(self) -> None:
        for events in self._watchers.values():
            for event in events:
                event.set()
