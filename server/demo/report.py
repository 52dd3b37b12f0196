"""What the demonstration shows: tables for the terminal."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from modelyard.registry.v1.resources_pb2 import ModelVersion
from modelyard.training.v1.datasets_pb2 import ColumnType, DatasetVersion


def show_dataset(console: Console, version: DatasetVersion) -> None:
    """Show a table's columns."""
    table = Table("column", "type", "missing", "distinct", "range or most frequent")
    for column in version.columns:
        if column.HasField("minimum"):
            values = f"{column.minimum:g} to {column.maximum:g}"
        else:
            values = ", ".join(top.value for top in column.top_values[:3])
        kind = ColumnType.Name(column.type).removeprefix("COLUMN_TYPE_").lower()
        counts = str(column.missing_count), str(column.distinct_count)
        table.add_row(column.name, kind, *counts, values)
    console.print(table)
    console.print(f"{version.row_count} rows")


def show_metrics(console: Console, version: ModelVersion) -> None:
    """Show how good a version is."""
    console.print(f"{version.name}: {version.parameters['trainer']}, on rows it was not fitted on")
    table = Table("metric", "value", "95 % interval", "baseline")
    for metric in version.metrics:
        if metric.class_name:
            continue  # `versions show` has the figures of single classes too
        interval = f"{metric.lower:.4f} to {metric.upper:.4f}" if metric.HasField("lower") else ""
        baseline = f"{metric.baseline:.4f}" if metric.HasField("baseline") else ""
        table.add_row(metric.name, f"{metric.value:.4f}", interval, baseline)
    console.print(table)


def show_parity(console: Console, version: ModelVersion) -> None:
    """Show how far the served graph is from the fitted pipeline."""
    console.print("parity: the scikit-learn pipeline against the ONNX graph that is served")
    table = Table("rows", "compared", "labels differ", "difference", "tolerance", "")
    for check in version.parity_report.checks:
        table.add_row(
            check.rows,
            str(check.row_count),
            str(check.label_mismatch_count),
            f"{check.max_difference:.2g}",
            f"{check.tolerance:g}",
            "[green]passed[/]" if check.passed else "[red]failed[/]",
        )
    console.print(table)
    report = version.admission_report
    console.print(
        f"admission: loads in {report.load_us / 1000:.1f} ms, one row takes"
        f" {report.row_p50_us:g} us, {report.golden_row_count} golden rows agree"
    )


def next_commands(console: Console, address: str, row: Mapping[str, str | float | None]) -> None:
    """Print what to try next."""
    shown = json.dumps(row)
    here = Path(sys.executable).parent
    if here.is_relative_to(Path.cwd()):
        here = here.relative_to(Path.cwd())
    modelyard, buf = f"{here}/modelyard --server {address}", f"{here}/buf"
    train = f"{modelyard} train penguins --dataset penguins --target species"
    console.rule("4. Try next, in another terminal")
    for command in (
        f"{modelyard} models show penguins",
        f"{modelyard} versions show penguins 1",
        f"{modelyard} models card penguins",
        f"{train} --trainer random-forest",
        f"{modelyard} promote penguins 2",
        f"{modelyard} predict penguins --json '{shown}'",
        f"{buf} curl --protocol grpc --http2-prior-knowledge --list-services http://{address}",
        f"grpcurl -plaintext {address} list",
    ):
        console.print(f"  {command}", soft_wrap=True)
