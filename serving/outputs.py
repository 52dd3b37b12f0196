"""The outputs of a request: which it wants, and how they are written."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from modelyard.inference.v1 import inference_pb2 as pb
from serving import refusals
from serving.classification import classify
from serving.elements import Array, write_elements
from serving.errors import TensorInvalid
from serving.input_rules import takes_rows
from serving.parameters import read_classification
from serving.snapshot import ServableVersion

_MOST_HEADS = 16
_NO_TEXT: Mapping[str, int] = MappingProxyType({})

Shapes = tuple[tuple[int, ...], ...]
WantedOutputs = tuple[list[str], Mapping[str, int]]
"""The outputs that a request wants, in the order of the answer; and for those wanted as text,
how many of their highest elements."""


def read_wanted_outputs(
    requested: Sequence[pb.ModelInferRequest.InferRequestedOutputTensor], known: list[str]
) -> WantedOutputs:
    """Tell which outputs are wanted; none asked for means all.

    Raises:
        TensorInvalid: An output is unknown, asked for twice, or wanted in a form that
            is not offered.
    """
    if not requested:
        return known, _NO_TEXT
    names: list[str] = []
    highest: dict[str, int] = {}
    for output in requested:
        name = output.name
        if name not in known or name in names:
            problem = "is asked for twice" if name in names else "is unknown"
            raise TensorInvalid(
                f"output {name[:80]!r} {problem}; the model has {refusals.list_names(known)}",
                field=f'outputs["{name[:80]}"]',
            )
        if output.parameters and (count := read_classification(name, output.parameters)):
            highest[name] = count
        names.append(name)
    return names, highest


def write_answer(
    version: ServableVersion,
    names: list[str],
    datatypes: Mapping[str, str],
    arrays: list[Array],
    heads: dict[Shapes, bytes],
) -> pb.ModelInferResponse:
    """Write outputs as a response; the elements are always raw, `contents` never set.

    Args:
        version: The version that answered.
        names: The outputs' names.
        datatypes: The datatype of each output by name.
        arrays: The outputs; text is an object array of str.
        heads: Beginnings of answers of that version, names and types, by their shapes; to
            read one back is quicker than to make it anew, so new ones are added.
    """
    shapes = tuple([array.shape for array in arrays])
    head = heads.get(shapes)
    if head is None:
        if len(heads) >= _MOST_HEADS:
            heads.clear()
        head = heads[shapes] = _write_head(version, names, datatypes, shapes)
    response = pb.ModelInferResponse.FromString(head)
    response.raw_output_contents.extend([write_elements(array) for array in arrays])
    return response


def _write_head(
    version: ServableVersion, names: list[str], datatypes: Mapping[str, str], shapes: Shapes
) -> bytes:
    response = pb.ModelInferResponse(model_name=version.model_id, model_version=str(version.number))
    for name, shape in zip(names, shapes, strict=True):
        response.outputs.add(name=name, datatype=datatypes[name], shape=shape)
    return response.SerializeToString()


def write_as_text(
    version: ServableVersion, wanted: WantedOutputs, arrays: list[Array]
) -> list[Array]:
    """Replace the outputs that are wanted as text.

    Raises:
        TensorInvalid: One can't be written so.
    """
    by_row = takes_rows(version.signature)
    names, highest = wanted
    return [
        classify(name, array, highest[name], version.classes, by_row=by_row)
        if name in highest
        else array
        for name, array in zip(names, arrays, strict=True)
    ]
