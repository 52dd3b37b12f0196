"""One model that is served, with its columns as arguments."""

from collections.abc import Collection, Sequence
from typing import Any

import grpc

from modelyard.calls import Calls
from modelyard.cells import FLOATS
from modelyard.error import ModelyardError, invalid_rows
from modelyard.inference.v1.inference_pb2 import ModelInferRequest, ModelMetadataResponse
from modelyard.known import CHAMPION, KnownModels
from modelyard.prediction import (
    Inference,
    Prediction,
    RowPrediction,
    as_prediction,
    as_row,
    has_named_columns,
    read_inference,
)
from modelyard.registry.v1.resources_pb2 import ModelVersion, Signature, TensorSpec
from modelyard.rows import Rows, to_tensors
from modelyard.slices import count_rows, cut, join
from modelyard.tensors import BYTES, Tensor, encode

CONCURRENT_CALLS = 4
_CAN_MISS = FLOATS | {BYTES}


class AsyncServedModel:
    """A model to predict with; `AsyncClient.model` makes it.

        penguins = client.model("penguins")
        prediction = await penguins.predict(bill_length_mm=39.1, island="Torgersen")

    What the model takes is read on the first prediction and kept by the client. It is read
    again when another version answered than before, and when rows do not fit or the server
    refuses them: the alias may have moved to a version with other columns. A prediction has
    no effect, so it is repeated while the server is not there.

    Args:
        calls: How the server is called.
        known: What the client knows of models.
        name: The model's id.
        version: A number or an alias; empty is the alias `champion`.
        timeout_seconds: The deadline of each call; the client's when None.
    """

    def __init__(
        self,
        calls: Calls,
        known: KnownModels,
        name: str,
        version: str,
        timeout_seconds: float | None = None,
    ) -> None:
        self._calls = calls
        self._known = known
        self._name = name
        self._version = version
        self._timeout_seconds = timeout_seconds

    def __repr__(self) -> str:
        """Name the model and the version."""
        return f"<model {self._name}, version {self._version or CHAMPION}>"

    async def predict(self, /, **features: Any) -> RowPrediction:
        """Predict for one row.

        Args:
            features: The values by column name. None and NaN are missing values, and so is
                what is left out; a column that never misses, as one of whole numbers, must
                be there.

        Raises:
            ModelyardError: A feature is unknown, lacking or of a wrong type, and named; the
                model is not served, or a call failed.
        """
        return as_row(await self.predict_batch([features]))

    async def predict_batch(self, rows: Rows) -> Prediction:
        """Predict for many rows, each by itself.

        A large batch is cut into several calls, each of no more rows than the server takes,
        of which a few run at a time; the version that answers the first call answers all.

        Args:
            rows: A list of dicts, a dict of columns (lists or arrays), a data frame of pandas
                or polars, a table or record batch of pyarrow, or other Arrow data; for a
                model with one input that is a matrix also the array itself. None, NaN, NA
                and null are missing values, and so is a column that is left out; one
                that never misses, as one of whole numbers, must be there.

        Raises:
            ModelyardError: A column is unknown, lacking or of a wrong type, and named; the
                model is not served, or a call failed.
        """
        return await self._look_and_predict(rows, may_leave_out=True)

    async def predict_complete(self, rows: Rows) -> Prediction:
        """Predict for rows that have every column.

        Raises:
            ModelyardError: As for `predict_batch`.
        """
        return await self._look_and_predict(rows, may_leave_out=False)

    async def signature(self) -> Signature:
        """Return what the model takes and gives: names, types, and what was seen in training.

        It is that of the version which the server has at present.

        Raises:
            ModelyardError: The model is not served, or a call failed.
        """
        metadata = await self._known.look(self._name, self._version)
        number = metadata.versions[0] if metadata.versions else self._version or CHAMPION
        return (await self._known.read_version(self._name, number)).signature

    async def _look_and_predict(self, rows: Rows, *, may_leave_out: bool) -> Prediction:
        """Predict as what is known says, and look once more if that may be old."""
        known = self._known.recall(self._name, self._version)
        if known is not None:
            try:
                return await self._predict(known, rows, may_leave_out=may_leave_out)
            except ModelyardError as error:
                if error.code is not grpc.StatusCode.INVALID_ARGUMENT:
                    raise
        fresh = await self._known.look(self._name, self._version)
        return await self._predict(fresh, rows, may_leave_out=may_leave_out)

    async def _predict(
        self, metadata: ModelMetadataResponse, rows: Rows, *, may_leave_out: bool
    ) -> Prediction:
        """Predict for rows as the metadata says."""
        optional: Collection[str] = ()
        if may_leave_out and metadata.versions:
            optional = can_be_left_out(await self._read_version(metadata.versions[0]))
        tensors = to_tensors(rows, metadata.inputs, optional)
        most_rows = 0
        if count_rows(tensors, metadata.outputs) > 1:
            most_rows = await self._known.read_most_rows_if_possible(self._name, self._version)
        inference = await self._infer_slices(cut(tensors, metadata.outputs, most_rows))
        self._known.note_answer(self._name, self._version, inference.model_version)
        if not has_named_columns(inference):
            return as_prediction(inference, ())
        answered = await self._read_version(inference.model_version)
        return as_prediction(inference, answered.classes, answered.target_names)

    async def _read_version(self, number: str) -> ModelVersion:
        return await self._known.read_version_if_possible(self._name, number)

    async def _infer_slices(self, slices: Sequence[Sequence[Tensor]]) -> Inference:
        """Send the first slice, then the others to the version that answered it."""
        first = await self._infer(self._version, slices[0])
        if len(slices) == 1:
            return first

        async def infer_more(tensors: Sequence[Tensor]) -> Inference:
            return await self._infer(first.model_version, tensors)

        more = await self._calls.transport.map(infer_more, slices[1:], CONCURRENT_CALLS)
        return join([first, *more])

    async def _infer(self, version: str, tensors: Sequence[Tensor]) -> Inference:
        return await infer(
            self._calls, self._name, version, tensors, timeout_seconds=self._timeout_seconds
        )


def can_be_left_out(version: ModelVersion) -> set[str]:
    """Return the features that may be missing; of an input that is no feature, nobody knows."""
    return {
        it.name
        for it in version.signature.inputs
        if it.role != TensorSpec.ROLE_UNSPECIFIED and it.datatype in _CAN_MISS
    }


async def infer(
    calls: Calls,
    model: str,
    version: str,
    tensors: Sequence[Tensor],
    outputs: Sequence[str] = (),
    timeout_seconds: float | None = None,
) -> Inference:
    """Send tensors and read what comes back.

    Raises:
        ModelyardError: A text is no Unicode, the answer is damaged, or the call failed.
    """
    tensor, output = (
        ModelInferRequest.InferInputTensor,
        ModelInferRequest.InferRequestedOutputTensor,
    )
    request = ModelInferRequest(
        model_name=model,
        model_version=version,
        inputs=[tensor(name=it.name, datatype=it.datatype, shape=it.array.shape) for it in tensors],
        outputs=[output(name=name) for name in outputs],
        raw_input_contents=[_encode(it) for it in tensors],
    )
    return read_inference(await calls.unary(calls.inference.ModelInfer, request, timeout_seconds))


def _encode(tensor: Tensor) -> bytes:
    """Write a tensor's elements."""
    try:
        return encode(tensor)
    except UnicodeEncodeError as error:
        raise invalid_rows(
            f"column '{tensor.name}' holds text that is no Unicode: {error}"
        ) from None
