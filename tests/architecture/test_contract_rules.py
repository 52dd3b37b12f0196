"""Rules that hold the tree together, checked from the outside."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import URL, create_engine

import registry.errors
import server.errors
import serving.errors
import training.errors
import training.tables
from modelyard.commands import csv_rows
from modelyard.errors.v1 import reason_pb2
from registry.errors import DomainError
from registry.tables import Base
from server.status import TABLE
from training import csv_table

ROOT = Path(__file__).resolve().parents[2]
AREAS = ("server", "registry", "serving", "training")
CLIENT = ROOT / "clients" / "python" / "src" / "modelyard"
FORBIDDEN_NAMES = {"utils", "common", "helpers", "core", "base", "manager"}


def own_files() -> list[Path]:
    """List the files that people write."""
    files = [path for area in AREAS for path in (ROOT / area).rglob("*.py")]
    files += [path for path in CLIENT.rglob("*.py") if "_pb2" not in path.name]
    return [path for path in files if "migrations" not in path.parts]


def domain_errors() -> set[type[Exception]]:
    """List every error class of the areas."""
    modules = (registry.errors, serving.errors, server.errors, training.errors)
    return {
        member
        for module in modules
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, DomainError) and member is not DomainError
    }


def test_every_domain_error_has_a_status() -> None:
    assert domain_errors() <= set(TABLE)


def test_every_domain_error_has_a_reason_of_its_own() -> None:
    reasons = [TABLE[error].reason for error in domain_errors()]
    assert len(set(reasons)) == len(reasons)


def test_every_reason_is_used() -> None:
    used = {rule.reason for rule in TABLE.values()}
    unused = set(reason_pb2.Reason.values()) - used
    assert unused == {reason_pb2.REASON_UNSPECIFIED, reason_pb2.REASON_INTERNAL}


def test_generated_stubs_are_fresh() -> None:
    command = [sys.executable, str(ROOT / "protos" / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_migrations_make_the_tables_that_the_code_has(database_url: URL) -> None:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_client_and_server_take_the_same_words_for_missing() -> None:
    assert csv_rows.MISSING_WORDS == csv_table.MISSING_WORDS


def test_only_the_settings_read_the_environment() -> None:
    readers = {path for path in own_files() if re.search(r"os\.(environ|getenv)", path.read_text())}
    assert readers <= {ROOT / "server" / "settings.py"}


def test_files_are_short_and_say_what_they_are() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in own_files()}
    assert {path: length for path, length in lengths.items() if length > 300} == {}
    names = {path.stem for path in own_files()} | {path.parent.name for path in own_files()}
    assert names & FORBIDDEN_NAMES == set()


def test_nothing_unpickles_or_evaluates() -> None:
    words = re.compile(r"\b(pickle|joblib\.load|cloudpickle|eval\(|exec\(|os\.system)\b")
    assert [path for path in own_files() if words.search(path.read_text())] == []


def test_no_file_names_an_index_of_packages() -> None:
    files = [*(ROOT / "requirements").iterdir(), ROOT / "Makefile", ROOT / "pyproject.toml"]
    assert [path for path in files if "://" in path.read_text()] == []
