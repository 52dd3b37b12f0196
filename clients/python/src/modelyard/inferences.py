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
from modelyard.known import KnownModels
from modelyard.names import ModelRef, VersionRef, last_id, model_name, version_id
from modelyard.prediction import Inference, Prediction
from modelyard.rows import Rows
from modelyard.served_model import AsyncServedModel, infer
from modelyard.tensors import Tensor, datatype_of

ModelMetadata: TypeAlias = ModelMetadataResponse


class InferenceOperations(Operations):
    """What can be done with models that are served.

    Args:
        calls: How the server is called.
    """

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self._known = KnownModels(calls)

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
        return await self._known.look(*_served_as(model, version))

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
        served = AsyncServedModel(self._calls, self._known, *_served_as(model, version))
        return await served.predict_complete(rows)

    def model(
        self,
        model: ModelRef,
        version: VersionRef | None = None,
        timeout_seconds: float | None = None,
    ) -> AsyncServedModel:
        """Return a model to predict with; no call is made yet.

        Args:
            model: The model or its id.
            version: The version, its number or an alias; `champion` when not given.
            timeout_seconds: The deadline of each of its calls; the client's when not given.
        """
        name, wanted = _served_as(model, version)
        return AsyncServedModel(self._calls, self._known, name, wanted, timeout_seconds)

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
        return await infer(self._calls, name, wanted, tensors, outputs)


def _served_as(model: ModelRef, version: VersionRef | None) -> tuple[str, str]:
    """Return what a model and its version are called in the inference service."""
    return last_id(model_name(model)), "" if version is None else version_id(version)
