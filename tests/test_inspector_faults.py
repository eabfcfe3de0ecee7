"""What a hostile message can do to its worker is done, and must cost that message only."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import pytest
import pytest_asyncio
import workshop_of_faults
from inspecting import ANYTHING, HANG, MIB, is_clean, settings, until, whole

from gateway.inspector import Inspector
from gateway.review.viewed import Look
from gateway.workers.confine import Allowance
from rules.verdict import Obstacle, Status

OUTCOMES = {
    "eat_memory": Obstacle.LIMIT,
    "eat_memory_natively": Obstacle.CORRUPT,
    "segfault": Obstacle.CORRUPT,
    "run_an_illegal_instruction": Obstacle.CORRUPT,
    "recurse": Obstacle.CORRUPT,
    "leave_silently": Obstacle.CORRUPT,
    "leave_silently:3": Obstacle.CORRUPT,
    "leave_politely": Obstacle.CORRUPT,
    "panic:None": Obstacle.CORRUPT,
    "raise_content:x": Obstacle.CORRUPT,
    "raise_named:x": Obstacle.CORRUPT,
    "answer_half": Obstacle.CORRUPT,
    "answer_too_long": Obstacle.LIMIT,
    "claim_a_gigabyte": Obstacle.CORRUPT,
    "answer_endlessly": Obstacle.CORRUPT,
    "answer_in_another_language": Obstacle.CORRUPT,
    "answer_without_parts": Obstacle.CORRUPT,
    "fork_a_daemon": Obstacle.CORRUPT,
    "kill_parent": Obstacle.CORRUPT,
    "kill_group": Obstacle.CORRUPT,
    "read_file:/etc/passwd": Obstacle.CORRUPT,
    "read_file:/proc/self/environ": Obstacle.CORRUPT,
}


NONSENSE = (
    "",
    "null",
    "[]",
    '{"parts": null}',
    '{"parts": [{"part": "1"}]}',
    '{"parts": [{"part": "1", "filename": null, "type": "x", "size": 1, "status": "fine", "reason": null}]}',
    '{"parts": [{"part": "1", "filename": null, "type": "x", "size": NaN, "status": "opened", "reason": null}]}',
    "[" * 150,
    '"\\ud800"',
    "{" + '"a":' * 40,
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting() -> AsyncIterator[Inspector]:
    """One inspector for all faults: what one of them breaks, the next one finds."""
    allowance = Allowance(seconds=HANG, memory=256 * MIB)
    inspector = Inspector(settings(), workshop="workshop_of_faults", allowance=allowance)
    await inspector.start()
    yield inspector
    await inspector.close()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("fault", OUTCOMES)
async def test_a_fault_costs_its_message_only(lasting: Inspector, fault: str) -> None:
    """Not looked at is an outcome that holds; the mail behind it must not even wait."""
    raw = fault.encode()
    assert (await lasting.inspect(raw)).parts == (whole(raw, OUTCOMES[fault]),)
    assert is_clean(await lasting.inspect(b"the next one"))
    assert lasting.healthy


@pytest.mark.asyncio(loop_scope="module")
async def test_a_parser_taken_over_reaches_nothing(lasting: Inspector, tmp_path: Path) -> None:
    """Participants' data must not leave by the very program that looks for it."""
    arrived: list[object] = []
    server = await asyncio.start_server(lambda _reader, writer: arrived.append(writer.close()), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        copies = [tmp_path / "copy", Path("/tmp/countersign-test"), Path("/dev/shm/countersign-test")]  # noqa: S108 - the point
        tries = [f"connect:{port}", *(f"write_file:{copy}" for copy in copies)]
        outcomes = [await lasting.inspect(attempt.encode()) for attempt in tries]
        assert not any(map(is_clean, outcomes))
        assert not any(copy.exists() for copy in copies)
        assert arrived == []
        _, writer = await asyncio.open_connection("127.0.0.1", port)  # the control: somebody does listen
        writer.close()
        await until(lambda: len(arrived) == 1)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("answer", NONSENSE)
async def test_an_answer_without_sense_is_never_clean(lasting: Inspector, answer: str) -> None:
    """A worker is not trusted: what does not say clearly that all was opened, says that it was not."""
    raw = b"answer_nonsense:" + answer.encode("utf-8", "surrogatepass")
    assert (await lasting.inspect(raw)).parts == (whole(raw, Obstacle.CORRUPT),)


@pytest.mark.asyncio(loop_scope="module")
@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(
    st.binary(max_size=80) | st.binary(max_size=40).map(lambda body: b"S" + bytes([0, 0, 0, len(body)]) + body)
)
async def test_whatever_a_worker_says_is_an_outcome(lasting: Inspector, said: bytes) -> None:
    """The service reads the words of a process that may be an attacker's: no word may end it, or pass for clean."""
    evidence = await lasting.inspect(f"say_bytes:{said.hex()}".encode())
    assert evidence.parts[0].status is Status.UNOPENED


@pytest.mark.asyncio(loop_scope="module")
async def test_a_reviewer_is_told_that_a_part_could_not_be_shown(lasting: Inspector) -> None:
    """The review page stands whatever the attachment does to its worker."""
    viewed = await lasting.view(b"segfault", Look(section="2"))
    assert (viewed.section, viewed.status, viewed.reason) == ("2", Status.UNOPENED, Obstacle.CORRUPT)


@pytest.mark.asyncio(loop_scope="module")
async def test_no_text_of_an_exception_is_repeated(lasting: Inspector, caplog: pytest.LogCaptureFixture) -> None:
    """An exception's text holds what the parser choked on: somebody's number."""
    caplog.set_level(logging.DEBUG)
    for fault in ("raise_content", "raise_named", "panic"):
        evidence = await lasting.inspect(f"{fault}:{workshop_of_faults.SECRET}".encode())
        assert workshop_of_faults.SECRET not in str(evidence)
    assert workshop_of_faults.SECRET not in caplog.text
    assert "ValueError at tests/workshop_of_faults.py" in caplog.text


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_needed_late_is_found_inside(lasting: Inspector) -> None:
    """Parsers import at first use; a confinement that forbids this makes every such file unreadable."""
    assert await lasting.ask("late_import", b"", {}, ANYTHING) == {"text": "Grüße"}
