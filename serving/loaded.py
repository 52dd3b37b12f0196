"""A loaded version: the handle that keeps a model alive for as long as anyone holds it."""

import dataclasses
import logging
import time
from collections.abc import Iterable

from registry.batching import FEWEST_ROWS, Batching
from serving.batching import Batcher, RunAside
from serving.input_rules import InputRule, make_rules
from serving.onnx_model import OnnxModel
from serving.plans import Plans
from serving.row_wise import is_row_wise
from serving.snapshot import ServableVersion
from serving.statistics import VersionStatistics

logger = logging.getLogger(__name__)

QUICK_SECONDS = 1e-3
"""A run that takes longer leaves the event loop to others."""

# To take one element from the wire, measured: numbers in bulk, texts one by one.
_SECONDS_PER_NUMBER = 2e-8
_SECONDS_PER_TEXT = 3e-7


class LoadedVersion:
    """A version with its model, ready to run.

    A call takes the handle once and keeps it until it has answered: whatever happens to
    aliases meanwhile, one version answers. The memory is freed with the last reference.

    Attributes:
        version: What it is.
        model: What runs.
        rules: What each input must be, by name, in the model's order.
        output_names: The outputs, in the model's order.
        output_types: The datatype of each output by name.
        plans: What its callers ask for, as far as it is remembered.
        last_used: When it was last handed out, in seconds of the monotonic clock.
        statistics: What it did; None until its first call opens them.
        batcher: Joins quick calls, if the model asks for that and this version is fit for it.
    """

    __slots__ = (
        "__weakref__",
        "_batching",
        "_is_row_wise",
        "_quick_rows",
        "batcher",
        "last_used",
        "model",
        "output_names",
        "output_types",
        "plans",
        "rules",
        "statistics",
        "version",
    )

    def __init__(self, version: ServableVersion, model: OnnxModel) -> None:
        signature = version.signature
        self.version = version
        self.model = model
        self.rules: dict[str, InputRule] = make_rules(signature)
        self.output_names = [spec.name for spec in signature.outputs]
        self.plans = Plans(self.rules, self.output_names)
        self.output_types = {spec.name: spec.datatype for spec in signature.outputs}
        self.last_used = time.monotonic()
        self.statistics: VersionStatistics | None = None
        self._quick_rows = _count_quick_rows(model, self.rules.values())
        self.batcher: Batcher | None = None
        self._batching: Batching | None = None
        self._is_row_wise = self.is_quick(1) and is_row_wise(model, signature)

    def is_quick(self, rows: float) -> bool:
        """Tell whether a call of so many rows is over in less than a millisecond or so."""
        return rows <= self._quick_rows

    def join_calls(
        self, batching: Batching | None, run_aside: RunAside, most_elements: int
    ) -> None:
        """Join calls from now on in this way; those that wait are run as they were to be.

        Args:
            batching: How; None joins none.
            run_aside: Runs a function in a thread.
            most_elements: The most elements that the inputs of one run may have.
        """
        if batching == self._batching:
            return
        self._batching = batching
        self.batcher = None
        if batching is None:
            return
        elements = sum(rule.row_elements for rule in self.rules.values())
        rows = min(batching.max_rows, most_elements // max(1, elements))
        if rows < FEWEST_ROWS or not self._is_row_wise:
            logger.warning(
                "%s is run call by call, although its model asks for batching: it does not"
                " answer row by row, or takes a millisecond or more, or its rows are too wide",
                self.version,
            )
            return
        fitting = dataclasses.replace(batching, max_rows=rows)
        self.batcher = Batcher(self.model, self._quick_rows, fitting, run_aside)


def _count_quick_rows(model: OnnxModel, rules: Iterable[InputRule]) -> float:
    seconds_per_row = model.seconds_per_row + _SECONDS_PER_NUMBER
    for rule in rules:
        per_element = _SECONDS_PER_TEXT if rule.is_text else _SECONDS_PER_NUMBER
        seconds_per_row += rule.row_elements * per_element
    return 1 + (QUICK_SECONDS - model.seconds_per_run) / seconds_per_row
