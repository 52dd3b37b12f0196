"""What served models take and give: read once, and kept until it is seen to be old."""

from collections.abc import Hashable
from typing import Generic, TypeVar

from modelyard.calls import Calls
from modelyard.error import ModelyardError
from modelyard.inference.v1.inference_pb2 import ModelMetadataRequest, ModelMetadataResponse
from modelyard.inference.v1.model_config_pb2 import ModelConfigRequest
from modelyard.names import version_name
from modelyard.registry.v1.registry_pb2 import GetModelVersionRequest
from modelyard.registry.v1.resources_pb2 import ModelVersion

CHAMPION = "champion"
_MOST_KEPT = 1000

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """A bounded number of values; the one that came first goes first."""

    def __init__(self, most: int = _MOST_KEPT) -> None:
        self._most = most
        self._values: dict[Key, Value] = {}

    def get(self, key: Key) -> Value | None:
        """Return a value, if it is kept."""
        return self._values.get(key)

    def put(self, key: Key, value: Value) -> None:
        """Keep a value."""
        if key not in self._values and len(self._values) >= self._most:
            # Another thread may have taken the same one out.
            self._values.pop(next(iter(self._values)), None)
        self._values[key] = value

    def drop(self, key: Key) -> None:
        """Keep a value no longer."""
        self._values.pop(key, None)


class KnownModels:
    """Models as the server describes them.

    Args:
        calls: How the server is called.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._metadata: Kept[tuple[str, str], ModelMetadataResponse] = Kept()
        self._most_rows: Kept[tuple[str, str], int] = Kept()
        self._versions: Kept[tuple[str, str], ModelVersion] = Kept()

    def recall(self, model: str, version: str) -> ModelMetadataResponse | None:
        """Return what is known of a model's inputs and outputs, without a call."""
        return self._metadata.get((model, version))

    async def look(self, model: str, version: str) -> ModelMetadataResponse:
        """Ask the server for a model's inputs and outputs, and keep them.

        Args:
            model: The model's id.
            version: A number or an alias; empty is the alias `champion`.

        Raises:
            ModelyardError: The model is not served, or the call failed.
        """
        # Only the answer to a named version tells the number that answers.
        request = ModelMetadataRequest(name=model, version=version or CHAMPION)
        found = await self._calls.unary(self._calls.inference.ModelMetadata, request)
        self._metadata.put((model, version), found)
        # A server that was started anew may have another bound.
        self._most_rows.drop((model, version))
        return found

    async def read_most_rows_if_possible(self, model: str, version: str) -> int:
        """Return how many rows of a model the server takes in a call; 0 if it does not say."""
        most = self._most_rows.get((model, version))
        if most is None:
            request = ModelConfigRequest(name=model, version=version or CHAMPION)
            try:
                answer = await self._calls.unary(self._calls.inference.ModelConfig, request)
            except ModelyardError:
                return 0
            most = answer.config.max_batch_size
            self._most_rows.put((model, version), most)
        return most

    def note_answer(self, model: str, version: str, number: str) -> None:
        """Forget what is known of an alias, if another version than the known one answered."""
        known = self._metadata.get((model, version))
        if known is not None and list(known.versions) not in ([], [number]):
            self._metadata.drop((model, version))

    async def read_version(self, model: str, number: str) -> ModelVersion:
        """Return a version as the registry has it; what is served of it never changes.

        Raises:
            ModelyardError: There is none, or the call failed.
        """
        found = self._versions.get((model, number))
        if found is None:
            request = GetModelVersionRequest(name=version_name(model, number))
            found = await self._calls.unary(self._calls.registry.GetModelVersion, request)
            self._versions.put((model, number), found)
        return found

    async def read_version_if_possible(self, model: str, number: str) -> ModelVersion:
        """Return the same, or a version that says nothing: a prediction can do without."""
        try:
            return await self.read_version(model, number)
        except ModelyardError:
            return ModelVersion()
