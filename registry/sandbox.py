"""The child's side of `child_process`: gives up what it must not have, then works.

Run as `python -m registry.sandbox MODULE FOLDER LIMITS`. Everything here is done
before the module and its libraries are imported, and can't be undone afterwards:

* the process ends when its parent does (end of standard input);
* limits on memory, processor time and file size (setrlimit);
* no network: a network namespace of its own, and on newer kernels Landlock;
* files: Landlock lets it read the program and the system, and write its folder only.

Landlock (Linux 5.13 and later) and namespaces are taken where the system offers them;
elsewhere the limits of setrlimit and the parent's clock remain. Constants are those of
linux/landlock.h, linux/sched.h and linux/prctl.h.
"""

import ctypes
import json
import os
import resource
import runpy
import sys
import sysconfig
import threading
from collections.abc import Iterable
from pathlib import Path

_CPU_THREADS = 4
_OUR_PACKAGES = ("registry", "training")
_SYSTEM = ("/usr", "/lib", "/lib64", "/proc", "/sys", "/dev", "/opt")
_SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/localtime")

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH = 1
_SET_NO_NEW_PRIVILEGES = 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_EXECUTE, _READ_FILE, _READ_DIRECTORY = 1 << 0, 1 << 2, 1 << 3
_READ = _EXECUTE | _READ_FILE | _READ_DIRECTORY
# How many file rights each version of Landlock's interface knows.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_TCP_SINCE, _TCP_RIGHTS = 4, 0b11


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def main() -> None:
    """Take the limits, then run the module with the folder as its argument."""
    module, folder, limits = sys.argv[1:4]
    _leave_network()
    _take_limits(**json.loads(limits))
    _close_files(Path(folder))
    # A thread must not exist before the namespace is left, which is per process.
    run_with_parent(module, folder)


def run_with_parent(module: str, folder: str) -> None:
    """Run the module for as long as the parent lives."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.argv = [module, folder]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    """Wait for the end of standard input: the parent is gone, or done with us."""
    os.read(0, 1)
    os._exit(3)


def _take_limits(*, memory_bytes: int, seconds: float, file_bytes: int) -> None:
    # Private memory, not address space: libraries map far more than they use.
    _limit(resource.RLIMIT_DATA, memory_bytes)
    # The parent's clock comes first; this is the net, should the parent be suspended. The
    # soft limit tells by its signal what happened.
    cpu_seconds = int(seconds * _CPU_THREADS) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    _limit(resource.RLIMIT_FSIZE, file_bytes)
    _limit(resource.RLIMIT_CORE, 0)


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _leave_network() -> None:
    """Enter a network namespace without interfaces, as root or through a user namespace."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if libc.unshare(_CLONE_NEWNET) != 0:
            libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def _close_files(folder: Path) -> None:
    """Let only the folder be written, and only the program and the system be read."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return
    every_right = (1 << _FILE_RIGHTS.get(version, 15)) - 1
    ruleset = _Ruleset(every_right, _TCP_RIGHTS)
    size = ctypes.sizeof(ruleset) if version >= _TCP_SINCE else 8
    descriptor = libc.syscall(_CREATE_RULESET, ctypes.byref(ruleset), size, 0)
    _allow(libc, descriptor, [folder], every_right)
    _allow(libc, descriptor, [Path("/dev/null")], every_right)
    _allow(libc, descriptor, [Path(path) for path in (*_SYSTEM, *_SYSTEM_FILES)], _READ)
    for path, rights in _program_paths():
        _allow(libc, descriptor, [path], rights)
    libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if libc.syscall(_RESTRICT_SELF, descriptor, 0) != 0:
        raise OSError(ctypes.get_errno(), "Landlock refused the rules")
    os.close(descriptor)


def _program_paths() -> Iterable[tuple[Path, int]]:
    """Name where Python, its packages and our own are, with the rights they need."""
    for prefix in {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values()}:
        yield Path(prefix), _READ
    ours = Path(__file__).resolve().parents[1]
    # Data may lie in folders beside our packages: list the parent, read only the packages.
    yield ours, _READ_DIRECTORY
    for package in _OUR_PACKAGES:
        yield ours / package, _READ


def _allow(libc: ctypes.CDLL, ruleset: int, paths: Iterable[Path], rights: int) -> None:
    for path in paths:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue  # what is not there needs no permission
        # A right that only folders have is an error on a file.
        allowed = rights if path.is_dir() else rights & 0b111 | (rights & (1 << 14))
        rule = _PathBeneath(allowed, descriptor)
        libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0)
        os.close(descriptor)


if __name__ == "__main__":
    main()
