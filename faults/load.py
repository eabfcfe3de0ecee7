"""Mail from four clients at once while something is done to the service, and all of it followed to its end."""
# ruff: noqa: S311 - chance is the point

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from faults.books import Books, Ledger
from faults.scenarios import ACME, BETA, LONGEST, NOT_TAKEN, STRANGER, Front, decide
from faults.upstream import Fate, Parcel, parcel, submit

CLIENTS = 4
DELIVERED, HELD, RETURNED = frozenset({Fate.DELIVERED}), frozenset({Fate.HELD}), frozenset({Fate.RETURNED})
KINDS = (  # a third has somebody's number in it, and some of that is decided on
    *[(ACME, DELIVERED, None)] * 7,
    (BETA, HELD, None),
    (BETA, DELIVERED, "release"),
    (BETA, RETURNED, "return"),
    (STRANGER, NOT_TAKEN, None),
)


async def under_load(
    front: Front, books: Books, ledger: Ledger, struck: Awaitable[object], *, mail: Callable[[], Parcel] | None = None
) -> list[Parcel]:
    """`struck` has happened, and what it broke is whole again, when it returns. Returns all that was sent."""
    sent: list[Parcel] = []
    clients = [asyncio.create_task(_client(front, books, sent, mail or some_mail)) for _ in range(CLIENTS)]
    await struck
    await asyncio.sleep(0.5)
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    until = time.monotonic() + LONGEST
    await asyncio.gather(*(_to_its_end(front, books, each, until) for each in sent))
    await front.ready()
    await books.at_rest(60)
    await books.check(sent, ledger)
    return sent


async def _client(front: Front, books: Books, sent: list[Parcel], mail: Callable[[], Parcel]) -> None:
    while True:
        each = mail()
        sent.append(each)
        await _to_its_end(front, books, each, time.monotonic() + 60)
        await asyncio.sleep(random.uniform(0, 0.3))


async def _to_its_end(front: Front, books: Books, each: Parcel, until: float) -> None:
    await submit(front.way, each, until=until)
    await decide(front, books, each, until)


def some_mail() -> Parcel:
    """Both kinds of openers find what is in it."""
    to, ends, decision = random.choice(KINDS)
    if to == ACME:
        return parcel({to: ends})
    number = f"{random.randrange(100, 600)}-{random.randrange(10, 99)}-{random.randrange(1000, 9999)}"
    body = f"Acme Manufacturing, Inc., plan 501234.\r\nAda Byron, SSN {number}\r\n"
    # What is released takes a while to be taken: time enough for whatever may happen to it meanwhile.
    wish = "wait=0.3" if decision == "release" else ""
    return parcel({to: ends}, marks="ssn", wish=wish, decision=decision, body=body.encode())
