"""`python -m faults [--short] [--only WORD]`: run faults and controls, print the ledger, write the figures."""
# ruff: noqa: T201 - it prints

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from faults.books import Ledger
from faults.mother import ROOT, Mother
from faults.report import summary, written
from faults.runs import CONTROLS, RUNS, Control, Run

LANES = 2  #: trials wait more than they work


@dataclass
class Results:
    """What has been run so far, in the order of its end."""

    runs: dict[str, Ledger] = field(default_factory=dict)
    controls: dict[str, bool] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    seconds: float = 0

    @property
    def total(self) -> Ledger:
        total = Ledger()
        for ledger in self.runs.values():
            total.add(ledger)
        return total

    @property
    def good(self) -> bool:
        return self.total.clean and all(self.controls.values())


def main() -> None:
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("--short", action="store_true", help="every n-th trial: about three minutes")
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="faults with WORD in their name")
    parser.add_argument("--no-report", action="store_true", help="leave docs/reliability.md as it is")
    options = parser.parse_args()
    results = asyncio.run(_all(short=options.short, only=options.only))
    print(summary(results.total))
    if not (options.short or options.only or options.no_report):
        written(ROOT / "docs" / "reliability.md", results.runs, results.controls, results.skipped, results.seconds)
    sys.exit(0 if results.good else 1)


async def _all(*, short: bool, only: Sequence[str]) -> Results:
    results, began = Results(), time.monotonic()
    waiting: list[Run | Control] = [*RUNS, *CONTROLS]
    if only:
        names = {id(each): each.name if isinstance(each, Run) else f"control {each.plant}" for each in waiting}
        waiting = [each for each in waiting if any(word in names[id(each)] for word in only)]
    await asyncio.gather(*(_lane(waiting, results, short=short) for _ in range(LANES)))
    results.seconds = time.monotonic() - began
    return results


async def _lane(waiting: list[Run | Control], results: Results, *, short: bool) -> None:
    async with Mother.loaded() as mother:
        while waiting:
            each = waiting.pop(0)
            if isinstance(each, Run):
                await _run(each, mother, results, short=short)
            else:
                await _control(each, mother, results)


async def _run(run: Run, mother: Mother, results: Results, *, short: bool) -> None:
    trials = run.short if short else run.full
    if reason := ("not in the short run" if trials is None else run.missing()):
        results.skipped[run.name] = reason
        print(f"NOT RUN  {run.name}: {reason}", flush=True)
        return
    assert trials is not None  # noqa: S101 - see above
    began = time.monotonic()
    ledger = results.runs[run.name] = await trials(mother)
    word = "held" if ledger.clean else "FAILED"
    took = time.monotonic() - began
    print(
        f"{word:8} {run.name}: {ledger.trials} trials, {ledger.messages} messages, "
        f"{ledger.duplicates} second copies, {took:.0f} s",
        flush=True,
    )
    for complaint in ledger.complaints[:20]:
        print(f"           {complaint}", flush=True)


async def _control(control: Control, mother: Mother, results: Results) -> None:
    if reason := control.missing():
        results.skipped[f"control {control.plant}"] = reason
        print(f"NOT RUN  control {control.plant}: {reason}", flush=True)
        return
    ledger = await control.run(mother)
    found = results.controls[control.plant] = getattr(ledger, control.found_as) > 0
    print(f"{'found' if found else 'MISSED':8} control {control.plant}", flush=True)


if __name__ == "__main__":
    main()
