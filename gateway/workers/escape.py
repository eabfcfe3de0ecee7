"""Attempts to break out of a worker's confinement, made before any worker is trusted. Harms nothing, keeps nothing."""

import ctypes
import errno
import os
import platform
import signal
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gateway.workers.confine import Allowance, Barrier, Walls
from gateway.workers.syscalls import ARCHITECTURES
from gateway.workers.worker import step_in

_DENIED = {errno.EPERM, errno.EACCES, errno.ENOSYS}
_LANDLOCK, _SECCOMP = frozenset({Barrier.LANDLOCK}), frozenset({Barrier.SECCOMP})
_EITHER = _LANDLOCK | _SECCOMP
_NONE: frozenset[Barrier] = frozenset()

PROGRAM = "run a program"
_START, _END = "confined", "tried all"

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Something a worker must not be able to do, and the layers each of which alone forbids it."""

    name: str
    barred_by: frozenset[Barrier]  #: empty: resource limits, which are always there
    act: Callable[[], object]


def attempts(allowance: Allowance) -> Iterator[Attempt]:
    parent = os.getppid()
    for name, barred_by, act in (
        ("read a file", _LANDLOCK, lambda: os.open("/etc/passwd", os.O_RDONLY)),
        ("list a directory", _LANDLOCK, lambda: os.listdir("/")),  # noqa: PTH208 - a plain call
        ("read the parent's environment", _LANDLOCK, lambda: os.open(f"/proc/{parent}/environ", os.O_RDONLY)),
        ("read the parent's memory", _LANDLOCK, lambda: os.open(f"/proc/{parent}/mem", os.O_RDONLY)),
        ("write the parent's memory", _EITHER, lambda: os.open(f"/proc/{parent}/mem", os.O_RDWR)),
        ("write a file", _EITHER, lambda: _create("/tmp")),  # noqa: S108 - nothing is kept there
        ("write shared memory", _EITHER, lambda: _create("/dev/shm")),  # noqa: S108 - the same
        ("change a file's mode", _SECCOMP, lambda: os.chmod("/", stat.S_IMODE(os.stat("/").st_mode))),  # noqa: PTH101, PTH116
        ("open an internet socket", _SECCOMP, lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)),
        ("open a datagram socket", _SECCOMP, lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)),
        ("open a local socket", _SECCOMP, lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)),
        ("open a netlink socket", _SECCOMP, lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
        ("fork", _SECCOMP, _fork),
        ("signal the parent", _SECCOMP, lambda: os.kill(parent, 0)),
        ("leave its process group", _SECCOMP, lambda: os.setpgid(0, os.getpgid(parent))),
        ("outlive its parent", _SECCOMP, lambda: _call(_libc.prctl, 1, 0, 0, 0, 0)),
        ("trace a process", _SECCOMP, lambda: _call(_libc.ptrace, 0, 0, 0, 0)),
        ("make a namespace", _SECCOMP, lambda: _call(_libc.unshare, 0)),
        ("mount", _SECCOMP, lambda: _call(_libc.mount, None, None, None, 0, None)),
        ("use io_uring", _SECCOMP, lambda: _call(_libc.syscall, 425, 0, None)),
        ("hold memory without limit", _NONE, lambda: bytearray(allowance.memory + (64 << 20))),
    ):
        yield Attempt(name=name, barred_by=barred_by, act=act)
    yield from _calls()
    # The last one, because nothing comes after its success.
    yield Attempt(name=PROGRAM, barred_by=_EITHER, act=lambda: os.execv(sys.executable, [sys.executable, "-c", ""]))  # noqa: S606 - a plain call


def _calls() -> Iterator[Attempt]:
    table = ARCHITECTURES.get(platform.machine())
    for call in ("bpf", "userfaultfd", "perf_event_open", "keyctl", "process_vm_readv", "memfd_create", "setns"):
        if table is not None:
            number = table.denied[call]
            act = lambda number=number: _call(_libc.syscall, number, 0, 0, 0, 0, 0)  # noqa: E731 - one of a table
            yield Attempt(name=f"call {call}", barred_by=_SECCOMP, act=act)


def holes(walls: Walls, allowance: Allowance, barriers: frozenset[Barrier]) -> list[str]:
    """What a worker could do although one of `barriers`, or a resource limit, should have forbidden it."""
    found = escapes(walls, allowance)
    return [name for name, barred_by in found.items() if not barred_by or barred_by & barriers]


def escapes(walls: Walls, allowance: Allowance) -> dict[str, frozenset[Barrier]]:
    """Fork, confine, try everything. What succeeded, with the layers that should have forbidden it."""
    receiving, sending = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            _try_all(step_in(sending, parent, walls, allowance), allowance)
        finally:
            os._exit(1)
    os.close(sending)
    with open(receiving, "rb") as report:  # noqa: PTH123 - a descriptor, not a path
        told = report.read().decode().split("\n")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if _START not in told:
        return {"not even be confined": _NONE}
    barred_by = {attempt.name: attempt.barred_by for attempt in attempts(allowance)}
    succeeded = told[1:-1] if told[-1] == _END else [*told[1:-1], PROGRAM]
    return {name: barred_by[name] for name in succeeded}


def _try_all(channel: int, allowance: Allowance) -> None:
    os.write(channel, f"{_START}\n".encode())
    for attempt in attempts(allowance):
        if not _is_denied(attempt.act):
            os.write(channel, f"{attempt.name}\n".encode())
    os.write(channel, _END.encode())


def _is_denied(act: Callable[[], object]) -> bool:
    try:
        act()
    except OSError as error:
        return error.errno in _DENIED
    except MemoryError:
        return True
    return False


def _create(folder: str) -> None:
    name = f"{folder}/countersign-{os.getpid()}"
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    os.unlink(name)  # noqa: PTH108 - plain calls only: these are what is tried


def _fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _call(function: Callable[..., int], *arguments: object) -> None:
    if function(*arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")
