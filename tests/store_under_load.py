"""A process that holds and relays without end, and prints what was acknowledged: to be killed at any moment."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from store_kit import BETA, RAW, envelope, settings, verdict

from gateway.hold import Quarantine
from gateway.ledger import Ledger, fingerprint
from gateway.relay import Delivery, Reach
from gateway.reply import Reply
from gateway.store import Store
from gateway.store.mail import new_id
from rules.verdict import Disposition

OK = Reply(250, "2.0.0 ok")
CLEAN = verdict(disposition=Disposition.RELAY)


def raw_of(name: str) -> bytes:
    """Big enough to lie in several pieces."""
    return RAW + name.encode() * 30_000


async def hold(store: Store) -> None:
    while True:
        now = datetime.now(UTC)
        hold_id = new_id(now)
        await Quarantine(store).hold(envelope(), raw_of(hold_id), verdict(), now, hold_id)
        print("held", hold_id, flush=True)  # noqa: T201 - its word is what is tested


async def relay(store: Store) -> None:
    ledger = Ledger(store)
    while True:
        now = datetime.now(UTC)
        fp = fingerprint(envelope(), new_id(now).encode())
        await ledger.intend(fp, envelope(), CLEAN, now)
        await ledger.outcome(fp, envelope(), Delivery(reach=Reach.DELIVERED, reply=OK, replies={BETA: OK}), now)
        print("relayed", fp, flush=True)  # noqa: T201 - as above


async def main(folder: Path) -> None:
    async with Store.open(settings(folder)) as store, asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(hold(store))
            group.create_task(relay(store))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
