"""A store to back up, and another machine to bring it back on."""

from collections.abc import Callable
from pathlib import Path

from store_kit import NOW, RAW, an_id, envelope, later, settings, verdict

from gateway.actor import Actor
from gateway.audit.chain import Record
from gateway.backup import backup, restore
from gateway.hold import Quarantine
from gateway.settings import Settings
from gateway.states import State
from gateway.store import Store

DATABASE = Path("var/countersign.db")


KEY = Path("var/countersign.db.key")


def elsewhere(here: Store, folder: Path) -> Settings:
    """Another machine, to which the operator has brought the key."""
    (folder / KEY).parent.mkdir(parents=True, exist_ok=True)
    (folder / KEY).write_bytes((here.settings.base / KEY).read_bytes())
    return settings(folder)


def content(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b""


def spoil(file: Path, how: Callable[[bytes], bytes]) -> None:
    file.write_bytes(how(content(file)))


async def held(store: Store, *rcpt_to: str, raw: bytes = RAW) -> str:
    hold_id = an_id()
    await Quarantine(store).hold(envelope(*rcpt_to), raw, verdict(*rcpt_to), NOW, hold_id)
    return hold_id


async def released(store: Store) -> str:
    hold_id = await held(store)
    await Quarantine(store).release(hold_id, None, Actor("rita"), "right", NOW)
    return hold_id


async def now_in(store: Store, hold_id: str) -> list[State]:
    return [recipient.state for recipient in (await Quarantine(store).get(hold_id)).recipients]


async def doubts(store: Store, hold_id: str, *, of_notices: bool = False) -> list[Record]:
    """What is on record as perhaps sent twice."""
    history = (await Quarantine(store).get(hold_id)).history
    found = [record for record in history if record.event == "possible-duplicate"]
    return [record for record in found if ("notice" in record.detail) is of_notices]


async def restored(store: Store, file: Path, folder: Path) -> Settings:
    await backup(store, file, Actor("ida"), NOW)
    there = elsewhere(store, folder)
    await restore(there, file, Actor("ida"), later(days=3))
    return there
