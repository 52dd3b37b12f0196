import pytest

from serving.predictor import Predictor
from serving.reconciler import Reconciler
from tests.unit.serving.store import Store
from tests.unit.serving.typed.shelf import Shelf


@pytest.fixture
def shelf(store: Store, reconciler: Reconciler, predictor: Predictor) -> Shelf:
    return Shelf(store, reconciler, predictor)
