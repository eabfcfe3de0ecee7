"""Processes that are stopped, killed, starved of memory or told to end; and a clock that jumps."""
# ruff: noqa: S311 - chance is the point

import asyncio
import os
import random
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from faults.books import Books, Ledger
from faults.mother import Mother
from faults.pace import Pace
from faults.scenarios import ACME, BETA, trial
from faults.site import Site
from faults.upstream import Fate, Parcel, parcel

EITHER = frozenset({Fate.DELIVERED, Fate.HELD})  #: whoever could not be looked at waits
HOUR, DAY = 3600, 86400
DEADLY = ("eat", "die", "orphan")
JUMPS = (HOUR, -HOUR, DAY, -DAY, 6 * DAY, 30 * DAY, -30 * DAY)


def _mail(marks: str = "sleep=0.1") -> list[Parcel]:
    return [
        parcel({ACME: EITHER}, marks=marks),
        parcel({ACME: EITHER}, marks=marks),
        parcel({BETA: Fate.HELD}, marks=f"ssn {marks}"),
        parcel({BETA: frozenset({Fate.DELIVERED})}, marks="ssn", decision="release"),
    ]


async def stopped_or_killed(mother: Mother, ledger: Ledger, pace: Pace) -> None:
    """SIGSTOP, and later SIGCONT or nothing; SIGKILL: of a worker, of the workers' parent, of the service."""
    async with Site.opened(mother, inspection=(0.5, 3)) as site:
        books = Books(site)
        for number in pace.trials(len(BLOWS)):
            blow = BLOWS[number % len(BLOWS)]
            striking = asyncio.create_task(blow(site))
            await trial(site, books, ledger, _mail())
            await striking


async def _stop_worker(site: Site) -> None:
    await asyncio.sleep(random.uniform(0, 0.15))
    _send(signal.SIGSTOP, site.children()[1:])


async def _stop_parent(site: Site) -> None:
    await asyncio.sleep(random.uniform(0, 0.15))
    parent = site.children()[:1]
    _send(signal.SIGSTOP, parent)
    await asyncio.sleep(1)
    _send(signal.SIGCONT, parent)


async def _kill_worker(site: Site) -> None:
    await asyncio.sleep(random.uniform(0, 0.15))
    _send(signal.SIGKILL, site.children()[1:])


async def _kill_parent(site: Site) -> None:
    await asyncio.sleep(random.uniform(0, 0.15))
    _send(signal.SIGKILL, site.children()[:1])


async def _stop_service(site: Site) -> None:
    await asyncio.sleep(random.uniform(0, 0.15))
    pid = [site.pid]
    _send(signal.SIGSTOP, pid)
    await asyncio.sleep(1.5)
    _send(signal.SIGCONT, pid)


async def _end_service(site: Site) -> None:
    await asyncio.sleep(random.uniform(0, 0.15))
    _send(signal.SIGTERM, [site.pid])


BLOWS: tuple[Callable[[Site], Coroutine[Any, Any, None]], ...] = (
    _stop_worker,
    _kill_worker,
    _kill_parent,
    _stop_parent,
    _stop_service,
    _end_service,
)


def _send(number: int, pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


async def worker_dies_of_its_message(mother: Mother, ledger: Ledger, pace: Pace) -> None:
    """Memory, a crash, or a message that takes the workers' parent with it: held, never passed, never for ever 451."""
    async with Site.opened(mother) as site:
        books = Books(site)
        for number in pace.trials(len(DEADLY)):
            marks = DEADLY[number % len(DEADLY)]
            parcels = [parcel({ACME: Fate.HELD}, marks=marks), parcel({ACME: EITHER})]
            await trial(site, books, ledger, parcels)


async def clock_jumps(mother: Mother, ledger: Ledger, pace: Pace) -> None:
    """Forth and back by an hour to a month: nothing is released by time, nothing waits for a time that has been."""
    async with Site.opened(mother) as site:
        books = Books(site)
        held = [parcel({BETA: Fate.HELD}, marks="ssn")]
        await trial(site, books, ledger, held)
        for number in pace.trials(len(JUMPS)):
            jumping = asyncio.create_task(_jump(site, JUMPS[number % len(JUMPS)]))
            parcels = [
                parcel({ACME: Fate.DELIVERED}, marks="sleep=0.2"),
                parcel({ACME: Fate.DELIVERED}, marks="sleep=0.7"),
                parcel({BETA: Fate.DELIVERED}, marks="ssn", wish="defer 1", decision="release"),
            ]
            await trial(site, books, ledger, parcels)
            await jumping


async def _jump(site: Site, seconds: int) -> None:
    await asyncio.sleep(random.uniform(0, 0.5))
    site.page.set("clock", site.page.get("clock") + seconds)
