"""Kill -9: at every call that changes something, while starting again, and at random under load."""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from faults.books import Books, Ledger
from faults.scenarios import ACME, BETA, SCENARIOS, STRANGER, trial
from faults.shim import Blow, Fault
from faults.site import Site
from faults.upstream import Fate, Parcel, parcel, submit

KILLS = (Fault.KILL_BEFORE, Fault.KILL_AFTER)
ENOUGH = 400  #: calls; no scenario makes as many


async def sweep(shim: Path, names: Sequence[str], step: int, *, plant: str | None = None) -> Ledger:
    """Each scenario of `names`, killed at its first, (1 + step)th ... call; before it, and after it."""
    ledger = Ledger()
    async with Site.opened(shim, plant=plant) as site:
        books = Books(site)
        for name in names:
            for offset, fault in enumerate(KILLS):
                for call in range(1 + offset * step // 2, ENOUGH, step):
                    if not await trial(site, books, ledger, SCENARIOS[name](), arm=Blow(fault, call)):
                        break
    return ledger


async def while_starting(shim: Path, step: int) -> Ledger:
    """Killed with mail in every state, and killed again while it starts."""
    ledger = Ledger()
    async with Site.opened(shim) as site:
        books = Books(site)
        for call in range(1, ENOUGH, step):
            parcels = [
                *SCENARIOS["relay"](), *SCENARIOS["slow, then relayed"](), *SCENARIOS["slow, then held"](),
                *SCENARIOS["released, deferred"](), *SCENARIOS["returned"](),
            ]  # fmt: skip
            if not await _killed_twice(site, books, ledger, parcels, call):
                break
    return ledger


async def _killed_twice(site: Site, books: Books, ledger: Ledger, parcels: Sequence[Parcel], call: int) -> bool:
    """Whether the second death came before the service was up."""
    site.on_death = lambda: site.page.arm(Blow(Fault.KILL_BEFORE, call))
    before = site.starts
    killing = asyncio.create_task(_kill_later(site, random.uniform(0.1, 1.0)))
    try:
        await trial(site, books, ledger, parcels)
    finally:
        site.on_death = None
        await killing
    return site.starts - before > 1


async def _kill_later(site: Site, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await site.kill()


async def under_load(shim: Path | None, rounds: int, *, kills: int = 6, hurry: bool = False) -> Ledger:
    """The service as it is shipped, with real openers: mail from four clients, killed at random moments."""
    ledger = Ledger()
    async with Site.opened(shim, hurry=hurry, inspection=(5, 20)) as site:
        books = Books(site)
        for _ in range(rounds):
            sent: list[Parcel] = []
            clients = [asyncio.create_task(_client(site, sent)) for _ in range(4)]
            for _ in range(kills):
                await asyncio.sleep(random.uniform(0.1, 2.0))
                await site.kill()
                ledger.trials += 1
                await _down_and_up(site)
            await asyncio.sleep(0.5)
            for client in clients:
                client.cancel()
            await asyncio.gather(*clients, return_exceptions=True)
            until = time.monotonic() + 60
            await asyncio.gather(*(submit(site.door, each, until=until) for each in sent if not each.done))
            await books.at_rest(60)
            await books.check(sent, ledger)
    return ledger


async def _down_and_up(site: Site) -> None:
    starts = site.starts
    with suppress(TimeoutError):
        async with asyncio.timeout(10):
            while site.starts == starts:  # noqa: ASYNC110 - the death of a process is no event of ours
                await asyncio.sleep(0.01)
    await site.ready()


async def _client(site: Site, sent: list[Parcel]) -> None:
    while True:
        each = _some_mail()
        sent.append(each)
        await submit(site.door, each, until=time.monotonic() + 60)
        await asyncio.sleep(random.uniform(0, 0.3))


def _some_mail() -> Parcel:
    """A fifth has somebody's number in it; both kinds of openers find it."""
    number = (
        f"Ada Byron, SSN {random.randrange(100, 600)}-{random.randrange(10, 99)}-{random.randrange(1000, 9999)}\r\n"
    )
    ssn = b"Acme Manufacturing, Inc., plan 501234.\r\n" + number.encode()
    return random.choice(
        [
            *[lambda: parcel({ACME: Fate.DELIVERED})] * 7,
            lambda: parcel({BETA: Fate.HELD}, marks="ssn", body=ssn),
            lambda: parcel({BETA: Fate.HELD}, marks="ssn", body=ssn),
            lambda: parcel({STRANGER: Fate.REFUSED}, marks="ssn", body=ssn),
        ]
    )()
