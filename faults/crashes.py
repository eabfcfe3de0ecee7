"""Kill -9: at every call that changes something, while starting again, and at random under load."""
# ruff: noqa: S311 - chance is the point

import asyncio
import random
import time
from collections.abc import Iterable, Sequence
from typing import TypeVar

from faults.books import Books, Ledger
from faults.mother import Mother
from faults.pace import Pace
from faults.scenarios import ACME, BETA, NOT_TAKEN, SCENARIOS, STRANGER, trial
from faults.shim import Blow, Fault
from faults.site import Site
from faults.upstream import Fate, Parcel, parcel, submit

Kind = TypeVar("Kind")
KILLS = (Fault.KILL_BEFORE, Fault.KILL_AFTER)
NEVER = 1 << 40  #: a call that nothing gets to
DELIVERED, HELD = frozenset({Fate.DELIVERED}), frozenset({Fate.HELD})
STARTING = 250  #: calls until a service that has something to go on with goes on with it


async def sweep(mother: Mother, ledger: Ledger, pace: Pace, names: Sequence[str], *, plant: str | None = None) -> None:
    """The scenarios of `names` in turn, killed before or after any of their calls, no call twice until all were hit."""
    async with Site.opened(mother, plant=plant) as site:
        books = Books(site)
        kinds = shuffled((name, fault) for fault in KILLS for name in names)
        targets: dict[str, Targets] = {}
        for number in pace.trials(len(kinds)):
            name, fault = kinds[number % len(kinds)]
            if name not in targets:
                targets[name] = Targets(await calls(site, books, ledger, name, fault))
            await trial(site, books, ledger, SCENARIOS[name](), arm=Blow(fault, targets[name].next(fault)))


async def calls(site: Site, books: Books, ledger: Ledger, name: str, fault: Fault) -> int:
    """How many calls of a scenario such a fault can strike at."""
    await trial(site, books, ledger, SCENARIOS[name](), arm=Blow(fault, NEVER))
    return site.page.get("calls")


def shuffled(kinds: Iterable[Kind]) -> Sequence[Kind]:
    """So that a short run takes others each time."""
    ordered = list(kinds)
    return random.sample(ordered, len(ordered))


class Targets:
    """The calls of one scenario, dealt in any order: each once for a kind of blow before any is dealt again."""

    def __init__(self, number: int) -> None:
        self._number = max(1, number)
        self._left: dict[object, list[int]] = {}

    def next(self, kind: object) -> int:
        left = self._left.setdefault(kind, [])
        if not left:
            left += random.sample(range(1, self._number + 1), self._number)
        return left.pop()


async def while_starting(mother: Mother, ledger: Ledger, pace: Pace) -> None:
    """Killed with mail in every state, and killed again while it starts."""
    async with Site.opened(mother) as site:
        books = Books(site)
        for _ in pace.trials():
            parcels = [
                *SCENARIOS["relay"](),
                *SCENARIOS["slow, then relayed"](),
                *SCENARIOS["slow, then held"](),
                *SCENARIOS["released, deferred"](),
                *SCENARIOS["returned"](),
            ]
            await _killed_twice(site, books, ledger, parcels)


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


async def under_load(mother: Mother, ledger: Ledger, pace: Pace, *, kills: int = 3) -> None:
    """The service as it is shipped, with real openers: mail from four clients, killed at random moments."""
    async with Site.opened(mother, hurry=False, inspection=(5, 20)) as site:
        books = Books(site)
        for _ in pace.trials():
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
