"""Which faults are run, for how long, and the controls that prove the books able to find what they look for."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from faults import bodies, crashes, database, disk, nodes, postfix, power, unsynced, wire
from faults.books import Books, Ledger
from faults.mother import Mother
from faults.pace import Pace
from faults.scenarios import ACME, BETA, NOT_TAKEN, SCENARIOS, STRANGER, trial
from faults.site import Site
from faults.upstream import Fate, parcel

Trials = Callable[[Mother, Ledger, Pace], Awaitable[None]]


def _always() -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One kind of fault."""

    name: str
    trials: Trials
    share: int  #: of the time of a full run, in hundredths
    short: int | None = None  #: trials of a short run; None: takes too long for one
    missing: Callable[[], str | None] = _always  #: why it cannot be run here

    def pace(self, until: float | None) -> Pace:
        """`until`: when its time is spent; None: a short run."""
        return Pace(most=self.short) if until is None else Pace(until=until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A planted mistake, and the sum in which the books have to find it."""

    plant: str
    found_as: str
    trials: Trials
    most: int = 1  #: trials; the first that finds it is the last
    missing: Callable[[], str | None] = _always

    @property
    def name(self) -> str:
        return f"control {self.plant}"

    def found(self, ledger: Ledger) -> bool:
        return bool(getattr(ledger, self.found_as))

    def pace(self, ledger: Ledger) -> Pace:
        return Pace(most=self.most, enough=lambda: self.found(ledger))


ALL = tuple(SCENARIOS)
SOME = ("relay", "hold", "mixed recipients", "slow, then held", "released")


#: The longest first, so that the lanes end together.
RUNS: Sequence[Run] = (
    Run(
        name="kill -9 at a call that changes something",
        trials=lambda m, ledger, pace: crashes.sweep(m, ledger, pace, ALL),
        share=13,
        short=8,
    ),
    Run(
        name="ENOSPC, EIO, EDQUOT, EROFS at a call on a file",
        trials=lambda m, ledger, pace: disk.failing(m, ledger, pace, SOME),
        share=8,
        short=6,
    ),
    Run(
        name="PostgreSQL killed, stopped, restarted, its connections ended, under load",
        trials=database.struck,
        share=7,
        short=2,
        missing=database.missing,
    ),
    Run(
        name="two nodes on one PostgreSQL, one killed or asleep under load",
        trials=nodes.one_falls_out,
        share=7,
        short=2,
        missing=database.missing,
    ),
    Run(name="power cut", trials=power.cuts, share=7, short=3, missing=power.missing),
    Run(name="kill -9 at random under load, real openers", trials=crashes.under_load, share=6, short=1),
    Run(name="kill -9 while it starts after a kill", trials=crashes.while_starting, share=5, short=2),
    Run(name="kill -9 at random between two Postfixes", trials=postfix.both_sides, share=5, missing=postfix.missing),
    Run(
        name="on PostgreSQL: kill -9 at a call that changes something",
        trials=lambda m, ledger, pace: database.service_killed(m, ledger, pace, SOME),
        share=5,
        missing=database.missing,
    ),
    Run(
        name="on PostgreSQL: kill -9 at random under load",
        trials=database.service_killed_under_load,
        share=3,
        missing=database.missing,
    ),
    Run(
        name="on PostgreSQL: connection cut at a commit, or at its answer",
        trials=database.cut_at_commit,
        share=3,
        short=2,
        missing=database.missing,
    ),
    Run(
        name="next hop defers, refuses, stalls, hangs up in DATA or after its 250",
        trials=wire.next_hop_misbehaves,
        share=4,
        short=6,
    ),
    Run(
        name="network slow, octet by octet, reset, closed or dead, on either side",
        trials=wire.bad_cables,
        share=4,
        short=10,
    ),
    Run(name="disk full (small tmpfs)", trials=disk.full, share=3, short=3, missing=disk.missing),
    Run(name="reply lost 0 to 60 ms after the final dot, retried", trials=wire.lost_replies, share=3, short=2),
    Run(
        name="SIGSTOP, SIGKILL, SIGTERM of worker, workers' parent, service",
        trials=bodies.stopped_or_killed,
        share=3,
        short=6,
    ),
    Run(
        name="worker out of memory, crashed by its message, or taking its parent along",
        trials=bodies.worker_dies_of_its_message,
        share=2,
        short=3,
    ),
    Run(name="next hop down or silent", trials=wire.next_hop_away, share=2, short=2),
    Run(name="clock jumps by an hour to a month", trials=bodies.clock_jumps, share=3, short=4),
    Run(name="no file descriptors left", trials=disk.no_descriptors, share=3, short=2, missing=disk.missing),
    Run(
        name="power cut: files beside the store, any state of names and writes that were not synced",
        trials=unsynced.every_state,
        share=1,
        short=1,
        missing=unsynced.missing,
    ),
    Run(name="store locked by another process", trials=disk.locked, share=2),
    Run(name="disk read-only at start", trials=disk.read_only, share=1, missing=disk.missing),
)


async def quiet(mother: Mother, ledger: Ledger, pace: Pace, plant: str) -> None:
    """No fault but the planted one."""
    async with Site.opened(mother, plant=plant) as site:
        books = Books(site, patience=2)
        for _ in pace.trials():
            for to in (ACME, "trustee@webmail.example"):
                await trial(site, books, ledger, [parcel({to: Fate.DELIVERED})])
            await trial(site, books, ledger, [parcel({BETA: Fate.HELD}, marks="ssn")])
            await trial(site, books, ledger, [parcel({STRANGER: NOT_TAKEN}, marks="ssn")])


def _quiet(plant: str) -> Trials:
    return lambda mother, ledger, pace: quiet(mother, ledger, pace, plant)


def _swept(plant: str, scenario: str) -> Trials:
    return lambda mother, ledger, pace: crashes.sweep(mother, ledger, pace, [scenario], plant=plant)


CONTROLS: Sequence[Control] = (
    Control(plant="reply-before-commit", found_as="lost", most=60, trials=_swept("reply-before-commit", "hold")),
    Control(
        plant="no-durability",
        found_as="lost",
        most=8,
        trials=lambda m, ledger, pace: power.cuts(m, ledger, pace, plant="no-durability"),
        missing=power.missing,
    ),
    Control(
        plant="asynchronous-commits",
        found_as="lost",
        most=3,
        trials=lambda m, ledger, pace: database.struck(m, ledger, pace, plant="asynchronous-commits"),
        missing=database.missing,
    ),
    Control(
        plant="blind-couriers",
        found_as="unrecorded",
        most=4,
        trials=lambda m, ledger, pace: nodes.one_falls_out(m, ledger, pace, plant="blind-couriers"),
        missing=database.missing,
    ),
    Control(
        plant="no-folder-sync",
        found_as="lost",
        trials=lambda m, ledger, pace: unsynced.every_state(m, ledger, pace, plant="no-folder-sync"),
        missing=unsynced.missing,
    ),
    Control(plant="courier-stops", found_as="undecided", trials=_quiet("courier-stops")),
    Control(plant="release-by-itself", found_as="unasked", trials=_quiet("release-by-itself")),
    Control(
        plant="forget-possible-duplicates",
        found_as="unrecorded",
        most=60,
        trials=_swept("forget-possible-duplicates", "relay"),
    ),
    Control(
        plant="no-joining",
        found_as="unrecorded",
        most=4,
        trials=lambda m, ledger, pace: wire.lost_replies(m, ledger, pace, plant="no-joining"),
    ),
    Control(plant="no-intent", found_as="wrong", trials=_quiet("no-intent")),
    Control(plant="rewrite", found_as="wrong", trials=_quiet("rewrite")),
    Control(plant="one-too-many", found_as="wrong", trials=_quiet("one-too-many")),
    Control(
        plant="refuse-on-error",
        found_as="wrong",
        most=40,
        trials=lambda m, ledger, pace: disk.failing(m, ledger, pace, ["hold"], plant="refuse-on-error"),
    ),
)
