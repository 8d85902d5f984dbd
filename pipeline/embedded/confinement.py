"""Confines this process to its own folder with Landlock, where the kernel has it.

What can't be opened can't be read by any query.

Promises: once `confine` has said so, neither this thread nor a thread begun later opens files outside of `writable` and
what a program needs (libraries, /proc/self, /sys, a few devices), and none connects anywhere by TCP (kernels with
Landlock's version 4 or newer). Threads that run already stay free: call it before any is begun. It can't be undone.
Where the kernel lacks it nothing changes, and the answer says so.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1  # the flag that asks for the version
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38
_READ = 1 << 2 | 1 << 3  # files and folders
_EXECUTE, _WRITE_FILE = 1 << 0, 1 << 1
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | 1 << 2 | 1 << 14 | 1 << 15  # all that may be granted on a file itself
_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}  # by version
_CONNECT_TCP = 1 << 1
_NET_SINCE = 4
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_SYSTEM = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/zoneinfo",
    "/sys/devices/system",
    "/sys/fs/cgroup",
    "/proc/self",
)
_RESOLVER = (
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
)  # `localhost` is looked up
_SYSTEM_FILES = (
    "/etc/ld.so.cache",
    "/proc/meminfo",
    "/proc/cpuinfo",
    "/proc/stat",
    "/proc/sys/vm/overcommit_memory",
    "/proc/mounts",
    *_RESOLVER,
)


@dataclass(frozen=True, slots=True)
class Confinement:
    """What was reached: `files` and `network` are confined or not; `words` say it for a log or for `doctor`."""

    version: int
    files: bool
    network: bool

    @property
    def words(self) -> str:
        """One line."""
        if not self.files:
            return "not confined: this kernel has no Landlock, so only the checks of SQL keep queries from this machine's files"
        reach = (
            "no outgoing connections"
            if self.network
            else "outgoing connections are possible (Landlock before version 4)"
        )
        return f"confined by Landlock {self.version}: its own folder, {reach}"


def available() -> Confinement:
    """What `confine` would reach on this kernel; changes nothing."""
    version = _version()
    return Confinement(version, version >= 1, version >= _NET_SINCE)


def confine(writable: Sequence[Path], readable: Sequence[Path] = ()) -> Confinement:
    """Confine this thread and those that it will begin, for good. `writable` folders must exist."""
    found = available()
    if not found.files:
        return found
    rights = _RIGHTS[min(found.version, max(_RIGHTS))]
    net = _CONNECT_TCP if found.network else 0
    attributes = struct.pack("<QQ", rights, net) if found.network else struct.pack("<Q", rights)
    ruleset = _syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for path in writable:
            _allow(ruleset, path, rights & ~_EXECUTE)
        for path in (*readable, *map(Path, (*_SYSTEM, *_python())), *map(Path, _SYSTEM_FILES)):
            _allow(ruleset, path, (_READ | _EXECUTE) & rights)
        for path in map(Path, _DEVICES):
            _allow(ruleset, path, (_READ | _WRITE_FILE) & rights)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "no_new_privs")
        _syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return found


def _python() -> set[str]:
    """Where modules are loaded from."""
    places = {*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix, str(Path(__file__).resolve().parents[1])}
    return {path for path in places if Path(path).is_dir() and path not in ("/", "/usr")}


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this machine
    try:
        if not path.is_dir():
            rights &= _FILE_RIGHTS
        _syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("<Qi", rights, descriptor), 0)
    finally:
        os.close(descriptor)


def _version() -> int:
    try:
        return _syscall(_CREATE_RULESET, None, 0, _VERSION)
    except OSError:
        return 0


def _syscall(number: int, *arguments: object) -> int:
    """Raises OSError."""
    if not sys.platform.startswith("linux"):
        raise OSError("no Landlock here")
    libc = ctypes.CDLL(None, use_errno=True)
    said = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    result = int(libc.syscall(ctypes.c_long(number), *said))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
