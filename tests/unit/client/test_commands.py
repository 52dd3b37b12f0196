import io
import json
import re
from collections.abc import Callable
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import grpc
import pytest
from rich.console import Console, RenderableType
from typer.testing import CliRunner, Result

from modelyard import Model, ModelAlias, ModelVersion
from modelyard.commands import app
from modelyard.commands.dataset_panels import dataset_panel
from modelyard.commands.session import as_data
from modelyard.registry.v1.resources_pb2 import Fault, Task
from modelyard.training.v1.datasets_pb2 import COLUMN_TYPE_TEXT, DatasetVersion, TableFault
from tests.unit.client.yard import Yard, fail, failing

Command = Callable[..., Result]


def version(number: int, **fields: Any) -> ModelVersion:
    name = f"models/penguins/versions/{number}"
    made = ModelVersion(name=name, state=ModelVersion.STATE_ACTIVE, **fields)
    made.create_time.FromJsonString("2026-01-02T03:04:05Z")
    return made


def full_version() -> ModelVersion:
    made = version(3, description="the [first] one", classes=["Adelie", "Gentoo"])
    made.aliases.append("champion")
    feature = made.signature.inputs.add(name="island", datatype="BYTES", shape=[-1, 1])
    feature.categories.extend(["a", "b", "c", "", "e", "f", "g"])
    made.signature.inputs.add(name="length", datatype="FP32", shape=[-1, 1], minimum=1, maximum=2)
    made.signature.outputs.add(name="label", datatype="BYTES", shape=[-1])
    made.metrics.add(name="accuracy", value=0.98765)
    made.parity_report.checks.add(rows="holdout", row_count=67, tolerance=1e-5, passed=True)
    made.parity_report.checks.add(rows="unseen", row_count=9, label_mismatch_count=4)
    made.admission_report.row_p50_us = 12
    for key, value in {"trees": "[200]", "trainer": "random-forest", "depth": "3"}.items():
        made.parameters[key] = value
    made.lineage.dataset_version = "datasets/birds/versions/1"
    made.lineage.training_job = "trainingJobs/j"
    return made


@pytest.fixture
def yard() -> Yard:
    model = Model(name="models/penguins", description="which bird", labels={"team": "sea"})
    champion = ModelAlias(
        name="models/penguins/aliases/champion", model_version="models/penguins/versions/1"
    )
    model.aliases.append(champion)
    return Yard(
        models={model.name: model},
        aliases={champion.name: champion},
        versions={it.name: it for it in [version(1), full_version()]},
    )


def test_models_list(command: Command) -> None:
    result = command("models", "list")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split() == [
        *("penguins", "champion", "->", "1", "which", "bird"),
    ]


@pytest.mark.parametrize("words", ["--json models list", "models list --json"])
def test_json_goes_before_and_behind_the_command(command: Command, words: str) -> None:
    result = command(*words.split())
    (model,) = json.loads(result.stdout)
    assert model["name"] == "models/penguins"
    assert model["aliases"][0]["model_version"] == "models/penguins/versions/1"
    assert model["display_name"] == ""


def test_the_server_is_named_before_behind_or_in_the_environment(target: str) -> None:
    for words in [["--server", target, "models", "list"], ["models", "list", "--server", target]]:
        result = CliRunner().invoke(app, words, env={"MODELYARD_SERVER": "127.0.0.1:1"})
        assert result.exit_code == 0, result.stderr


def test_models_show_with_versions(command: Command) -> None:
    result = command("models", "show", "penguins")
    assert "which bird" in result.stdout
    assert "team = sea" in result.stdout
    assert "2026-01-02 03:04:05 UTC" in result.stdout
    assert "accuracy 0.9877" in result.stdout
    data = json.loads(command("models", "show", "penguins", "--json").stdout)
    assert data["model"]["description"] == "which bird"
    assert [it["state"] for it in data["model_versions"]] == ["STATE_ACTIVE"] * 2


def test_a_card_is_downloaded(command: Command, yard: Yard, tmp_path: Path) -> None:
    folder = "models/penguins/versions/champion/artifacts"
    yard.files[f"{folder}/model-card.html"] = b"<html>"
    yard.files[f"{folder}/model-card.md"] = b"# Card"
    for name, content in (("a.html", b"<html>"), ("a.md", b"# Card")):
        result = command("models", "card", "penguins", "--output", tmp_path / name)
        assert result.exit_code == 0, result.stderr
        assert (tmp_path / name).read_bytes() == content


def test_a_version_without_a_card_says_who_has_one(
    command: Command, yard: Yard, tmp_path: Path
) -> None:
    yard.before["DownloadArtifact"] = [
        lambda context: fail(
            context, grpc.StatusCode.NOT_FOUND, "no such artifact", "ARTIFACT_NOT_FOUND"
        )
    ]
    result = command("models", "card", "penguins", "3", "--output", tmp_path / "a.html")
    assert result.exit_code == 1
    assert "hint: versions that were trained here have a card" in result.stderr
    assert not list(tmp_path.iterdir())


def test_metrics_have_the_columns_that_are_known(command: Command, yard: Yard) -> None:
    made = yard.versions["models/penguins/versions/1"]
    made.metrics.add(name="rmse", value=2, lower=1.5, upper=2.5, split="holdout", baseline=7)
    made.metrics.add(name="mape", value=0.25, split="holdout")
    shown = command("versions", "show", "penguins", 1).stdout
    assert re.search(r"METRIC +MEASURED ON +VALUE +95 % INTERVAL +BASELINE", shown)
    assert re.search(r"rmse +holdout +2 +1\.5 to 2\.5 +7", shown)
    assert re.search(r"mape +holdout +0\.25", shown)
    made.metrics.add(name="recall", value=0.5, class_name="[red]")
    assert re.search(r"recall +\[red\] +0\.5", command("versions", "show", "penguins", 1).stdout)


def test_a_model_without_anything_can_be_shown(command: Command, yard: Yard) -> None:
    yard.models["models/empty"] = Model(name="models/empty")
    assert "no alias points to a version" in command("models", "show", "empty").stdout


def test_versions_list_and_show(command: Command) -> None:
    listed = command("versions", "list", "penguins").stdout
    assert re.search(r"3 +active +champion +random-forest +accuracy 0.9877", listed)
    assert re.search(r"1 +active +- +2026", listed)
    shown = command("versions", "show", "penguins", 3).stdout
    for part in [
        *("the [first] one", "alias champion", "a, b, c, (empty), e, and 2 more", "1 to 2"),
        *("classes Adelie, Gentoo", "0.98765", "holdout", "passed", "failed", "one row 12 us"),
        "from datasets/birds/versions/1 by trainingJobs/j",
        *("trainer random-forest, depth=3, trees=[200]", "OTHER LABELS"),
    ]:
        assert part in shown
    data = json.loads(command("versions", "show", "penguins", "champion", "--json").stdout)
    assert data["name"] == "models/penguins/versions/1"


def test_a_regression_has_no_labels_to_differ(command: Command, yard: Yard) -> None:
    yard.versions["models/penguins/versions/3"].task = Task.TASK_REGRESSION
    shown = command("versions", "show", "penguins", 3).stdout
    assert "OTHER LABELS" not in shown
    assert re.search(r"holdout +67 +0 +1e-05 +passed", shown)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("models list", "no models yet; `modelyard train MODEL "),
        ("datasets list", "no datasets yet; `modelyard datasets upload NAME FILE`"),
        ("jobs list", "no jobs yet; `modelyard train MODEL "),
        ("versions list empty", "no versions of empty yet; "),
    ],
)
def test_an_empty_list_says_how_to_fill_it(
    command: Command, yard: Yard, words: str, sentence: str
) -> None:
    yard.models.clear()
    yard.versions.clear()
    assert command(*words.split()).stdout.startswith(sentence)
    assert json.loads(command(*words.split(), "--json").stdout) == []


def test_version(command: Command) -> None:
    result = command("--version")
    assert (result.exit_code, result.stdout) == (0, f"modelyard {installed_version('modelyard')}\n")


def test_promote(command: Command, yard: Yard) -> None:
    result = command("promote", "penguins", "3")
    assert result.stdout == "penguins: champion is now version 3\n"
    assert yard.aliases["models/penguins/aliases/champion"].model_version.endswith("/3")
    moved = json.loads(command("promote", "penguins", 1, "--alias", "old", "--json").stdout)
    assert moved["name"] == "models/penguins/aliases/old"


def test_a_lost_promotion_gives_a_hint(command: Command, yard: Yard) -> None:
    yard.before["UpdateModelAlias"] = [failing(grpc.StatusCode.ABORTED, "it was moved")]
    result = command("promote", "penguins", "3")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        "error: it was moved (ABORTED)\n"
        "hint: somebody else changed it just now; look again, then repeat\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["promote", "penguins"],
        ["predict", "penguins"],
        ["predict", "penguins", "--json", "{"],
        ["predict", "penguins", "--json", "7"],
        ["train", "m", "--dataset", "d", "--target", "t", "--set", "trees"],
        ["datasets", "upload", "d", "nowhere.csv"],
    ],
)
def test_wrong_use_ends_with_two(command: Command, words: list[str]) -> None:
    result = command(*words)
    assert result.exit_code == 2
    assert "Usage: modelyard" in result.stderr or "Usage: root" in result.stderr


def test_datasets_upload(command: Command, tmp_path: Path) -> None:
    (tmp_path / "birds.csv").write_bytes(b"length\n1\n2\n")
    result = command("datasets", "upload", "birds", tmp_path / "birds.csv")
    assert result.exit_code == 0, result.stderr
    assert "datasets/birds/versions/1" in result.stdout
    assert "2 rows, 11 bytes" in result.stdout
    assert re.search(r"length +float +0 +0 +1 to 2", result.stdout)
    again = command("datasets", "upload", "birds", tmp_path / "birds.csv", "--json")
    assert json.loads(again.stdout)["row_count"] == "2"


def test_datasets_list_and_show(command: Command, tmp_path: Path) -> None:
    (tmp_path / "birds.csv").write_bytes(b"length\n1\n2\n")
    command("datasets", "upload", "birds", tmp_path / "birds.csv")
    assert command("datasets", "list").stdout.splitlines()[1].startswith("birds")
    shown = command("datasets", "show", "birds", 1)
    assert re.search(r"length +float +0 +0 +1 to 2", shown.stdout)
    assert json.loads(command("datasets", "show", "datasets/birds", "1", "--json").stdout)[
        "columns"
    ]
    # The tests' server does not know `latest`, but says what it was asked for.
    assert (
        "there is no datasets/birds/versions/latest" in command("datasets", "show", "birds").stderr
    )


def test_a_refused_dataset_ends_with_one_and_its_fault(
    command: Command, yard: Yard, tmp_path: Path
) -> None:
    yard.faults_of_table = [TableFault(reason="NOT_A_TABLE", message="it is a picture")]
    (tmp_path / "birds.csv").write_bytes(b"length\n")
    result = command("datasets", "upload", "birds", tmp_path / "birds.csv")
    assert result.exit_code == 1
    assert "NOT_A_TABLE: it is a picture" in result.stdout
    assert "was refused: it is a picture" in result.stderr


def test_push(command: Command, yard: Yard, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"onnx")
    (tmp_path / "golden.json").write_bytes(b"{}")
    result = command(
        *("push", "seals", tmp_path / "m.onnx", "--golden", tmp_path / "golden.json"),
        *("--description", "by hand"),
    )
    assert result.exit_code == 0, result.stderr
    assert "models/seals/versions/3" in result.stdout
    assert "by hand" in result.stdout
    assert yard.files["models/seals/versions/3/artifacts/golden-rows.json"] == b"{}"


def test_a_refused_push_ends_with_one_and_its_faults(
    command: Command, yard: Yard, tmp_path: Path
) -> None:
    yard.faults_of_version = [Fault(reason="EXTERNAL_DATA", message="it refers to a file")]
    (tmp_path / "m.onnx").write_bytes(b"onnx")
    result = command("push", "seals", tmp_path / "m.onnx")
    assert result.exit_code == 1
    assert "EXTERNAL_DATA: it refers to a file" in result.stdout
    assert "failed" in result.stdout
    assert result.stderr.splitlines()[-1].endswith("was refused: it refers to a file")


def test_a_table_shows_frequent_texts_and_one_without_columns_its_faults() -> None:
    table = DatasetVersion(name="datasets/d/versions/1")
    table.faults.add(reason="NOT_A_TABLE", message="[it] is a picture")
    assert "NOT_A_TABLE: [it] is a picture" in printed(dataset_panel(table))
    column = table.columns.add(name="island", type=COLUMN_TYPE_TEXT, distinct_count=2)
    column.top_values.add(value="Dream", count=7)
    assert re.search(r"island +text +0 +2 +Dream \(7\)", printed(dataset_panel(table)))


def printed(shown: RenderableType) -> str:
    console = Console(width=100, file=io.StringIO())
    with console.capture() as capture:
        console.print(shown)
    return capture.get()


def test_json_has_no_numbers_that_are_none() -> None:
    assert as_data({"a": [float("nan"), float("inf"), 1.5, "x"]}) == {"a": [None, None, 1.5, "x"]}
