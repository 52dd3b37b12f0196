"""How training jobs look on a terminal."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from modelyard.commands.panels import grid, metrics_table, moment
from modelyard.names import last_id
from modelyard.training.v1.search_pb2 import Trial
from modelyard.training.v1.training_pb2 import Evaluation, PromotionOutcome, TrainingJob


def jobs_table(jobs: Sequence[TrainingJob]) -> Table:
    """Show jobs, one a line."""
    return grid(
        ["JOB", "STATE", "DONE", "MODEL", "DATASET", "TARGET", "MADE"],
        (
            [
                *(last_id(it.name), job_state(it), f"{it.progress_percent} %", last_id(it.model)),
                *(
                    it.dataset_version.removeprefix("datasets/"),
                    _targets(it),
                    moment(it.create_time),
                ),
            ]
            for it in jobs
        ),
    )


def job_panel(job: TrainingJob) -> Panel:
    """Show one job with all that is known about it."""
    stage = f" {job.stage}" if job.stage else ""
    lines = [f"{job_state(job)},{stage} {job.progress_percent} %", _times(job)]
    lines.append(f"trains {job.model} on {job.dataset_version}, target {_targets(job)}")
    settings = [f"{key}={_words(value)}" for key, value in sorted(dict(job.settings).items())]
    lines.append(f"trainer {', '.join([job.trainer or 'chosen by the server', *settings])}")
    if evaluated := _evaluation_words(job.evaluation):
        lines.append(f"evaluated {evaluated}")
    lines.append(
        f"queue {job.queue}, priority {job.priority}, attempt {job.attempt}; may use"
        f" {job.limits.memory_mb} MiB and {job.limits.time.ToTimedelta()}"
    )
    if job.model_version:
        lines.append(f"made {job.model_version}")
    if job.HasField("promotion"):
        lines.append(_promotion_words(job.promotion))
    parts: list[RenderableType] = [escape(line) for line in lines]
    if job.HasField("fault"):
        parts.append(f"[red]{escape(job.fault.reason)}: {escape(job.fault.message)}[/]")
    if job.metrics:
        parts += ["", metrics_table(job.metrics)]
    if job.trials:
        parts += ["", _trials_table(job.trials)]
    return Panel(Group(*parts), title=escape(job.name), title_align="left", expand=False)


def _trials_table(trials: Sequence[Trial]) -> Table:
    """Show the trials of a search, one a line."""
    return grid(
        ["TRIAL", "STATE", "VALUE", "SHARE", "SETTINGS"],
        (
            [
                f"{it.number}{' *' if it.best else ''}",
                Trial.State.Name(it.state).removeprefix("STATE_").lower(),
                f"{it.value:.6g}" if it.HasField("value") else it.message,
                f"{it.resource_fraction:.3g}",
                ", ".join(f"{key}={_words(value)}" for key, value in sorted(it.settings.items())),
            ]
            for it in trials
        ),
    )


def job_state(job: TrainingJob) -> str:
    """Return a job's state as a word."""
    return TrainingJob.State.Name(job.state).removeprefix("STATE_").lower()


def _targets(job: TrainingJob) -> str:
    return ", ".join(job.targets) or job.target


def _promotion_words(outcome: PromotionOutcome) -> str:
    moved = "points to it" if outcome.moved else "stays"
    return f"alias {outcome.alias} {moved}: {outcome.message} ({outcome.reason})"


def _times(job: TrainingJob) -> str:
    """Tell when the job was made, started and ended, as far as it was."""
    times = [f"made {moment(job.create_time)}"]
    if job.HasField("start_time"):
        times.append(f"started {moment(job.start_time)}")
    if job.HasField("end_time"):
        times.append(f"ended {moment(job.end_time)}")
    return ", ".join(times)


def _evaluation_words(evaluation: Evaluation) -> str:
    """Tell what was asked of the evaluation."""
    words = []
    if evaluation.split:
        name = Evaluation.Split.Name(evaluation.split).removeprefix("SPLIT_")
        words.append(name.lower().replace("_", "-"))
    if evaluation.split_column:
        words.append(f"by {evaluation.split_column}")
    if evaluation.folds:
        words.append(f"in {evaluation.folds} folds")
    if evaluation.segment_column:
        words.append(f"for each {evaluation.segment_column}")
    return " ".join(words)


def _words(value: Any) -> str:
    """Tell a setting; a Struct holds whole numbers as floats."""
    return f"{value:g}" if isinstance(value, float) else str(value)
