"""Files that are written beside SQLite, in every state that a power cut may leave of them (T3b).

`python -m faults.unsynced FOLDER PLANT` takes the steps, under strace; the suite makes the states of them, and looks.
"""

import asyncio
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from faults.books import Ledger
from faults.mother import ROOT, Mother
from faults.oplog import COMMAND, Log, State
from faults.pace import Pace
from faults.plants import PLANTS
from gateway import backup
from gateway.disk import make_folder
from gateway.errors import GatewayError
from gateway.rosters import Enrolment, Index, Shelf, load_keyring, make_key
from gateway.store.driver import sqlite3
from gateway.store.keys import KeyRing
from gateway.store.sqlite import require_sound
from rules.errors import ConfigurationError

WHEN = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`act` in a folder that `prepare` has made; `fault`: what is wrong with a state of it, if anything."""

    act: Callable[[Path], object]
    fault: Callable[[Path, bool], str | None]
    prepare: Callable[[Path], object] = lambda _: None


def missing() -> str | None:
    """Why this cannot be done here, or None."""
    return None if shutil.which("strace") else "strace is not installed"


async def every_state(mother: Mother, ledger: Ledger, pace: Pace, *, plant: str | None = None) -> None:
    """A trial is a state."""
    del mother
    chance = random.Random()  # noqa: S311 - chance is the point
    for _ in pace.trials():
        with tempfile.TemporaryDirectory(prefix="faults-unsynced-") as folder:
            logs = await asyncio.to_thread(_logs, Path(folder), plant)
            for name, log in logs.items():
                await asyncio.to_thread(_look, name, log.states(chance), Path(folder, name), ledger)


def _logs(top: Path, plant: str | None) -> Mapping[str, Log]:
    """One process takes all the steps, each in its own folder: under strace, loading the product takes longer."""
    logs = {}
    for name, step in STEPS.items():
        (top / name).mkdir()
        step.prepare(top / name)
        logs[name] = Log(top / name)
    trace = top / "trace"
    command = (*COMMAND, "-o", trace, sys.executable, "-m", "faults.unsynced", top, plant or "")
    subprocess.run([*map(str, command)], cwd=ROOT, check=True)
    for log in logs.values():
        log.follow(trace.read_text())
    return logs


def _look(name: str, states: Iterator[State], live: Path, ledger: Ledger) -> None:
    seen = set[tuple[object, bool]]()
    for state in states:
        files = {str(Path(path).relative_to(live)): what for path, what in state.files.items()}
        mark = (frozenset(files.items()), state.done)
        if mark in seen:
            continue
        seen.add(mark)
        ledger.trials += 1
        found = live.with_name("found")
        _laid_out(files, found)
        if fault := STEPS[name].fault(found, state.done):
            ledger.complain("lost", f"{name}{', and reported so' if state.done else ''}: {fault}")
        shutil.rmtree(found)


def _laid_out(files: Mapping[str, bytes | None], folder: Path) -> None:
    folder.mkdir()
    for path, content in sorted(files.items()):
        if content is None:
            (folder / path).mkdir()
        else:
            (folder / path).write_bytes(content)


def _ring(folder: Path) -> KeyRing:
    return KeyRing(folder / "var" / "lib" / "countersign.db.key", beside=True)


def _first_key(folder: Path) -> None:
    ring = _ring(folder)
    make_folder(ring.file.parent)
    ring.load_or_make()


def _key_fault(folder: Path, least: int) -> str | None:
    ring = _ring(folder)
    try:
        keys = len(ring.load()) if ring.file.exists() else 0
    except ConfigurationError as error:
        return str(error)
    return None if keys >= least else f"{keys} keys in the file, not {least}"


def _shelf(folder: Path) -> Shelf:
    key = folder / "etc" / "rosters" / "key"
    make_key(key)
    return Shelf(folder / "srv" / "rosters" / "index", load_keyring(key))


def _roster(client: str) -> Callable[[Path], object]:
    def add(folder: Path) -> None:
        keys = [np.arange(50, dtype=np.uint64)]
        people = Enrolment(client=client, keys=keys, people=50, added=WHEN.date(), source="a.csv", numbered=True)
        _shelf(folder).add(people, replace=False)

    return add


def _roster_fault(folder: Path, least: int) -> str | None:
    file = folder / "srv" / "rosters" / "index"
    try:
        rosters = Index(file, load_keyring(folder / "etc" / "rosters" / "key")).rosters if file.exists() else ()
    except (ConfigurationError, GatewayError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return None if len(rosters) >= least else f"{len(rosters)} rosters, not {least}"


def _small_store(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "store.db", isolation_level=None)) as database:
        database.execute("create table schema_versions (version integer)")


def _backed_up(folder: Path) -> None:
    file = folder / "backup"
    unfinished = file.with_name(".backup.1")
    backup._begin(file, unfinished)  # noqa: SLF001 - the two steps around SQLite's own
    with closing(sqlite3.connect(folder / "store.db")) as source, closing(sqlite3.connect(unfinished)) as target:
        source.backup(target)
    backup._finish(file, unfinished)  # noqa: SLF001


def _backup_fault(folder: Path, done: bool) -> str | None:
    file = folder / "backup"
    if not file.exists():
        return "there is no backup" if done else None
    try:
        require_sound(file)
    except GatewayError as error:
        return str(error)
    return None


def _crashed_store(folder: Path) -> None:
    (folder / "store.db").write_bytes(b"old")
    (folder / "store.db-wal").write_bytes(b"of the old one")
    (folder / "work").mkdir()


def _restored(folder: Path) -> None:
    copy = folder / "work" / "store.db"
    copy.write_bytes(b"new")
    backup._put_in_place(copy, folder / "store.db", WHEN)  # noqa: SLF001 - the step after the copy was proved


def _restore_fault(folder: Path, done: bool) -> str | None:
    there = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    if there.get("store.db") not in {b"old", b"new"}:
        return f"the store is {there.get('store.db')!r}"
    if there["store.db"] == b"new" and "store.db-wal" in there:
        return "SQLite plays the old journal back into the new store"
    aside = [name for name, content in there.items() if content == b"old"]
    kept = any(f"{name}-wal" in there for name in aside)
    return None if kept and (there["store.db"] == b"new" or not done) else "not restored, or the old one is not kept"


STEPS: Mapping[str, Step] = {
    "a first master key": Step(act=_first_key, fault=lambda f, done: _key_fault(f, int(done))),
    "a second master key": Step(
        prepare=_first_key, act=lambda f: _ring(f).add(), fault=lambda f, done: _key_fault(f, 1 + done)
    ),
    "a first roster": Step(act=_roster("acme"), fault=lambda f, done: _roster_fault(f, int(done))),
    "a second roster": Step(
        prepare=_roster("acme"), act=_roster("beta"), fault=lambda f, done: _roster_fault(f, 1 + done)
    ),
    "a backup": Step(prepare=_small_store, act=_backed_up, fault=_backup_fault),
    "a restore": Step(prepare=_crashed_store, act=_restored, fault=_restore_fault),
}

if __name__ == "__main__":
    if sys.argv[2]:
        PLANTS[sys.argv[2]]()
    for title, each in STEPS.items():
        each.act(Path(sys.argv[1], title))
