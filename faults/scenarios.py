"""What a trial consists of: messages, what they are to come to, and the decisions on them."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from faults.books import Books, Ledger
from faults.shim import Blow
from faults.site import Site
from faults.upstream import Fate, Parcel, parcel, submit

ACME, BETA, STRANGER = "hr@acme-mfg.example", "benefits@betalogistics.example", "someone@elsewhere.example"
LONGEST = 120.0  #: seconds for a client's attempts; a service that starts twice on a busy machine may take a minute
#: Past the soft deadline we have said 250 already: then the sender gets a notice instead of a 5xx.
NOT_TAKEN = frozenset({Fate.REFUSED, Fate.RETURNED})
NOT_DELIVERED = frozenset({Fate.REFUSED, Fate.FAILED})
BIG = b"As agreed.\r\n" + b"0123456789abcdef" * 60 + b"\r\n"
BIG *= 700  # several pieces in the store, several writes on the wire


class Front(Protocol):
    """What clients and reviewers have before them: a node, or whatever spreads them over several."""

    def way(self) -> int: ...

    async def decide(self, hold_id: str, decision: str) -> int: ...

    async def ready(self) -> None: ...


Scenario = Callable[[], Sequence[Parcel]]

SCENARIOS: Mapping[str, Scenario] = {
    "relay": lambda: [parcel({ACME: Fate.DELIVERED})],
    "hold": lambda: [parcel({BETA: Fate.HELD}, marks="ssn")],
    "reject": lambda: [parcel({STRANGER: NOT_TAKEN}, marks="ssn")],
    "refused downstream": lambda: [parcel({"refuse-a@acme-mfg.example": NOT_DELIVERED})],
    "mixed recipients": lambda: [
        parcel(
            {
                ACME: Fate.DELIVERED,
                f"defer1-{time.monotonic_ns()}@acme-mfg.example": Fate.DELIVERED,
                "refuse-a@acme-mfg.example": Fate.FAILED,
            }
        )
    ],
    "slow, then relayed": lambda: [parcel({ACME: Fate.DELIVERED}, marks="sleep=0.7")],
    "slow, then held": lambda: [parcel({BETA: Fate.HELD}, marks="ssn sleep=0.7")],
    "slow, then returned": lambda: [parcel({STRANGER: NOT_TAKEN}, marks="ssn sleep=0.7")],
    "released": lambda: [parcel({BETA: Fate.DELIVERED}, marks="ssn", decision="release")],
    "returned": lambda: [parcel({BETA: Fate.RETURNED}, marks="ssn", decision="return")],
    "released, deferred": lambda: [parcel({BETA: Fate.DELIVERED}, marks="ssn", wish="defer 2", decision="release")],
    "released, refused": lambda: [parcel({BETA: Fate.HELD}, marks="ssn", wish="refuse", decision="release")],
    "large": lambda: [parcel({BETA: Fate.HELD}, marks="ssn", body=BIG), parcel({ACME: Fate.DELIVERED}, body=BIG)],
}


async def trial(
    site: Site,
    books: Books,
    ledger: Ledger,
    parcels: Sequence[Parcel],
    *,
    arm: Blow | None = None,
    cut_after: float | None = None,
) -> bool:
    """Play one scenario to its end and check the books. Whether the armed fault was hit."""
    ledger.trials += 1
    before = site.starts
    if arm:
        site.page.arm(arm)
    await play(site, books, parcels, cut_after=cut_after)
    hit = bool(arm and site.page.get("hit"))
    site.page.disarm()
    await books.at_rest()
    said = len(ledger.complaints)
    await books.check(parcels, ledger)
    if arm and (new := ledger.complaints[said:]):
        ledger.complaints[said:] = [f"{complaint} [{arm} {site.page.call}]" for complaint in new]
    return hit or site.starts > before


async def play(front: Front, books: Books, parcels: Sequence[Parcel], *, cut_after: float | None = None) -> None:
    """Send, decide, and wait until nothing moves."""
    until = time.monotonic() + LONGEST
    await asyncio.gather(*(submit(front.way, each, until=until, cut_after=cut_after) for each in parcels))
    await asyncio.gather(*(decide(front, books, each, until) for each in parcels if each.decision and each.hold_id))
    await front.ready()
    await books.at_rest()


async def decide(front: Front, books: Books, each: Parcel, until: float) -> None:
    """Ask again until the decision is on record: the answer to it may have been lost."""
    while each.hold_id and each.decision and time.monotonic() < until:
        status = await front.decide(each.hold_id, each.decision)
        if status == 200:
            return
        await front.ready()
        if await books.decided(each.hold_id, each.decision):
            return
        await asyncio.sleep(0.05)
