"""A short run of the fault suite: one trial of each kind at least, and every control. `make faults` is the long one."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from faults.books import Ledger
from faults.mother import Mother
from faults.runs import CONTROLS, RUNS, Control, Run

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mother() -> AsyncIterator[Mother]:
    async with Mother.loaded() as loaded:
        yield loaded


@pytest.mark.parametrize("run", [run for run in RUNS if run.short], ids=lambda run: run.name.replace(" ", "-"))
async def test_nothing_is_lost_doubled_or_let_go(mother: Mother, run: Run) -> None:
    """250 means ours, whatever breaks."""
    if reason := run.missing():
        pytest.skip(reason)
    ledger = Ledger()

    await run.trials(mother, ledger, run.pace(None))

    assert ledger.clean, "\n".join([*ledger.complaints, *list(mother.said)[-20:]])
    assert ledger.trials


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.plant)
async def test_the_books_find_a_planted_mistake(mother: Mother, control: Control) -> None:
    """Books that never complain prove nothing."""
    if reason := control.missing():
        pytest.skip(reason)

    ledger = Ledger()

    await control.trials(mother, ledger, control.pace(ledger))

    assert control.found(ledger)
