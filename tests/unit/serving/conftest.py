from collections.abc import AsyncIterator

import pytest

from serving.policy import ServingPolicy
from serving.predictor import Predictor
from serving.reconciler import Reconciler
from tests.unit.serving.store import Store


@pytest.fixture
def policy() -> ServingPolicy:
    return ServingPolicy(on_demand_versions=2, retry_first_seconds=1000, load_wait_seconds=60)


@pytest.fixture
async def store() -> Store:
    return Store()


@pytest.fixture
async def reconciler(store: Store, policy: ServingPolicy) -> AsyncIterator[Reconciler]:
    made = Reconciler(store.source, store.read_model, store.changed, policy)
    yield made
    for gate in store.gates.values():
        gate.set()
    await made.close()


@pytest.fixture
def predictor(reconciler: Reconciler, policy: ServingPolicy) -> Predictor:
    return Predictor(reconciler, policy)
