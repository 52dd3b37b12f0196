"""Five hundred registered models: how long a start takes, and how much memory.

The models are real pipelines, fitted on the penguins and exported here: three families, and
each of the five hundred files is another one by a word in it. They are put into the registry
through its own functions, each with the verdict of admission on its family: to admit every
file would take ten minutes and prove nothing more.
"""

import asyncio
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import onnx
import pytest
from sqlalchemy import URL

from modelyard import Client
from registry.admission import Admission
from registry.artifact_store import LocalArtifactStore
from registry.artifacts import StoredFile
from registry.child_process import ChildLimits, ChildProcess
from registry.models import ensure_model
from registry.transactions import Sessions, begin
from registry.version import Verdict, VersionDraft
from registry.versions import register_version
from server.database import make_engine, make_sessions, upgrade_database
from server.demo.tour import penguins_file
from server.embedded_postgres import EmbeddedPostgres, PostgresSettings
from server.settings import child_environment
from tests.support.penguins import features_of, penguin_rows
from tests.support.server_process import ServerProcess
from tests.support.streams import chunks_of
from training.columns import TableFormat
from training.fit import fit
from training.fitting import FitRequest

MODELS = 500
MOST_RESIDENT_KIB = 2 << 20
pytestmark = pytest.mark.timeout(900)
FAMILIES = ("logistic-regression", "random-forest", "gradient-boosting")


@dataclass(frozen=True, slots=True)
class Family:
    """A fitted pipeline and what admission says of it."""

    content: bytes
    verdict: Verdict


async def make_family(trainer: str, folder: Path, home: Path) -> Family:
    """Fit, export and admit a pipeline."""
    request = FitRequest(str(penguins_file()), TableFormat.CSV, "species", trainer=trainer)
    outcome = await asyncio.to_thread(fit, request, folder, lambda _: None)
    assert outcome.fault is None
    content = (folder / "model.onnx").read_bytes()
    store = LocalArtifactStore(home / "artifacts")
    admission = Admission(store, ChildProcess(child_environment()), ChildLimits(), home / "work")
    verdict = await admission.check([await put(store, content)], outcome.signature)
    assert verdict.faults == ()
    return Family(content, verdict)


async def put(store: LocalArtifactStore, content: bytes) -> StoredFile:
    """Store a model file."""
    stored = await store.put(chunks_of(content, 1 << 20), most_bytes=1 << 30)
    return StoredFile("model.onnx", "application/onnx", stored.size_bytes, stored.sha256)


async def register(home: Path, sessions: Sessions, families: list[Family]) -> None:
    """Register five hundred models."""
    store = LocalArtifactStore(home / "artifacts")
    for index in range(MODELS):
        family = families[index % len(families)]
        model = onnx.load_model_from_string(family.content)
        model.doc_string = name_of(index)
        file = await put(store, model.SerializeToString())
        async with begin(sessions) as session:
            await ensure_model(session, name_of(index))
            await register_version(session, name_of(index), VersionDraft(), (file,), family.verdict)


def name_of(index: int) -> str:
    """Name a model."""
    return f"penguins-{index}"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with five hundred models in its database and store."""
    home = tmp_path_factory.mktemp("scale") / "home"
    folders = {name: tmp_path_factory.mktemp(name) for name in FAMILIES}

    async def fill(url: URL) -> None:
        engine = make_engine(url, connections=2)
        families = [await make_family(name, folders[name], home) for name in FAMILIES]
        await register(home, make_sessions(engine), families)
        await engine.dispose()

    with EmbeddedPostgres(PostgresSettings(home / "postgres")) as postgres:
        postgres.ensure_database("modelyard")
        upgrade_database(postgres.url("modelyard"))
        asyncio.run(fill(postgres.url("modelyard")))
    return home


def read_memory(pid: int) -> dict[str, int]:
    """Read what a process has and had at most, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.findall(r"^(VmRSS|VmHWM|RssAnon):\s+(\d+) kB$", status, re.MULTILINE)
    return {name: int(count) for name, count in found}


def call_each(client: Client) -> float:
    """Call every model and return how long that took, in seconds."""
    row = features_of(penguin_rows()[0])
    started = time.perf_counter()
    for index in range(MODELS):
        answer = client.predict(name_of(index), row)
        assert (list(answer.label), answer.model_version) == (["Adelie"], "1")
    return time.perf_counter() - started


@pytest.mark.parametrize("memory_mb", ["2048", "32"])
def test_five_hundred_models_start_and_serve(
    home: Path, memory_mb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.perf_counter()
    with ServerProcess(home, {"MODEL_MEMORY_MB": memory_mb}, ("--no-worker",)) as server:
        start_seconds = time.perf_counter() - started
        at_start = read_memory(server.process.pid)
        with server.connect() as client:
            seconds = [call_each(client) for _ in range(2)]
        at_end = read_memory(server.process.pid)
    figures = (
        f"\n{MODELS} models, {memory_mb} MiB for them: SERVING after {start_seconds:.1f} s;"
        f" every model called in {seconds[0]:.1f} s, again in {seconds[1]:.1f} s"
        f"\n  at start {at_start}\n  at end   {at_end}  (KiB)\n"
    )
    with capsys.disabled():
        sys.stdout.write(figures)
    assert at_end["VmHWM"] < MOST_RESIDENT_KIB
