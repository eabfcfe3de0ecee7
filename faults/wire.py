"""Replies that are lost, bad cables, and a next hop that is down, slow, silent, refusing, or gone in the middle."""
# ruff: noqa: S311 - chance is the point

import asyncio
import random
from collections.abc import Sequence

from faults.books import Books, Ledger
from faults.cable import Cable, Trouble
from faults.mother import Mother
from faults.pace import Pace
from faults.scenarios import ACME, BETA, NOT_DELIVERED, trial
from faults.site import Between, Site, free_ports
from faults.upstream import Fate, Parcel, parcel

AT_ONCE = 15
LOST_WITHIN = 0.06  #: seconds after the final dot


async def lost_replies(mother: Mother, ledger: Ledger, pace: Pace, *, plant: str | None = None) -> None:
    """Clients are gone right after their final dots, and come again. Not one second copy may follow from that."""
    async with Site.opened(mother, plant=plant) as site:
        books = Books(site)
        for _ in pace.trials():
            group = [_either() for _ in range(AT_ONCE)]
            await trial(site, books, ledger, group, cut_after=random.uniform(0, LOST_WITHIN))
            ledger.trials += len(group) - 1
    if ledger.duplicates:
        ledger.complain("wrong", f"lost replies made {ledger.duplicates} second copies")


def _either() -> Parcel:
    if random.random() < 0.3:
        return parcel({BETA: Fate.HELD}, marks="ssn")
    return parcel({ACME: Fate.DELIVERED}, marks=random.choice(["", "", "sleep=0.03"]))


WISHES: Sequence[str] = ("drop-data 1", "lose-reply 1", "defer 2", "wait=1 1", "wait=5 1", "refuse")


async def next_hop_misbehaves(mother: Mother, ledger: Ledger, pace: Pace) -> None:
    """Each way of it, for mail on its way through and for mail that a reviewer released."""
    async with Site.opened(mother) as site:
        books = Books(site)
        for number in pace.trials(len(WISHES)):
            wish = WISHES[number % len(WISHES)]
            through = NOT_DELIVERED if wish == "refuse" else frozenset({Fate.DELIVERED})
            released = Fate.HELD if wish == "refuse" else Fate.DELIVERED
            parcels = [
                parcel({ACME: through}, wish=wish),
                parcel({BETA: released}, marks="ssn", wish=wish, decision="release"),
            ]
            await trial(site, books, ledger, parcels)


async def next_hop_away(mother: Mother, ledger: Ledger, pace: Pace) -> None:
    """Down for a second and more; or there, and silent."""
    async with Site.opened(mother) as site:
        books = Books(site)
        for number in pace.trials(2):
            away = asyncio.create_task(_away(site, random.uniform(0.3, 3), down=number % 2 == 0))
            parcels = [
                parcel({ACME: Fate.DELIVERED}),
                parcel({ACME: Fate.DELIVERED}, marks="sleep=0.7"),
                parcel({BETA: Fate.DELIVERED}, marks="ssn", decision="release"),
                parcel({BETA: Fate.RETURNED}, marks="ssn", decision="return"),
            ]
            await trial(site, books, ledger, parcels)
            await away


TROUBLES = tuple(trouble for trouble in Trouble if trouble is not Trouble.NONE)
#: Lines of the client, and whether the line still gets there: EHLO, MAIL, RCPT, DATA, within the message, at its end.
POINTS = tuple((line, after) for line in (1, 2, 3, 4, 7, 14) for after in (False, True))


async def bad_cables(mother: Mother, ledger: Ledger, pace: Pace) -> None:
    """Between the client and the door, and between us and the next hop: each trouble at each point of the dialogue."""
    door, end = free_ports(2)
    outward = await Cable(to=end).start()
    inward = await Cable(to=door).start()
    kinds = [(cable, trouble) for trouble in TROUBLES for cable in (inward, outward)]
    try:
        async with Site.opened(mother, between=Between(door=door, downstream=outward.port, end=end)) as site:
            site.way_in, books = inward.port, Books(site)
            for number in pace.trials(len(kinds)):
                cable, trouble = kinds[number % len(kinds)]
                line, after = POINTS[number // len(kinds) % len(POINTS)]
                cable.set(trouble, line, after=after)
                await trial(site, books, ledger, [_passing(number)])
                cable.set(Trouble.NONE, 0, after=False)
    finally:
        await inward.stop()
        await outward.stop()


def _passing(number: int) -> Parcel:
    """Each kind of mail that leaves or stays, in turn."""
    if number % 3 == 0:
        return parcel({BETA: Fate.DELIVERED}, marks="ssn", decision="release")
    return parcel({BETA: Fate.HELD}, marks="ssn") if number % 3 == 1 else parcel({ACME: Fate.DELIVERED})


async def _away(site: Site, seconds: float, *, down: bool) -> None:
    if down:
        await site.next_hop.stop()
        await asyncio.sleep(seconds)
        await site.next_hop.start()
    else:
        site.next_hop.frozen = True
        await asyncio.sleep(seconds)
        site.next_hop.frozen = False
