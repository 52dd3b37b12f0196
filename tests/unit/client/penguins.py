"""A model of penguins as the yard serves it."""

from collections.abc import Callable

import numpy as np

from modelyard import ModelVersion
from modelyard.inference.v1.inference_pb2 import (
    ModelInferRequest,
    ModelInferResponse,
    ModelMetadataResponse,
)
from modelyard.registry.v1.resources_pb2 import TensorSpec
from modelyard.tensors import Array, Tensor, decode, encode
from tests.unit.client.yard import Yard

TYPES = {"length": "FP32", "island": "BYTES", "year": "INT64"}


def version(number: int, classes: list[str], **types: str) -> ModelVersion:
    made = ModelVersion(name=f"models/penguins/versions/{number}", classes=classes)
    for name, datatype in types.items():
        role = TensorSpec.ROLE_CATEGORICAL if datatype == "BYTES" else TensorSpec.ROLE_NUMERIC
        made.signature.inputs.add(name=name, datatype=datatype, shape=[-1, 1], role=role)
    return made


def metadata(number: int, **types: str) -> ModelMetadataResponse:
    tensor = ModelMetadataResponse.TensorMetadata
    return ModelMetadataResponse(
        name="penguins",
        versions=[str(number)],
        inputs=[tensor(name=it, datatype=kind, shape=[-1, 1]) for it, kind in types.items()],
        outputs=[
            tensor(name="label", datatype="BYTES", shape=[-1]),
            tensor(name="probabilities", datatype="FP32", shape=[-1, 2]),
        ],
    )


def columns(request: ModelInferRequest) -> dict[str, Array]:
    return {
        it.name: decode(raw, it.datatype, tuple(it.shape)).ravel()
        for it, raw in zip(request.inputs, request.raw_input_contents, strict=True)
    }


def answer(number: int, outputs: dict[str, Array]) -> ModelInferResponse:
    response = ModelInferResponse(model_name="penguins", model_version=str(number))
    for name, array in outputs.items():
        datatype = "BYTES" if array.dtype.kind in "OU" else "FP32"
        response.outputs.add(name=name, datatype=datatype, shape=array.shape)
        response.raw_output_contents.append(encode(Tensor(name, datatype, array)))
    return response


def classifier(number: int) -> Callable[[ModelInferRequest], ModelInferResponse]:
    """Call every row over 45 the second class, with the year's last digit as its chance."""

    def classify(request: ModelInferRequest) -> ModelInferResponse:
        lengths = columns(request)["length"]
        chances = np.where(lengths > 45, 0.75, 0.25).astype("<f4")
        labels = np.where(lengths > 45, "Gentoo", "Adelie")
        both = np.stack([1 - chances, chances], axis=1)
        return answer(number, {"label": labels, "probabilities": both})

    return classify


def serve_penguins() -> Yard:
    """Two versions of a classifier, the first of which answers."""
    made = [version(it, ["Adelie", "Gentoo"], **TYPES) for it in (1, 2)]
    return Yard(
        versions={it.name: it for it in made}, metadata=metadata(1, **TYPES), infer=classifier(1)
    )
