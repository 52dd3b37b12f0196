"""`modelyard datasets`: what is asked of the server, and what is shown."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console, RenderableType
from typer.testing import CliRunner, Result

from modelyard.commands import app
from modelyard.commands.dataset_panels import dataset_panel, sparkline
from modelyard.training.v1.datasets_pb2 import (
    COLUMN_TYPE_INTEGER,
    COLUMN_TYPE_TIME,
    DatasetVersion,
    Histogram,
    UploadDatasetRequest,
)
from tests.unit.client.yard import Yard

Command = Callable[..., Result]


@pytest.fixture
def command(target: str) -> Command:
    def run(*words: object) -> Result:
        return CliRunner().invoke(app, ["--server", target, "datasets", *map(str, words)])

    return run


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    (tmp_path / "birds.csv").write_text("length,width\n1,2\n3,4\n")
    return tmp_path / "birds.csv"


def printed(shown: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(shown)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_words_become_options(command: Command, yard: Yard, birds: Path) -> None:
    words = ["--csv", "delimiter=\\t", "--csv", "no_header=true", "--csv", "missing_word=-9"]
    types = ["--type", "a=b=integer", "--format", "csv"]
    assert command("upload", "birds", birds, *words, *types).exit_code == 0
    (header,) = yard.asked(UploadDatasetRequest.Header)
    assert (header.csv_options.delimiter, header.csv_options.no_header) == ("\t", True)
    assert list(header.csv_options.missing_words) == ["-9"]
    assert dict(header.column_types) == {"a=b": COLUMN_TYPE_INTEGER}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--csv", "colour=red"], "not colour=red"),
        (["--csv", "no_header=maybe"], "not no_header=maybe"),
        (["--csv", "delimiter"], "--csv takes NAME=VALUE"),
        (["--type", "x=number"], "'number' is none of"),
        (["--format", "xls"], "not 'xls'"),
    ],
)
def test_words_that_mean_nothing_are_refused(
    command: Command, yard: Yard, birds: Path, words: list[str], says: str
) -> None:
    result = command("upload", "birds", birds, *words)
    assert result.exit_code == 1
    assert says in result.stderr
    assert not yard.calls["UploadDataset"]


def test_import_preview_update_and_delete(command: Command, yard: Yard, birds: Path) -> None:
    assert "datasets/sea/versions/1" in command("import", "sea", "s3://b/t.csv").stdout
    command("upload", "birds", birds)
    shown = command("preview", "birds", 2).stdout.splitlines()
    assert [line.split() for line in shown] == [["length", "width"], ["1.5", "x"]]
    command("update", "birds", "--description", "of the sea", "--label", "team=x")
    assert yard.datasets["datasets/birds"].description == "of the sea"
    assert "birds/versions/2 is deleted" in command("delete", "birds", 2).stdout
    result = command("delete", "birds", "--force", "--json")
    assert json.loads(result.stdout) == {"deleted": "birds"}
    assert "datasets/birds" not in yard.datasets
    assert command("delete", "birds").exit_code == 1


def test_a_profile_is_drawn() -> None:
    table = DatasetVersion(name="datasets/d/versions/1", row_count=9)
    table.csv_options.encoding, table.csv_options.delimiter = "utf-8", ";"
    column = table.columns.add(
        name="n", type=COLUMN_TYPE_INTEGER, distinct_count=7, approximate=True, minimum=0, maximum=9
    )
    column.quantiles.add(fraction=0.5, value=4)
    column.histogram.CopyFrom(Histogram(lower=0, upper=9, counts=[1, 0, 1000, 500]))
    table.columns.add(name="t", type=COLUMN_TYPE_TIME, minimum=0, maximum=1e300)
    for number in range(21):
        table.warnings.add(reason="CONSTANT", message=f"[{number}] tells nothing")
    shown = printed(dataset_panel(table))
    for words in ("delimiter ';'", "about 7", "0 to 9", "▁ █▄", "1970-01-01", "[19] tells"):
        assert words in shown, words
    assert "and 1 more warnings" in shown
    assert sparkline(Histogram()) == ""
