"""Where trials work on a machine of a cluster, and what dead ones left there."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "modelyard-trial-"
_LOCK = "lock"
# A folder that is being made has no lock yet.
_YOUNG_SECONDS = 60.0


@contextmanager
def open_folder() -> Iterator[Path]:
    """Make a folder, and remove it at the end; also those whose process was killed before.

    A cluster kills the processes of a search that was called off, and what they hold, a
    copy of the table each, would fill the disk. Whoever is alive holds a lock on its folder.
    """
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        folder = Path(name)
        with (folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder


def _sweep(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        # Several sweep at once, and not every folder is ours.
        with suppress(OSError):
            status = folder.lstat()
            young = time.time() - status.st_mtime < _YOUNG_SECONDS
            if status.st_uid == os.getuid() and not young and not _is_locked(folder / _LOCK):
                shutil.rmtree(folder, ignore_errors=True)


def _is_locked(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
