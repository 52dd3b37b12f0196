"""The tensors of a request -> NumPy; `serving.messages` writes those of answers.

A request is read in two steps. `read_layout` looks at names, types and shapes alone, so
that whatever is wrong with them, or too large, is refused before memory is taken for it.
`read_inputs` then takes the elements. Rules: the Open Inference Protocol with Triton's
extensions, made strict: a column of n values for an input [-1, 1] has the shape [n, 1].
"""

from collections.abc import Iterable, Mapping

from modelyard.inference.v1 import inference_pb2 as pb
from serving import refusals
from serving.elements import (
    Array,
    ElementsInvalid,
    decode_texts,
    read_list,
    read_numbers,
    read_texts,
)
from serving.errors import TensorInvalid
from serving.input_rules import InputRule
from serving.parameters import check_input_parameters

_CONTENTS_FIELDS = {
    "BOOL": "bool_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""Where each type's elements are in `contents`; FP16 has no place there."""

_InputTensor = pb.ModelInferRequest.InferInputTensor
_CheckedInput = tuple[_InputTensor, InputRule, list[int], int]


class InferLayout:
    """What a request holds, as far as its names, types and shapes tell.

    Attributes:
        inputs: Each input with its rule, its shape and its number of elements, in the
            request's order.
        rows: How many times the model's smallest input the largest one is.
        batch: The first dimension of the inputs that take rows; 1 if none does.
    """

    __slots__ = ("batch", "inputs", "rows")

    def __init__(self, inputs: list[_CheckedInput], rows: int, batch: int) -> None:
        self.inputs = inputs
        self.rows = rows
        self.batch = batch


def read_layout(
    tensors: Iterable[_InputTensor], rules: Mapping[str, InputRule], max_elements: int
) -> InferLayout:
    """Check everything about a request's inputs but their elements.

    Args:
        tensors: The request's inputs.
        rules: What each input must be, by name.
        max_elements: The most elements that more than one row may have.

    Raises:
        TensorInvalid: An input is unknown, missing or there twice, has another type or
            shape, or another number of rows than the rest; or all are too large.
    """
    seen: set[str] = set()
    inputs: list[_CheckedInput] = []
    elements = rows = batch = 0
    for tensor in tensors:
        name = tensor.name
        rule = rules.get(name)
        if rule is None or name in seen:
            raise refusals.refuse_name(name, rules)
        seen.add(name)
        if tensor.datatype != rule.datatype:
            raise refusals.refuse_datatype(tensor.datatype, rule)
        shape = tensor.shape[:]
        count = rule.count_elements(shape)
        if rule.is_batched:
            batch = batch or shape[0]
            if batch != shape[0]:
                raise refusals.refuse_batch(rule, shape[0], batch)
        if tensor.parameters:
            check_input_parameters(name, tensor.parameters)
        inputs.append((tensor, rule, shape, count))
        elements += count
        rows = max(rows, count // rule.row_elements)
    if len(inputs) != len(rules):
        raise refusals.refuse_missing(seen, rules)
    if elements > max_elements and rows > 1:
        raise refusals.refuse_size(elements, max_elements)
    return InferLayout(inputs, rows, batch or 1)


def read_inputs(layout: InferLayout, raw: Iterable[bytes]) -> dict[str, Array]:
    """Take the elements of every input.

    Args:
        layout: The request's checked inputs.
        raw: The request's `raw_input_contents`.

    Returns:
        Every input by name; text is an object array of str. Arrays of numbers are
        views of the request's bytes and can't be written.

    Raises:
        TensorInvalid: Elements are missing, too many, given in two forms, or not what
            the type and shape ask for.
    """
    pieces = list(raw)
    if not pieces:
        return {item[1].name: _read_contents(*item) for item in layout.inputs}
    if len(pieces) != len(layout.inputs):
        raise TensorInvalid(
            f"raw_input_contents has {len(pieces)} entries for {len(layout.inputs)} inputs;"
            " send one for each input, in the order of inputs",
            field="raw_input_contents",
        )
    feeds = {}
    for index, (tensor, rule, shape, count) in enumerate(layout.inputs):
        if tensor.HasField("contents"):
            raise TensorInvalid(
                f"input {rule.name!r} has contents, and the request has raw_input_contents;"
                " send all elements in one of the two",
                field=f"{rule.path}.contents",
            )
        try:
            if rule.is_text:
                feeds[rule.name] = read_texts(pieces[index], shape, count)
            else:
                feeds[rule.name] = read_numbers(pieces[index], rule.dtype, shape, count)
        except ElementsInvalid as error:
            raise refusals.refuse_elements(
                rule, shape, f"raw_input_contents[{index}]", error
            ) from error
    return feeds


def _read_contents(tensor: _InputTensor, rule: InputRule, shape: list[int], count: int) -> Array:
    """Take elements from the typed lists of one input."""
    path = f"{rule.path}.contents"
    wanted = _CONTENTS_FIELDS.get(rule.datatype)
    if wanted is None:
        raise TensorInvalid(
            f"input {rule.name!r} is {rule.datatype}, which only raw_input_contents can hold",
            field=path,
        )
    set_fields = [field.name for field, _ in tensor.contents.ListFields()]
    if set_fields != [wanted]:
        raise TensorInvalid(
            f"input {rule.name!r} must have its {count} elements in raw_input_contents or in"
            f" contents.{wanted}; set are {set_fields or 'neither'}",
            field=path,
        )
    values = getattr(tensor.contents, wanted)
    try:
        if rule.is_text:
            return decode_texts(values, shape, count)
        return read_list(values, rule.dtype, shape, count)
    except ElementsInvalid as error:
        raise refusals.refuse_elements(rule, shape, f"{path}.{wanted}", error) from error
