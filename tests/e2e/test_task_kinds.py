"""Several labels, weighed rows and calibrated probabilities, from a table to an answer."""

import csv
import io

import pytest

from modelyard import Client, ModelyardError
from modelyard.registry.v1.resources_pb2 import TASK_MULTILABEL_CLASSIFICATION
from tests.support.penguins import penguin_rows

LABELS = ["heavy", "male"]


def _table() -> bytes:
    rows = [row for row in penguin_rows() if None not in row.values()]
    output = io.StringIO()
    writer = csv.writer(output)
    writer.writerow(["bill", "flipper", "weight", *LABELS])
    for row in rows:
        labels = [row["body_mass_g"] > 4200, row["sex"] == "male"]
        numbers = [row["bill_length_mm"], row["flipper_length_mm"], row["year"] - 2006]
        writer.writerow([*numbers, *(str(label).lower() for label in labels)])
    return output.getvalue().encode()


def test_several_labels_are_trained_and_answered_by_name(client: Client) -> None:
    client.upload_dataset("labelled", _table())
    job = client.train(
        "labelled",
        "labelled",
        LABELS,
        weight_column="weight",
        calibration="isotonic",
        trainer="logistic-regression",
    )
    done = client.wait_for_training_job(job)
    assert (done.target, list(done.targets), done.fault.message) == ("", LABELS, "")
    version = client.get_model_version("labelled")
    assert version.task == TASK_MULTILABEL_CLASSIFICATION
    assert list(version.target_names) == list(version.classes) == LABELS
    assert version.parity_report.explanation
    assert not version.parity_report.stale
    assert version.admission_report.hundred_rows_p50_us > 0

    small, large = {"bill": 35.0, "flipper": 180.0}, {"bill": 52.0, "flipper": 228.0}
    prediction = client.predict("labelled", [small, large])
    assert prediction.labels.tolist() == [[False, False], [True, True]]
    assert prediction.rows[1]["labels"] == {"heavy": True, "male": True}
    assert prediction.probability_by_class["heavy"][1] > 0.8
    with pytest.raises(ModelyardError, match="server's limit"):
        client.train("labelled", "labelled", LABELS, parity_tolerance=0.5)
