"""What a confined process cannot do, tried for real: with all layers, and with each of them missing."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.workers.confine import Barrier, available
from gateway.workers.syscalls import _DENIED, ARCHITECTURES

ROOT = Path(__file__).parent.parent
NOBODY = 65534

TRIAL = """
import json, os, sys
from gateway.workers.confine import Allowance, Barrier, Walls
from gateway.workers.escape import escapes, holes
barriers, claimed, user = json.loads(sys.argv[1])
if user:
    os.setgroups([]); os.setresgid(user, user, user); os.setresuid(user, user, user)
walls = Walls([], frozenset(Barrier(name) for name in barriers))
allowance = Allowance(seconds=10, memory=256 << 20)
if claimed is None:
    print(json.dumps({name: sorted(by) for name, by in escapes(walls, allowance).items()}))
else:
    print(json.dumps(holes(walls, allowance, frozenset(Barrier(name) for name in claimed))))
"""
BOTH = [Barrier.LANDLOCK, Barrier.SECCOMP]
USERS = [0, NOBODY] if os.getuid() == 0 else [0]

needs_both = pytest.mark.skipif(available() != set(BOTH), reason="this kernel lacks a layer")


def run(program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A process of its own: what is tried here is for good."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def trial(barriers: list[Barrier], claimed: list[Barrier] | None = None, user: int = 0) -> dict[str, list[str]]:
    finished = run(TRIAL, json.dumps([barriers, claimed, user]))
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


@needs_both
@pytest.mark.parametrize("user", USERS)
def test_a_worker_escapes_nowhere(user: int) -> None:
    """The promise to the operator: a parser taken over reads no file, reaches no network and starts nothing."""
    assert trial(BOTH, user=user) == {}


@needs_both
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("only", BOTH)
def test_each_layer_holds_alone_what_it_is_said_to_hold(only: Barrier, user: int) -> None:
    """Two layers are two only if neither leans on the other."""
    escaped = trial([only], user=user)
    assert all(only not in barred_by for barred_by in escaped.values()), escaped


def test_without_layers_the_attempts_succeed() -> None:
    """The control: attempts that fail everywhere would prove nothing."""
    escaped = trial([])
    wanted = {
        "read a file",
        "list a directory",
        "open an internet socket",
        "signal the parent",
        "trace a process",
    }
    assert wanted | {"write a file", "run a program"} <= escaped.keys()
    assert "hold memory without limit" not in escaped


@needs_both
def test_a_layer_that_should_hold_and_does_not_stops_the_start() -> None:
    """A seccomp filter that was silently not installed must be noticed before the first message, not after."""
    assert "open an internet socket" in trial([Barrier.LANDLOCK], claimed=BOTH)


@needs_both
def test_a_kernel_without_a_layer_is_served_with_the_others() -> None:
    """Old kernels have no Landlock; the service runs there, with a warning, and everything else still holds."""
    assert trial([Barrier.SECCOMP], claimed=[Barrier.SECCOMP]) == []


@needs_both
def test_reading_is_granted_beneath_named_places_only(tmp_path: Path) -> None:
    """Late imports must work inside, and only they."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open/code.py").write_text("x")
    (tmp_path / "single").write_text("y")
    (tmp_path / "closed").write_text("z")
    program = """
import sys
from pathlib import Path
from gateway.workers.confine import Allowance, Barrier, Walls
folder = Path(sys.argv[1])
Walls([folder / "open", folder / "single", folder / "not there"], frozenset(Barrier)).confine(Allowance(seconds=5))
print((folder / "open/code.py").read_text(), (folder / "single").read_text())
for act in (lambda: (folder / "closed").read_text(), lambda: (folder / "open/code.py").write_text("")):
    try:
        act()
    except PermissionError:
        print("denied")
"""
    assert run(program, str(tmp_path)).stdout.split() == ["x", "y", "denied", "denied"]


@needs_both
def test_threads_are_allowed_and_processes_are_not() -> None:
    """Some libraries start a thread; none has a reason to start a process."""
    program = """
import os, threading
from gateway.workers.confine import Allowance, Barrier, Walls
Walls([], frozenset(Barrier)).confine(Allowance(seconds=5))
thread = threading.Thread(target=print, args=("thread",)); thread.start(); thread.join()
try:
    os.fork()
except PermissionError:
    print("no fork")
"""
    assert run(program).stdout.split("\n")[:2] == ["thread", "no fork"]


def test_cpu_time_is_bounded_even_if_nobody_watches_the_clock() -> None:
    """The second line of defence behind the deadline: the kernel's."""
    program = "from gateway.workers.confine import allow_cpu\nallow_cpu(0.1)\nwhile True: pass"
    assert run(program).returncode == -signal.SIGXCPU


def test_a_process_ends_with_its_parent() -> None:
    """Whatever kills the service takes all its processes along, even one that reads nothing and waits for nothing."""
    program = """
import os, signal, time
from gateway.workers.confine import die_with
report, tell = os.pipe()
middle = os.fork()
if middle == 0:
    parent = os.getpid()
    if os.fork() == 0:
        os.close(report)
        die_with(parent)
        os.write(tell, b"x")
        time.sleep(60)
    time.sleep(60)
os.close(tell)
os.read(report, 1)
os.kill(middle, signal.SIGKILL)
print("ended" if os.read(report, 1) == b"" else "lives")
"""
    assert run(program).stdout == "ended\n"


HEADERS = {"x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "aarch64": "/usr/include/asm-generic/unistd.h"}


@pytest.mark.parametrize("machine", HEADERS)
def test_call_numbers_are_those_of_the_kernel(machine: str) -> None:
    """One wrong digit would refuse a harmless call, and let the harmful one pass."""
    header = Path(HEADERS[machine])
    if not header.exists():
        pytest.skip("no kernel headers here")
    found = re.findall(r"#define (?:__NR3264_|__NR_)(\w+)\s+(\d+)", header.read_text())
    numbers: dict[str, int] = {}
    for name, number in found:
        numbers.setdefault(name, int(number))
    ours = {name: x86 if machine == "x86_64" else arm for name, x86, arm in _DENIED}
    assert {name: numbers.get(name) for name, number in ours.items() if number is not None} == {
        name: number for name, number in ours.items() if number is not None
    }
    assert ARCHITECTURES[machine].clone == numbers["clone"]
    assert ARCHITECTURES[machine].prlimit64 == numbers["prlimit64"]
    assert numbers["openat"] in {number for number, _ in ARCHITECTURES[machine].opens}


OLD_KERNEL = """
import asyncio, logging, os, platform, sys
from gateway.workers.confine import _ALLOW, _ERRNO, _EQUAL, _LOAD, _NUMBER, _ARGUMENTS, _RETURN, _install, _libc, _step
from gateway.inspector import Inspector
from gateway.settings import Settings
from gateway.workers.syscalls import ARCHITECTURES

number, argument, answer = [int(value) for value in sys.argv[1:4]]
number = number or ARCHITECTURES[platform.machine()].denied["prctl"]
judge = [_step(_LOAD, _ARGUMENTS), _step(_EQUAL, argument, 0, 1)] if argument else []
program = [_step(_LOAD, _NUMBER), _step(_EQUAL, number, 0, len(judge) + 1), *judge]
program += [_step(_RETURN, _ERRNO | answer), _step(_RETURN, _ALLOW)]
_libc.prctl(38, 1, 0, 0, 0)
_install(b"".join(program))
logging.basicConfig(format="%(levelname)s %(message)s")

async def main():
    inspector = Inspector(Settings(smtp={"hostname": "x"}), workshop="workshop_of_faults")
    await inspector.start()
    for message in ("hello", "read_file:/etc/passwd", "write_file:/tmp/countersign-test"):
        print((await inspector.inspect(message.encode())).parts[0].status)
    await inspector.close()

asyncio.run(main())
"""


@needs_both
@pytest.mark.parametrize(
    ("lacks", "call", "opened"),
    [
        ("Landlock", ("444", "0", "38"), ["opened", "opened", "unopened"]),
        ("seccomp", ("0", "22", "22"), ["opened", "unopened", "unopened"]),
    ],
)
def test_an_old_kernel_is_served_with_a_warning(lacks: str, call: tuple[str, str, str], opened: list[str]) -> None:
    """The operator reads once what is missing, and mail goes on; what the other layer forbids stays forbidden."""
    finished = run(OLD_KERNEL, *call, PYTHONPATH=str(ROOT / "tests"))
    assert finished.stdout.split() == opened, finished.stderr
    warnings = [line for line in finished.stderr.splitlines() if "lacks" in line]
    assert warnings == [f"WARNING workers are confined without {lacks}, which this kernel lacks; resource limits hold"]
