"""What the demonstration does, step by step; a second run finds what the first one made."""

import importlib.util
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.rule import Rule

from modelyard import AsyncClient, ModelyardError
from modelyard.registry.v1.resources_pb2 import ModelVersion
from server.app import serve
from server.demo.others import predict_by_reflection, predict_with_stock_client
from server.demo.report import next_commands, show_dataset, show_metrics, show_parity
from server.settings import Settings

MODEL = DATASET = "penguins"
TARGET = "species"
ROW: dict[str, str | float] = {
    "island": "Torgersen",
    "bill_length_mm": 39.1,
    "bill_depth_mm": 18.7,
    "flipper_length_mm": 181,
    "body_mass_g": 3750,
    "sex": "male",
    "year": 2007,
}


async def run_demo(settings: Settings, *, once: bool) -> None:
    """Start everything, go the whole way, then serve until cancelled.

    Args:
        settings: What the operator set; the data folder is kept.
        once: Whether to end after the predictions.
    """
    console = Console(highlight=False)
    if settings.log_level == "info":
        settings = settings.model_copy(update={"log_level": "warning"})  # the tour tells enough
    started = time.monotonic()
    console.print(Rule("Modelyard: from a table to a served model"))
    async with serve(settings, with_worker=True) as serving:
        seconds = time.monotonic() - started
        console.print(f"serving on [bold]{serving.address}[/] after {seconds:.1f} s,", end=" ")
        console.print(f"data in {settings.home}")
        async with AsyncClient(serving.address) as client:
            await _upload(client, console)
            version = await _train(client, console)
            show_metrics(console, version)
            show_parity(console, version)
            await _predict(client, console, serving.address)
        if not once:
            next_commands(console, serving.address, {**ROW, "sex": None})
            console.print("\nserving until Ctrl-C")
            await serving.broken.wait()


async def _upload(client: AsyncClient, console: Console) -> None:
    console.print(Rule("1. A real table: Palmer penguins, with text and missing values"))
    try:
        version = await client.get_dataset_version(DATASET)
        console.print(f"found {version.name} from an earlier run")
    except ModelyardError as error:
        if error.reason not in {"DATASET_NOT_FOUND", "DATASET_VERSION_NOT_FOUND"}:
            raise
        version = await client.upload_dataset(DATASET, penguins_file())
        console.print(f"uploaded {version.name}")
    show_dataset(console, version)


async def _train(client: AsyncClient, console: Console) -> ModelVersion:
    console.print(Rule("2. A training job: features, fit, evaluation, ONNX, proof"))
    try:
        version = await client.get_model_version(MODEL, "champion")
        console.print(f"found {version.name} from an earlier run, the champion")
    except ModelyardError as error:
        if error.reason not in {"MODEL_NOT_FOUND", "VERSION_NOT_FOUND"}:
            raise
        job = await client.train(MODEL, DATASET, TARGET)
        await _follow(client, console, job.name)
        job = await client.get_training_job(job)
        if not job.model_version:
            raise SystemExit(f"the training job failed: {job.fault.message}") from None
        version = await client.get_model_version(MODEL, job.model_version.rpartition("/")[2])
    return version


async def _follow(client: AsyncClient, console: Console, job: str) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("the job waits", total=100)
        async for event in client.watch_training_job(job):
            description = event.stage or "queued"
            progress.update(
                task, completed=event.progress_percent, description=f"{description:<10}"
            )
            progress.console.print(f"  {event.progress_percent:3d} % {event.message}")


async def _predict(client: AsyncClient, console: Console, address: str) -> None:
    console.print(Rule("3. Predictions, three ways, from raw columns"))
    prediction = await client.predict(MODEL, ROW)
    console.print(f"[bold]modelyard[/] (Python client)    {prediction.label[0]}", end=" ")
    console.print(f"with probability {prediction.probabilities.max():.4f},", end=" ")
    console.print(f"answered by version {prediction.model_version}")
    answer = await predict_with_stock_client(address)
    console.print(f"[bold]tritonclient[/] (stock client)  {answer}")
    answer = await predict_by_reflection(address, ROW)
    console.print(f"[bold]buf curl[/] (by reflection)     {answer}")


def penguins_file() -> Path:
    """Find the table that the package palmerpenguins carries, without importing the package.

    Source: Horst, Hill and Gorman, palmerpenguins (2020), CC0.
    """
    spec = importlib.util.find_spec("palmerpenguins")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the package palmerpenguins, which carries the table, is not installed")
    return Path(spec.submodule_search_locations[0]) / "data" / "penguins.csv"
