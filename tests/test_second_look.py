"""A reviewer opens what is locked: the page and the terminal show facts, the record says who, the password is gone."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from html import unescape
from pathlib import Path

import pytest
import pytest_asyncio
from carriers import table, write_csv
from house import ACME, SENDER, House, hold_id, house, mail
from review_room import BETA, DIRECTORY, LIST, POLICY, Room, furnished
from ziplocker import aes_zip

from gateway.actor import Actor
from gateway.message import Envelope
from gateway.states import State
from gateway.store.driver import sqlite3
from gateway.store.mail import new_id
from gateway.store.schema import metadata
from rules.decide import decide

SECRET = "open sesame 7"
LOCKED = mail(
    "A file", attachments=(("list.zip", "application/zip", aes_zip("list.csv", write_csv(LIST), SECRET.encode())),)
)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with furnished(tmp_path) as furnished_room:
        yield furnished_room


async def held(room: Room, raw: bytes = LOCKED) -> str:
    """As the service would hold it: by the verdict on what it could see."""
    envelope = Envelope(mail_from=SENDER, rcpt_to=(BETA,))
    verdict = decide(POLICY, DIRECTORY, envelope.rcpt_to, await room.inspector.inspect(raw))
    name = new_id(room.now())
    await room.quarantine.hold(envelope, raw, verdict, room.now(), name)
    return name


async def test_the_page_opens_it_judges_again_and_releases_nothing(room: Room) -> None:
    """The reviewer decides on thirty people instead of on "nobody has looked"."""
    message = await held(room)
    async with room.visit("rita") as visit:
        before = (await visit.get(f"/held/{message}")).text
        answer = await visit.send(f"/held/{message}/password", password=SECRET)
    page = unescape(answer.text)

    assert 'type="password"' in before
    assert answer.status_code == 200
    assert "30 people</h2>" in page
    assert f"***-**-{LIST[1][0][-4:]}" in page
    assert not any(row[0] in page for row in LIST[1:])
    after = await room.quarantine.get(message)
    assert after.state is State.HELD
    assert after.verdict is not None
    assert after.verdict.people.count == 30
    assert "opened-with-password by rita" in await room.events(message)


@pytest.mark.parametrize("password", ["wrong", "", "x" * 1001])
async def test_a_wrong_password_changes_nothing_but_the_record(room: Room, password: str) -> None:
    message = await held(room)
    before = await room.quarantine.get(message)
    async with room.visit("rita") as visit:
        answer = await visit.send(f"/held/{message}/password", password=password)

    after = await room.quarantine.get(message)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert after.verdict == before.verdict
    assert after.state is State.HELD


async def test_the_password_is_kept_nowhere(room: Room, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not in the store, not in the record, not in the page, not in a log."""
    message = await held(room)
    async with room.visit("rita") as visit:
        page = (await visit.send(f"/held/{message}/password", password=SECRET)).text

    assert SECRET not in page
    assert SECRET not in caplog.text
    with closing(sqlite3.connect(tmp_path / "room.db")) as store:
        rows = [store.execute(f"SELECT * FROM {table}").fetchall() for table in metadata.tables]  # noqa: S608 - names of ours
    assert any(message in repr(row) for row in rows)
    assert SECRET not in repr(rows)
    assert not any(SECRET.encode() in content for content in _files(tmp_path))


def _files(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in folder.rglob("*") if file.is_file()]


async def test_only_those_who_may_look_give_one(room: Room) -> None:
    """An auditor reads verdicts and records; a stranger's form comes without our token."""
    message = await held(room)
    async with room.visit("otto") as visit:
        assert (await visit.send(f"/held/{message}/password", password=SECRET)).status_code == 403
        assert 'type="password"' not in (await visit.get(f"/held/{message}")).text
    async with room.visit("rita") as visit:
        forged = await visit.client.post(f"/held/{message}/password", data={"csrf": "x", "password": SECRET})
        assert forged.status_code == 403

    assert await room.events(message) == ["held by countersign"]


async def test_what_has_been_decided_is_not_judged_again(room: Room) -> None:
    message = await held(room)
    await room.quarantine.return_(message, Actor("rita"), "Not this one.", room.now())
    async with room.visit("rita") as visit:
        answer = await visit.send(f"/held/{message}/password", password=SECRET)

    assert answer.status_code == 409


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as service:
        yield service


async def test_the_terminal_asks_for_it_and_shows_the_new_verdict(running: House) -> None:
    """On standard input, never among the arguments, which others may list."""
    csv = write_csv(table(40))
    raw = mail("A file", attachments=(("list.zip", "application/zip", aes_zip("list.csv", csv, SECRET.encode())),))
    message = hold_id(await running.send(raw, ACME))
    program = [sys.executable, "-c", "from gateway.cli import main; main()"]
    command = [*program, "held", "show", message, "--password", "--config", str(running.file)]

    def run(password: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, input=password + "\n", capture_output=True, text=True, timeout=60, check=False)

    wrong, right = await asyncio.to_thread(run, "wrong"), await asyncio.to_thread(run, SECRET)

    assert wrong.returncode == 1
    assert "opens nothing" in wrong.stderr
    assert right.returncode == 0, right.stderr
    assert "people  40" in right.stdout
    assert SECRET not in right.stdout + right.stderr + wrong.stderr
    assert running.arrived(raw) == []
