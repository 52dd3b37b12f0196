"""`client.model` against the real server: every form of rows, large batches, moved aliases."""

import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # it has no types
import polars as pl
import pyarrow as pa
import pytest

from modelyard import Client, ModelyardError
from modelyard.registry.v1.resources_pb2 import TensorSpec
from tests.support import onnx_models
from tests.support.penguins import features_of, penguin_rows
from tests.support.server_process import ServerProcess, wait_for

ROWS = [features_of(row) for row in penguin_rows()]
FORMS: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "columns": lambda rows: {name: [row[name] for row in rows] for name in rows[0]},
    "pandas": pd.DataFrame,
    "pandas NA": lambda rows: pd.DataFrame(rows).convert_dtypes(),
    "polars": pl.DataFrame,
    "table": pa.Table.from_pylist,
    "record batch": pa.RecordBatch.from_pylist,
}


@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS.keys())
def test_every_form_gets_the_same_answer(client: Client, make: Any) -> None:
    expected = client.predict("penguins", ROWS)
    found = client.model("penguins").predict_batch(make(ROWS))
    np.testing.assert_array_equal(found.label, expected.label)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)


def test_one_row_is_answered_as_in_a_batch(client: Client) -> None:
    model = client.model("penguins")
    together = model.predict_batch(ROWS[:5])
    for row, expected in zip(ROWS[:5], together.rows, strict=True):
        known = {name: value for name, value in row.items() if value is not None}
        found = model.predict(**known)
        assert found.label == expected["label"]
        assert found.probabilities == pytest.approx(expected["probabilities"], abs=1e-6)


def test_a_misspelt_column_is_named(client: Client) -> None:
    with pytest.raises(ModelyardError, match="did you mean 'bill_length_mm'"):
        client.model("penguins").predict(bill_lenght_mm=39.1)


def test_the_signature_tells_what_training_saw(client: Client) -> None:
    inputs = {it.name: it for it in client.model("penguins").signature().inputs}
    assert set(inputs["island"].categories) == {"Biscoe", "Dream", "Torgersen"}
    assert inputs["island"].role == TensorSpec.ROLE_CATEGORICAL
    # Training had most of the table, whose least bill is 32.1.
    assert 32 < inputs["bill_length_mm"].minimum < 36


def test_a_large_batch_is_answered_row_by_row(client: Client) -> None:
    times = 400
    expected = client.predict("penguins", ROWS).label
    found = client.model("penguins").predict_batch(pl.concat([pl.DataFrame(ROWS)] * times))
    assert found.label.reshape(times, -1).tolist() == [expected.tolist()] * times


def test_a_batch_is_cut_as_the_server_takes_it(client: Client, server: ServerProcess) -> None:
    expected = client.predict("penguins", ROWS).label
    with (
        ServerProcess(server.home, {"MAX_BATCH_ELEMENTS": "1000"}, ("--no-worker",)) as strict,
        strict.connect() as strict_client,
    ):
        found = strict_client.model("penguins").predict_batch(ROWS).label
    assert found.tolist() == expected.tolist()


def test_a_moved_alias_with_other_columns_is_followed(client: Client) -> None:
    name = f"m-{uuid.uuid4().hex[:8]}"
    client.push(name, onnx_models.double_model("x"))
    client.push(name, onnx_models.double_model("z"))
    first, second = (client.model(name, version) for version in (None, "2"))
    assert first.predict(x=[1, 2, 3]).outputs == {"y": [2, 4, 6]}
    assert second.predict(z=[1, 2, 3]).outputs == {"y": [2, 4, 6]}
    client.promote(name, 2)

    def answered_by_second() -> bool:
        # Until the server has followed, it says that there is no column `z`.
        with suppress(ModelyardError):
            return first.predict(z=[1, 2, 3]).model_version == "2"
        return False

    assert wait_for(answered_by_second)


def test_the_server_tells_several_addresses_that_it_is_well(server: ServerProcess) -> None:
    # One address twice has the form of several, and so their health checks.
    with Client([server.address, server.address]) as client:
        assert client.model("penguins").predict(year=2007).label
