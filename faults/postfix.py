"""A real Postfix before and behind the service, which is killed at random: what the first one took arrives, or is held.

Postfix puts its own Received field on top, so a message is known by its token, and bytes are compared from there on.
"""
# ruff: noqa: S311 - chance is the point

import asyncio
import os
import random
import re
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from faults.books import Ledger
from faults.mother import ROOT, Haste, Mother
from faults.pace import Pace
from faults.scenarios import ACME, BETA
from faults.site import Between, Site
from faults.upstream import Fate, Parcel, parcel, submit
from gateway.errors import GatewayError
from gateway.hold import Quarantine
from gateway.states import State
from gateway.store import Store

LONGEST = 120.0  #: seconds until both queues are empty
POSTFIX = Path("/usr/sbin/postfix")


def missing() -> str | None:
    """Why there is no Postfix here, or None."""
    if os.geteuid() != 0:
        return "not root"
    return None if POSTFIX.exists() else "Postfix is not installed"


async def both_sides(mother: Mother, ledger: Ledger, pace: Pace) -> None:
    """Postfix, Countersign as it is shipped, Postfix, and a peer that counts."""
    sys.path.insert(0, str(ROOT / "tests"))
    from postfix_instance import running  # noqa: PLC0415 - the tests' own, and they are no package

    with running() as first, running() as second:
        between = Between(door=first.peer, downstream=second.back, end=second.peer)
        async with Site.opened(mother, haste=Haste.NONE, inspection=(5, 20), between=between) as site:
            sent: list[Parcel] = []
            clients = [asyncio.create_task(_client(first.back, sent)) for _ in range(3)]
            for _ in pace.trials():
                await asyncio.sleep(random.uniform(0.2, 2.5))
                await site.kill()
                ledger.trials += 1
                await site.again()
            for client in clients:
                client.cancel()
            await asyncio.gather(*clients, return_exceptions=True)
            sent = [each for each in sent if each.acked]
            await _drained(site, sent, (first.home, second.home))
            await _check(site, sent, ledger)


async def _client(port: int, sent: list[Parcel]) -> None:
    while True:
        body = b"Acme Manufacturing, Inc., plan 501234.\r\nAda Byron, SSN 219-09-9123\r\n"
        held = random.random() < 0.2
        each = parcel({BETA: Fate.HELD}, body=body) if held else parcel({ACME: Fate.DELIVERED})
        sent.append(each)
        await submit(lambda: port, each, until=time.monotonic() + 30)
        await asyncio.sleep(random.uniform(0, 0.3))


async def _drained(site: Site, sent: list[Parcel], queues: tuple[Path, ...]) -> None:
    """Until all is somewhere for good. Postfix would wait for minutes: its queues are flushed."""
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        for home in queues:
            await asyncio.to_thread(_flush, home)
        await asyncio.sleep(1)
        arrived = {copy.token for copy in site.next_hop.copies}
        held = set(await _held(site))
        if all(each.token in arrived | held for each in sent):
            break
    await asyncio.sleep(2)  # for second copies, if any


def _flush(home: Path) -> None:
    subprocess.run([POSTFIX, "-c", home, "flush"], check=False, capture_output=True)


async def _held(site: Site) -> dict[str, bytes]:
    """Bytes of what is held, by token."""
    found = {}
    with suppress(GatewayError):
        async with Store.open(site.settings) as store:
            quarantine = Quarantine(store)
            for message in await quarantine.list({State.HELD}, limit=10_000):
                raw = await quarantine.content(message.id)
                token = re.search(rb"^X-Token: (\w+)", raw, re.MULTILINE)
                found[token[1].decode() if token else ""] = raw
    return found


async def _check(site: Site, sent: list[Parcel], ledger: Ledger) -> None:
    held = await _held(site)
    second = 0
    for each in sent:
        ledger.messages += 1
        [(to, wanted)] = each.wanted.items()
        copies = [copy for copy in site.next_hop.copies if copy.token == each.token]
        kept = held.get(each.token)
        second += max(0, len(copies) - 1)
        if kept is None and not copies:
            ledger.complain("lost", f"{each.token}: neither arrived nor held")
        if copies and wanted == {Fate.HELD}:
            ledger.complain("unasked", f"{each.token}: {to} has it, and nobody released it")
        if kept is not None and wanted != {Fate.HELD}:
            ledger.complain("wrong", f"{each.token}: held")
        for raw in [*(copy.raw for copy in copies), *([kept] if kept is not None else [])]:
            if not raw.endswith(each.raw):
                ledger.complain("wrong", f"{each.token}: other bytes than were sent")
        if any(copy.rcpt_to != (to,) for copy in copies):
            ledger.complain("wrong", f"{each.token}: arrived for others")
    ledger.duplicates += second
    recorded = await site.count_records("possible-duplicate")
    for _ in range(max(0, second - recorded)):
        ledger.complain("unrecorded", f"{second} second copies, {recorded} records")
