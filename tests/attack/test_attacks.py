"""One round of every attack: it is refused, memory stays bounded, nobody else notices.

`make attack` measures what others notice; here only failures count.
"""

from collections.abc import Iterator

import pytest

from tests.attack.attacks import ATTACKS, Attack
from tests.attack.flock import Canary, calling
from tests.contract.processes import Served, serving

# What the server may hold (see `transports.make_guarded`), the same again in its handlers' hands,
# and what an allocator does not give back at once.
MOST_GROWTH_BYTES = 96 << 20


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving("guarded") as served:
        yield served


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_is_refused_and_nobody_else_notices(attack: Attack, served: Served) -> None:
    before = served.resident_bytes()
    canary = Canary()
    with calling(served.address, canary):
        said = attack.round(served.address)
        grown = served.resident_bytes() - before
    assert attack.refusals & set(said), said
    assert canary.calls
    assert canary.failures == 0
    assert grown < MOST_GROWTH_BYTES
