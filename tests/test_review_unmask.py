"""Values unmasked: only by who decides, only for a reason, on record before they are shown, and kept nowhere."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from html import unescape
from pathlib import Path

import pytest
from carriers import HEADER, people
from carriers_pages import write_pdf
from review_room import LIST, Room, a_message, furnished
from sqlalchemy import text

from gateway.errors import InspectorError

REASON = "The client asks which of two people of one name is meant."
VALUES = [row[column] for row in LIST[1:] for column in (0, 3, 4)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("unmask")


@pytest.fixture(scope="module")
def room(folder: Path) -> Iterator[Room]:
    with furnished(folder) as opened:
        yield opened


async def unmasked(room: Room, hold_id: str) -> list[dict[str, object]]:
    found = room.audit.records(hold_id=hold_id)
    return [dict(record.detail) async for record in found if record.event == "unmasked"]


async def test_a_reason_shows_the_values_once_and_is_on_record(room: Room) -> None:
    """Who, when, which part and why, without a value; the next look is masked again."""
    hold_id = await room.hold()
    async with room.visit("rita") as visit:
        before = (await visit.get(f"/held/{hold_id}")).text
        answer = await visit.send(f"/held/{hold_id}/unmask?part=1", reason=f"{REASON} 212-48-6397")
        after = (await visit.get(f"/held/{hold_id}?part=1")).text

    assert "This is recorded" in before
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert all(value in unescape(answer.text) for value in VALUES)
    assert not any(value in before + after for value in VALUES)
    assert await unmasked(room, hold_id) == [{"shown": "part 2 of 2", "reason": f"{REASON} ***-**-6397"}]
    assert "unmasked by rita" in await room.events(hold_id)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 2001])
async def test_without_a_reason_nothing_is_shown(room: Room, reason: str) -> None:
    hold_id = await room.hold()
    async with room.visit("rita") as visit:
        answer = await visit.send(f"/held/{hold_id}/unmask?part=1", reason=reason)

    assert answer.status_code == 422
    assert "has to say why you need the values" in answer.text
    assert not any(value in answer.text for value in VALUES)
    assert await unmasked(room, hold_id) == []


async def test_who_asked_is_on_record_though_the_part_cannot_be_opened(room: Room) -> None:
    """The record comes first: no failure afterwards leaves values that were seen without one."""
    hold_id = await room.hold()
    room.inspector.fault = InspectorError("no worker can be had")
    async with room.visit("rita") as visit:
        await visit.send(f"/held/{hold_id}/unmask?part=1", reason=REASON)
    room.inspector.fault = None

    assert len(await unmasked(room, hold_id)) == 1


@asynccontextmanager
async def no_record_can_be_made(room: Room) -> AsyncIterator[None]:
    """The database itself refuses every new record."""
    store = room.quarantine._store
    refuse = text("CREATE TRIGGER refuse BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no record'); END")
    await store.write(lambda tx: tx.execute(refuse))
    try:
        yield
    finally:
        await store.write(lambda tx: tx.execute(text("DROP TRIGGER refuse")))


async def test_nothing_is_shown_that_cannot_be_put_on_record(room: Room) -> None:
    hold_id = await room.hold(raw=with_pages())
    async with room.visit("rita") as visit:
        page = (await visit.get(f"/held/{hold_id}?part=1")).text
        [picture] = re.findall(r'src="(/held/\w+/picture\?[^"]+)"', page)
        wanted = [
            lambda: visit.send(f"/held/{hold_id}/unmask?part=1", reason=REASON),
            lambda: visit.get(f"/held/{hold_id}?part=1"),
            lambda: visit.get(unescape(picture)),
        ]
        with_record = [await ask() for ask in wanted]
        async with no_record_can_be_made(room):
            without = [await ask() for ask in wanted]

    assert [answer.status_code for answer in with_record] == [200, 200, 200]
    assert "North Carolina" in with_record[1].text
    assert [answer.status_code for answer in without] == [503, 503, 503]
    assert not any("North Carolina" in answer.text or answer.content[:4] == b"\x89PNG" for answer in without)
    assert len(await unmasked(room, hold_id)) == 1


def with_pages() -> bytes:
    """The list as a PDF, which can be seen as a picture."""
    message = message_from_bytes(a_message(), policy=policy.default)
    [attached] = message.iter_attachments()  # type: ignore[attr-defined]
    pages = write_pdf(LIST[:9], title="People of North Carolina")
    attached.set_content(pages, maintype="application", subtype="pdf", filename="people.pdf")
    return message.as_bytes()


@pytest.mark.parametrize("who", ["otto", "stranger's form"])
async def test_nobody_else_sees_one(room: Room, who: str) -> None:
    """An auditor reads records; a form that is not ours comes without our token."""
    hold_id = await room.hold()
    async with room.visit("otto" if who == "otto" else "rita") as visit:
        form = {"csrf": visit.csrf if who == "otto" else "x", "reason": REASON}
        answer = await visit.client.post(f"/held/{hold_id}/unmask?part=1", data=form)
        page = (await visit.get(f"/held/{hold_id}")).text

    assert answer.status_code == 403
    assert ("unmask" in page) is (who != "otto")
    assert await unmasked(room, hold_id) == []


async def test_the_values_are_kept_nowhere(room: Room, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in the store nor in a log; that they do not stand in an address is plain from the form."""
    hold_id = await room.hold()
    async with room.visit("rita") as visit:
        await visit.send(f"/held/{hold_id}/unmask?part=1", reason=REASON)

    kept = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    assert hold_id.encode() in kept
    assert not any(value in caplog.text or value.encode() in kept for value in VALUES)


async def test_a_stretch_is_unmasked_alone_and_recorded_as_one(room: Room) -> None:
    """Of five thousand people those that the reason is about, not all."""
    rows = [HEADER, *people(900)]
    hold_id = await room.hold(raw=a_message(rows=rows))
    async with room.visit("rita") as visit:
        page = (await visit.send(f"/held/{hold_id}/unmask?part=1&content=0&rows=401-500", reason=REASON)).text

    assert [number for number, row in enumerate(rows[1:], start=2) if row[0] in page] == list(range(401, 501))
    [record] = await unmasked(room, hold_id)
    assert (record["table-or-text"], record["rows"]) == (1, "401-500")
    assert re.search(r'action="/held/\w+/unmask', page) is None
