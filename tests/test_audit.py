"""The audit log: nothing in it can be changed, taken out or put in without being found, from the export alone."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st
from store_kit import NOW, later, settings

import gateway.audit.verify as verify_module
from gateway.actor import Actor
from gateway.audit.chain import Entry, Event, Head, Record, seal, unseal
from gateway.audit.export import FORMATS, header
from gateway.audit.log import PAGE, AuditLog
from gateway.audit.verify import Anchor, verify
from gateway.errors import StoreError
from gateway.store import Store, Transaction


def chained(count: int = 12) -> list[Record]:
    head, records = Head(), []
    for n in range(count):
        detail = {"n": n, "sentence": f"Müller 中 {n}", "people": {"count": n, "by_state": {"NC": 1}}}
        entry = Entry(event=Event.HELD, at=NOW + timedelta(seconds=n), hold_id=f"H{n % 3}", detail=detail)
        records.append(seal(entry, head))
        head = Head(records[-1].seq, records[-1].hash)
    return records


def exported(records: list[Record]) -> bytes:
    return "".join(FORMATS["jsonl"](record) for record in records).encode()


def check(log: bytes, **given: Anchor):  # noqa: ANN201 - the verifier's own answer
    return verify(io.BytesIO(log), **given)


GOOD = exported(chained())
LINES = GOOD.splitlines(keepends=True)


@pytest.fixture
async def store(tmp_path: Path, database: str) -> AsyncIterator[Store]:  # noqa: ARG001 - says what `settings` name
    async with Store.open(settings(tmp_path)) as opened:
        yield opened


@pytest.fixture
def log(store: Store) -> AuditLog:
    return AuditLog(store)


async def write(log: AuditLog, count: int) -> None:
    entries = [Entry(event=Event.STARTED, at=later(seconds=n), detail={"n": n}) for n in range(count)]
    await asyncio.gather(*(log.append(entry) for entry in entries))


def test_an_untouched_log_is_good() -> None:
    """A verifier that always complains is as useless as one that never does."""
    assert check(GOOD) is None
    assert check(b"") is None


@given(position=st.integers(0, len(GOOD) - 1), flipped=st.integers(1, 255))
@with_settings(max_examples=300)
def test_any_changed_byte_is_found(position: int, flipped: int) -> None:
    """And the record that is named is the one that was changed."""
    changed = GOOD[:position] + bytes([GOOD[position] ^ flipped]) + GOOD[position + 1 :]

    fault = check(changed)
    assert fault is not None
    assert fault.line == GOOD[:position].count(b"\n") + 1


@pytest.mark.parametrize("n", range(len(LINES)))
def test_a_removed_record_is_found(n: int) -> None:
    """The last one only against a head noted elsewhere."""
    head = Anchor.parse(str(Head(12, chained()[-1].hash)))

    fault = check(b"".join(LINES[:n] + LINES[n + 1 :]), head=head)
    assert fault is not None
    assert fault.seq == n + 1


@pytest.mark.parametrize("n", range(len(LINES)))
def test_a_doubled_record_is_found(n: int) -> None:
    """An old release shown again as a new one."""
    fault = check(b"".join([*LINES[: n + 1], LINES[n], *LINES[n + 1 :]]))

    assert fault is not None
    assert fault.seq == n + 2


@pytest.mark.parametrize("n", range(len(LINES) - 1))
def test_swapped_records_are_found(n: int) -> None:
    """Order is evidence."""
    fault = check(b"".join([*LINES[:n], LINES[n + 1], LINES[n], *LINES[n + 2 :]]))

    assert fault is not None
    assert fault.seq == n + 1


def test_a_record_put_in_between_is_found() -> None:
    """Even a well-made one, sealed upon its predecessor."""
    records = chained()
    forged = seal(Entry(event=Event.RELEASE, at=NOW, actor=Actor("eve")), Head(5, records[4].hash))

    fault = check(exported([*records[:5], forged, *records[5:]]))
    assert fault is not None
    assert fault.seq == 7


def test_a_log_without_its_beginning_is_not_whole() -> None:
    """Unless one says which record stood before it."""
    before = Anchor(seq=4, hash=chained()[3].hash)

    fault = check(b"".join(LINES[4:]))
    assert fault is not None
    assert fault.seq == 1
    assert check(b"".join(LINES[4:]), after=before) is None


def test_a_cut_off_end_is_found_against_a_noted_head() -> None:
    """The chain alone cannot tell."""
    head = Anchor(seq=12, hash=chained()[-1].hash)

    assert check(b"".join(LINES[:-2])) is None
    fault = check(b"".join(LINES[:-2]), head=head)
    assert fault is not None
    assert fault.seq == 11


def test_a_log_written_anew_is_found_against_a_noted_head() -> None:
    """Whoever can write the table can compute all hashes again."""
    noted = Anchor(seq=6, hash=chained()[5].hash)
    forged, head = [], Head()
    for record in chained():
        entry = Entry(event=Event.HELD, at=record.at, actor=Actor("eve" if record.seq == 3 else record.actor))
        forged.append(seal(entry, head))
        head = Head(forged[-1].seq, forged[-1].hash)

    assert check(exported(forged)) is None
    fault = check(exported(forged), head=noted)
    assert fault is not None
    assert fault.seq == 6


@pytest.mark.parametrize(
    "line",
    [
        LINES[0].replace(b'"seq":1', b'"seq":1.0'),
        LINES[0].replace(b'"seq":1', b'"seq":true'),
        LINES[0].replace(b'{"actor"', b'{"actor":"eve","actor"'),
        LINES[0].replace(b":", b": ", 1),
        LINES[0].replace("ü".encode(), b"\\u00fc"),
        b"[" * 100_000 + b"\n",
        b"null\n",
        b"\xff\n",
        LINES[0][:-1] + b"\r\n",
        LINES[0].replace(b'"n":0', b'"n":NaN'),
    ],
    ids=["1.0", "true", "key twice", "space", "escape", "deep", "null", "not UTF-8", "CRLF", "NaN"],
)
def test_the_same_thing_written_otherwise_is_a_change(line: bytes) -> None:
    """One record has one form; other forms are where forgeries hide."""
    fault = check(line)

    assert fault is not None
    assert fault.seq == 1


@pytest.mark.parametrize("text", ["", "1", "x:" + "0" * 64, "1:" + "0" * 63, "1:" + "G" * 64, "-1:" + "0" * 64])
def test_what_is_no_head_is_refused(text: str) -> None:
    """A mistyped head must not silently check nothing."""
    with pytest.raises(ValueError, match="head"):
        Anchor.parse(text)


def test_the_verifier_shares_no_code_with_the_writer() -> None:
    """A mistake in one must not excuse itself in the other."""
    source = Path(verify_module.__file__ or "").read_text(encoding="utf-8")
    assert "import gateway" not in source
    assert "from gateway" not in source


def test_a_record_is_the_same_after_reading_it_back() -> None:
    """What pages show is what was sealed."""
    for record in chained():
        assert unseal(record.line) == record


async def test_records_are_numbered_without_gaps(log: AuditLog) -> None:
    """However many write at the same time."""
    await write(log, 300)

    assert [record.seq async for record in log.records()] == list(range(1, 301))
    assert (await log.head()).seq == 300
    assert await log.verify() is None


async def test_two_processes_write_one_chain(log: AuditLog, tmp_path: Path) -> None:
    """The service, and a command in a terminal."""
    async with Store.open(settings(tmp_path)) as terminal:
        await asyncio.gather(write(log, 40), write(AuditLog(terminal), 40))

    assert await log.verify() is None
    assert (await log.head()).seq == 80


@pytest.mark.parametrize("statement", ["UPDATE audit SET line = 'x'", "DELETE FROM audit"])
async def test_the_database_itself_refuses_changes(log: AuditLog, store: Store, statement: str) -> None:
    """A mistake of ours must not be able to rewrite history."""
    await write(log, 3)

    with pytest.raises(StoreError):
        await store.write(lambda tx: tx._connection.exec_driver_sql(statement))
    assert await log.verify() is None


def unguard(tx: Transaction, verb: str) -> None:
    """As somebody does who has the database in his hands."""
    place = {"sqlite": "", "postgresql": " ON audit"}[tx.connection.dialect.name]
    tx.connection.exec_driver_sql(f"DROP TRIGGER audit_no_{verb}{place}")


async def test_a_change_behind_our_back_is_found_in_the_store(log: AuditLog, store: Store) -> None:
    """Somebody with the database in his hands can drop the triggers."""
    await write(log, 5)

    def tamper(tx) -> None:  # noqa: ANN001 - a unit of work
        unguard(tx, "update")
        tx._connection.exec_driver_sql("UPDATE audit SET line = replace(line, '\"n\":2', '\"n\":9') WHERE seq = 3")

    await store.write(tamper)
    fault = await log.verify()
    assert fault is not None
    assert fault.seq == 3


async def test_a_record_filed_under_another_message_is_found(log: AuditLog, store: Store) -> None:
    """A reviewer would not see it in the history of its own."""
    await write(log, 3)

    def misfile(tx) -> None:  # noqa: ANN001 - a unit of work
        unguard(tx, "update")
        tx._connection.exec_driver_sql("UPDATE audit SET hold_id = 'other' WHERE seq = 2")

    await store.write(misfile)
    fault = await log.verify()
    assert fault is not None
    assert fault.seq == 2


async def test_a_record_taken_from_the_store_is_found(log: AuditLog, store: Store) -> None:
    """From the middle by the chain, from the end by a head noted before."""
    await write(log, 5)
    head = Anchor.parse(str(await log.head()))

    def remove_last(tx) -> None:  # noqa: ANN001 - a unit of work
        unguard(tx, "delete")
        tx._connection.exec_driver_sql("DELETE FROM audit WHERE seq = 5")

    await store.write(remove_last)
    assert await log.verify() is None
    fault = await log.verify(head)
    assert fault is not None
    assert fault.seq == 5


async def test_an_export_verifies_without_the_store(log: AuditLog) -> None:
    """An auditor has the file and nothing else."""
    await write(log, 30)

    assert check(exported([record async for record in log.records()])) is None


async def test_records_of_a_stretch_of_time(log: AuditLog) -> None:
    """An auditor asks for a quarter, not for everything."""
    await write(log, 10)

    found = [r.seq async for r in log.records(since=later(seconds=3), until=later(seconds=6))]
    assert found == [4, 5, 6]
    assert [r.seq async for r in log.records(since=later(days=1))] == []


async def test_more_records_than_one_read_holds(log: AuditLog) -> None:
    """The log is read in pages; none may be lost between two."""
    await write(log, PAGE + 1)

    assert len([record async for record in log.records()]) == PAGE + 1


def test_csv_cells_are_not_formulas() -> None:
    """An auditor opens the export in a spreadsheet; names in it come from outside."""
    for evil in ("=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\uff1d1", " =1"):
        entry = Entry(event=Event.LOGIN, at=NOW, actor=Actor(evil), hold_id=evil)
        (row,) = csv.reader(io.StringIO(FORMATS["csv"](seal(entry, Head())), newline=""))
        assert row[3] == row[4] == f"'{evil}"


def test_csv_has_one_row_for_each_record() -> None:
    """With its header, and every cell in its column."""
    text = header("csv") + "".join(map(FORMATS["csv"], chained()))

    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["seq"] for row in rows] == [str(n) for n in range(1, 13)]
    assert json.loads(rows[3]["detail"])["people"] == {"count": 3, "by_state": {"NC": 1}}


def test_cef_escapes_what_would_end_a_field() -> None:
    """A crafted sentence must not become a field of its own in the SIEM."""
    detail = {"sentence": "a|b=c\\d\ne", "sender": "x act=allowed"}
    line = FORMATS["cef"](seal(Entry(event=Event.HELD, at=NOW, actor=Actor("a|b"), detail=detail), Head()))

    assert line.startswith("CEF:0|Countersign|Countersign|1|held|Held|7|")
    assert r"msg=a|b\=c\\d\ne" in line
    assert r"suser=x act\=allowed" in line
    assert line.count("\n") == 1


@pytest.mark.parametrize("event", list(Event))
def test_every_event_has_its_ocsf_finding(event: Event) -> None:
    """The required fields of class 2006, for each kind of record."""
    line = FORMATS["ocsf"](seal(Entry(event=event, at=NOW, detail={"disposition": "hold"}), Head()))
    finding = json.loads(line)

    assert (finding["class_uid"], finding["category_uid"]) == (2006, 2)
    assert finding["type_uid"] == 200600 + finding["activity_id"]
    assert {"finding_info", "metadata", "severity_id", "time"} <= set(finding)
    assert finding["disposition_id"] == 3


def test_a_time_without_its_zone_is_refused() -> None:
    """Nobody could say when it was."""
    with pytest.raises(ValueError, match="zone"):
        seal(Entry(event=Event.STARTED, at=NOW.replace(tzinfo=None)), Head())
