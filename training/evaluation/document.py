"""Writes down what was found about a version: its evaluation, its plots, its model card."""

from pathlib import Path

from training.evaluation import report
from training.evaluation.report import Evaluation
from training.fitting import FitFile, FitOutcome, FitRequest


def document(
    folder: Path, request: FitRequest, outcome: FitOutcome, evaluation: Evaluation
) -> tuple[FitFile, ...]:
    """Write the files about a version into the fit's folder, where its golden rows are.

    The same fit writes the same bytes, so nothing here has a date.

    Returns:
        What was written.
    """
    (folder / report.ARTIFACT_ID).write_bytes(report.to_json(evaluation))
    files = [FitFile(report.ARTIFACT_ID, "application/json")]
    if not request.with_card:
        return tuple(files)
    # Imported only where they are needed: libraries that draw and fill in templates are large.
    from training.evaluation.card import write_card  # noqa: PLC0415
    from training.evaluation.plots import draw_plots  # noqa: PLC0415

    plots = tuple(draw_plots(evaluation))
    for plot in plots:
        (folder / plot.name).write_bytes(plot.png)
        files.append(FitFile(plot.name, "image/png"))
    return (*files, *write_card(folder, request, outcome, evaluation, plots))
