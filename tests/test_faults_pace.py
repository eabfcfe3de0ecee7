"""A full fault run ends when its time is over, and until then every kind of fault has had its turn."""

import asyncio
import time

import pytest

from faults.__main__ import LANES, Schedule, _repeated
from faults.books import Ledger
from faults.pace import Pace
from faults.runs import CONTROLS, RUNS, Run
from faults.site import NotUpError


def run(share: int) -> Run:
    async def none(*_: object) -> None: ...

    return Run(name=str(share), trials=none, share=share)


def test_a_run_that_is_late_still_gives_every_kind_its_turn() -> None:
    """The time is over before it begins: six kinds, six trials."""
    assert list(Pace(until=time.monotonic() - 1).trials(6)) == list(range(6))


def test_a_short_run_counts_its_trials() -> None:
    assert list(Pace(most=3).trials(6)) == [0, 1, 2]


def test_a_control_ends_with_the_trial_that_finds_it() -> None:
    found = iter([False, False, True])

    assert list(Pace(most=9, enough=lambda: next(found)).trials()) == [0, 1]


def test_the_time_is_dealt_by_shares_and_no_lane_goes_past_its_end() -> None:
    """Whatever the order in which lanes come back for more."""
    now = time.monotonic()
    schedule = Schedule([run(60), run(30), run(10)], now + 100)

    [(first, until), (second, then)] = [dealt for lane in range(LANES) if (dealt := schedule.next(lane))]

    assert (first.name, until) == ("60", pytest.approx(now + 100, abs=1))  # 120 of 200 seconds, but a lane has 100
    assert (second.name, then) == ("30", pytest.approx(now + 75, abs=1))
    schedule.busy_until[1] = now
    assert schedule.next(1) is not None
    assert schedule.next(0) is None


def test_shares_are_hundredths_of_the_whole() -> None:
    assert sum(each.share for each in RUNS) == 100
    assert all(control.most for control in CONTROLS)


async def test_a_failure_of_the_suite_is_told_as_such_and_stops_nothing() -> None:
    """It proves nothing about the product, either way; a service that does not come up is a finding."""
    failures = iter([OSError("no port"), NotUpError("it does not come up"), None])

    async def trials(_: object, ledger: Ledger, __: Pace) -> None:
        ledger.trials += 1
        if error := next(failures):
            raise error

    ledger, each = Ledger(), Run(name="x", trials=trials, share=1)
    await _repeated(each, None, ledger, Pace(until=time.monotonic() + 60), None)  # type: ignore[arg-type]

    assert (ledger.trials, ledger.void, ledger.wrong) == (3, 1, 1)
    assert ledger.complaints == ["void: the suite failed: OSError: no port", "wrong: it does not come up"]


async def test_what_hangs_is_cut_off_at_the_end() -> None:
    async def trials(*_: object) -> None:
        await asyncio.Event().wait()

    ledger, each = Ledger(), Run(name="x", trials=trials, share=1)
    await _repeated(each, None, ledger, Pace(), time.monotonic())  # type: ignore[arg-type]

    assert ledger.void == 1
