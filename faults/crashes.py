"""Kill -9: at every call that changes something, while starting again, and at random under load."""
# ruff: noqa: S311 - chance is the point

import asyncio
import random
import time
from collections.abc import Sequence

from faults.books import Books, Ledger
from faults.mother import Mother
from faults.scenarios import ACME, BETA, NOT_TAKEN, SCENARIOS, STRANGER, trial
from faults.shim import Blow, Fault
from faults.site import Site
from faults.upstream import Fate, Parcel, parcel, submit

KILLS = (Fault.KILL_BEFORE, Fault.KILL_AFTER)
NEVER = 1 << 40  #: a call that nothing gets to
DELIVERED, HELD = frozenset({Fate.DELIVERED}), frozenset({Fate.HELD})
STARTING = 250  #: calls until a service that has something to go on with goes on with it


async def sweep(mother: Mother, names: Sequence[str], step: int, *, plant: str | None = None) -> Ledger:
    """Each scenario of `names`, killed at every `step`th call, before it and after it; at one of them at least."""
    ledger = Ledger()
    async with Site.opened(mother, plant=plant) as site:
        books = Books(site)
        for name in names:
            number = await calls(site, books, ledger, name, KILLS[0])
            for fault in KILLS:
                for call in spread(number, step):
                    await trial(site, books, ledger, SCENARIOS[name](), arm=Blow(fault, call))
    return ledger


async def calls(site: Site, books: Books, ledger: Ledger, name: str, fault: Fault) -> int:
    """How many calls of a scenario such a fault can strike at."""
    await trial(site, books, ledger, SCENARIOS[name](), arm=Blow(fault, NEVER))
    return site.page.get("calls")


def spread(number: int, step: int) -> range:
    """Every `step`th of so many calls, beginning anywhere."""
    step = max(1, min(step, number))
    return range(random.randint(1, step), number + 1, step)


async def while_starting(mother: Mother, trials: int) -> Ledger:
    """Killed with mail in every state, and killed again while it starts."""
    ledger = Ledger()
    async with Site.opened(mother) as site:
        books = Books(site)
        for _ in range(trials):
            parcels = [
                *SCENARIOS["relay"](),
                *SCENARIOS["slow, then relayed"](),
                *SCENARIOS["slow, then held"](),
                *SCENARIOS["released, deferred"](),
                *SCENARIOS["returned"](),
            ]
            await _killed_twice(site, books, ledger, parcels)
    return ledger


async def _killed_twice(site: Site, books: Books, ledger: Ledger, parcels: Sequence[Parcel]) -> None:
    blow = Blow(Fault.KILL_BEFORE, random.randint(1, STARTING))
    site.on_death = lambda: site.page.arm(blow)
    killing = asyncio.create_task(_kill_later(site, random.uniform(0.1, 1.0)))
    try:
        await trial(site, books, ledger, parcels)
    finally:
        site.on_death = None
        await killing


async def _kill_later(site: Site, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await site.kill()


async def under_load(mother: Mother, rounds: int, *, kills: int = 6, hurry: bool = False) -> Ledger:
    """The service as it is shipped, with real openers: mail from four clients, killed at random moments."""
    ledger = Ledger()
    async with Site.opened(mother, hurry=hurry, inspection=(5, 20)) as site:
        books = Books(site)
        for _ in range(rounds):
            sent: list[Parcel] = []
            clients = [asyncio.create_task(_client(site, sent)) for _ in range(4)]
            for _ in range(kills):
                await asyncio.sleep(random.uniform(0.1, 2.0))
                await site.kill()
                ledger.trials += 1
                await site.again()
            await asyncio.sleep(0.5)
            for client in clients:
                client.cancel()
            await asyncio.gather(*clients, return_exceptions=True)
            until = time.monotonic() + 60
            await asyncio.gather(*(submit(site.door, each, until=until) for each in sent if not each.done))
            await books.at_rest(60)
            await books.check(sent, ledger)
    return ledger


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
    to, ends = random.choice([(ACME, DELIVERED)] * 7 + [(BETA, HELD)] * 2 + [(STRANGER, NOT_TAKEN)])
    return parcel({to: ends}) if ends is DELIVERED else parcel({to: ends}, marks="ssn", body=ssn)
