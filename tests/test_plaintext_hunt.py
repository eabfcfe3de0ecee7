"""Who steals the disk finds nothing: planted values are looked for in every byte that a run leaves behind."""

import secrets
import tempfile
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from house import ACME, BETA, House, eventually, hold_id, house, mail
from store_kit import NOW, RAW, SECRET, an_id, envelope, settings, verdict
from test_store_kill import killed_at_random

from gateway.actor import Actor
from gateway.backup import backup
from gateway.hold import Quarantine
from gateway.housekeeping import Housekeeper
from gateway.serve import now
from gateway.settings import Retention
from gateway.states import State
from gateway.store import Store
from gateway.store.sqlite import WAL_IS_SAFE

WORD = "Quokka" + secrets.token_hex(4)  # in no other file of this machine
SSNS = tuple(f"{area}-47-{secrets.randbelow(9000) + 1000}" for area in (219, 401, 512))
PLANTED = {
    "subject": f"{WORD}subject",
    "body": f"{WORD}body",
    "person": f"{WORD}person",
    "file": f"{WORD}file",
    "cell": f"{WORD}cell",
    "refusal": f"{WORD}refusal",
    "header": f"{WORD}header",
    **{f"ssn {n}": ssn for n, ssn in enumerate(SSNS)},
    **{f"bare ssn {n}": ssn.replace("-", "") for n, ssn in enumerate(SSNS)},
}
CENSUS = "Plan: Acme Manufacturing 401(k)\r\nName,SSN,Note\r\n" + "".join(
    f"{PLANTED['person']} {name},{ssn},{PLANTED['cell']}\r\n" for name, ssn in zip("ABC", SSNS, strict=True)
)
DATABASE = "countersign.db"


def a_message(to: str) -> bytes:
    return mail(
        PLANTED["subject"],
        f"{PLANTED['body']}\n",
        ((f"{PLANTED['file']}.csv", "text/csv", CENSUS.encode()),),
        to=to,
        X_Note=PLANTED["header"],
    )


def traces(folders: Iterable[Path], planted: Iterable[str]) -> set[tuple[str, str]]:
    """Where any of `planted` lies in clear, in UTF-8 or UTF-16, in any case of letters."""
    forms = {(word, form.lower()) for word in planted for form in (word.encode(), word.encode("utf-16-le"))}
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return {
        (str(file.name), word)
        for file in files
        for text in [file.read_bytes().lower()]
        for word, form in forms
        if form in text
    }


@pytest.fixture
def scratch(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where whoever asks for a temporary file gets it."""
    folder = tmp_path_factory.mktemp("scratch")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.fixture
async def lived_in(tmp_path: Path, scratch: Path) -> AsyncIterator[House]:
    """A service that has held, released, returned, been refused and looked into."""
    tempfile.tempdir = str(scratch)
    async with house(tmp_path) as place:
        ids = [hold_id(await place.send(a_message(BETA), BETA)) for _ in range(3)]
        await place.service.quarantine.release(ids[0], None, Actor("rita"), f"as agreed {SSNS[0]}", now())
        await place.service.quarantine.return_(ids[1], Actor("rita"), f"not {SSNS[1]}", now())
        await place.send(a_message(ACME), ACME)
        await eventually(lambda: is_in(place, ids[0], State.RELEASED))
        await eventually(lambda: is_in(place, ids[1], State.RETURNED))
        yield place


async def is_in(place: House, hold: str, state: State) -> bool:
    return (await place.service.quarantine.get(hold)).state is state


async def test_nothing_of_a_message_lies_in_clear_anywhere(
    lived_in: House, tmp_path: Path, scratch: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Database, journal, backup, temporary files and log of a service that is still running."""
    store = lived_in.service.quarantine._store
    await backup(store, tmp_path / "nightly.backup", Actor("ida"), now())

    (waiting,) = await lived_in.service.quarantine.list()
    kept = await lived_in.service.quarantine.content(waiting.id)
    arrived = b"".join(accepted.raw for accepted in lived_in.next_hop.accepted)
    assert all(word.encode() in kept for word in (PLANTED["subject"], PLANTED["body"], PLANTED["header"]))
    assert PLANTED["subject"].encode() in arrived
    log = {f"{DATABASE}-wal"} if WAL_IS_SAFE else set()
    assert traces([tmp_path], ["sqlite format 3"]) == {
        (name, "sqlite format 3") for name in {DATABASE, "nightly.backup"} | log
    }
    assert traces([tmp_path, scratch], PLANTED.values()) == set()
    assert not [word for word in PLANTED.values() if word in caplog.text]


async def test_a_refusal_that_quotes_the_message_is_not_kept_in_clear(tmp_path: Path, scratch: Path) -> None:
    """Next hops like to say which words they did not like."""
    refusal = f"550 5.7.1 {PLANTED['refusal']} {SSNS[0]}"
    async with house(tmp_path, script={"DOT": [refusal]}) as place:
        answer = await place.send(mail(PLANTED["subject"], PLANTED["body"], to=ACME), ACME)
        held = hold_id(await place.send(a_message(BETA), BETA))
        await place.service.quarantine.release(held, None, Actor("rita"), "right", now())
        await eventually(lambda: _was_refused(place, held))

    assert answer == refusal
    assert traces([tmp_path, scratch], PLANTED.values()) == set()


async def _was_refused(place: House, held: str) -> bool:
    return "held-again" in [record.event for record in (await place.service.quarantine.get(held)).history]


def test_the_hunt_finds_what_is_there(tmp_path: Path) -> None:
    """A control: a hunt that finds nothing anywhere proves nothing."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/page").write_bytes(b"\0\0" + PLANTED["person"].upper().encode() + SSNS[2].encode("utf-16-le"))

    assert {word for _, word in traces([tmp_path], PLANTED.values())} == {PLANTED["person"], SSNS[2]}


async def test_a_process_that_is_killed_leaves_nothing_in_clear_either(tmp_path: Path) -> None:
    """Its journal is left as it was in the middle of a commit."""
    for seed in range(2):
        await killed_at_random(tmp_path, seed)

    assert _bytes_of(tmp_path)
    assert traces([tmp_path], [SECRET, "Pat Doe", "participants", ".csv"]) == set()


async def test_what_is_destroyed_is_gone_from_every_file(tmp_path: Path) -> None:
    """Not even sealed: neither the pieces nor the key that opened them are in any byte of the store."""
    at_once = settings(tmp_path).model_copy(update={"retention": Retention(content=0)})
    async with Store.open(at_once) as store:
        pieces = await _held_and_ended(store)
        on_disk = _bytes_of(tmp_path)
        assert all(piece in on_disk for piece in pieces)
        assert (await Housekeeper(store, now).tidy()).destroyed == 1

        on_disk = _bytes_of(tmp_path)
        assert not [piece for piece in pieces if piece in on_disk]


def _bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


async def _held_and_ended(store: Store) -> list[bytes]:
    """Sealed pieces and wrapped keys of a message that has come to its end; short ones, as a page holds them whole."""
    hold = an_id()
    await Quarantine(store).hold(envelope(mail_from=""), RAW, verdict(), NOW, hold)
    await Quarantine(store).return_(hold, Actor("rita"), "wrong", NOW)
    asked = (
        f"SELECT bytes FROM contents WHERE message_id = '{hold}'",  # noqa: S608 - an id of ours
        f"SELECT wrapped FROM data_keys WHERE message_id = '{hold}' AND kind = 'content'",  # noqa: S608 - the same
    )
    return [row[0] for question in asked for row in await store.read(lambda c, q=question: c.exec_driver_sql(q).all())]
