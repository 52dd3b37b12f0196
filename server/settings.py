"""Settings: frozen, checked at once, and the only reader of the environment."""

import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from training.uris import check_prefixes

CONFIG_FILE = Path("modelyard.toml")
MOST_PROCESSES = 256
_ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:]+\]|[^:\s]+):(?P<port>\d{1,5})")
_QUEUE = re.compile(r"(?P<queue>\*|[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)=(?P<number>[1-9]\d?)")
_MOST_QUEUES = 32
_HARMLESS = re.compile(
    "PATH|HOME|TZ|LANG|LC_.*|TMPDIR|TEMP|TMP|SYSTEMROOT|VIRTUAL_ENV|PYTHON.*|COVERAGE_.*"
)
# Belong to the client, and may be set in the same shell.
_CLIENT_VARIABLES = {"MODELYARD_SERVER"}
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})

Megabytes = Annotated[int, Field(ge=1, le=1 << 20)]
Seconds = Annotated[float, Field(gt=0, le=7 * 24 * 3600)]


class Settings(BaseSettings):
    """What an operator can set: as MODELYARD_NAME, in modelyard.toml, or not at all."""

    model_config = SettingsConfigDict(
        env_prefix="MODELYARD_",
        frozen=True,
        extra="forbid",
        toml_file=CONFIG_FILE,
        validate_default=True,
    )

    home: Path = Field(Path(".modelyard"), description="Folder of database, artifacts and cache.")
    grpc_address: str = Field("127.0.0.1:8001", description="HOST:PORT of every gRPC service.")
    insecure: bool = Field(
        default=False,
        description="Listen on an address that others can reach, without authentication and TLS.",
    )
    processes: Annotated[int, Field(ge=1, le=MOST_PROCESSES)] = Field(
        1, description="Server processes that share the address; about one for each core."
    )
    database_url: SecretStr | None = Field(
        None, description="A Postgres of yours, postgresql://...; unset starts an embedded one."
    )
    database_connections: Annotated[int, Field(ge=2, le=500)] = Field(
        10, description="Connections that one process holds at most."
    )
    transport: Literal["express", "grpcio"] = Field(
        "express", description="The gRPC implementation: ours, or the reference."
    )
    max_message_mb: Megabytes = Field(64, description="Largest message that is taken.")
    max_artifact_mb: Megabytes = Field(2048, description="Largest artifact that is taken.")
    max_dataset_mb: Megabytes = Field(2048, description="Largest table file that is taken.")
    dataset_import_prefixes: str = Field(
        "",
        description="From below which addresses tables may be imported, separated by spaces, such"
        " as file:///srv/tables or s3://bucket/tables; empty allows none.",
    )
    max_batch_elements: Annotated[int, Field(ge=1)] = Field(
        16_000_000, description="Largest number of elements in the tensors of one request."
    )
    default_deadline_seconds: Seconds = Field(
        300.0, description="Deadline of a unary call that brings none."
    )
    drain_seconds: Annotated[float, Field(ge=0, le=600)] = Field(
        0.0, description="How long to go on serving after NOT_SERVING, for balancers to notice."
    )
    grace_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        10.0, description="How long calls at hand may take when the server stops."
    )
    refresh_seconds: Seconds = Field(
        5.0, description="How often the served set is read, should a notification be lost."
    )
    model_memory_mb: Megabytes = Field(
        2048,
        description="Memory that loaded models may take together; when more are in use, those"
        " used least recently are unloaded, and loaded again when they are called.",
    )
    preload_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        30.0,
        description="How long the start waits for models that aliases point to; then the server"
        " is SERVING, and a call to a model that is not loaded yet waits for it.",
    )
    on_demand_models: Annotated[int, Field(ge=1, le=10_000)] = Field(
        16, description="Versions without an alias that are kept loaded at most."
    )
    reflection: bool = Field(default=True, description="Offer gRPC reflection.")
    admission_seconds: Seconds = Field(60.0, description="Time that checking a version may take.")
    admission_memory_mb: Megabytes = Field(2048, description="Memory it may take.")
    ingest_seconds: Seconds = Field(300.0, description="Time that reading a table may take.")
    ingest_memory_mb: Megabytes = Field(4096, description="Memory it may take.")
    training_seconds: Seconds = Field(3600.0, description="Time that one fit may take.")
    training_memory_mb: Megabytes = Field(8192, description="Memory it may take.")
    max_parity_tolerance: Annotated[float, Field(ge=1e-5, le=0.1)] = Field(
        1e-3,
        description="How far from its pipeline a job may let its ONNX graph be: in a probability,"
        " or in a value relative to the target's standard deviation.",
    )
    lease_seconds: Seconds = Field(
        10.0, description="After how long without a sign a training worker counts as dead."
    )
    training_attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        5,
        description="How many attempts of a job may end by no fault of its own, such as the"
        " death of its worker, before it fails.",
    )
    worker_queues: str = Field(
        "*=1",
        description="The queues that a training worker takes jobs from, and how many of each it"
        " runs at a time, such as default=2,nightly=1; * is every queue.",
    )
    ray_address: str = Field(
        "",
        description="HOST:PORT of the Ray cluster that runs the trials of searches whose executor"
        " is ray; needs the extra ray. Empty: there is none.",
    )
    ray_table_mb: Megabytes = Field(
        512, description="Largest table whose search runs on Ray; each trial has a copy."
    )
    log_format: Literal["console", "json"] = Field("console", description="Form of the log.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Detail.")

    @model_validator(mode="before")
    @classmethod
    def _knows_every_name(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Refuse a misspelt MODELYARD_ variable, which would otherwise do nothing, quietly."""
        known = {f"MODELYARD_{name.upper()}" for name in cls.model_fields} | _CLIENT_VARIABLES
        wrong = {name for name in os.environ if name.startswith("MODELYARD_")} - known
        for name in sorted(wrong):
            close = get_close_matches(name, known, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ValueError(f"there is no setting {name}{hint}")
        return values

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        """Resolve the folder now: children work in folders of their own."""
        return home.expanduser().resolve()

    @field_validator("grpc_address")
    @classmethod
    def _is_address(cls, address: str) -> str:
        split_address(address)
        return address

    @field_validator("dataset_import_prefixes")
    @classmethod
    def _are_prefixes(cls, prefixes: str) -> str:
        return check_prefixes(prefixes)

    @field_validator("ray_address")
    @classmethod
    def _is_address_or_empty(cls, address: str) -> str:
        if address:
            split_address(address)
        return address

    @field_validator("worker_queues")
    @classmethod
    def _names_queues(cls, queues: str) -> str:
        split_queues(queues)
        return queues

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        # The value is a secret, so the message does not repeat it.
        if url and not re.match(r"postgres(ql)?(\+psycopg)?://", url.get_secret_value()):
            raise ValueError("must begin with postgresql://")
        return url

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no .env file is read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - nor files of secrets
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Say who wins: the command line, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def split_address(address: str) -> tuple[str, int]:
    """Take HOST:PORT apart; port 0 picks a free one.

    Raises:
        ValueError: It is none.
    """
    match = _ADDRESS.fullmatch(address)
    if not match or int(match["port"]) > 65535:  # noqa: PLR2004 - the largest port there is
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:8001")
    return match["host"], int(match["port"])


def split_queues(queues: str) -> dict[str, int]:
    """Take QUEUE=NUMBER,... apart.

    Raises:
        ValueError: It is none.
    """
    found = [_QUEUE.fullmatch(part.strip()) for part in queues.split(",")]
    numbers = {match["queue"]: int(match["number"]) for match in found if match}
    if len(numbers) < len(found) or len(found) > _MOST_QUEUES:
        raise ValueError(
            f"must be at most {_MOST_QUEUES} different QUEUE=NUMBER, with numbers from 1 to 99,"
            " such as default=2,nightly=1; the queue * is every queue"
        )
    return numbers


def is_loopback(address: str) -> bool:
    """Tell whether only this machine can reach an address."""
    return split_address(address)[0] in _LOOPBACK


def child_environment() -> dict[str, str]:
    """Make the environment of throw-away processes: what Python needs, and no secrets."""
    kept = {name: value for name, value in os.environ.items() if _HARMLESS.fullmatch(name)}
    # matplotlib keeps a list of fonts; a child may write to its own folder only.
    return {**kept, "ORT_DISABLE_TELEMETRY": "1", "MPLCONFIGDIR": "."}


def cluster_environment() -> dict[str, str]:
    """Make the environment of processes that speak to Ray: its settings and token besides."""
    ray = {name: value for name, value in os.environ.items() if name.startswith("RAY_")}
    return {**child_environment(), **ray, "RAY_USAGE_STATS_ENABLED": "0"}


def process_environment(settings: Settings, database_url: str) -> dict[str, str]:
    """Make the environment of a process that does a part of our work: the same settings."""
    values = settings.model_dump(mode="json", exclude={"database_url"})
    ours = {f"MODELYARD_{name.upper()}": str(value) for name, value in values.items()}
    # It may need what the operator set for libraries, such as PGSSLROOTCERT.
    return {**os.environ, **ours, "MODELYARD_DATABASE_URL": database_url}


def prepare_process() -> None:
    """Set what libraries read from the environment when they are imported; call it first.

    ONNX Runtime sends usage data unless it is told not to. gRPC takes part in forks unless
    it is told not to, and warns of the children that we start, which do not use it; and it
    tells of every connection that ends.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
