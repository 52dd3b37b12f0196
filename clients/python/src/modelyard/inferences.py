"""Predictions: from rows to tensors, through the server, to a result."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import grpc
import numpy as np
from numpy.typing import ArrayLike

from modelyard.calls import Calls, Operations
from modelyard.error import ModelyardError, invalid_rows
from modelyard.inference.v1 import inference_pb2 as messages
from modelyard.inference.v1.inference_pb2 import ModelMetadataResponse
from modelyard.names import ModelRef, VersionRef, last_id, model_name, version_id, version_name
from modelyard.prediction import (
    PROBABILITIES,
    VALUE,
    Inference,
    Prediction,
    as_prediction,
    read_inference,
)
from modelyard.registry.v1.registry_pb2 import GetModelVersionRequest
from modelyard.rows import Rows, to_tensors
from modelyard.tensors import Tensor, datatype_of, encode

ModelMetadata: TypeAlias = ModelMetadataResponse
_Names: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]


class InferenceOperations(Operations):
    """What can be done with models that are served.

    Args:
        calls: How the server is called.
    """

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self._metadata: dict[tuple[str, str], ModelMetadata] = {}
        self._names: dict[tuple[str, str], _Names] = {}

    async def ready(self) -> bool:
        """Tell whether the server is there and serves every model that it should."""
        try:
            request = messages.ServerReadyRequest()
            return (await self._calls.unary(self._calls.inference.ServerReady, request)).ready
        except ModelyardError as error:
            if error.code not in {
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.DEADLINE_EXCEEDED,
            }:
                raise
            return False

    async def get_model_metadata(
        self, model: ModelRef, version: VersionRef | None = None
    ) -> ModelMetadata:
        """Return the inputs and outputs of a model that is served.

        Args:
            model: The model or its id.
            version: The version, its number or an alias; `champion` when not given.

        Raises:
            ModelyardError: The model is not served, or the call failed.
        """
        name, wanted = _served_as(model, version)
        request = messages.ModelMetadataRequest(name=name, version=wanted)
        found = await self._calls.unary(self._calls.inference.ModelMetadata, request)
        self._metadata[name, wanted] = found
        return found

    async def predict(
        self, model: ModelRef, rows: Rows, version: VersionRef | None = None
    ) -> Prediction:
        """Predict for rows given by column name.

        The model's columns are read on the first call, and again when rows do not fit
        what is known: the alias may have moved to a version with others.

        Args:
            model: The model or its id.
            rows: A dict of values (one row), a list of such dicts, a dict of columns
                (lists or arrays), a data frame; for a model with one input that is a
                matrix also the array itself. None or NaN is a missing value.
            version: The version, its number or an alias; `champion` when not given.

        Raises:
            ModelyardError: The rows do not fit the model, the model is not served, or a
                call failed.
        """
        known = self._metadata.get(_served_as(model, version))
        if known is not None:
            try:
                return await self._predict(known, rows, version)
            except ModelyardError as error:
                if error.code is not grpc.StatusCode.INVALID_ARGUMENT:
                    raise
        return await self._predict(await self.get_model_metadata(model, version), rows, version)

    async def infer(
        self,
        model: ModelRef,
        inputs: Mapping[str, ArrayLike],
        version: VersionRef | None = None,
        outputs: Sequence[str] = (),
    ) -> Inference:
        """Run a model on tensors as they are, without a look at what it takes.

        Args:
            model: The model or its id.
            inputs: The tensors by name; the type of each array is the tensor's type, text
                and bytes are BYTES.
            version: The version, its number or an alias; `champion` when not given.
            outputs: The outputs that are wanted; all when empty.

        Raises:
            ModelyardError: The model refused the tensors or is not served, an array has
                no type that the protocol knows, or the call failed.
        """
        arrays = {name: np.asarray(values) for name, values in inputs.items()}
        try:
            tensors = [Tensor(name, datatype_of(it), it) for name, it in arrays.items()]
        except ValueError as error:
            raise invalid_rows(str(error)) from None
        name, wanted = _served_as(model, version)
        return await self._infer(name, wanted, tensors, outputs)

    async def _predict(
        self, metadata: ModelMetadata, rows: Rows, version: VersionRef | None
    ) -> Prediction:
        """Predict for rows as the metadata says."""
        tensors = to_tensors(rows, metadata.inputs)
        name, wanted = _served_as(metadata.name, version)
        inference = await self._infer(name, wanted, tensors)
        return as_prediction(inference, *await self._read_names(inference))

    async def _infer(
        self, model: str, version: str, tensors: Sequence[Tensor], outputs: Sequence[str] = ()
    ) -> Inference:
        """Send tensors and read what comes back."""
        wanted = messages.ModelInferRequest
        request = wanted(
            model_name=model,
            model_version=version,
            inputs=[
                wanted.InferInputTensor(name=it.name, datatype=it.datatype, shape=it.array.shape)
                for it in tensors
            ],
            outputs=[wanted.InferRequestedOutputTensor(name=name) for name in outputs],
            raw_input_contents=[encode(it) for it in tensors],
        )
        return read_inference(await self._calls.unary(self._calls.inference.ModelInfer, request))

    async def _read_names(self, inference: Inference) -> _Names:
        """Return the classes and targets of a version; a version never changes them."""
        key = (inference.model, inference.model_version)
        shapes = {name: array.shape for name, array in inference.outputs.items()}
        if PROBABILITIES not in shapes and max(shapes.get(VALUE, ())[1:], default=1) == 1:
            return (), ()
        if key not in self._names:
            try:
                request = GetModelVersionRequest(name=version_name(*key))
                found = await self._calls.unary(self._calls.registry.GetModelVersion, request)
            except ModelyardError:
                # A prediction without the names is better than none.
                return (), ()
            self._names[key] = tuple(found.classes), tuple(found.target_names)
        return self._names[key]


def _served_as(model: ModelRef, version: VersionRef | None) -> tuple[str, str]:
    """Return what a model and its version are called in the inference service."""
    return last_id(model_name(model)), "" if version is None else version_id(version)
