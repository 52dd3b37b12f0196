"""What a table's profile tells of a job on it, without reading the table again."""

from collections.abc import Iterator
from dataclasses import replace

from registry.signature import Task
from training.columns import Column, ColumnType, Table
from training.findings import Finding, Severity
from training.job import JobSpec
from training.promotion import METRICS
from training.refusal import FitRefused
from training.roles import choose_features
from training.tables import DatasetVersionRow
from training.target import MAX_CLASSES, MIN_ROWS
from training.targets import find_targets
from training.tasks import infer_task_of

_TASK = "training_job.task"
_FEATURES = "training_job.features"
# Each costs a look at every column, on the loop that answers calls.
_MOST_ASKED_ALONE = 100


def find_table_faults(spec: JobSpec, row: DatasetVersionRow) -> Iterator[Finding]:
    """Find what a job on a table that could be read would fail of.

    What goes in and comes out of the ONNX graph is decided here as the fit decides it: a
    column that no graph can take is found, too.
    """
    table = Table(row.row_count, row.columns)
    try:
        targets = find_targets(table, spec.targets)
    except FitRefused as refused:
        yield Finding(_target_field(spec), refused.fault.reason, refused.fault.message)
        return
    task = spec.task or infer_task_of(targets, table.row_count)
    if not spec.task:
        names = " and ".join(repr(target.name) for target in targets)
        yield Finding(
            _TASK,
            "TASK_INFERRED",
            f"the target {names} is predicted by {task}",
            severity=Severity.INFO,
        )
    for target in targets:
        yield from _find_target_faults(target, task.of_one_target, table, _target_field(spec))
    yield from _find_wrong_metrics(spec, task)
    yield from _find_feature_faults(spec, task, table)


def _target_field(spec: JobSpec) -> str:
    return "training_job.targets" if spec.learning.targets else "training_job.target"


def _find_target_faults(target: Column, task: Task, table: Table, field: str) -> Iterator[Finding]:
    rows = table.row_count - target.missing_count
    if rows < MIN_ROWS:
        message = f"the target {target.name!r} is known in {rows} rows; {MIN_ROWS} are needed"
        yield Finding(field, "TOO_FEW_ROWS", message, "add rows")
    elif target.distinct_count == 1:
        reason = "ONE_CLASS" if task is Task.CLASSIFICATION else "ONE_VALUE"
        message = f"the target {target.name!r} has one value in every row: nothing to learn"
        yield Finding(field, reason, message, "add rows with other values")
    numeric = target.type in (ColumnType.INTEGER, ColumnType.FLOAT)
    if task is Task.REGRESSION and not numeric:
        message = f"the target {target.name!r} holds {target.type}, but regression predicts numbers"
        yield Finding(_TASK, "TARGET_NOT_NUMERIC", message, "classification")
    if task is Task.CLASSIFICATION and target.distinct_count > min(MAX_CLASSES, rows // 2):
        message = (
            f"the target {target.name!r} has {target.distinct_count} classes in {rows} rows; at"
            f" most {MAX_CLASSES} are learned, with two rows each on average"
        )
        yield Finding(
            field,
            "TOO_MANY_CLASSES",
            message,
            "regression" if numeric else "a column of fewer values",
        )
    if target.missing_count:
        message = f"{target.missing_count} rows without a target are left out"
        yield Finding(field, "TARGET_MISSING", message, severity=Severity.INFO)


def _find_wrong_metrics(spec: JobSpec, task: Task) -> Iterator[Finding]:
    """Find metrics that the task has not, where the caller left it to be inferred."""
    if spec.task:
        return
    gate, search = spec.on_success.gate, spec.search
    for field, metric in (
        ("training_job.on_success.promote.metric", gate.metric if gate else ""),
        ("training_job.search.metric", search.metric if search else ""),
    ):
        if metric and metric not in METRICS[task]:
            message = f"{task} gives no metric {metric!r}; it gives {', '.join(METRICS[task])}"
            yield Finding(field, "METRIC_UNKNOWN", message, METRICS[task][0])


def _find_feature_faults(spec: JobSpec, task: Task, table: Table) -> Iterator[Finding]:
    """Ask for the first features one by one, so that every wrong one is told, or for all."""
    wanted = spec.features
    others = {*spec.targets[1:], spec.learning.weight_column, spec.evaluation.column}
    usable = tuple(column for column in table.columns if column.name not in others)
    table = replace(table, columns=usable) if not wanted else table
    for position, feature in enumerate(wanted[:_MOST_ASKED_ALONE]):
        try:
            choose_features(table, spec.target, (feature,), task)
        except FitRefused as refused:
            field = f"{_FEATURES}[{position}].column"
            yield Finding(field, refused.fault.reason, refused.fault.message, "leave it out")
    rest = wanted[_MOST_ASKED_ALONE:]
    if wanted and not rest:
        return
    try:
        features = choose_features(table, spec.target, rest, task)
    except FitRefused as refused:
        yield Finding(_FEATURES, refused.fault.reason, refused.fault.message)
        return
    for sentence in features.left_out:
        yield Finding(_FEATURES, "COLUMN_LEFT_OUT", sentence, severity=Severity.WARNING)
