"""Predicts with a stock client, tritonclient, which knows nothing of Modelyard.

    python stock_client.py HOST:PORT

Runs in an environment of its own, because tritonclient needs an older protobuf.
"""

import sys

import numpy as np
import tritonclient.grpc as triton

ROW = {
    "island": np.array([["Biscoe"]], dtype=object),
    "bill_length_mm": np.array([[46.1]], dtype=np.float32),
    "bill_depth_mm": np.array([[13.2]], dtype=np.float32),
    "flipper_length_mm": np.array([[211]], dtype=np.float32),
    "body_mass_g": np.array([[4500]], dtype=np.float32),
    "sex": np.array([[""]], dtype=object),  # the empty text is a missing one
    "year": np.array([[2007]], dtype=np.int64),
}


def predict(address: str) -> str:
    """Ask the model `penguins` for the species of one penguin."""
    client = triton.InferenceServerClient(address)
    inputs = []
    for name, values in ROW.items():
        kind = triton.InferInput(name, values.shape, _datatype(values))
        inputs.append(kind.set_data_from_numpy(values))
    answer = client.infer("penguins", inputs)
    version = answer.get_response().model_version
    label = answer.as_numpy("label").reshape(-1)[0].decode()
    probability = float(answer.as_numpy("probabilities").max())
    return f"{label} with probability {probability:.4f}, answered by version {version}"


def _datatype(values: np.ndarray) -> str:
    return {"O": "BYTES", "f": "FP32", "i": "INT64"}[values.dtype.kind]


if __name__ == "__main__":
    sys.stdout.write(predict(sys.argv[1]) + "\n")
