"""How one version answers one typed service, worked out once for all calls."""

from asyncio import Future
from collections.abc import Sequence
from functools import partial
from time import perf_counter_ns
from typing import Any, TypeAlias

from registry.input_contract import InputContract
from registry.schema import ModelSchema, SchemaField
from registry.schema_names import METHODS
from serving.batching import Batcher
from serving.elements import Array
from serving.loaded import LoadedVersion
from serving.onnx_model import Feeds
from serving.statistics import RunTimes
from serving.typed.contract import Contract, Warnings, refuse_unusual
from serving.typed.readers import BatchReader, ColumnReader, RowReader
from serving.typed.types import MessageTypes
from serving.typed.writers import AnswerWriter

TypedCall: TypeAlias = tuple[Any, int, InputContract]
"""A request, how many rows it has, and what becomes of unusual input."""


class MethodPlan:
    """How one version answers one method.

    Args:
        reader: Reads requests.
        writer: Writes answers.
        contract: What training saw.
        ignored: Fields of the service that this version does not read.
        output_names: The model's outputs that answers have.
    """

    def __init__(
        self,
        reader: RowReader | BatchReader,
        writer: AnswerWriter,
        contract: Contract,
        ignored: Sequence[SchemaField],
        output_names: list[str],
    ) -> None:
        self._reader = reader
        self._contract = contract
        self._ignored = ignored
        self._many = isinstance(reader, BatchReader)
        self.write = writer.write
        self.count_rows = reader.count_rows
        self.output_names = output_names

    def read(self, request: Any, rows: int, contract: InputContract) -> tuple[Feeds, Warnings]:
        """Read a request.

        Returns:
            The model's inputs, and what the answer has to warn of.

        Raises:
            InputInvalid: It does not fit the model.
            InputContractViolated: It is unlike what training saw, and that is refused.
        """
        feeds = self._reader.read(request, rows)
        explain = request.explain
        if contract is InputContract.EXPLAIN and not explain:
            return feeds, []
        return feeds, self._find_warnings(request, feeds, contract, explain=explain)

    def _find_warnings(
        self, request: Any, feeds: Feeds, contract: InputContract, *, explain: bool
    ) -> Warnings:
        if contract is InputContract.IGNORE:
            return []
        unusual = self._contract.find_unusual(feeds)
        if contract is InputContract.REFUSE:
            refuse_unusual(unusual, many=self._many)
        if explain:
            unusual += [
                {
                    "field": field.name,
                    "reason": "COLUMN_IGNORED",
                    "message": "is not used by the version that answered",
                }
                for field in self._ignored
                if self._reader.is_set(request, field)
            ]
        return unusual

    def answer(self, call: TypedCall, handle: LoadedVersion, begun: int) -> tuple[Any, RunTimes]:
        """Read the request, run the model, write the answer. Blocks as long as the model runs.

        Args:
            call: What came.
            handle: The version that answers, this plan's.
            begun: When this began, by `perf_counter_ns`.

        Raises:
            InputInvalid, InputContractViolated: See `read`.
            ModelRunFailed: The model failed.
        """
        request, rows, contract = call
        feeds, warnings = self.read(request, rows, contract)
        read = perf_counter_ns()
        arrays: list[Array] = handle.model.run(feeds, self.output_names)
        ran = perf_counter_ns()
        response = self.write(arrays, rows, warnings)
        return response, (begun, read, ran, perf_counter_ns())

    def join(
        self,
        call: TypedCall,
        handle: LoadedVersion,  # noqa: ARG002 - the plan is of one version
        batcher: Batcher,
    ) -> Future[Any]:
        """Read the request and have its rows run together with those of other callers.

        Raises:
            InputInvalid, InputContractViolated: See `read`.
            BatchQueueFull: Too many callers wait already.
        """
        request, rows, contract = call
        feeds, warnings = self.read(request, rows, contract)
        write = partial(self.write, rows=rows, warnings=warnings)
        return batcher.submit(feeds, rows, self.output_names, write)

    def wait_seconds(self, call: TypedCall) -> None:
        """Tell that it may wait for as long as the server lets it."""


def make_plans(
    schema: ModelSchema, types: MessageTypes, handle: LoadedVersion
) -> dict[str, MethodPlan]:
    """Work out how a version answers each method of a typed service.

    Args:
        schema: The service. What the version takes and this lacks counts as missing: it was
            added a moment ago, and may miss.
        types: Its messages.
        handle: The version.
    """
    fields = {field.column.name: field for field in schema.inputs}
    columns = [ColumnReader(fields.get(name), rule) for name, rule in handle.rules.items()]
    contract = Contract(handle.version.signature.inputs, columns)
    ignored = [field for name, field in fields.items() if name not in handle.rules]
    answered = {field.column.name: field for field in schema.outputs}
    names = [name for name in handle.output_names if name in answered]
    plans = {}
    for method in METHODS:
        many = method.startswith("Batch")
        reader = BatchReader(columns) if many else RowReader(columns, types.requests[method])
        writer = AnswerWriter(
            [answered[name] for name in names],
            handle.version.classes,
            handle.version.number,
            types.responses[method],
            types.by_class,
            many=many,
        )
        plans[method] = MethodPlan(reader, writer, contract, ignored, names)
    return plans
