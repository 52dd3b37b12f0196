"""The composition root: builds every object once, and takes it all down in reverse.

Read `serve` from top to bottom to know the system.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from importlib.metadata import version

import structlog

from registry.changes import REGISTRY_CHANGED
from registry.child_process import ChildLimits, ChildProcess
from registry.requests import forget_old_requests
from registry.schemas import assign_missing
from registry.servicer import RegistryServicer
from registry.transactions import DATABASE_AWAY, Sessions, begin
from registry.transfers import ArtifactTransfers
from server.background import Serving, enter_background
from server.collector import settle_collector
from server.database import ChangeListener
from server.errors import CannotStart
from server.health import SERVING, HealthServicer
from server.kept_process import keep_worker
from server.listener import SERVICES, Server, Servicers, make_server
from server.serving_source import ServingSource
from server.settings import Settings, cluster_environment, split_queues
from server.storage import Storage, open_storage
from server.telemetry import set_levels
from serving.operations.log_settings import LogSettings
from serving.operations.model_control import ModelControl
from serving.policy import ServingPolicy
from serving.predictor import Predictor
from serving.reconciler import Reconciler
from serving.repository import Repository
from serving.servicer import InferenceServicer
from serving.typed.services import TypedServices
from training.claims import ClaimTimes
from training.dataset_servicer import DatasetServicer
from training.followers import JobFollowers
from training.job import JobBounds
from training.jobs import JOBS_CHANGED
from training.queue import make_app
from training.runner import Runner
from training.runner_parts import Cluster, RunnerParts
from training.servicer import TrainingServicer
from training.table_files import TableFiles
from training.table_reader import TableReader
from training.table_sources import TableSources
from training.table_uploads import TableUploads
from training.worker import Worker

_HOUSEKEEPING_SECONDS = 3600.0

log = structlog.get_logger()


@asynccontextmanager
async def serve(
    settings: Settings, *, with_worker: bool, share_port: bool = False
) -> AsyncIterator[Serving]:
    """Serve for as long as the context is open.

    Args:
        settings: What the operator set.
        with_worker: Whether to run a training worker beside the server.
        share_port: Whether other processes listen on the same port.
    """
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(open_storage(settings))
        source = ServingSource(storage.sessions, storage.store)
        repository = Repository(source.read_snapshot)
        registry_changed = asyncio.Event()
        policy = _policy(settings)
        reconciler = Reconciler(
            repository.read_snapshot,
            source.read_model,
            registry_changed,
            policy,
            source.read_golden_rows,
        )
        predictor = Predictor(reconciler, policy)
        stack.callback(predictor.close)
        followers = JobFollowers(storage.sessions)
        health = HealthServicer(SERVICES)
        inference = InferenceServicer(
            predictor,
            ModelControl(repository, reconciler),
            LogSettings(settings.log_level, set_levels),
            version("modelyard-server"),
        )
        typed = TypedServices(reconciler, predictor)
        servicers = _make_servicers(settings, storage, inference, typed, followers, health)
        server = make_server(settings, servicers, share_port=share_port)
        # A shared port brings callers as soon as it is taken; they have others to go to.
        address = "" if share_port else _bind(server, settings.grpc_address)

        broken = asyncio.Event()
        run = await enter_background(stack, broken)
        changes = {
            REGISTRY_CHANGED: lambda _: registry_changed.set(),
            JOBS_CHANGED: followers.notify,
        }
        run(ChangeListener(storage.url, changes).run())
        await _assign_missing_schemas(storage.sessions)
        run(reconciler.run())
        run(_keep_house(storage))
        await reconciler.wait_until_ready(settings.preload_seconds)
        if with_worker:
            database_url = storage.url.render_as_string(hide_password=False)
            run(keep_worker(settings, database_url).run())

        address = address or _bind(server, settings.grpc_address)
        await server.start()
        stack.push_async_callback(_drain, server, health, followers, settings)
        health.set_all(SERVING)
        settle_collector()
        yield Serving(address, broken)


@asynccontextmanager
async def open_worker(settings: Settings) -> AsyncIterator[Worker]:
    """Build a training worker."""
    async with open_storage(settings) as storage:
        limits = ChildLimits(
            memory_bytes=settings.training_memory_mb << 20, seconds=settings.training_seconds
        )
        parts = RunnerParts(
            sessions=storage.sessions,
            store=storage.store,
            admission=storage.admission,
            children=storage.children,
            limits=limits,
            folder=settings.home / "work",
            times=ClaimTimes(timedelta(seconds=settings.lease_seconds), settings.training_attempts),
            cluster=_cluster(settings),
        )
        queues = split_queues(settings.worker_queues)
        app = make_app(storage.url, len(queues))
        yield Worker(app, storage.sessions, Runner(parts), queues)


def _cluster(settings: Settings) -> Cluster | None:
    if not settings.ray_address:
        return None
    return Cluster(settings.ray_address, ChildProcess(cluster_environment(), confined=False))


def _make_servicers(
    settings: Settings,
    storage: Storage,
    inference: InferenceServicer,
    typed: TypedServices,
    followers: JobFollowers,
    health: HealthServicer,
) -> Servicers:
    limits = ChildLimits(
        memory_bytes=settings.ingest_memory_mb << 20,
        seconds=settings.ingest_seconds,
        # The typed copy may be larger than a file that was packed better.
        file_bytes=settings.max_dataset_mb << 22,
    )
    reader = TableReader(storage.store, storage.children, limits, settings.home / "work")
    sessions, store = storage.sessions, storage.store
    uploads = TableUploads(sessions, store, reader, settings.max_dataset_mb << 20)
    sources = TableSources(tuple(settings.dataset_import_prefixes.split()))
    transfers = ArtifactTransfers(sessions, store, settings.max_artifact_mb << 20)
    bounds = JobBounds(
        settings.training_memory_mb,
        settings.training_seconds,
        settings.training_attempts,
        settings.max_parity_tolerance,
        settings.ray_table_mb if settings.ray_address else 0,
    )
    return Servicers(
        registry=RegistryServicer(sessions, transfers, storage.admission),
        datasets=DatasetServicer(sessions, uploads, sources, TableFiles(sessions, store)),
        training=TrainingServicer(sessions, followers, bounds),
        inference=inference,
        typed=typed,
        health=health,
    )


def _policy(settings: Settings) -> ServingPolicy:
    return ServingPolicy(
        poll_seconds=settings.refresh_seconds,
        memory_bytes=settings.model_memory_mb << 20,
        on_demand_versions=settings.on_demand_models,
        input_elements=settings.max_batch_elements,
    )


def _bind(server: Server, address: str) -> str:
    """Take the port; a port that is taken ends the start with a sentence."""
    host = address.rpartition(":")[0]
    try:
        port = server.add_insecure_port(address)
    except RuntimeError:
        port = 0
    if port == 0:
        raise CannotStart(f"can't listen on {address}: is another server there already?")
    return f"{host}:{port}"


async def _drain(
    server: Server, health: HealthServicer, followers: JobFollowers, settings: Settings
) -> None:
    """Stop in the order that loses no call: say so, wait, end streams, finish, close."""
    health.stop()
    await asyncio.sleep(settings.drain_seconds)
    followers.close()
    await server.stop(settings.grace_seconds)


async def _assign_missing_schemas(sessions: Sessions) -> None:
    """Give versions of an earlier release their typed services, a model at a time."""
    try:
        assigned = True
        while assigned:
            async with begin(sessions) as session:
                assigned = await assign_missing(session)
    except DATABASE_AWAY:
        log.warning("the database does not answer; typed services are assigned at the next start")


async def _keep_house(storage: Storage) -> None:
    files = TableFiles(storage.sessions, storage.store)
    while True:
        try:
            async with begin(storage.sessions) as session:
                await forget_old_requests(session)
            await files.remove_unused()
        except DATABASE_AWAY:
            log.warning("the database does not answer; the house is kept later")
        await asyncio.sleep(_HOUSEKEEPING_SECONDS)
