"""Two nodes on one PostgreSQL: one dies or sleeps at a random moment, and the other carries its work on."""
# ruff: noqa: S311 - chance is the point

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from faults.books import Books, Ledger
from faults.database import SOON, cluster
from faults.load import under_load
from faults.mother import Mother
from faults.pace import Pace
from faults.site import Site


class Pair:
    """Two nodes behind a balancer that picks either, while it is up."""

    def __init__(self, one: Site, other: Site) -> None:
        self.nodes = (one, other)
        self.up = [one, other]

    def way(self) -> int:
        return random.choice(self.up).way()

    async def decide(self, hold_id: str, decision: str) -> int:
        return await random.choice(self.up).decide(hold_id, decision)

    async def ready(self) -> None:
        await asyncio.gather(*(node.ready() for node in self.up))


@asynccontextmanager
async def pair(mother: Mother, plant: str | None) -> AsyncIterator[Pair]:
    with cluster() as database:
        async with (
            Site.opened(mother, plant=plant, keeping=database.keeping(), inspection=SOON) as one,
            one.another() as other,
        ):
            yield Pair(one, other)


async def one_falls_out(mother: Mother, ledger: Ledger, pace: Pace, *, plant: str | None = None) -> None:
    """Under load. With both well they only have to keep out of each other's way."""
    async with pair(mother, plant) as both:
        books = Books(both.nodes[0])
        for number in pace.trials(len(BLOWS)):
            ledger.trials += 1
            await under_load(both, books, ledger, BLOWS[number % len(BLOWS)](both))
            for node in both.nodes:
                if node not in both.up:
                    await node.start()
            both.up = list(both.nodes)


async def nothing(_: Pair) -> None:
    """Both are well."""
    await asyncio.sleep(3)


async def killed(both: Pair) -> None:
    """It stays down until the other has brought all to its end."""
    await asyncio.sleep(random.uniform(0.3, 1.5))
    dying = random.choice(both.nodes)
    await dying.stop(signal.SIGKILL)
    both.up.remove(dying)


async def asleep(both: Pair) -> None:
    """A machine that is suspended for longer than its leases last, and then goes on where it was."""
    await asyncio.sleep(random.uniform(0.3, 1.5))
    sleeping = random.choice(both.nodes)
    await sleeping.kill(signal.SIGSTOP)
    both.up.remove(sleeping)
    await asyncio.sleep(random.choice([1.5, 3, 6, 12]))
    await sleeping.kill(signal.SIGCONT)
    both.up.append(sleeping)


BLOWS: tuple[Callable[[Pair], Awaitable[None]], ...] = (nothing, killed, asleep, killed)
