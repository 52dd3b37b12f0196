"""The model card: what a person should know of a version, as Markdown and as one HTML file.

Names of columns, classes and categories come from whoever made the table, so they are hostile
until they are escaped: HTML by the template engine, always; Markdown by `escape_markdown`.
"""

import base64
import functools
import re
from dataclasses import dataclass
from pathlib import Path

import jinja2

from registry import golden_rows
from registry.reports import Metric
from registry.schema import ModelSchema, find_own_collision, read_shape
from registry.schema_changes import choose_schema
from registry.signature import Role, TensorSpec
from training.evaluation.calls import describe_calls
from training.evaluation.plots import Plot
from training.evaluation.report import Evaluation
from training.fitting import FitFile, FitOutcome, FitRequest

MARKDOWN = FitFile("model-card.md", "text/markdown")
HTML = FitFile("model-card.html", "text/html")

_TEMPLATES = Path(__file__).parent / "templates"
# What has a meaning anywhere in a line, or would make a link of an address.
_ANYWHERE = re.compile(r"([\\`*_\[\]|~$@]|:(?=//)|(?<=www)\.)")
# What makes a list, a heading or a rule at the beginning of one.
_AT_START = re.compile(r"^(\s*\d*)([#+=.)\-])")
_BACKTICKS = re.compile("`+")
_LONGEST_NAME = 100
_SHOWN_CATEGORIES = 8
_SHOWN_INPUTS = 200


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table of figures; texts are empty where nothing is known."""

    name: str
    measured_on: str
    value: str
    interval: str
    baseline: str


def write_card(
    folder: Path,
    request: FitRequest,
    outcome: FitOutcome,
    evaluation: Evaluation,
    plots: tuple[Plot, ...],
) -> tuple[FitFile, ...]:
    """Write both forms of the card into the folder, where the golden rows are."""
    assert outcome.signature
    golden = golden_rows.from_json((folder / golden_rows.ARTIFACT_ID).read_bytes())
    inputs = outcome.signature.inputs
    known = {
        "request": request,
        "outcome": outcome,
        "evaluation": evaluation,
        "rows": [describe_metric(metric) for metric in evaluation.metrics],
        "inputs": [describe_input(spec) for spec in inputs[:_SHOWN_INPUTS]],
        "more_inputs": len(inputs) - len(inputs[:_SHOWN_INPUTS]),
        "segments": _describe_segments(evaluation),
        "calls": describe_calls(request.origin.model_id, _choose_schema(request, outcome), golden),
        "plots": plots,
        "images": {plot.name: base64.b64encode(plot.png).decode() for plot in plots},
    }
    for file in (MARKDOWN, HTML):
        text = _environment(html=file is HTML).get_template(f"{file.name}.j2").render(known)
        (folder / file.name).write_text(text, encoding="utf-8", newline="\n")
    return MARKDOWN, HTML


def _choose_schema(request: FitRequest, outcome: FitOutcome) -> ModelSchema | None:
    """Tell which typed service the version will be in, as the registry does."""
    assert outcome.signature
    shape = read_shape(outcome.signature, outcome.classes)
    if shape is None or find_own_collision(shape):
        return None
    return choose_schema(request.origin.model_id, request.origin.schemas, shape)


@functools.cache
def _environment(*, html: bool) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=html,  # noqa: S701  Markdown is escaped below
        # In Markdown everything filled in is escaped here, so that no place can be forgotten.
        finalize=_clean if html else _finish_markdown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["fenced"] = fence
    environment.filters["verbatim"] = Verbatim
    return environment


class Verbatim(str):
    """Markdown that is made, not quoted."""

    __slots__ = ()


def _clean(value: object) -> object:
    if type(value) is not str:
        return value
    # Lines of code are kept; names have none, as they are brought onto one line first.
    return "\n".join(_on_one_line(line) for line in value.split("\n"))


def _finish_markdown(value: object) -> object:
    return escape_markdown(value) if type(value) is str else value


def _on_one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def escape_markdown(text: str) -> str:
    """Make any text stand for itself in Markdown, in a cell of a table too."""
    plain = _on_one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _AT_START.sub(r"\1\\\2", _ANYWHERE.sub(r"\\\1", plain))


def fence(text: str, language: str) -> Verbatim:
    """Make a block of code whose content can't end it."""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return Verbatim(f"{ticks}{language}\n{text}\n{ticks}")


def describe_metric(metric: Metric) -> Row:
    """Describe a figure for the table."""
    name = metric.name.replace("_", " ")
    return Row(
        name=f"{name} of {_shorten(metric.class_name)}" if metric.class_name else name,
        measured_on=metric.split,
        value=_number(metric.value),
        interval=_words(metric.lower, metric.upper),
        baseline="" if metric.baseline is None else _number(metric.baseline),
    )


def describe_input(spec: TensorSpec) -> tuple[str, str, str, str]:
    """Describe an input: its name, its type, what it holds, what was seen of it in training."""
    role = spec.role.value if spec.role else ""
    return _shorten(spec.name), spec.datatype, role, _describe_seen(spec)


def _describe_seen(spec: TensorSpec) -> str:
    if spec.role is Role.CATEGORICAL:
        shown = spec.categories[:_SHOWN_CATEGORIES]
        words = ", ".join(_shorten(it) if it else "(missing)" for it in shown)
        more = len(spec.categories) - len(shown)
        return f"{words} and {more} more" if more else words
    if spec.minimum is None or spec.maximum is None:
        return ""
    return f"{_number(spec.minimum)} to {_number(spec.maximum)}"


def _describe_segments(evaluation: Evaluation) -> list[tuple[str, int, list[Row]]]:
    if not evaluation.segments:
        return []
    return [
        (
            _shorten(segment.value) or "(missing)",
            segment.row_count,
            [describe_metric(metric) for metric in segment.metrics],
        )
        for segment in evaluation.segments.segments
    ]


def _words(*numbers: float | None) -> str:
    return " to ".join(_number(number) for number in numbers if number is not None)


def _number(value: float) -> str:
    return f"{value:.4g}"


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"
