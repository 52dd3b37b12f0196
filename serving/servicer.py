"""The inference service. The same instance also answers as `inference.GRPCInferenceService`."""

import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing
from inspect import isawaitable
from math import inf
from time import perf_counter_ns
from typing import Any

from modelyard.inference.v1 import inference_pb2 as pb
from registry.errors import DomainError
from serving.errors import ModelRunFailed
from serving.loaded import LoadedVersion
from serving.messages import InferForm, write_stream_answer, write_stream_failure
from serving.operations.servicer import OperationsServicer
from serving.ordered import answer_in_order
from serving.parameters import read_wait_seconds
from serving.running import run_call

logger = logging.getLogger(__name__)

_MOST_OPEN_IN_STREAM = 64
_WANTS_STATUS = ("triton_grpc_error", "true")
_FORM = InferForm()


class InferenceServicer(OperationsServicer):
    """Answers predictions; what is not inference stands in the base class."""

    def ModelInfer(
        self, request: pb.ModelInferRequest, context: Any
    ) -> pb.ModelInferResponse | Awaitable[pb.ModelInferResponse]:
        """Run a model: at once if it is loaded and quick, else what is returned is awaited.

        The elements are taken out of the request; nobody has another use for it.
        """
        arrived = perf_counter_ns()
        handle = self._predictor.find(request.model_name, request.model_version)
        if handle is None:
            return self._load_and_infer(request, arrived)
        return self._infer(request, handle, arrived)

    async def ModelStreamInfer(
        self, request_iterator: AsyncIterator[pb.ModelInferRequest], context: Any
    ) -> AsyncIterator[pb.ModelStreamInferResponse]:
        """Run a model for each request; failures are answers unless metadata asks for a status."""
        raises = _WANTS_STATUS in (context.invocation_metadata() or ())

        async def answer(request: pb.ModelInferRequest) -> pb.ModelStreamInferResponse:
            return await self._answer_in_stream(request, raises=raises)

        answers = answer_in_order(request_iterator, answer, _MOST_OPEN_IN_STREAM)
        async with aclosing(answers):
            async for response in answers:
                yield response

    async def _answer_in_stream(
        self, request: pb.ModelInferRequest, *, raises: bool
    ) -> pb.ModelStreamInferResponse:
        handle = None
        try:
            arrived = perf_counter_ns()
            handle = self._predictor.find(request.model_name, request.model_version)
            handle = handle or await self._load(request)
            answer = self._infer(request, handle, arrived)
            return write_stream_answer(await answer if isawaitable(answer) else answer)
        except DomainError as error:
            if raises:
                raise
            ran = handle.version if handle and isinstance(error, ModelRunFailed) else None
            if error.__cause__:
                logger.info("a request of a stream failed", exc_info=error)
            return write_stream_failure(request.id, error, ran)

    async def _load_and_infer(
        self, request: pb.ModelInferRequest, arrived: int
    ) -> pb.ModelInferResponse:
        answer = self._infer(request, await self._load(request), arrived)
        return await answer if isawaitable(answer) else answer

    async def _load(self, request: pb.ModelInferRequest) -> LoadedVersion:
        wait_seconds = read_wait_seconds(request.parameters)
        return await self._predictor.load(request.model_name, request.model_version, wait_seconds)

    def _infer(
        self, request: pb.ModelInferRequest, handle: LoadedVersion, arrived: int
    ) -> pb.ModelInferResponse | Awaitable[pb.ModelInferResponse]:
        predictor = self._predictor
        try:
            call = handle.plans.read(request, predictor.policy.input_elements)
            plan = call.plan
            layout = plan.layout
            # To write many elements as text takes long, whatever the model takes.
            rows = inf if plan.wanted[1] else layout.rows
            return run_call(_FORM, call, rows, layout.batch, handle, predictor, arrived)
        except BaseException:
            statistics = handle.statistics or predictor.open_statistics(handle)
            statistics.add_failure(arrived)
            raise
