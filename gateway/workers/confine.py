"""Takes rights from the calling process, for good: memory, CPU, files, network, other processes. Never gives one back.

Four layers, each of use without the others: resource limits, empty capabilities, Landlock, seccomp. All of them work
for root and for an ordinary user, in a container, without user namespaces.
"""

import ctypes
import mimetypes
import os
import platform
import resource
import signal
import struct
import sys
import sysconfig
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import gateway
import rules
from gateway.workers.syscalls import ARCHITECTURES, COMMON, COMMON_ALLOWED, Architecture

LARGE = 1 << 19  #: bytes of a buffer that is mapped by itself
FILES = 64  #: descriptors; imports inside need a handful

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_SECCOMP_MODE_FILTER = 2
_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1  # <malloc.h>
_CAPABILITY_VERSION_3 = 0x20080522

# <linux/landlock.h>; the three calls have the same numbers everywhere
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_VERSION, _LANDLOCK_PATH_BENEATH = 1, 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  #: ABI to how many rights on files it knows; from 5 on 16
_NET_RIGHTS = 0b11  #: bind and connect TCP, from ABI 4 on
_SCOPES = 0b11  #: abstract UNIX sockets and signals of others, from ABI 6 on

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CLONE_THREAD = 0x00010000

_libc = ctypes.CDLL(None, use_errno=True)


class Barrier(StrEnum):
    """A layer that a kernel may lack. Resource limits are always there."""

    LANDLOCK = "Landlock"
    SECCOMP = "seccomp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What one worker may use."""

    seconds: float  #: of CPU for one message; the wall clock is watched from outside
    memory: int = 2 << 30  #: bytes of address space over what the warm parent had
    messages: int = 1000  #: after so many harmless ones a worker leaves
    growth: int = 64 << 20  #: bytes of resident memory that may be left behind by harmless ones
    answer: int = 16 << 20  #: bytes


def available() -> frozenset[Barrier]:
    """Which layers this kernel has, asked of the kernel."""
    found = set()
    if landlock_abi() >= 1:
        found.add(Barrier.LANDLOCK)
    # With a null filter a kernel that knows the mode says EFAULT, another one EINVAL.
    unsupported = platform.machine() not in ARCHITECTURES
    if not unsupported and _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, None, 0, 0):
        found.update({Barrier.SECCOMP} if ctypes.get_errno() == 14 else ())  # EFAULT
    return frozenset(found)


def landlock_abi() -> int:
    return int(_libc.syscall(_LANDLOCK_CREATE, None, 0, _LANDLOCK_VERSION))


def die_with(parent: int) -> None:
    """End by SIGKILL when the parent ends, however it ends (strictly: the thread of it that started this process)."""
    _must(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "PR_SET_PDEATHSIG")
    if os.getppid() != parent:
        os._exit(0)


def code_and_data() -> tuple[Path, ...]:
    """What a worker reads while it works: code that is imported late, shared libraries, the data of libraries."""
    schemes = sysconfig.get_paths()
    code = [schemes[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    code += [path for path in sys.path if Path(path).name in {"site-packages", "dist-packages"}]
    own = [str(Path(package.__file__ or "").parent) for package in (gateway, rules)]
    libraries = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"]
    tesseract = os.environ.get("TESSDATA_PREFIX", "/usr/share/tessdata")
    shares = ["/usr/share/tesseract-ocr", "/usr/share/misc", "/usr/share/fonts", "/usr/share/zoneinfo", tesseract]
    single = ["/etc/magic", "/etc/localtime", "/dev/null", "/dev/urandom", "/proc/meminfo", *mimetypes.knownfiles]
    return tuple(dict.fromkeys(Path(path) for path in (*code, *own, *libraries, *shares, *single)))


def leave_no_core() -> None:
    """For the service itself: a core file, or the pipe to a collector of them, would take mail in flight along."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _must(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "PR_SET_DUMPABLE")


def keep_no_large_memory() -> None:
    """Have buffers of large messages go back to the system at once; glibc learns to keep what is freed repeatedly.

    Who sets the one bound must set the other: left alone it gives back and asks again with every read of a socket.
    """
    with suppress(AttributeError):  # not glibc
        _libc.mallopt(_M_MMAP_THRESHOLD, LARGE)
        _libc.mallopt(_M_TRIM_THRESHOLD, LARGE)


class Walls:
    """Everything about confinement that can be made before the fork, so that a worker only has to step in."""

    def __init__(self, readable: Iterable[Path], barriers: frozenset[Barrier]) -> None:
        self._ruleset = _ruleset(readable) if Barrier.LANDLOCK in barriers else None
        self._filter = _program(ARCHITECTURES[platform.machine()]) if Barrier.SECCOMP in barriers else None

    def confine(self, allowance: Allowance) -> None:
        """Irrevocable. Raises OSError when a layer that should be there does not come up."""
        _limit(allowance, threads=self._filter is not None)
        _drop_capabilities()
        _must(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "PR_SET_DUMPABLE")
        _must(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")
        if self._ruleset is not None:
            _must(_libc.syscall(_LANDLOCK_RESTRICT, self._ruleset, 0), "Landlock")
            os.close(self._ruleset)
        if self._filter is not None:
            _install(self._filter)


def allow_cpu(seconds: float) -> None:
    """Give the running process so much CPU time from now on; then SIGXCPU ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + seconds) + 1, most))


def _limit(allowance: Allowance, *, threads: bool) -> None:
    used = int(Path("/proc/self/statm").read_bytes().split()[0]) * resource.getpagesize()
    limits = {
        resource.RLIMIT_AS: used + allowance.memory,
        resource.RLIMIT_NOFILE: FILES,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_MEMLOCK: 0,
    }
    if not threads:  # this limit counts threads too, so it is only for kernels where seccomp cannot tell them apart
        limits[resource.RLIMIT_NPROC] = 0
    for what, amount in limits.items():
        _, most = resource.getrlimit(what)
        least = amount if most == resource.RLIM_INFINITY else min(amount, most)
        resource.setrlimit(what, (least, least))


def _drop_capabilities() -> None:
    header, held = struct.pack("Ii", _CAPABILITY_VERSION_3, 0), ctypes.create_string_buffer(24)
    _must(_libc.capget(header, held), "capget")
    if any(held.raw):  # an ordinary user has none, and a supervisor may have forbidden him the next call
        _must(_libc.capset(header, bytes(24)), "capset")


def _ruleset(readable: Iterable[Path]) -> int:
    """A Landlock rule set that handles every right the kernel knows, and grants reading beneath `readable` only."""
    abi = landlock_abi()
    attributes = struct.pack("Q", (1 << _FILE_RIGHTS.get(abi, 16)) - 1)
    attributes += struct.pack("Q", _NET_RIGHTS) if abi >= 4 else b""
    attributes += struct.pack("Q", _SCOPES) if abi >= 6 else b""
    ruleset = int(_libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0))
    _must(ruleset, "Landlock")
    for path in readable:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # not on this machine
            continue
        rights = _READ_FILE | _READ_DIR if path.is_dir() else _READ_FILE
        rule = struct.pack("=Qi", rights, place)  # struct landlock_path_beneath_attr is packed
        _must(_libc.syscall(_LANDLOCK_ADD, ruleset, _LANDLOCK_PATH_BENEATH, rule, 0), "Landlock")
        os.close(place)
    return ruleset


# Classic BPF, <linux/bpf_common.h> and <linux/seccomp.h>
_LOAD, _EQUAL, _NOT_LESS, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  #: offsets into struct seccomp_data
_KILL, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS = 1, 38


def _step(code: int, operand: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, operand)


def _program(architecture: Architecture) -> bytes:
    """The filter: a list of what is refused; what is newer than the list is answered "no such call"."""
    allow, refuse = _step(_RETURN, _ALLOW), _step(_RETURN, _ERRNO | _EPERM)
    newer = b"".join(_step(_EQUAL, number, 0, 1) + allow for number in COMMON_ALLOWED)
    newer += _step(_RETURN, _ERRNO | _ENOSYS)
    program = _step(_LOAD, _ARCHITECTURE) + _step(_EQUAL, architecture.audit, 1, 0) + _step(_RETURN, _KILL)
    program += _step(_LOAD, _NUMBER) + _step(_NOT_LESS, COMMON, 0, len(newer) // 8) + newer
    program += _look_at(architecture.clone, 0, _step(_ANY_BIT, _CLONE_THREAD, 0, 1) + allow + refuse)
    program += _look_at(architecture.prlimit64, 0, _step(_EQUAL, 0, 0, 1) + allow + refuse)  # pid 0: oneself
    for number, flags in architecture.opens:
        program += _look_at(number, flags, _step(_ANY_BIT, _WRITING, 1, 0) + allow + refuse)
    program += b"".join(_step(_EQUAL, number, 0, 1) + refuse for number in architecture.denied.values())
    return program + allow


def _look_at(number: int, argument: int, judge: bytes) -> bytes:
    """For call `number`, load the low half of an argument (both machines are little-endian) and let `judge` end it."""
    inside = _step(_LOAD, _ARGUMENTS + 8 * argument) + judge
    return _step(_EQUAL, number, 0, len(inside) // 8) + inside


def _install(program: bytes) -> None:
    steps = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(steps))
    _must(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.c_char_p(described), 0, 0), "seccomp")


def _must(result: int, what: str) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
