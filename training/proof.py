"""Proves that a graph answers as its pipeline: which rows are compared, and what came of it."""

from pathlib import Path
from typing import Any

import numpy as np

from registry import golden_rows
from registry.reports import ParityReport
from registry.signature import Signature, Task
from training.edge_rows import make_edge_rows
from training.features import Rows, spread_rows
from training.golden import choose_rows, write_golden_rows
from training.parity import Parity, make_report, open_session, predict
from training.plan import Examples, Plan
from training.trainers import FAMILIES

_BASE_ROWS = 3
_TRAINING_ROWS = 5000


def prove(
    pipeline: Any,
    model: bytes,
    signature: Signature,
    examples: Examples,
    plan: Plan,
    folder: Path,
) -> ParityReport:
    """Compare on holdout and edge rows, and write the golden rows from among them.

    Args:
        pipeline: Fitted.
        model: Its graph, an ONNX file.
        signature: What goes in and comes out.
        examples: What was learned from and held out.
        plan: What was done.
        folder: Where the golden rows go.
    """
    sets = gather_sets(examples)
    parity = pair(pipeline, model, examples, plan)
    golden = choose_rows(sets, "holdout")
    answers = predict(pipeline, golden)
    scale = float(np.min(parity.scale))
    content = write_golden_rows(signature, golden, answers, scale, parity.tolerance)
    (folder / golden_rows.ARTIFACT_ID).write_bytes(content)
    return make_report(parity.check(sets))


def gather_sets(examples: Examples) -> dict[str, Rows]:
    """Gather the rows to compare on by the name of their kind, the holdout first."""
    training, _ = examples.select(examples.split.training)
    holdout, _ = examples.select(examples.split.holdout)
    base = spread_rows(holdout, _BASE_ROWS)
    # Training rows are where thresholds sit, so where a rounding shows first.
    sets = {"holdout": holdout, "training": spread_rows(training, _TRAINING_ROWS)}
    return sets | make_edge_rows(examples.inputs, training, base)


def pair(pipeline: Any, model: bytes, examples: Examples, plan: Plan) -> Parity:
    """Put a graph beside its pipeline, to be compared as exactly as the plan asks."""
    scale = np.ones(1)
    if plan.task is Task.REGRESSION:
        scale = np.atleast_1d(examples.target.std(axis=0))
        scale[scale == 0] = 1.0
    # Only sums need their columns scaled.
    is_smooth = FAMILIES[plan.trainer.id].scale
    return Parity(pipeline, open_session(model), scale, plan.learning.parity_tolerance, is_smooth)


def describe_proof(parity: ParityReport) -> str:
    """Tell in a sentence how far the graph is from the pipeline."""
    failed = [check for check in parity.checks if not check.passed]
    rows = sum(check.row_count for check in parity.checks)
    if not failed:
        most = max(check.max_difference for check in parity.checks)
        how = f"to {most:.1g}" if most else "to the last digit"
        return f"the ONNX graph agrees with the pipeline on {rows} rows, {how}"
    worst = max(failed, key=lambda check: check.max_difference)
    return (
        f"the ONNX graph differs from the pipeline on {worst.rows} by {worst.max_difference:.3g}"
        f" (let through: {worst.tolerance:g}), {worst.label_mismatch_count} of {worst.row_count}"
        " labels differ; try another trainer, and report this"
    )
