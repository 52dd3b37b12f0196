import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

from modelyard import ModelVersion
from modelyard.inference.v1.inference_pb2 import ModelInferResponse, ModelMetadataResponse
from modelyard.tensors import Tensor, encode
from tests.unit.client.yard import Yard

Command = Callable[..., Result]


@pytest.fixture
def yard() -> Yard:
    name = "models/penguins/versions/3"
    return Yard(versions={name: ModelVersion(name=name, classes=["Adelie", "Gentoo"])})


@pytest.fixture
def served(yard: Yard) -> Yard:
    """Serve a classifier of length, island, year and tagged."""
    types = {"length": "FP32", "island": "BYTES", "year": "INT64", "tagged": "BOOL"}
    tensor = ModelMetadataResponse.TensorMetadata
    yard.metadata = ModelMetadataResponse(
        name="penguins",
        inputs=[tensor(name=it, datatype=kind, shape=[-1, 1]) for it, kind in types.items()],
    )
    yard.infer = lambda request: classified(request.inputs[0].shape[0])
    return yard


def classified(count: int) -> ModelInferResponse:
    response = ModelInferResponse(model_name="penguins", model_version="3")
    labels = np.array(["Adelie"] * count, dtype=object)
    chances = np.array([[0.75, np.nan]] * count, dtype=np.float32)
    for name, datatype, array in [
        ("label", "BYTES", labels),
        ("probabilities", "FP32", chances.reshape(count, 2)),
    ]:
        response.outputs.add(name=name, datatype=datatype, shape=array.shape)
        response.raw_output_contents.append(encode(Tensor(name, datatype, array)))
    return response


ROW = '{"length": 39.5, "island": null, "year": 2007, "tagged": true}'


@pytest.mark.usefixtures("served")
def test_predict_from_json(command: Command) -> None:
    result = command("predict", "penguins", "--json", ROW)
    assert result.exit_code == 0, result.stderr
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["ROW", "label", "Adelie", "Gentoo"],
        ["0", "Adelie", "0.75", "nan"],
        ["by", "penguins", "version", "3"],
    ]


@pytest.mark.usefixtures("served")
def test_predict_answers_json(command: Command) -> None:
    result = command("--json", "predict", "penguins", "--json", f"[{ROW}]", "--version", "3")
    row = {"label": "Adelie", "probabilities": {"Adelie": 0.75, "Gentoo": None}}
    assert json.loads(result.stdout) == {"model": "penguins", "model_version": "3", "rows": [row]}


@pytest.mark.usefixtures("served")
def test_predict_from_a_file(command: Command, tmp_path: Path) -> None:
    lines = ["species,length,island,year,tagged", *["Gentoo,,Dream,2007,TRUE"] * 25]
    (tmp_path / "rows.csv").write_text("\ufeff" + "\n".join(lines), encoding="utf-8")
    result = command("predict", "penguins", "--rows", tmp_path / "rows.csv")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == "not taken by the model: species\n"
    assert len(result.stdout.splitlines()) == 22
    assert "5 more rows, all with `modelyard --json predict`" in result.stdout
    whole = command("--json", "predict", "penguins", "--rows", tmp_path / "rows.csv")
    assert len(json.loads(whole.stdout)["rows"]) == 25


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (b"1,a,year,true", "column 'year' must hold INT64; row 2 of the file holds 'year'"),
        (b"1,a,2007,maybe", "column 'tagged' must hold BOOL; row 2 of the file holds 'maybe'"),
        (b"1,a,,true", "column 'year' has no value in row 0"),
        (b"1,\xff,2007,true", "is no CSV file in UTF-8"),
    ],
)
def test_a_file_that_does_not_fit_is_told(
    command: Command, tmp_path: Path, cells: bytes, message: str
) -> None:
    (tmp_path / "rows.csv").write_bytes(b"length,island,year,tagged\n" + cells)
    result = command("predict", "penguins", "--rows", tmp_path / "rows.csv")
    assert result.exit_code == 1
    assert message in result.stderr


def test_a_matrix_is_read_from_all_columns(command: Command, served: Yard, tmp_path: Path) -> None:
    assert served.metadata is not None
    del served.metadata.inputs[1:]
    served.metadata.inputs[0].shape[:] = [-1, 2]
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n3,4\n5,\n")
    result = command("predict", "penguins", "--rows", tmp_path / "rows.csv")
    assert result.exit_code == 0, result.stderr
    (request,) = [it for it in served.requests if hasattr(it, "raw_input_contents")]
    sent = np.frombuffer(request.raw_input_contents[0], "<f4").reshape(3, 2)
    np.testing.assert_array_equal(sent, [[1, 2], [3, 4], [5, np.nan]])


@pytest.mark.parametrize("rows", ["[1, 2]", "[]", "5", "null", '"a"', "[[1]]", "[{}, 1]"])
def test_json_of_another_form_is_refused_in_one_sentence(command: Command, rows: str) -> None:
    result = command("predict", "penguins", "--json", rows)
    assert result.exit_code == 2
    assert "--json takes an object or a list of objects" in result.stderr


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"lenght,island,yeer\n1,a,2",
            (
                "lacks the columns 'length' (did you mean 'lenght' of the file?), "
                "'year' (did you mean 'yeer' of the file?), 'tagged'; a value that is not known"
            ),
        ),
        (b"length,island,year\n1,a,2", "lacks the column 'tagged'; a value"),
        (b"length;island;year;tagged\n1;a;2;1", "separated by ';'; save them with commas"),
        (b"length\tisland\tyear\n1\ta\t2", "separated by tabs; save them with commas"),
        (b"PAR1\0\0", "rows.csv is a Parquet file; only CSV is read here"),
        (b"PK\x03\x04..", "rows.csv is an Excel or ZIP file; only CSV is read here"),
        (b"", "rows.csv is empty; a header line"),
        (b"\n\n", "rows.csv is empty; a header line"),
        (b"length,island,year,tagged\n", "rows.csv has no rows below its header line"),
    ],
)
def test_a_file_that_is_no_table_of_the_model_is_told(
    command: Command, tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "rows.csv").write_bytes(content)
    result = command("predict", "penguins", "--rows", tmp_path / "rows.csv")
    assert result.exit_code == 1
    assert message in result.stderr
    assert "None" not in result.stderr


@pytest.mark.usefixtures("served")
def test_a_folder_without_rights_is_an_error_without_traceback(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "rows.csv")

    (tmp_path / "rows.csv").touch()
    monkeypatch.setattr(Path, "open", refuse)
    result = command("predict", "penguins", "--rows", tmp_path / "rows.csv")
    assert result.exit_code == 1
    assert result.stderr == "error: [Errno 13] Permission denied: 'rows.csv'\n"
