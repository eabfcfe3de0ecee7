"""`python -m faults [--short] [--only WORD]`: run faults and controls, print the ledger, write the figures.

`--soak MINUTES` runs days of mail instead, and says what they take of the machine.
"""
# ruff: noqa: T201 - it prints

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from faults.books import Ledger
from faults.mother import ROOT, Mother
from faults.pace import Pace
from faults.plants import PLANTS
from faults.report import soak_lines, soak_written, summary, written
from faults.runs import CONTROLS, RUNS, Control, Run
from faults.site import NotUpError
from faults.soak import Soaked, soak

LANES = 2  #: trials wait more than they work
MINUTES = 28.0  #: of a full run; a run that is in the middle of something then may end it
GRACE = 150.0  #: seconds; then it is cut off
TRIES = 6  #: times that one kind of fault is begun anew when the suite itself has failed
WORD_EVERY = 30.0  #: seconds between lines that say how far it is


@dataclass
class Results:
    """What has been run so far, and what is running."""

    ledgers: dict[str, Ledger] = field(default_factory=dict)
    controls: dict[str, bool] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    running: dict[str, Ledger] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def total(self) -> Ledger:
        total = Ledger()
        for ledger in self.ledgers.values():
            total.add(ledger)
        return total

    @property
    def good(self) -> bool:
        return self.total.clean and all(self.controls.values()) and all(each.trials for each in self.ledgers.values())


@dataclass
class Schedule:
    """Deals what is waiting to the lanes, and to each run its share of the time that is left."""

    waiting: list[Run | Control]
    end: float
    busy_until: dict[int, float] = field(default_factory=dict)

    def next(self, lane: int) -> tuple[Run | Control, float] | None:
        """With the moment until which it may begin trials."""
        if not self.waiting:
            return None
        each, now = self.waiting.pop(0), time.monotonic()
        self.busy_until[lane] = now
        if isinstance(each, Control):
            return each, self.end
        left = sum(max(0.0, self.end - max(now, self.busy_until.get(other, now))) for other in range(LANES))
        shares = each.share + sum(run.share for run in self.waiting if isinstance(run, Run))
        self.busy_until[lane] = min(self.end, now + left * each.share / shares)
        return each, self.busy_until[lane]


def main() -> None:
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few trials of each kind: about three minutes")
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="faults with WORD in their name")
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"of a full run; else {MINUTES:.0f}")
    parser.add_argument("--no-report", action="store_true", help="leave docs/reliability.md as it is")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="instead: days of mail, and what they take")
    parser.add_argument("--plant", choices=sorted(PLANTS), help="in a soak: a planted mistake, which it has to find")
    options = parser.parse_args()
    if options.soak:
        sys.exit(asyncio.run(_soak(options.soak, options.plant, report=not options.no_report)))
    results = asyncio.run(_all(options.only, None if options.short else 60 * options.minutes))
    print(summary(results.total))
    if not (options.short or options.only or options.no_report):
        written(ROOT / "docs" / "reliability.md", results.ledgers, results.controls, results.skipped, results.seconds)
    sys.exit(0 if results.good else 1)


async def _soak(minutes: float, plant: str | None, *, report: bool) -> int:
    soaked = Soaked()
    async with Mother.loaded() as mother:
        await soak(mother, soaked, minutes, plant=plant)
    print(*soaked.ledger.complaints[:20], *soak_lines(soaked, minutes), sep="\n")
    if report and not plant:
        soak_written(ROOT / "docs" / "reliability.md", soaked, minutes)
    return 0 if soaked.good else 1


async def _all(only: Sequence[str], seconds: float | None) -> Results:
    """`seconds` for all together; None: a short run, which counts its trials instead."""
    results = Results()
    everything: list[Run | Control] = [*CONTROLS, *RUNS]
    wanted = [each for each in everything if not only or any(word in each.name for word in only)]
    schedule = Schedule(wanted, results.began + (seconds or 0))
    telling = asyncio.create_task(_tell(results))
    await asyncio.gather(*(_lane(lane, schedule, results, short=seconds is None) for lane in range(LANES)))
    telling.cancel()
    return results


async def _tell(results: Results) -> None:
    while True:
        await asyncio.sleep(WORD_EVERY)
        for name, ledger in results.running.items():
            minutes, seconds = divmod(int(results.seconds), 60)
            print(f"{minutes:5}:{seconds:02} {name}: {ledger.trials} trials so far", flush=True)


async def _lane(lane: int, schedule: Schedule, results: Results, *, short: bool) -> None:
    async with Mother.loaded() as mother:
        while (dealt := schedule.next(lane)) is not None:
            each, until = dealt
            reason = (
                "not in the short run" if short and isinstance(each, Run) and each.short is None else each.missing()
            )
            if reason is not None:
                results.skipped[each.name] = reason
                print(f"NOT RUN  {each.name}: {reason}", flush=True)
                continue
            ledger = results.running[each.name] = Ledger()
            began = time.monotonic()
            pace = each.pace(ledger) if isinstance(each, Control) else each.pace(None if short else until)
            await _repeated(each, mother, ledger, pace, None if short else schedule.end + GRACE)
            del results.running[each.name]
            _note(each, ledger, results, time.monotonic() - began)


async def _repeated(each: Run | Control, mother: Mother, ledger: Ledger, pace: Pace, end: float | None) -> None:
    """A trial that the suite itself cannot carry out is told as such, and the rest begin again in a new place."""
    for _ in range(TRIES):
        try:
            async with asyncio.timeout_at(end):
                return await each.trials(mother, ledger, pace)
        except NotUpError as error:
            ledger.complain("wrong", str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, it says nothing about the product
            ledger.complain("void", f"the suite failed: {type(error).__name__}: {error}")
        if (end is not None and time.monotonic() >= end) or pace.late:
            return None
    return None


def _note(each: Run | Control, ledger: Ledger, results: Results, seconds: float) -> None:
    if isinstance(each, Control):
        found = results.controls[each.plant] = each.found(ledger)
        print(f"{'found' if found else 'MISSED':8} {each.name}: {ledger.trials} trials, {seconds:.0f} s", flush=True)
        return
    results.ledgers[each.name] = ledger
    void = f", {ledger.void} that could not be carried out" if ledger.void else ""
    print(
        f"{'held' if ledger.clean else 'FAILED':8} {each.name}: {ledger.trials} trials{void}, "
        f"{ledger.messages} messages, {ledger.duplicates} second copies, {seconds:.0f} s",
        flush=True,
    )
    for complaint in ledger.complaints[:20]:
        print(f"           {complaint}", flush=True)


if __name__ == "__main__":
    main()
