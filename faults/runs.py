"""Which faults are run, how often, and the controls that prove the books able to find what they look for."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from faults import bodies, crashes, disk, postfix, power, wire
from faults.books import Books, Ledger
from faults.mother import Mother
from faults.scenarios import ACME, BETA, NOT_TAKEN, SCENARIOS, STRANGER, trial
from faults.site import Site
from faults.upstream import Fate, parcel

Trials = Callable[[Mother], Awaitable[Ledger]]


def _always() -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One kind of fault."""

    name: str
    full: Trials
    short: Trials | None = None
    missing: Callable[[], str | None] = _always  #: why it cannot be run here


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A planted mistake, and the sum in which the books have to find it."""

    plant: str
    found_as: str
    run: Trials
    missing: Callable[[], str | None] = _always


ONE = 1 << 20  #: a step so long that it hits one call of a scenario
ALL = tuple(SCENARIOS)
SOME = ("relay", "hold", "mixed recipients", "slow, then held", "released")


RUNS: Sequence[Run] = (
    Run(
        name="kill -9 at a call that changes something",
        full=lambda m: crashes.sweep(m, ALL, 8),
        short=lambda m: crashes.sweep(m, SOME, ONE),
    ),
    Run(
        name="kill -9 while it starts after a kill",
        full=lambda m: crashes.while_starting(m, 60),
        short=lambda m: crashes.while_starting(m, 2),
    ),
    Run(
        name="kill -9 at random under load, real openers",
        full=lambda m: crashes.under_load(m, 15, kills=6),
        short=lambda m: crashes.under_load(m, 1, kills=2),
    ),
    Run(
        name="power cut",
        full=lambda m: power.cuts(m, 100),
        short=lambda m: power.cuts(m, 3),
        missing=power.missing,
    ),
    Run(
        name="ENOSPC, EIO, EDQUOT, EROFS at a call on a file",
        full=lambda m: disk.failing(m, SOME, 13),
        short=lambda m: disk.failing(m, ("relay", "hold"), ONE),
    ),
    Run(
        name="disk full (small tmpfs)",
        full=lambda m: disk.full(m, 30),
        short=lambda m: disk.full(m, 3),
        missing=disk.missing,
    ),
    Run(name="store locked by another process", full=lambda m: disk.locked(m, 5)),
    Run(name="disk read-only at start", full=lambda m: disk.read_only(m, 4), missing=disk.missing),
    Run(
        name="no file descriptors left",
        full=lambda m: disk.no_descriptors(m, 24),
        short=lambda m: disk.no_descriptors(m, 2),
        missing=disk.missing,
    ),
    Run(
        name="reply lost 0 to 60 ms after the final dot, retried",
        full=lambda m: wire.lost_replies(m, 1500),
        short=lambda m: wire.lost_replies(m, 30),
    ),
    Run(
        name="next hop defers, refuses, stalls, hangs up in DATA or after its 250",
        full=lambda m: wire.next_hop_misbehaves(m, 10),
        short=lambda m: wire.next_hop_misbehaves(m, 1),
    ),
    Run(
        name="next hop down or silent",
        full=lambda m: wire.next_hop_away(m, 20),
        short=lambda m: wire.next_hop_away(m, 2),
    ),
    Run(
        name="SIGSTOP, SIGKILL, SIGTERM of worker, workers' parent, service",
        full=lambda m: bodies.stopped_or_killed(m, 60),
        short=lambda m: bodies.stopped_or_killed(m, 6),
    ),
    Run(
        name="worker out of memory, crashed by its message, or taking its parent along",
        full=lambda m: bodies.worker_dies_of_its_message(m, 30),
        short=lambda m: bodies.worker_dies_of_its_message(m, 3),
    ),
    Run(
        name="clock jumps by an hour to a month",
        full=lambda m: bodies.clock_jumps(m, 28),
        short=lambda m: bodies.clock_jumps(m, 4),
    ),
    Run(
        name="kill -9 at random between two Postfixes",
        full=lambda m: postfix.both_sides(m, 20),
        missing=postfix.missing,
    ),
)


async def quiet(mother: Mother, plant: str) -> Ledger:
    """No fault but the planted one."""
    ledger = Ledger()
    async with Site.opened(mother, plant=plant) as site:
        books = Books(site, patience=2)
        for to in (ACME, "trustee@webmail.example"):
            await trial(site, books, ledger, [parcel({to: Fate.DELIVERED})])
        await trial(site, books, ledger, [parcel({BETA: Fate.HELD}, marks="ssn")])
        await trial(site, books, ledger, [parcel({STRANGER: NOT_TAKEN}, marks="ssn")])
    return ledger


CONTROLS: Sequence[Control] = (
    Control(
        plant="reply-before-commit",
        found_as="lost",
        run=lambda m: crashes.sweep(m, ["hold"], 40, plant="reply-before-commit"),
    ),
    Control(
        plant="no-durability",
        found_as="lost",
        run=lambda m: power.cuts(m, 4, plant="no-durability"),
        missing=power.missing,
    ),
    Control(plant="courier-stops", found_as="undecided", run=lambda m: quiet(m, "courier-stops")),
    Control(plant="release-by-itself", found_as="unasked", run=lambda m: quiet(m, "release-by-itself")),
    Control(
        plant="forget-possible-duplicates",
        found_as="unrecorded",
        run=lambda m: crashes.sweep(m, ["relay"], 30, plant="forget-possible-duplicates"),
    ),
    Control(plant="no-joining", found_as="unrecorded", run=lambda m: wire.lost_replies(m, 15, plant="no-joining")),
    Control(plant="no-intent", found_as="wrong", run=lambda m: quiet(m, "no-intent")),
    Control(plant="rewrite", found_as="wrong", run=lambda m: quiet(m, "rewrite")),
    Control(plant="one-too-many", found_as="wrong", run=lambda m: quiet(m, "one-too-many")),
    Control(
        plant="refuse-on-error", found_as="wrong", run=lambda m: disk.failing(m, ["hold"], 60, plant="refuse-on-error")
    ),
)
