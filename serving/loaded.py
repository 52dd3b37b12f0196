"""A loaded version: the handle that keeps a model alive for as long as anyone holds it."""

import time
from collections.abc import Iterable

from serving.input_rules import InputRule, make_rules
from serving.onnx_model import OnnxModel
from serving.snapshot import ServableVersion
from serving.statistics import VersionStatistics

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
        last_used: When it was last handed out, in seconds of the monotonic clock.
        statistics: What it did; None until its first call opens them.
    """

    __slots__ = (
        "__weakref__",
        "_quick_rows",
        "last_used",
        "model",
        "output_names",
        "output_types",
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
        self.output_types = {spec.name: spec.datatype for spec in signature.outputs}
        self.last_used = time.monotonic()
        self.statistics: VersionStatistics | None = None
        self._quick_rows = _count_quick_rows(model, self.rules.values())

    def is_quick(self, rows: int) -> bool:
        """Tell whether a call of so many rows is over in less than a millisecond or so."""
        return rows <= self._quick_rows


def _count_quick_rows(model: OnnxModel, rules: Iterable[InputRule]) -> float:
    seconds_per_row = model.seconds_per_row + _SECONDS_PER_NUMBER
    for rule in rules:
        per_element = _SECONDS_PER_TEXT if rule.is_text else _SECONDS_PER_NUMBER
        seconds_per_row += rule.row_elements * per_element
    return 1 + (QUICK_SECONDS - model.seconds_per_run) / seconds_per_row
