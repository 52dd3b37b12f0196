import numpy as np
import pytest

from modelyard.inference.v1 import inference_pb2 as pb
from serving.messages import read_wanted_outputs, write_answer
from tests.unit.serving.graphs import version_of
from tests.unit.serving.refused import refused

InferParameter = pb.InferParameter
RequestedOutput = pb.ModelInferRequest.InferRequestedOutputTensor


def test_outputs_are_all_unless_some_are_asked_for() -> None:
    assert read_wanted_outputs([], ["label", "sum"]) == (["label", "sum"], {})
    asked = [RequestedOutput(name="sum"), RequestedOutput(name="label")]
    assert read_wanted_outputs(asked, ["label", "sum"]) == (["sum", "label"], {})
    asked[0].parameters["hint"].bool_param = True
    asked[1].parameters["classification"].int64_param = 3
    assert read_wanted_outputs(asked, ["label", "sum"]) == (["sum", "label"], {"label": 3})


@pytest.mark.parametrize(
    ("names", "parameter", "field", "word"),
    [
        (["hat"], None, 'outputs["hat"]', "unknown"),
        (["sum", "sum"], None, 'outputs["sum"]', "twice"),
        (
            ["sum"],
            ("classification", InferParameter(int64_param=0)),
            'outputs["sum"].parameters["classification"]',
            "from 1",
        ),
        (
            ["sum"],
            ("classification", InferParameter(string_param="2")),
            'outputs["sum"].parameters["classification"]',
            "int64_param",
        ),
        (
            ["sum"],
            ("classification", InferParameter()),
            'outputs["sum"].parameters["classification"]',
            "int64_param",
        ),
        (
            ["sum"],
            ("shared_memory_offset", InferParameter(int64_param=2)),
            'outputs["sum"].parameters["shared_memory_offset"]',
            "no shared memory",
        ),
    ],
)
def test_outputs_that_are_refused(
    names: list[str], parameter: tuple[str, pb.InferParameter] | None, field: str, word: str
) -> None:
    asked = [RequestedOutput(name=name) for name in names]
    if parameter:
        asked[0].parameters[parameter[0]].CopyFrom(parameter[1])
    with refused(field, word):
        read_wanted_outputs(asked, ["label", "sum"])


def test_an_answer_has_one_raw_entry_for_each_output() -> None:
    arrays = [np.array(["a", "bc"], object), np.zeros((2, 3), np.float16)]
    answer = write_answer(
        version_of(b"", 7), ["label", "p"], {"p": "FP16", "label": "BYTES"}, arrays
    )
    assert (answer.model_name, answer.model_version) == ("m", "7")
    assert [(o.name, o.datatype, list(o.shape)) for o in answer.outputs] == [
        ("label", "BYTES", [2]),
        ("p", "FP16", [2, 3]),
    ]
    assert list(answer.raw_output_contents) == [b"\1\0\0\0a\2\0\0\0bc", bytes(12)]
    assert not any(output.HasField("contents") for output in answer.outputs)


def test_an_output_without_rows_has_an_empty_raw_entry() -> None:
    answer = write_answer(version_of(b""), ["y"], {"y": "FP32"}, [np.zeros((0, 3), np.float32)])
    assert list(answer.raw_output_contents) == [b""]
    assert list(answer.outputs[0].shape) == [0, 3]
