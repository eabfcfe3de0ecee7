"""Whatever people do to a held message, in whatever order."""

import asyncio
from pathlib import Path

import pytest
from holding import events, hold, states
from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st
from store_kit import ACME, BETA, NOW, later, settings, verdict

from gateway.actor import Actor
from gateway.audit.log import AuditLog
from gateway.errors import IllegalTransition
from gateway.hold import Quarantine
from gateway.states import TERMINAL, State
from gateway.store import Store

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["release", "return", "expire", "settle"]),
        st.one_of(st.none(), st.lists(st.sampled_from([ACME, BETA, "eve@elsewhere.example"]), max_size=2)),
    ),
    max_size=6,
)


@given(actions=ACTIONS)
@with_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_people_do_each_recipient_gets_one_disposition(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, list[str] | None]]
) -> None:
    """Once a recipient is released or returned, nothing changes it; and no change goes without its record."""

    async def trial(folder: Path) -> None:
        async with Store.open(settings(folder)) as store:
            quarantine = Quarantine(store)
            hold_id = await hold(quarantine, ACME, BETA, mail_from="")
            seen = [State.HELD, State.HELD]
            for action, wanted in actions:
                records = len(await events(store))
                await act(quarantine, hold_id, action, wanted)
                now = await states(quarantine, hold_id)
                for old, new in zip(seen, now, strict=True):
                    assert old == new or old not in {*TERMINAL, State.RELEASING}
                assert (now == seen) == (len(await events(store)) == records)
                seen = now
            assert await AuditLog(store).verify() is None

    asyncio.run(trial(tmp_path_factory.mktemp("trial")))


async def act(quarantine: Quarantine, hold_id: str, action: str, wanted: list[str] | None) -> None:
    try:
        match action:
            case "release":
                await quarantine.release(hold_id, wanted, Actor("rita"), "note", NOW)
            case "return":
                await quarantine.return_(hold_id, Actor("rita"), "note", NOW, wanted)
            case "expire":
                await quarantine.expire(later(seconds=1), later(days=7))
            case _:
                await quarantine.settle(hold_id, verdict(ACME, BETA), NOW)
    except IllegalTransition:
        pass
