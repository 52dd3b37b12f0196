"""How resources look on a terminal. Every function makes one thing to print."""

from collections.abc import Iterable, Sequence

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from modelyard.names import last_id
from modelyard.registry.v1.resources_pb2 import (
    AdmissionReport,
    Metric,
    Model,
    ModelVersion,
    ParityReport,
    Signature,
    Task,
    TensorSpec,
)

_STATE_STYLES = {"active": "green", "failed": "red", "archived": "dim"}
_MOST_CATEGORIES = 5


def grid(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Make a table of plain text."""
    table = Table(*headers, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table


def models_table(models: Sequence[Model]) -> Table:
    """Show models, one a line."""
    return grid(
        ["MODEL", "ALIASES", "DESCRIPTION"],
        ([last_id(it.name), ", ".join(_alias_words(it)), it.description] for it in models),
    )


def versions_table(versions: Sequence[ModelVersion]) -> Table:
    """Show versions, one a line."""
    headers = ["VERSION", "STATE", "ALIASES", "TRAINER", "METRICS", "MADE"]
    table = Table(*headers, box=None, pad_edge=False)
    for it in versions:
        metrics = ", ".join(f"{metric.name} {metric.value:.4g}" for metric in it.metrics[:3])
        aliases = ", ".join(it.aliases)
        trainer = escape(it.parameters.get("trainer", "-"))
        made = moment(it.create_time)
        table.add_row(last_id(it.name), state_words(it), aliases, trainer, metrics, made)
    return table


def model_panel(model: Model) -> Panel:
    """Show one model."""
    lines = [escape(model.description)] if model.description else []
    lines += [f"{escape(key)} = {escape(value)}" for key, value in sorted(model.labels.items())]
    lines += _alias_words(model) or ["no alias points to a version"]
    lines.append(f"made {moment(model.create_time)}")
    return Panel("\n".join(lines), title=escape(model.name), title_align="left", expand=False)


def version_panel(version: ModelVersion) -> Panel:
    """Show one version with all that is known about it."""
    head = [state_words(version), *(f"alias {alias}" for alias in version.aliases)]
    parts: list[RenderableType] = [", ".join(head), f"made {moment(version.create_time)}"]
    if version.description:
        parts.append(escape(version.description))
    parts += [f"[red]{escape(it.reason)}: {escape(it.message)}[/]" for it in version.faults]
    if version.lineage.dataset_version:
        parts.append(f"from {version.lineage.dataset_version} by {version.lineage.training_job}")
    if version.parameters:
        parts.append(escape(_parameter_words(version)))
    if version.HasField("signature"):
        parts += ["", signature_table(version.signature)]
    if version.classes:
        parts += ["", f"classes {escape(', '.join(version.classes))}"]
    if version.metrics:
        parts += ["", metrics_table(version.metrics)]
    if version.HasField("parity_report"):
        report = version.parity_report
        parts += ["", parity_table(report, version.task), escape(report.explanation)]
        if report.stale:
            stale = f"compared with ONNX Runtime {report.onnxruntime_version}; another one runs now"
            parts.append(f"[yellow]{escape(stale)}[/]")
    if version.HasField("admission_report"):
        parts += ["", _admission_words(version.admission_report)]
    return Panel(Group(*parts), title=escape(version.name), title_align="left", expand=False)


def signature_table(signature: Signature) -> Table:
    """Show what goes in and comes out."""
    sides = [("in", it) for it in signature.inputs] + [("out", it) for it in signature.outputs]
    return grid(
        ["", "NAME", "TYPE", "SHAPE", "SEEN IN TRAINING"],
        ([side, it.name, it.datatype, str(list(it.shape)), _seen(it)] for side, it in sides),
    )


def metrics_table(metrics: Iterable[Metric]) -> Table:
    """Show how good a version is; what no metric has gets no column."""
    rows = [_metric_cells(it) for it in metrics]
    known = [name for name in rows[0] if any(row[name] for row in rows)] if rows else ["METRIC"]
    return grid(known, ([row[name] for name in known] for row in rows))


def _metric_cells(metric: Metric) -> dict[str, str]:
    known = metric.HasField("lower") and metric.HasField("upper")
    return {
        "METRIC": metric.name,
        "CLASS": metric.class_name,
        "MEASURED ON": metric.split,
        "VALUE": f"{metric.value:.6g}",
        "95 % INTERVAL": f"{metric.lower:.4g} to {metric.upper:.4g}" if known else "",
        "BASELINE": f"{metric.baseline:.4g}" if metric.HasField("baseline") else "",
    }


def parity_table(report: ParityReport, task: Task.ValueType) -> Table:
    """Show how far the ONNX graph is from the pipeline; a regression has no labels to differ."""
    labels = [] if task == Task.TASK_REGRESSION else ["OTHER LABELS"]
    table = Table("PARITY ON", "ROWS", *labels, "DIFFERENCE", "TOLERANCE", "", box=None)
    for it in report.checks:
        verdict = "[green]passed[/]" if it.passed else "[red]failed[/]"
        numbers = f"{it.max_difference:.3g}", f"{it.tolerance:.3g}"
        mismatches = [str(it.label_mismatch_count)] if labels else []
        table.add_row(escape(it.rows), str(it.row_count), *mismatches, *numbers, verdict)
    return table


def state_words(version: ModelVersion) -> str:
    """Return a version's state as a word in its colour."""
    word = ModelVersion.State.Name(version.state).removeprefix("STATE_").lower()
    style = _STATE_STYLES.get(word)
    return f"[{style}]{word}[/]" if style else word


def moment(time: Timestamp) -> str:
    """Return a time in UTC to the second."""
    return time.ToDatetime().strftime("%Y-%m-%d %H:%M:%S UTC")


def _alias_words(model: Model) -> list[str]:
    return [f"{last_id(it.name)} -> {last_id(it.model_version)}" for it in model.aliases]


def _parameter_words(version: ModelVersion) -> str:
    """Tell the trainer first, then the settings."""
    settings = dict(version.parameters)
    trainer = settings.pop("trainer", "")
    words = [f"trainer {trainer}"] if trainer else []
    words += [f"{key}={value}" for key, value in sorted(settings.items())]
    return ", ".join(words)


def _admission_words(report: AdmissionReport) -> str:
    words = [f"one row {report.row_p50_us:.0f} us"]
    if report.hundred_rows_p50_us:
        words.append(f"100 rows {report.hundred_rows_p50_us:.0f} us")
    words.append(f"{report.memory_bytes / 2**20:.1f} MiB")
    return ", ".join(words)


def _seen(spec: TensorSpec) -> str:
    """Tell a feature's range or categories."""
    if spec.HasField("minimum"):
        return f"{spec.minimum:g} to {spec.maximum:g}"
    shown = [it or "(empty)" for it in spec.categories[:_MOST_CATEGORIES]]
    more = len(spec.categories) - len(shown)
    return ", ".join([*shown, f"and {more} more"] if more else shown)
