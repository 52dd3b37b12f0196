"""A peer: a custom runtime of MLServer, on ONNX Runtime. `mlserver start` finds it by name.

Runs in an environment of its own. Tensors are decoded and encoded by MLServer's codecs, as its
documentation has it.
"""

from typing import Any

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse, RequestInput
from mlserver.utils import get_model_uri
from numpy import array, object_


class OnnxRuntime(MLModel):  # type: ignore[misc]  # no types here
    """One ONNX file as an MLServer model."""

    async def load(self) -> bool:
        """Open the session."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = await get_model_uri(self._settings)
        self._session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        self._names = [node.name for node in self._session.get_outputs()]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Run the model."""
        feeds = {tensor.name: _decode(tensor) for tensor in payload.inputs}
        arrays = self._session.run(None, feeds)
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                NumpyCodec.encode_output(name, values)
                for name, values in zip(self._names, arrays, strict=True)
            ],
        )


def _decode(tensor: RequestInput) -> Any:
    if tensor.datatype == "BYTES":
        return array(StringCodec.decode_input(tensor), object_).reshape(tensor.shape)
    return NumpyCodec.decode_input(tensor)
