"""The champion on a job's holdout rows: run by its own ONNX file, beside the fit."""

import traceback
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
import polars as pl

from registry.reports import Fault
from registry.signature import Signature
from training.evaluation.evaluate import measure_holdout
from training.features import Array
from training.fitting import Rival
from training.parity import open_session
from training.plan import Examples, Plan
from training.promotion import Contest, describe_incompatibility


@dataclass(frozen=True, slots=True)
class Contender:
    """A model that was fitted, and how its callers see it.

    Attributes:
        signature: What goes in and comes out.
        classes: The classes as text.
        values: The classes of one target as they are; else None.
    """

    signature: Signature
    classes: tuple[str, ...]
    values: Array | None


def hold_contest(
    model: bytes, rival: Rival, contender: Contender, plan: Plan, examples: Examples
) -> Contest:
    """Measure the champion on the rows that the contender is measured on.

    Args:
        model: The champion's ONNX file.
        rival: What is known of the champion.
        contender: Who wants to take its place.
        plan: What both do.
        examples: The rows, and what is to be predicted.
    """
    ours = (contender.signature, contender.classes)
    if why := describe_incompatibility(ours, (rival.signature, rival.classes)):
        message = f"callers of the champion could not call this version: {why}"
        return Contest(fault=Fault("INCOMPATIBLE", message))
    try:
        champion: Any = _Graph(open_session(model), contender.values)
        return Contest(measure_holdout(champion, plan, examples))
    except Exception:  # noqa: BLE001 - ONNX Runtime's errors have no common class of their own
        traceback.print_exc()
        return Contest(
            fault=Fault("CHAMPION_FAILED", "the champion could not be run on the holdout rows")
        )


class _Graph:
    """An ONNX graph that answers as a fitted pipeline does.

    Args:
        session: The graph, loaded.
        classes: [classes] Of one target, in the order of its probabilities; else None.
    """

    def __init__(self, session: onnxruntime.InferenceSession, classes: Array | None) -> None:
        self._session = session
        if classes is not None:
            self.classes_ = classes

    def predict(self, frame: pl.DataFrame) -> Array:
        """Return labels or values, [rows] or [rows, targets]."""
        return self._run(frame)[0]

    def predict_proba(self, frame: pl.DataFrame) -> Array | list[Array]:
        """Return probabilities, FP32 [rows, classes], as they are served; of labels a list."""
        shares = self._run(frame)[1]
        if hasattr(self, "classes_"):
            return shares
        return [np.column_stack([1 - share, share]) for share in shares.T]

    def _run(self, frame: pl.DataFrame) -> list[Array]:
        feeds = {it.name: it.to_numpy()[:, np.newaxis] for it in frame}
        outputs: list[Array] = self._session.run(None, feeds)
        return outputs
