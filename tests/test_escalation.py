"""A reviewer leaves a message to others: it stays held, is seen first, and he no longer releases it."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from house import settings_file
from review_room import BETA
from serving import run
from store_kit import NOW, RAW, SAM, an_id, envelope, settings
from test_approval import asking, decisions, states

from gateway.accounts import Accounts
from gateway.actor import Actor
from gateway.errors import IllegalTransition, OwnMessageError
from gateway.hold import Quarantine
from gateway.settings import load
from gateway.states import State
from gateway.store import Store, mail
from gateway.store.schema import messages
from gateway.terminal import held_lines

WHY = "Ask the privacy office: whose is 212-48-6397?"


@pytest.fixture
async def store(tmp_path: Path, database: str) -> AsyncIterator[Store]:  # noqa: ARG001 - says what `settings` name
    async with Store.open(settings(tmp_path, reviewers=("privacy@recordkeeper.example",))) as opened:
        yield opened


@pytest.fixture
def quarantine(store: Store) -> Quarantine:
    return Quarantine(store)


async def hold(quarantine: Quarantine, approvers: int = 1) -> str:
    hold_id = an_id()
    await quarantine.hold(envelope(BETA), RAW + hold_id.encode(), asking(approvers, BETA), NOW, hold_id)
    return hold_id


async def test_somebody_else_has_to_release_it(quarantine: Quarantine, store: Store) -> None:
    """Who was not sure must not become sure by waiting, under whatever spelling of his name."""
    hold_id = await hold(quarantine)

    await quarantine.escalate(hold_id, Actor("rita"), WHY, NOW)
    assert await states(quarantine, hold_id) == [State.HELD]
    for name in ("rita", "Rita@recordkeeper.example"):
        with pytest.raises(IllegalTransition, match="somebody else has to"):
            await quarantine.release(hold_id, None, Actor(name), WHY, NOW)
    await quarantine.release(hold_id, None, Actor("rolf"), WHY, NOW)

    assert await states(quarantine, hold_id) == [State.RELEASING]
    assert await decisions(store, hold_id) == ["escalated by rita", "release by rolf"]


async def test_another_name_in_the_same_terminal_is_nobody_else(quarantine: Quarantine) -> None:
    """`--as` is believed for the record; the login, and the account of a token, count as well."""
    hold_id = await hold(quarantine)
    await quarantine.escalate(hold_id, Actor("rita", login="root"), WHY, NOW)
    for actor in (Actor("ada", login="root"), Actor("robot", account="rita")):
        with pytest.raises(IllegalTransition, match="somebody else has to"):
            await quarantine.release(hold_id, None, actor, WHY, NOW)

    with pytest.raises(IllegalTransition, match="belongs to no account"):
        await quarantine.release(hold_id, None, Actor("robot", nobody=True), WHY, NOW)
    await quarantine.release(hold_id, None, Actor("ada", login="ada"), WHY, NOW)


async def test_both_at_once_are_still_one_person(quarantine: Quarantine, store: Store) -> None:
    """Transactions that wait for the same commit see each other's rows; records are written at its end."""
    hold_id = await hold(quarantine)
    busy = asyncio.create_task(store.write(lambda _: time.sleep(0.2)))
    await asyncio.sleep(0.05)

    answers = await asyncio.gather(
        quarantine.escalate(hold_id, Actor("rita"), WHY, NOW),
        quarantine.release(hold_id, None, Actor("rita"), WHY, NOW),
        return_exceptions=True,
    )

    await busy
    assert [type(answer) for answer in answers] == [type(None), IllegalTransition]
    assert await states(quarantine, hold_id) == [State.HELD]


async def test_it_takes_back_what_one_has_agreed_to(quarantine: Quarantine) -> None:
    """The policy's two people are then two others."""
    hold_id = await hold(quarantine, approvers=2)
    await quarantine.release(hold_id, None, Actor("rita"), WHY, NOW)
    await quarantine.escalate(hold_id, Actor("rita"), WHY, NOW)

    await quarantine.release(hold_id, None, Actor("rolf"), WHY, NOW)
    assert await states(quarantine, hold_id) == [State.HELD]
    await quarantine.release(hold_id, None, Actor("ruth"), WHY, NOW)
    assert await states(quarantine, hold_id) == [State.RELEASING]


async def test_who_escalated_may_still_return_it(quarantine: Quarantine) -> None:
    """To give back is the safe way, and takes nobody's leave."""
    hold_id = await hold(quarantine)
    await quarantine.escalate(hold_id, Actor("rita"), WHY, NOW)
    await quarantine.return_(hold_id, Actor("rita"), "It is wrong after all.", NOW)

    assert await states(quarantine, hold_id) == [State.RETURNING]


async def test_once_only_never_by_the_sender_and_only_while_it_waits(quarantine: Quarantine, store: Store) -> None:
    hold_id = await hold(quarantine)
    with pytest.raises(OwnMessageError):
        await quarantine.escalate(hold_id, Actor(SAM), WHY, NOW)
    await quarantine.escalate(hold_id, Actor("rita"), WHY, NOW)
    with pytest.raises(IllegalTransition, match="once more"):
        await quarantine.escalate(hold_id, Actor("rita"), WHY, NOW)
    await quarantine.return_(hold_id, Actor("rolf"), WHY, NOW)
    with pytest.raises(IllegalTransition, match="cannot escalate a message that is returning"):
        await quarantine.escalate(hold_id, Actor("ruth"), WHY, NOW)

    assert await decisions(store, hold_id) == ["escalated by rita", "return by rolf"]


async def test_the_reviewers_are_told_in_the_same_transaction(quarantine: Quarantine, store: Store) -> None:
    """And what one of them wrote to the others is masked as every note is."""
    hold_id = await hold(quarantine)
    before = await queued(store)
    await quarantine.escalate(hold_id, Actor("rita"), WHY, NOW)

    [notice] = (await queued(store)) - before
    raw = (await store.read(lambda c: mail.content(c, notice))).decode()
    assert f"Escalated: {hold_id}" in raw
    assert "whose is ***-**-6397?" in raw
    assert "212-48" not in raw
    assert (await quarantine.get(hold_id)).history[-1].detail["notices"] == ["reviewers"]


async def queued(store: Store) -> set[str]:
    asked = messages.select().where(messages.c.purpose == "review")
    return await store.read(lambda c: {row.id for row in c.execute(asked)})


async def test_terminal_escalates_and_says_so(tmp_path: Path) -> None:
    file = settings_file(tmp_path, 1)
    async with Store.open(load(file, {})) as store:
        first, second = await hold(Quarantine(store)), await hold(Quarantine(store))
        await Accounts(store).add_user("rita", "reviewer", "a long enough password", NOW)

    ended = run("held", "escalate", first, "--note", WHY, "--as", "rita", "--config", file)
    listed = "\n".join(await held_lines(load(file, {}), as_json=False))

    assert ended.out == f"{first} is escalated, and stays held: somebody else has to release it\n"
    assert listed.index(f"{first}  2026-") < listed.index(second)
    assert "escalated by rita" in listed
