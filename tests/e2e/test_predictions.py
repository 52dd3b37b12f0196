"""What is served equals what was fitted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard import Client
from tests.support.penguins import features_of, penguin_csv, penguin_rows
from training.columns import TableFormat
from training.features import to_frame
from training.fit import _fit_pipeline
from training.fitting import FitRequest
from training.ingest import profile_table, read_table
from training.plan import make_plan, take_examples


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """The pipeline that the job fitted, fitted once more from the same table and seed."""
    path = tmp_path_factory.mktemp("pipeline") / "penguins.csv"
    path.write_bytes(penguin_csv())
    request = FitRequest(str(path), TableFormat.CSV, "species")
    frame = read_table(path, TableFormat.CSV)
    table = profile_table(frame)
    plan = make_plan(request, table)
    examples = take_examples(request, plan, frame, table, lambda _: None)
    return _fit_pipeline(request, plan, examples, lambda _: None), examples.rows


def test_two_hundred_rows_are_answered_as_the_pipeline_does(
    client: Client, pipeline: tuple[Any, Any]
) -> None:
    fitted, rows = pipeline
    first = slice(0, 200)
    frame = to_frame({name: values[first] for name, values in rows.items()})
    asked = [features_of(row) for row in penguin_rows()[:200]]
    assert any(row["sex"] is None for row in asked)
    assert any(row["bill_length_mm"] is None for row in asked)

    served = client.predict("penguins", asked)

    assert list(served.label) == list(fitted.predict(frame))
    assert list(served.classes) == list(fitted.classes_)
    np.testing.assert_allclose(served.probabilities, fitted.predict_proba(frame), atol=1e-5)


def test_one_row_and_many_rows_agree(client: Client) -> None:
    rows = [features_of(row) for row in penguin_rows()[:20]]
    together = client.predict("penguins", rows)
    alone = [client.predict("penguins", row).label[0] for row in rows]
    assert list(together.label) == alone


def test_the_server_is_ready_and_names_its_models(client: Client) -> None:
    assert client.ready()
    version = client.get_model_version("penguins")
    assert [check.passed for check in version.parity_report.checks].count(False) == 0
    assert version.lineage.dataset_version == "datasets/penguins/versions/1"


def test_the_model_file_comes_back_as_it_was_stored(client: Client, tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    client.download_artifact("penguins", 1, "model.onnx", target)
    artifacts = client.get_model_version("penguins", 1).artifacts
    sizes = {artifact.name.rpartition("/")[2]: artifact.size_bytes for artifact in artifacts}
    assert target.stat().st_size == sizes["model.onnx"]
