"""What requests ask for, checked once for all that differ in nothing but their elements.

Callers send the same names, types and shapes again and again. A request without its id and
elements is the key: equal bytes ask for the same.
"""

from collections.abc import Mapping, Sequence

from modelyard.inference.v1 import inference_pb2 as pb
from serving.input_rules import InputRule
from serving.outputs import Shapes, WantedOutputs, read_wanted_outputs
from serving.parameters import read_wait_seconds
from serving.tensors import InferLayout, read_layout

_MOST_KEY_BYTES = 1 << 16
_LONGEST_KEY = 1 << 13


class InferPlan:
    """What a request asks for, checked.

    Attributes:
        layout: Its inputs, but for their elements.
        wanted: Its outputs.
        wait_seconds: How long it may wait before it is run; None if it does not say.
        heads: What answers begin with, by their shapes; see `write_answer`.
    """

    __slots__ = ("heads", "layout", "wait_seconds", "wanted")

    def __init__(
        self, layout: InferLayout, wanted: WantedOutputs, wait_seconds: float | None
    ) -> None:
        self.layout = layout
        self.wanted = wanted
        self.wait_seconds = wait_seconds
        self.heads: dict[Shapes, bytes] = {}


class InferCall:
    """One request.

    Attributes:
        id: What its caller calls it.
        plan: What it asks for.
        raw: The elements of its inputs; none if they are in `contents`.
    """

    __slots__ = ("id", "plan", "raw")

    def __init__(self, id_: str, plan: InferPlan, raw: Sequence[bytes]) -> None:
        self.id = id_
        self.plan = plan
        self.raw = raw


class Plans:
    """Remembers the plans of one version, within a bound.

    Args:
        rules: What each input must be, by name.
        output_names: The outputs, in the model's order.

    Attributes:
        known_bytes: How long the keys of what is remembered are together.
    """

    __slots__ = ("_known", "_output_names", "_rules", "known_bytes")

    def __init__(self, rules: Mapping[str, InputRule], output_names: list[str]) -> None:
        self._rules = rules
        self._output_names = output_names
        self._known: dict[bytes, InferPlan] = {}
        self.known_bytes = 0

    def read(self, request: pb.ModelInferRequest, max_elements: int) -> InferCall:
        """Read all of a request but its elements, which are taken out of it.

        Raises:
            TensorInvalid: It does not fit the model, or asks for what is not offered.
        """
        raw = request.raw_input_contents[:]
        id_ = request.id
        if not raw:
            return InferCall(id_, self._make(request, max_elements), raw)
        request.ClearField("raw_input_contents")
        if id_:
            request.ClearField("id")
        key = request.SerializeToString()
        if id_:
            request.id = id_
        plan = self._known.get(key)
        if plan is None:
            plan = self._make(request, max_elements)
            self._remember(key, plan)
        return InferCall(id_, plan, raw)

    def _make(self, request: pb.ModelInferRequest, max_elements: int) -> InferPlan:
        wait_seconds = read_wait_seconds(request.parameters) if request.parameters else None
        layout = read_layout(request.inputs, self._rules, max_elements)
        wanted = read_wanted_outputs(request.outputs, self._output_names)
        return InferPlan(layout, wanted, wait_seconds)

    def _remember(self, key: bytes, plan: InferPlan) -> None:
        layout = plan.layout
        if len(key) > _LONGEST_KEY or any(t.HasField("contents") for t in layout.tensors):
            return
        layout.tensors = []  # what is known to be raw needs no second look
        self.known_bytes += len(key)
        if self.known_bytes > _MOST_KEY_BYTES:
            self._known.clear()
            self.known_bytes = len(key)
        self._known[key] = plan
