from pathlib import Path

import pytest
from pydantic import ValidationError

from server import settings
from server.settings import (
    Settings,
    child_environment,
    cluster_environment,
    is_loopback,
    process_environment,
    split_queues,
)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_environment_wins_over_the_file(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / "modelyard.toml").write_text("drain_seconds = 1.0\ngrace_seconds = 2.0\n")
    monkeypatch.setenv("MODELYARD_GRACE_SECONDS", "3")
    read = Settings()
    assert (read.drain_seconds, read.grace_seconds) == (1.0, 3.0)


def test_the_data_folder_is_absolute(empty_folder: Path) -> None:
    assert Settings().home == empty_folder / ".modelyard"


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELYARD_GRPC_ADDRESS", "nowhere")
    monkeypatch.setenv("MODELYARD_DATABASE_CONNECTIONS", "0")
    monkeypatch.setenv("MODELYARD_DATABASE_URL", "mysql://user:secret@host")
    with pytest.raises(ValidationError) as caught:
        Settings()
    places = {fault["loc"][0] for fault in caught.value.errors()}
    assert places == {"grpc_address", "database_connections", "database_url"}


def test_a_misspelt_variable_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELYARD_GRPC_ADDRES", "127.0.0.1:1")
    monkeypatch.setenv("MODELYARD_SERVER", "127.0.0.1:1")
    with pytest.raises(ValidationError, match="did you mean MODELYARD_GRPC_ADDRESS"):
        Settings()


def test_an_unknown_key_in_the_file_is_a_fault(empty_folder: Path) -> None:
    (empty_folder / "modelyard.toml").write_text("grcp_address = 'typo'\n")
    with pytest.raises(ValidationError, match="grcp_address"):
        Settings()


@pytest.mark.parametrize("bad", ["127.0.0.1", ":80", "host:99999", "host:port", "a b:1", "::1:80"])
def test_bad_addresses(bad: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        settings.split_address(bad)


def test_loopback() -> None:
    assert is_loopback("127.0.0.1:0")
    assert is_loopback("[::1]:8001")
    assert not is_loopback("0.0.0.0:8001")


def test_children_get_no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELYARD_DATABASE_URL", "postgresql://user:secret@host/db")
    monkeypatch.setenv("PGPASSWORD", "secret")
    environment = child_environment()
    assert "secret" not in str(environment)
    assert environment["ORT_DISABLE_TELEMETRY"] == "1"
    assert environment["MPLCONFIGDIR"] == "."


def test_what_speaks_to_ray_gets_its_settings_and_none_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("MODELYARD_RAY_ADDRESS", "10.0.0.1:6379")
    monkeypatch.setenv("SECRET", "x")
    environment = cluster_environment()
    assert environment["RAY_AUTH_MODE"] == "token"
    assert environment["RAY_USAGE_STATS_ENABLED"] == "0"
    assert {"SECRET", "MODELYARD_RAY_ADDRESS"} & set(environment) == set()
    assert "RAY_AUTH_MODE" not in child_environment()
    assert Settings().ray_address == "10.0.0.1:6379"
    monkeypatch.setenv("MODELYARD_RAY_ADDRESS", "ray://10.0.0.1")
    with pytest.raises(ValidationError, match="HOST:PORT"):
        Settings()


def test_a_process_of_ours_gets_the_settings_of_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELYARD_LEASE_SECONDS", "7")
    mine = Settings()
    for name, value in process_environment(mine, "postgresql://h/db").items():
        monkeypatch.setenv(name, value)
    theirs = Settings()
    assert theirs.database_url
    assert theirs.database_url.get_secret_value() == "postgresql://h/db"
    without_url = {"database_url"}
    assert theirs.model_dump(exclude=without_url) == mine.model_dump(exclude=without_url)


def test_queues_of_a_worker_are_named_with_their_numbers() -> None:
    assert split_queues("*=1") == {"*": 1}
    assert split_queues("default=2, nightly=1") == {"default": 2, "nightly": 1}


@pytest.mark.parametrize("queues", ["", "default", "default=0", "a=1,a=2", "A=1", "a=1;b=2"])
def test_what_names_no_queues_is_refused(queues: str) -> None:
    with pytest.raises(ValueError, match="QUEUE=NUMBER"):
        split_queues(queues)
