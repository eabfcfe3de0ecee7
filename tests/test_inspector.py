"""The inspector with real workers: what a hostile message can do is done, and must cost that message only."""

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import carriers_mail
import carriers_pages
import pytest
import pytest_asyncio
from inspecting import HANG, MIB, Start, about, children, is_clean, parents, settings, starting, until, warm
from openings import WITH_OCR
from test_review_picture import LINES, ROWS, page_of, typed, with_file

from gateway.errors import InspectorError
from gateway.inspector import Inspector
from gateway.review.viewed import SIDE, Look
from gateway.settings import Settings
from gateway.workers import nursery
from gateway.workers.confine import Allowance
from rules.verdict import Obstacle, Status

HANGING = {
    "sleep": Obstacle.TIMEOUT,
    "spin": Obstacle.TIMEOUT,
    "spin_in_threads": Obstacle.TIMEOUT,
    "answer_half_and_hang": Obstacle.TIMEOUT,
    "ignore_signals_and_hang": Obstacle.TIMEOUT,
    "close_channel_and_hang": Obstacle.CORRUPT,
}


@pytest_asyncio.fixture
async def start() -> AsyncIterator[Start]:
    async with starting() as begin:
        yield begin


@pytest.mark.parametrize("content", [bytes(range(256)) * 4, b"\x7fELF\2\1\1" + bytes(80)], ids=["noise", "program"])
async def test_what_nothing_knows_is_unsupported_also_before_the_warm_up(content: bytes) -> None:
    """Libmagic is searched for in ways that are closed to a worker; then everything unknown would be called damaged."""
    inspector = Inspector(Settings.model_validate({"inspection": {"workers": 1}}))
    await inspector.start()
    evidence = await inspector.inspect(carriers_mail.write_eml(content, "file.bin"))
    await inspector.close()

    assert [part.reason for part in evidence.parts] == [None, Obstacle.UNSUPPORTED]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shipped() -> AsyncIterator[Inspector]:
    """One with the workers of the service itself."""
    inspector = Inspector(Settings.model_validate({"inspection": {"workers": 1}}))
    await inspector.start()
    yield inspector
    await inspector.close()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_confined_worker_draws_a_page(shipped: Inspector) -> None:
    """Behind its walls there is no file and no memory to spare; what cannot be drawn says so."""
    raw = with_file(typed(*LINES, *ROWS), ("application", "pdf"))
    picture = await shipped.picture(raw, Look(section="2", content=page_of(raw)))
    none = await shipped.picture(raw, Look(section="9", content=0))

    assert (picture.width, picture.height) == (SIDE, 1000)
    assert none.note == "this part is no page and no picture"


@pytest.mark.asyncio(loop_scope="module")
@WITH_OCR
async def test_a_picture_that_ocr_complains_about_ends_no_worker(shipped: Inspector) -> None:
    """Tesseract writes its warnings to a file, and crashes when it cannot; a worker can write none."""
    evidence = await shipped.inspect(carriers_mail.write_eml(carriers_pages.write_texture(), "paper.png"))

    assert [part.status for part in evidence.parts] == [Status.OPENED] * 2


async def test_a_worker_knows_no_secret_of_the_service(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes over a parser finds no password of the database to take along, neither as setting nor beside it."""
    monkeypatch.setenv("COUNTERSIGN_STORE__URL", settings().store.url)
    told = await about(await start())
    assert "COUNTERSIGN_STORE__URL" not in told["environment"]
    assert "hunter2" not in told["store"]


async def test_messages_that_hang_are_ended_at_the_deadline(start: Start) -> None:
    """A message that ignores every signal, spins or falls silent is held, and leaves nothing running."""
    inspector = await start(workers=len(HANGING), seconds=1.5)
    me = (await about(inspector))["parent"]
    before = set(children(me))
    raws = [fault.encode() for fault in HANGING]
    evidences = await asyncio.gather(*map(inspector.inspect, raws))
    outcomes = dict(zip(HANGING, [evidence.parts[0].reason for evidence in evidences], strict=True))
    assert outcomes == HANGING
    assert is_clean(await inspector.inspect(b"the next one"))
    await until(lambda: not any(state == "Z" for state in children(me).values()))
    assert before - set(children(me))


async def test_an_answer_laid_ready_for_the_next_message_is_not_taken(start: Start) -> None:
    """One message must not be able to speak for another, least of all to call it clean."""
    inspector = await start()
    for _ in range(5):
        await inspector.inspect(b"answer_for_the_next")
        evidence = await inspector.inspect(b"an honest message of thirty-six bytes")
        assert evidence.parts[0].size == 37


async def test_two_hundred_small_messages_share_a_worker(start: Start) -> None:
    """A fork for each would cost more than the whole relaying of plain mail."""
    inspector = await start()
    served = {(await about(inspector))["pid"] for _ in range(200)}
    assert len(served) <= 2  # the one at work, and the one ahead of need


async def test_a_risky_message_never_shares_its_worker(start: Start) -> None:
    """A parser that was taken over sees no other message."""
    inspector = await start()
    risky = [(await about(inspector, risky=True))["pid"] for _ in range(10)]
    plain = {(await about(inspector))["pid"] for _ in range(10)}
    assert len(set(risky)) == 10
    assert not plain & set(risky)
    await until(lambda: not set(risky) & parents().keys())


async def test_a_worker_leaves_after_its_share_of_messages(start: Start) -> None:
    """What leaks a little leaks for a while only."""
    inspector = await start(messages=3)
    served = [(await about(inspector))["pid"] for _ in range(30)]
    assert max(served.count(pid) for pid in served) <= 3


@pytest.mark.parametrize("habit", ["leave_memory", "leave_thread"])
async def test_a_worker_that_keeps_something_leaves(start: Start, habit: str) -> None:
    """Grown memory or a thread left behind would be there beside the next message."""
    inspector = await start()
    evidence = await inspector.inspect(habit.encode())
    assert is_clean(evidence)
    assert evidence.message_id is not None
    pid = int(evidence.message_id)
    await until(lambda: pid not in parents())


async def test_messages_at_the_same_time_get_their_own_answers(start: Start) -> None:
    """With more connections than workers each waits its turn, and none is mixed up."""
    inspector = await start(workers=2)
    raws = [bytes([number]) * number * 1000 for number in range(40)]
    answers = await asyncio.gather(*[about(inspector, raw, risky=len(raw) % 3000 == 0) for raw in raws])
    assert [answer["digest"] for answer in answers] == [hashlib.sha256(raw).hexdigest() for raw in raws]


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 256 * 1024 + 1, 25 * MIB])
async def test_a_message_arrives_as_it_is(start: Start, size: int) -> None:
    raw = os.urandom(size)
    assert (await about(await start(), raw))["digest"] == hashlib.sha256(raw).hexdigest()


async def test_a_caller_who_leaves_takes_the_work_along(start: Start) -> None:
    """A client that hangs up must not occupy a worker until the deadline."""
    inspector = await start()
    asking = asyncio.create_task(inspector.inspect(b"sleep"))
    await asyncio.sleep(0.1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert is_clean(await asyncio.wait_for(inspector.inspect(b"the next one"), HANG))


async def test_the_parents_death_is_our_fault_and_passes(start: Start) -> None:
    """The client keeps the message and tries again; a hold would blame the message for our crash."""
    inspector = await start()
    first = (await about(inspector))["parent"]
    asking = asyncio.create_task(inspector.inspect(b"sleep"))
    await asyncio.sleep(0.1)
    workers = children(first)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(InspectorError):
        await asking
    second = (await about(inspector))["parent"]
    assert second != first
    await until(lambda: not ({first} | workers.keys()) & parents().keys())


INIT = """
import asyncio, ctypes, os, signal
from pathlib import Path
from pydantic import TypeAdapter
from gateway.inspector import Inspector
from gateway.settings import Settings

async def at_rest(inspector):  # killed in the middle of a fork, the parent could not say who was born
    await asyncio.sleep(0.1)
    while inspector._nursery._asked:
        await asyncio.sleep(0.01)

async def main():
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: what the first process of a container is
    inspector = Inspector(Settings(smtp={"hostname": "x"}), workshop="workshop_of_faults")
    await inspector.start()
    for _ in range(3):
        told = await inspector.ask("about", b"", {}, TypeAdapter(dict))
        await at_rest(inspector)
        os.kill(told["parent"], signal.SIGKILL)
        while told["parent"] == inspector._nursery.pid:
            await asyncio.sleep(0.01)
    await at_rest(inspector)
    await inspector.close()
    print(Path("/proc/self/task", str(os.getpid()), "children").read_text().split())

asyncio.run(main())
"""


def test_no_zombie_is_left_where_the_service_is_init() -> None:
    """In a container without an init of its own nobody else buries the workers of a parent that was killed."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    finished = subprocess.run(
        [sys.executable, "-c", INIT], env=environment, capture_output=True, text=True, check=False
    )
    assert finished.stdout == "[]\n", finished.stderr


async def test_a_parent_that_is_stuck_is_replaced(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """It alone can kill its workers; when it does not, it goes, and takes them along."""
    monkeypatch.setattr(nursery, "STEP", 0.5)
    inspector = await start(seconds=0.5)
    stuck = (await about(inspector))["parent"]
    os.kill(stuck, signal.SIGSTOP)
    evidence = await inspector.inspect(b"ignore_signals_and_hang")
    assert evidence.parts[0].reason is Obstacle.TIMEOUT
    await until(lambda: stuck not in parents())
    assert is_clean(await inspector.inspect(b"the next one"))


async def test_an_idle_worker_that_dies_is_replaced(start: Start) -> None:
    """The kernel may take any of them, at any time."""
    inspector = await start()
    told = await about(inspector)
    before = children(told["parent"]).keys()
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    await until(lambda: bool(children(told["parent"]).keys() - before))
    assert is_clean(await inspector.inspect(b"the next one"))


async def test_a_message_whose_worker_was_taken_gets_another_one(start: Start) -> None:
    """The system kills for memory without asking who took it; twice in a row it is the message."""
    inspector = await start()
    for kills, obstacle in ((1, Obstacle.TIMEOUT), (2, Obstacle.LIMIT)):
        inspector._allowance = Allowance(seconds=2)
        asking = asyncio.create_task(inspector.inspect(b"sleep"))
        killed: set[int] = set()
        for _ in range(kills):
            await until(lambda killed=killed: bool(at_work(inspector) - killed))
            pid = (at_work(inspector) - killed).pop()
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        assert (await asking).parts[0].reason is obstacle


def at_work(inspector: Inspector) -> set[int]:
    assert inspector._nursery is not None
    return {worker.pid for worker in inspector._nursery.workers.values() if worker.busy}


async def test_the_parent_goes_on_while_the_service_drains(start: Start) -> None:
    """A supervisor sends SIGTERM to every process of the service; the messages at work still want an answer."""
    inspector = await start()
    told = await about(inspector)
    for process in (told["parent"], *children(told["parent"])):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(process, number)
    assert (await about(inspector))["parent"] == told["parent"]


async def test_the_idle_parent_warms_up(start: Start) -> None:
    """The service is ready early, and its later workers have everything imported."""
    await warm(await start())


async def test_a_parent_with_two_threads_does_not_fork(start: Start, tmp_path: Path) -> None:
    """A lock held by the other thread at the fork would be held for ever in the worker."""
    clients = tmp_path / "clients.yaml"
    clients.write_text("thread")
    with pytest.raises(InspectorError, match="second thread"):
        await start(clients=clients)


async def test_three_failures_in_a_row_show_and_pass(start: Start, tmp_path: Path) -> None:
    """/readyz must say when no mail can be inspected, and that it can again."""
    clients = tmp_path / "clients.yaml"
    clients.write_text("fine")
    inspector = await start(clients=clients)
    clients.write_text("broken")
    os.kill((await about(inspector))["parent"], signal.SIGKILL)
    await until(lambda: not inspector.healthy)
    with pytest.raises(InspectorError):
        await inspector.inspect(b"anything")
    clients.write_text("fine again")
    await until(lambda: inspector.healthy)
    assert (await about(inspector))["state"] == "fine again"


async def test_nothing_is_left_behind(start: Start) -> None:
    """Descriptors, zombies and processes that pile up end a service after days."""
    inspector = await start()
    parent = (await about(inspector))["parent"]
    await warm(inspector)

    def held() -> tuple[int, int]:
        """Descriptors here, but for one channel a worker, and in the warm parent."""
        here, there = (len(os.listdir(f"/proc/{pid}/fd")) for pid in ("self", parent))  # noqa: PTH208 - names only
        return here - len(children(parent)), there

    before = held()
    for fault in ["segfault", "leave_silently", "answer_half", "raise_content", "answer_too_long"] * 6:
        await inspector.inspect(fault.encode())
        await about(inspector, risky=True)
    await until(lambda: all(now <= then for now, then in zip(held(), before, strict=True)))
    assert len(children(parent)) <= 2
    assert "Z" not in children(parent).values()
    await inspector.close()
    assert parent not in parents()


async def test_after_closing_there_is_nobody_to_ask(start: Start) -> None:
    inspector = await start()
    asking = asyncio.create_task(inspector.inspect(b"sleep"))
    waiting = asyncio.create_task(inspector.inspect(b"behind it"))
    await asyncio.sleep(0.1)
    await inspector.close()
    for task in (asking, waiting):
        with pytest.raises(InspectorError):
            await asyncio.wait_for(task, HANG)
    assert not inspector.healthy


SERVICE = """
import asyncio, json, sys
from pydantic import TypeAdapter
from gateway.inspector import Inspector
from gateway.settings import Settings

async def main():
    inspector = Inspector(Settings(smtp={"hostname": "x"}), workshop="workshop_of_faults")
    await inspector.start()
    told = await inspector.ask("about", b"", {}, TypeAdapter(dict))
    asyncio.get_running_loop().call_later(0.2, lambda: print(json.dumps(told["parent"]), flush=True))
    await asyncio.gather(inspector.inspect(b"ignore_signals_and_hang"), inspector.inspect(b"spin"))

asyncio.run(main())
"""


async def test_nothing_outlives_the_service(tmp_path: Path) -> None:
    """After kill -9 no process of ours may go on working on somebody's mail."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path)}
    service = subprocess.Popen(  # noqa: ASYNC220 - it is to be killed, not awaited
        [sys.executable, "-c", SERVICE], stdout=subprocess.PIPE, env=environment, cwd=tmp_path
    )
    with service:
        assert service.stdout is not None
        parent = json.loads(service.stdout.readline())
        ours = {parent, *children(parent)}
        assert len(ours) >= 3
        service.kill()
    await until(lambda: not ours & parents().keys())
