"""How many connections the transport takes, by what the system lets the process open."""

import resource

import pytest

from server import listener


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "raised_to"),
    [
        (1024, 1024, 512, None),
        (1024, 4096, 3584, 4096),
        (1024, resource.RLIM_INFINITY, 10_000, 10_512),
        (1_000_000, 1_000_000, 10_000, None),
    ],
)
def test_descriptors_bound_the_connections(
    monkeypatch: pytest.MonkeyPatch,
    soft: int,
    hard: int,
    connections: int,
    raised_to: int | None,
) -> None:
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: raised.append(limits))
    assert listener._count_connections() == connections
    assert raised == ([(raised_to, hard)] if raised_to else [])
