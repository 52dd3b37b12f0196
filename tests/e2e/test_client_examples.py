"""The examples of clients/python/README.md, run as they are."""

import ast
import re
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
import trustme

from modelyard import Prediction, RowPrediction
from tests.support import onnx_models
from tests.support.golden import GOLDEN_TEXT
from tests.support.penguins import penguin_csv
from tests.support.server_process import REPOSITORY, ServerProcess

README = REPOSITORY / "clients" / "python" / "README.md"


@pytest.fixture
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file that the examples name, where they look for it."""
    (tmp_path / "penguins.csv").write_bytes(penguin_csv())
    (tmp_path / "model.onnx").write_bytes(onnx_models.double_model())
    (tmp_path / "golden-rows.json").write_text(GOLDEN_TEXT)
    authority = trustme.CA()
    me = authority.issue_cert("me@models.example")
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    me.private_key_pem.write_to_path(str(tmp_path / "me.key"))
    me.cert_chain_pems[0].write_to_path(str(tmp_path / "me.pem"))
    monkeypatch.chdir(tmp_path)


def read_examples(address: str) -> list[CodeType]:
    """Compile the examples, for a server and for models that no other test has."""
    examples = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    renamed = [
        text.replace('"127.0.0.1:8001"', f'"{address}"')
        .replace('"penguins"', '"readme-penguins"')
        .replace('"churn"', '"readme-churn"')
        for text in examples
    ]
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return [compile(text, README.name, "exec", flags=flags) for text in renamed]


@pytest.mark.usefixtures("_files")
async def test_the_examples_do_what_they_say(server: ServerProcess) -> None:
    names: dict[str, Any] = {}
    examples = read_examples(server.address)
    for example in examples:
        left = eval(example, names)  # noqa: S307  our own text, and the only way to await in it
        if left is not None:
            await left
    assert len(examples) == 5
    first, several = names["prediction"], names["predictions"]
    assert isinstance(first, RowPrediction)
    assert isinstance(several, Prediction)
    assert first.label == "Adelie"
    assert list(first.probabilities) == ["Adelie", "Chinstrap", "Gentoo"]
    assert first.model_version == "1"
    assert list(several.label) == ["Adelie", "Adelie"]
    assert names["version"].name == "models/readme-churn/versions/1"
