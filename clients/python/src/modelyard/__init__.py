"""Client of Modelyard: trains, keeps and serves tabular models over gRPC.

`Client` blocks, `AsyncClient` awaits; both have the same operations. Resources are the
messages of the contract; a prediction is a `Prediction`; every failure is a
`ModelyardError`.
"""

from modelyard.client import AsyncClient, Client, ServedModel
from modelyard.error import FieldViolation, ModelyardError
from modelyard.inferences import ModelMetadata
from modelyard.job_options import JobOptions, training_job
from modelyard.jobs import TrainingEvent
from modelyard.names import last_id
from modelyard.prediction import Inference, Prediction, RowPrediction
from modelyard.registry.v1.resources_pb2 import Artifact, Model, ModelAlias, ModelVersion
from modelyard.searches import SearchOptions, search
from modelyard.security import Tls
from modelyard.served_model import AsyncServedModel
from modelyard.training.v1.datasets_pb2 import CsvOptions, Dataset, DatasetVersion
from modelyard.training.v1.search_pb2 import FloatRange, IntRange, Search, Trial
from modelyard.training.v1.training_pb2 import (
    Evaluation,
    Finding,
    OnSuccess,
    PromotionGate,
    Trainer,
    TrainingJob,
)

__all__ = [
    "Artifact",
    "AsyncClient",
    "AsyncServedModel",
    "Client",
    "CsvOptions",
    "Dataset",
    "DatasetVersion",
    "Evaluation",
    "FieldViolation",
    "Finding",
    "FloatRange",
    "Inference",
    "IntRange",
    "JobOptions",
    "Model",
    "ModelAlias",
    "ModelMetadata",
    "ModelVersion",
    "ModelyardError",
    "OnSuccess",
    "Prediction",
    "PromotionGate",
    "RowPrediction",
    "Search",
    "SearchOptions",
    "ServedModel",
    "Tls",
    "Trainer",
    "TrainingEvent",
    "TrainingJob",
    "Trial",
    "last_id",
    "search",
    "training_job",
]
