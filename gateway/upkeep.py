"""Upkeep of the store in a terminal: keys, backup, restore. Each function does one thing and says what it did."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from gateway import backup as backups
from gateway import rotate as keys
from gateway.login import operator
from gateway.settings import Settings
from gateway.store import Store, datakeys

Lines = Sequence[str]


def _now() -> datetime:
    return datetime.now(UTC)


async def backup(settings: Settings, file: Path) -> Lines:
    """Raises BackupError, StoreError."""
    async with Store.open(settings) as store:
        head = await backups.backup(store, file, operator(), _now())
        ring = await store.read(datakeys.ring_of)
    return [f"{file}: the whole store, audit head {head}", f"the master key is not in it: keep {ring.file} elsewhere"]


async def restore(settings: Settings, file: Path | None, *, force: bool) -> Lines:
    """Raises BackupError, StoreError, ConfigurationError."""
    if file is None:
        done = await backups.look_through(settings, operator(), _now())
    else:
        done = await backups.restore(settings, file, operator(), _now(), force=force)
    lines = [
        f"{file or 'store.url'}: restored, audit head {done.head}",
        f"{done.waiting} messages wait for a decision; whatever was on its way may have left: see its history",
        "accounts and tokens are those of the backup: withdraw again what has been withdrawn since",
        "changes of the client directory that were accepted wait for a second person again: see `proposals list`",
    ]
    return [*lines, f"the store that was here is kept as {done.replaced}"] if done.replaced else lines


async def rotate(settings: Settings) -> Lines:
    """Raises KeyFileError, StoreError."""
    async with Store.open(settings) as store:
        done = await keys.rotate(store, operator(), _now())
    lines = [f"master key {done.master} is in use; {done.count} data keys were wrapped anew"]
    if done.left:
        lines.append(f"{done.left} data keys are damaged: what they lock has to be restored from a backup")
    return [*lines, "backups made until now need the old key; `countersign key forget` takes it out of the file"]


async def forget(settings: Settings) -> Lines:
    """Raises KeyFileError."""
    async with Store.open(settings) as store:
        old = await keys.forget(store, operator(), _now())
    return [f"master key {identifier} is forgotten" for identifier in old] or ["there is no old key to forget"]
