import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.embedded_postgres.users import (
    ROOT,
    USER,
    Spawn,
    stop_leftovers,
)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder that every account can enter, on a short path."""
    path = Path(tempfile.mkdtemp(prefix="my-", dir="/tmp"))  # pytest's own are closed
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def folder(short_path: Path) -> Iterator[Path]:
    """Below a directory that only its owner can enter, as root's home is."""
    home = short_path / "home"
    home.mkdir(mode=0o700)
    yield home / "postgres"
    stop_leftovers(home / "postgres")


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    children = []

    def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", USER, str(folder), *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()
