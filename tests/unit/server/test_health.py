import asyncio
from typing import Any

import pytest
from grpc_health.v1 import health_pb2 as pb

from server.errors import ServiceNotFound
from server.health import NOT_SERVING, SERVING, HealthServicer

UNKNOWN = pb.HealthCheckResponse.SERVICE_UNKNOWN


async def next_status(watch: Any) -> Any:
    return (await asyncio.wait_for(anext(watch), 10)).status


def watch(health: HealthServicer, service: str) -> Any:
    return health.Watch(pb.HealthCheckRequest(service=service), None)


async def test_check_and_list_tell_the_present_status() -> None:
    health = HealthServicer(["a.B"])
    health.set_all(SERVING)
    assert (await health.Check(pb.HealthCheckRequest(service="a.B"), None)).status == SERVING
    listed = (await health.List(pb.HealthListRequest(), None)).statuses
    assert {name: entry.status for name, entry in listed.items()} == {"": SERVING, "a.B": SERVING}
    with pytest.raises(ServiceNotFound):
        await health.Check(pb.HealthCheckRequest(service="c.D"), None)


async def test_a_watcher_that_leaves_takes_nothing_from_the_others() -> None:
    health = HealthServicer([])
    first, second = watch(health, ""), watch(health, "")
    assert await next_status(first) == NOT_SERVING
    assert await next_status(second) == NOT_SERVING
    await first.aclose()
    health.set_all(SERVING)
    assert await next_status(second) == SERVING


async def test_a_watch_of_an_unknown_service_stays_open() -> None:
    health = HealthServicer([])
    watching = watch(health, "c.D")
    assert await next_status(watching) == UNKNOWN
    health.stop()
    with pytest.raises(StopAsyncIteration):
        await next_status(watching)


async def test_stopping_is_for_good_and_ends_every_watch() -> None:
    health = HealthServicer([])
    health.set_all(SERVING)
    watching = watch(health, "")
    assert await next_status(watching) == SERVING
    health.stop()
    health.set_all(SERVING)
    assert await next_status(watching) == NOT_SERVING
    with pytest.raises(StopAsyncIteration):
        await next_status(watching)
