from collections.abc import AsyncIterator

import pytest

from serving.operations.log_settings import LogSettings
from serving.operations.model_control import ModelControl
from serving.policy import ServingPolicy
from serving.predictor import Predictor
from serving.reconciler import Reconciler
from serving.repository import Repository
from serving.servicer import InferenceServicer
from tests.unit.serving.store import Store


@pytest.fixture
def policy() -> ServingPolicy:
    return ServingPolicy(on_demand_versions=2, retry_first_seconds=1000, load_wait_seconds=60)


@pytest.fixture
async def store() -> Store:
    return Store()


@pytest.fixture
def repository(store: Store) -> Repository:
    return Repository(store.source)


@pytest.fixture
async def reconciler(
    store: Store, repository: Repository, policy: ServingPolicy
) -> AsyncIterator[Reconciler]:
    made = Reconciler(repository.read_snapshot, store.read_model, store.changed, policy)
    yield made
    for gate in store.gates.values():
        gate.set()
    await made.close()


@pytest.fixture
def predictor(reconciler: Reconciler, policy: ServingPolicy) -> Predictor:
    return Predictor(reconciler, policy)


@pytest.fixture
def levels() -> list[frozenset[str]]:
    """What the log was told to write, one entry for each change."""
    return []


@pytest.fixture
def servicer(
    predictor: Predictor,
    repository: Repository,
    reconciler: Reconciler,
    levels: list[frozenset[str]],
) -> InferenceServicer:
    control = ModelControl(repository, reconciler)
    return InferenceServicer(predictor, control, LogSettings("info", levels.append), "1.2.3")
