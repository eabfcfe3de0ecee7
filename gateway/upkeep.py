"""Upkeep of the store in a terminal: keys, backup, restore. Each function does one thing and says what it did."""

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime

from gateway import rotate as keys
from gateway.settings import Settings
from gateway.store import Store

Lines = Sequence[str]


def _now() -> datetime:
    return datetime.now(UTC)


async def rotate(settings: Settings) -> Lines:
    """Raises KeyFileError, StoreError."""
    async with Store.open(settings) as store:
        done = await keys.rotate(store, getpass.getuser(), _now())
    lines = [f"master key {done.master} is in use; {done.count} data keys were wrapped anew"]
    if done.left:
        lines.append(f"{done.left} data keys are damaged: what they lock has to be restored from a backup")
    return [*lines, "backups made until now need the old key; `countersign key forget` takes it out of the file"]


async def forget(settings: Settings) -> Lines:
    """Raises KeyFileError."""
    async with Store.open(settings) as store:
        old = await keys.forget(store, getpass.getuser(), _now())
    return [f"master key {identifier} is forgotten" for identifier in old] or ["there is no old key to forget"]
