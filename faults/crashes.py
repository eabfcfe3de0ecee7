"""Kill -9: at every call that changes something, while starting again, and at random under load."""
# ruff: noqa: S311 - chance is the point

import asyncio
import random
from collections.abc import Iterable, Sequence
from typing import TypeVar

from faults import load
from faults.books import Books, Ledger
from faults.keeping import Keeping
from faults.mother import Haste, Mother
from faults.pace import Pace
from faults.scenarios import SCENARIOS, trial
from faults.shim import Blow, Fault
from faults.site import Site
from faults.upstream import Parcel

Kind = TypeVar("Kind")
KILLS = (Fault.KILL_BEFORE, Fault.KILL_AFTER)
NEVER = 1 << 40  #: a call that nothing gets to
STARTING = 250  #: calls until a service that has something to go on with goes on with it


async def sweep(
    mother: Mother,
    ledger: Ledger,
    pace: Pace,
    names: Sequence[str],
    *,
    plant: str | None = None,
    keeping: Keeping | None = None,
) -> None:
    """The scenarios of `names` in turn, killed before or after any of their calls, no call twice until all were hit."""
    async with Site.opened(mother, plant=plant, keeping=keeping) as site:
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


async def under_load(mother: Mother, ledger: Ledger, pace: Pace) -> None:
    """The service as it is shipped, with real openers, killed at random moments."""
    async with Site.opened(mother, haste=Haste.NONE, inspection=(5, 20)) as site:
        await killed_under_load(site, ledger, pace)


async def killed_under_load(site: Site, ledger: Ledger, pace: Pace) -> None:
    books = Books(site)
    for _ in pace.trials():
        await load.under_load(site, books, ledger, _kills(site, ledger))


async def _kills(site: Site, ledger: Ledger, times: int = 3) -> None:
    for _ in range(times):
        await _kill_later(site, random.uniform(0.1, 2.0))
        ledger.trials += 1
        await site.again()
