import ast
import base64
import io
import json
import shlex
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from markdown_it import MarkdownIt
from PIL import Image

from registry.golden_rows import GoldenRows, GoldenTensor
from registry.schema import Column, Shape
from registry.schema_changes import choose_schema
from training.evaluation.calls import describe_calls
from training.evaluation.card import escape_markdown, fence
from training.evaluation.drawing import shorten
from training.fitting import FitOutcome, Origin

Fit = Callable[..., FitOutcome]
HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "a|b|c\n| d | e |\n\n# heading\n",
    "](http://evil.example) ![x](y.png)",
    "```\nfence\n```\n{{ 7 * 7 }} {% raw %}",
    "$\\frac{1}{$ _under_ **bold** `code` <b>",
    "\u202egnitirw \x1b[31m\u0007 &amp; &lt;i&gt;",
    '_leading\' "quotes" 測試 \N{PENGUIN}',
)
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "strong", "section",
    "ul", "li", "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "figure", "img",
    "figcaption", "span", "pre", "code",
}  # fmt: skip


class Page(HTMLParser):
    """What a browser finds in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def hostile_table() -> pl.DataFrame:
    """Columns, categories and classes with names that want to be more than names."""
    random = np.random.default_rng(0)
    columns: dict[str, Any] = {name: random.normal(size=160) for name in HOSTILE}
    columns["kind <u>"] = [HOSTILE[number % 8] for number in range(160)]
    columns["y <i>"] = [HOSTILE[number % 8] for number in range(160)]
    return pl.DataFrame(columns)


@pytest.fixture
def cards(run_fit: Fit, hostile_table: pl.DataFrame, tmp_path: Path) -> tuple[str, str]:
    # Enough rows held out for figures by the values of the category.
    outcome = run_fit(hostile_table, "y <i>", with_card=True, holdout_fraction=0.6)
    assert outcome.fault is None
    return (tmp_path / "model-card.html").read_text(), (tmp_path / "model-card.md").read_text()


def test_hostile_names_are_only_text(cards: tuple[str, str]) -> None:
    html, markdown = cards
    page = Page(html)
    assert page.tags <= ALLOWED
    assert {name for name, _ in page.attributes} <= {
        "lang", "charset", "http-equiv", "content", "name", "class", "scope", "src", "alt",
        "aria-label",
    }  # fmt: skip
    assert all(
        it.startswith("data:image/png;base64,") for name, it in page.attributes if name == "src"
    )
    assert any(HOSTILE[0] in text for text in page.texts)
    assert "{{ 7 * 7 }}" in html
    for text in (html, markdown):
        assert not [char for char in text if not char.isprintable() and char != "\n"]

    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    inline = [child for token in tokens for child in token.children or ()]
    assert not [token for token in (*tokens, *inline) if token.type.startswith("html")]
    assert not [token for token in inline if token.type == "link_open"]
    sources = {str(token.attrs["src"]) for token in inline if token.type == "image"}
    assert sources == {
        "confusion-matrix.png", "roc-curve.png", "precision-recall-curve.png",
        "calibration-curve.png", "feature-importance.png",
    }  # fmt: skip
    headings = [
        tokens[place + 1].content for place, it in enumerate(tokens) if it.type == "heading_open"
    ]
    assert headings == [
        "Model card: model", "What to know first", "How good it is", r"By kind &lt;u&gt;",
        "What it learned from", "Inputs", "How to call it", "How it was made",
    ]  # fmt: skip
    assert len([token for token in tokens if token.type == "fence"]) == 3
    # Every line of the table of inputs has its four cells and no more.
    widths = {
        line.replace("\\|", "").count("|") for line in markdown.splitlines() if "FP32 |" in line
    }
    assert widths == {5}


@pytest.mark.parametrize("name", HOSTILE)
def test_escaped_text_reads_as_it_was(name: str) -> None:
    html = MarkdownIt("commonmark").enable("table").render(f"- {escape_markdown(name)}\n")
    page = Page(html)
    assert page.tags == {"ul", "li"}
    printable = "".join(char if char.isprintable() else " " for char in name)
    assert "".join(page.texts).split() == printable.split()


def test_a_fence_is_longer_than_what_it_holds() -> None:
    assert fence("a ```` b", "sh") == "`````sh\na ```` b\n`````"


def test_plots_are_small_pictures_and_are_in_the_page(
    run_fit: Fit, penguins_path: Path, tmp_path: Path
) -> None:
    for target, count in (("species", 5), ("body_mass_g", 3)):
        outcome = run_fit(penguins_path, target, with_card=True)
        plots = [file for file in outcome.artifacts if file.mime_type == "image/png"]
        html = (tmp_path / "model-card.html").read_text()
        assert len(plots) == count
        for plot in plots:
            content = (tmp_path / plot.name).read_bytes()
            with Image.open(io.BytesIO(content)) as image:
                image.load()
                assert image.width > 500
                assert image.getextrema() != ((255, 255),) * 4, "something is drawn"
                assert image.info.keys() <= {"dpi"}
            assert len(content) < 80_000
            assert base64.b64encode(content).decode() in html
        assert len(html) < 500_000


def test_same_seed_and_data_make_the_same_files(
    run_fit: Fit, hostile_table: pl.DataFrame, tmp_path: Path
) -> None:
    made = []
    for _ in range(2):
        outcome = run_fit(hostile_table, "y <i>", with_card=True, seed=7)
        made.append({file.name: (tmp_path / file.name).read_bytes() for file in outcome.artifacts})
    assert made[0] == made[1]


def test_the_card_tells_what_a_reader_needs(
    run_fit: Fit, penguins_path: Path, tmp_path: Path
) -> None:
    origin = Origin("my-penguins", "datasets/penguins/versions/3", "ab" * 32)
    outcome = run_fit(penguins_path, "species", with_card=True, origin=origin)
    for name in ("model-card.html", "model-card.md"):
        text = (tmp_path / name).read_text().replace("\\", "").replace("&#39;", "'")
        for words in (
            "Predicts", "species", "logistic-regression", "datasets/penguins/versions/3", "ab" * 32,
            "276 to learn from, 68 to evaluate on", "stratified", "Adelie, Chinstrap, Gentoo",
            "bill_length_mm", "33.1 to 59.6", "male, female, (missing)",
            "always answers 'Adelie', the most frequent class", "balanced accuracy", "holdout",
            "The figures come from 68 rows only", "neighbours of training values",
            "seed: 0", "scikit-learn 1.", "models.my_penguins.v1.MyPenguins/Predict",
            "inference.GRPCInferenceService/ModelInfer", "from modelyard import Client",
        ):  # fmt: skip
            assert words in text, (name, words)
        loss = next(it for it in outcome.metrics if it.name == "log_loss")
        assert f"{loss.value:.4g}" in text
        assert f"{loss.lower:.4g} to {loss.upper:.4g}" in text


def _golden(name: str = "it's") -> GoldenRows:
    inputs = {
        name: GoldenTensor("BYTES", (1, 1), ("x' \u202e\"y",)),
        "none": GoldenTensor("BYTES", (1, 1), ("",)),
        "f": GoldenTensor("FP32", (1, 1), (39.29999923706055,)),
        "nan": GoldenTensor("FP64", (1, 1), ("NaN",)),
        "i": GoldenTensor("INT64", (1, 1), (2007,)),
        "b": GoldenTensor("BOOL", (1, 1), (True,)),
    }
    return GoldenRows(inputs, {})


def test_calls_are_lines_that_a_shell_and_python_take() -> None:
    names = {
        "it's": "BYTES",
        "none": "BYTES",
        "f": "FP32",
        "nan": "FP64",
        "i": "INT64",
        "b": "BOOL",
    }
    columns = tuple(Column(name, datatype, 1) for name, datatype in names.items())
    schema = choose_schema("my-model", (), Shape(columns, ()))
    typed, tensors, python = describe_calls("my-model", schema, _golden())
    assert "\u202e" not in typed.text + tensors.text + python.text
    command = shlex.split(typed.text)
    assert command[:3] == ["grpcurl", "-plaintext", "-d"]
    assert command[4:] == ["HOST:PORT", "models.my_model.v1.MyModel/Predict"]
    row = {"it's": "x' \u202e\"y", "f": 39.3, "i": 2007, "b": True}
    # A field has no such name as "it's".
    assert json.loads(command[3]) == {**{it: row[it] for it in "fib"}, "it_s": row["it's"]}
    request = json.loads(shlex.split(tensors.text)[3])
    assert request["model_name"] == "my-model"
    assert [it["datatype"] for it in request["inputs"]] == [
        "BYTES", "BYTES", "FP32", "FP64", "INT64", "BOOL"
    ]  # fmt: skip
    assert request["inputs"][3]["contents"] == {"fp64_contents": ["NaN"]}
    assert (
        base64.b64decode(request["inputs"][0]["contents"]["bytes_contents"][0]).decode()
        == (row["it's"])
    )
    given = python.text.partition("predict('my-model', ")[2].rpartition(")")[0]
    assert ast.literal_eval(given) == {**row, "none": None, "nan": None}


def test_labels_are_short_and_printable() -> None:
    for name in HOSTILE:
        label = shorten(name)
        assert label.isprintable()
        assert 0 < len(label) <= 25
        assert not label.startswith("_")
    assert shorten("") == "(empty)"
