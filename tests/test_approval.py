"""When a policy asks for several people: no message leaves on one person's word, and nobody is two people."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from house import settings_file
from review_room import ACME, BETA, Room, furnished
from serving import run
from store_kit import NOW, RAW, SAM, an_id, envelope, later, settings, verdict

from gateway.accounts import Accounts
from gateway.actor import Actor
from gateway.audit.log import AuditLog
from gateway.errors import IllegalTransition, OwnMessageError
from gateway.hold import Quarantine
from gateway.login import login
from gateway.settings import load
from gateway.states import Action, State
from gateway.store import Store, mail
from rules.mask import mask_address
from rules.verdict import Reason, Verdict

WHY = "the right list"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(settings(tmp_path)) as opened:
        yield opened


@pytest.fixture
def quarantine(store: Store) -> Quarantine:
    return Quarantine(store)


def asking(approvers: int, *rcpt_to: str, of: str = "") -> Verdict:
    """A verdict on mail to `rcpt_to` that asks for so many people; `of` alone of the recipients, if given."""
    judged = verdict(*rcpt_to)
    large = Reason(rule="two-people", recipients=(of,) if of else rcpt_to, parts=(), text="Many.", approvers=approvers)
    return replace(judged, reasons=(*judged.reasons, large))


async def hold(quarantine: Quarantine, approvers: int = 2, *rcpt_to: str, of: str = "") -> str:
    hold_id, to = an_id(), rcpt_to or (BETA,)
    await quarantine.hold(envelope(*to), RAW + hold_id.encode(), asking(approvers, *to, of=of), NOW, hold_id)
    return hold_id


async def states(quarantine: Quarantine, hold_id: str) -> list[State]:
    return [recipient.state for recipient in (await quarantine.get(hold_id)).recipients]


async def decisions(store: Store, hold_id: str) -> list[str]:
    records = AuditLog(store).records(hold_id=hold_id)
    return [f"{record.event} by {record.actor}" async for record in records if record.event != "held"]


async def test_the_second_person_releases(quarantine: Quarantine, store: Store) -> None:
    """The first decision is on record and changes nothing; the second lets it go."""
    hold_id = await hold(quarantine)

    await quarantine.release(hold_id, None, Actor("rita"), WHY, NOW)
    assert await states(quarantine, hold_id) == [State.HELD]
    await quarantine.release(hold_id, None, Actor("rolf"), WHY, NOW)
    assert await states(quarantine, hold_id) == [State.RELEASING]

    assert await decisions(store, hold_id) == ["approved by rita", "release by rolf"]


async def test_as_many_people_as_the_policy_asks_for(quarantine: Quarantine) -> None:
    """Five at most; the gravest reason tells."""
    hold_id = await hold(quarantine, 4)

    for name in ("a", "b", "c"):
        await quarantine.release(hold_id, None, Actor(name), WHY, NOW)
        assert await states(quarantine, hold_id) == [State.HELD]
    await quarantine.release(hold_id, None, Actor("d"), WHY, NOW)
    assert await states(quarantine, hold_id) == [State.RELEASING]


@pytest.mark.parametrize("again", ["rita", "Rita", " RITA ", "rita@recordkeeper.example"])
async def test_nobody_is_two_people(quarantine: Quarantine, store: Store, again: str) -> None:
    """Neither by pressing twice nor by pressing once in the browser and once in a terminal."""
    hold_id = await hold(quarantine)
    await quarantine.release(hold_id, None, Actor("rita"), WHY, NOW)

    with pytest.raises(IllegalTransition, match="one person twice"):
        await quarantine.release(hold_id, None, Actor(again), WHY, NOW)

    assert await states(quarantine, hold_id) == [State.HELD]
    assert await decisions(store, hold_id) == ["approved by rita"]


@pytest.mark.parametrize("sender", ["sam", SAM])
async def test_the_sender_is_neither_of_them(quarantine: Quarantine, sender: str) -> None:
    """The sender never releases his own message, and does not help to."""
    hold_id = await hold(quarantine)

    with pytest.raises(OwnMessageError):
        await quarantine.release(hold_id, None, Actor(sender), WHY, NOW)
    await quarantine.release(hold_id, None, Actor("rita"), WHY, NOW)
    with pytest.raises(OwnMessageError):
        await quarantine.release(hold_id, None, Actor(sender), WHY, NOW)

    assert await states(quarantine, hold_id) == [State.HELD]


async def test_anybody_can_contradict_by_a_return(quarantine: Quarantine, store: Store) -> None:
    """To give back takes one person, whoever has agreed to the contrary, himself included."""
    hold_id = await hold(quarantine)

    await quarantine.release(hold_id, None, Actor("rita"), WHY, NOW)
    await quarantine.return_(hold_id, Actor("rita"), "no, it is not", NOW)

    assert await states(quarantine, hold_id) == [State.RETURNING]
    assert await decisions(store, hold_id) == ["approved by rita", "return by rita"]


async def test_who_withdraws_has_not_agreed(quarantine: Quarantine, store: Store) -> None:
    """An agreement is its giver's own until the decision is taken."""
    hold_id = await hold(quarantine)
    await quarantine.release(hold_id, None, Actor("rita"), WHY, NOW)

    with pytest.raises(IllegalTransition, match="not agreed to"):
        await quarantine.withdraw(hold_id, Actor("rolf"), "not mine", NOW)
    await quarantine.withdraw(hold_id, Actor("rita"), "I looked again", NOW)
    await quarantine.release(hold_id, None, Actor("rolf"), WHY, NOW)

    assert await states(quarantine, hold_id) == [State.HELD]
    assert await decisions(store, hold_id) == [
        "approved by rita",
        "approval-withdrawn by rita",
        "approved by rolf",
    ]


async def test_each_recipient_by_himself(quarantine: Quarantine, store: Store) -> None:
    """What one recipient needs two people for does not keep another waiting."""
    hold_id = await hold(quarantine, 2, BETA, ACME, of=BETA)

    await quarantine.release(hold_id, None, Actor("rita"), WHY, NOW)

    assert await states(quarantine, hold_id) == [State.HELD, State.RELEASING]
    assert await decisions(store, hold_id) == ["approved by rita", "release by rita"]


async def test_time_given_to_agree_is_not_added_to_the_time_to_decide(quarantine: Quarantine) -> None:
    """What one person agreed to, and nobody else looked at, expires as everything does."""
    hold_id = await hold(quarantine)
    await quarantine.release(hold_id, None, Actor("rita"), WHY, later(days=6))

    assert await quarantine.expire(later(days=1), later(days=8)) == (hold_id,)
    assert await states(quarantine, hold_id) == [State.RETURNING]


async def test_a_refused_release_asks_both_again(quarantine: Quarantine, store: Store) -> None:
    """A decision is used up by what it decided."""
    hold_id = await hold(quarantine)
    await quarantine.release(hold_id, None, Actor("rita"), WHY, NOW)
    await quarantine.release(hold_id, None, Actor("rolf"), WHY, NOW)

    def refused(tx: mail.Transaction) -> None:
        message = mail.find(tx, hold_id)
        mail.change(tx, message, message.recipients, Action.BOUNCE, NOW)

    await store.write(refused)
    await quarantine.release(hold_id, None, Actor("rita"), WHY, NOW)

    assert await states(quarantine, hold_id) == [State.HELD]


async def test_another_verdict_asks_anew(quarantine: Quarantine) -> None:
    """Who agreed before a file was opened with its password has not seen what was in it."""
    hold_id = await hold(quarantine)
    await quarantine.release(hold_id, None, Actor("rita"), WHY, NOW)

    await quarantine.judge_again(hold_id, asking(2, BETA), 1, Actor("rolf"), NOW)
    await quarantine.release(hold_id, None, Actor("rolf"), WHY, NOW)

    assert await states(quarantine, hold_id) == [State.HELD]


@pytest.mark.parametrize("seed", range(10))
async def test_each_of_a_thousand_races_ends_in_one_decision(quarantine: Quarantine, store: Store, seed: int) -> None:
    """Two agree and one returns, at the same moment and in any order: one disposition, never on one person's word."""
    to = tuple(
        f"{name}@beta.example" for name in ("ann", "ben", "cid", "dot", "eve", "fay", "gus", "hal", "ida", "joe")
    )
    ids = await asyncio.gather(*(hold(quarantine, 2, *to) for _ in range(10)))
    rng = random.Random(seed)

    async def race(hold_id: str, address: str) -> None:
        moves = [
            quarantine.release(hold_id, [address], Actor("rita"), WHY, NOW),
            quarantine.release(hold_id, [address], Actor("rolf"), WHY, NOW),
            quarantine.return_(hold_id, Actor("ada"), "wrong client", NOW, [address]),
        ]
        rng.shuffle(moves)
        for outcome in await asyncio.gather(*moves, return_exceptions=True):
            assert outcome is None or isinstance(outcome, IllegalTransition)

    for address in to:
        await asyncio.gather(*(race(hold_id, address) for hold_id in ids))

    seen = Counter[tuple[str | None, str, str]]()
    async for record in AuditLog(store).records():
        if record.event in {"approved", "release", "return"}:
            (address,) = record.detail["recipients"]
            seen[record.hold_id, address, record.event] += 1
    ends = Counter[State]()
    for hold_id in ids:
        for address, state in zip(to, await states(quarantine, hold_id), strict=True):
            agreed, released, returned = (
                seen[hold_id, mask_address(address), event] for event in ("approved", "release", "return")
            )
            assert (released, returned) in {(1, 0), (0, 1)}
            assert state in ({State.RELEASING} if released else {State.RETURNING, State.RETURNED})
            assert released <= agreed <= 1
            ends[state] += 1
    assert ends[State.RELEASING] > 10
    assert ends.total() == 100


def two_people(*to: str) -> tuple[Reason, ...]:
    return (Reason(rule="two-people", recipients=to, parts=("2",), text="Many people.", approvers=2),)


def test_page_and_api_say_who_has_agreed(tmp_path: Path) -> None:
    """The second reviewer sees that he is the second, and after whom."""
    with furnished(tmp_path) as room:
        asyncio.run(_agreed_and_released(room))


async def _agreed_and_released(room: Room) -> None:
    hold_id = await room.hold(reasons=two_people(BETA))
    async with room.visit("rita") as rita:
        answer = await rita.send(f"/held/{hold_id}/release", note=WHY, recipients=[BETA])
        assert answer.headers["location"].endswith("done=agree")
        page = (await rita.get(f"/held/{hold_id}?done=agree")).text
        assert "Waiting for another reviewer. Agreed to release it: rita." in page
        assert "Withdraw my agreement" in page
        assert "Agreed to release it: rita." in (await rita.get("/")).text
        assert (await rita.send(f"/held/{hold_id}/release", note=WHY, recipients=[BETA])).status_code == 409
    async with room.call("ada") as ada:
        (to,) = (await ada.get(f"/api/v1/held/{hold_id}")).json()["recipients"]
        assert (to["state"], to["approvers"], to["agreed"]) == ("held", 2, ["rita"])
        done = await ada.post(f"/api/v1/held/{hold_id}/release", json={"note": WHY})
        assert (done.json()["state"], done.json()["recipients"][0]["agreed"]) == ("releasing", [])
    hold_id = await room.hold(reasons=two_people(BETA))
    async with room.call("rita") as rita_script:
        await rita_script.post(f"/api/v1/held/{hold_id}/release", json={"note": WHY})
        taken_back = await rita_script.post(f"/api/v1/held/{hold_id}/withdraw", json={"note": "I looked again"})
        assert taken_back.json()["recipients"][0]["agreed"] == []


async def test_a_terminal_is_one_person_whatever_it_says(tmp_path: Path) -> None:
    """`--as` takes accounts only, and the login behind it counts once and is on record."""
    file = settings_file(tmp_path, 1)
    async with Store.open(load(file, {})) as store:
        hold_id = await hold(Quarantine(store))
        for name in ("rita", "rolf"):
            await Accounts(store).add_user(name, "reviewer", "a long enough password", NOW)

    def held(verb: str, who: str, status: int = 0) -> str:
        ended = run("held", verb, hold_id, "--note", WHY, "--as", who, "--config", file)
        assert ended.status == status, ended.err
        return ended.out + ended.err

    assert "no account of that name may decide" in held("release", "nobody-we-know", status=1)
    assert held("release", "rita") == f"{hold_id} is held until 1 more person has agreed; agreed so far: rita\n"
    assert "one person twice" in held("release", "rolf", status=1)
    assert "1 of 2 people have agreed (rita)" in run("held", "show", hold_id, "--config", file).out
    assert "withdrawn" in held("withdraw", "rita")
    async with Store.open(load(file, {})) as store:
        await Quarantine(store).release(hold_id, None, Actor("rolf"), WHY, NOW)
    assert held("release", "rita") == f"{hold_id} is being released\n"
    async with Store.open(load(file, {})) as store:
        records = [record async for record in AuditLog(store).records(hold_id=hold_id)]
    assert [(r.event, r.actor, r.detail.get("login")) for r in records[1:]] == [
        ("approved", "rita", login()),
        ("approval-withdrawn", "rita", login()),
        ("approved", "rolf", None),
        ("release", "rita", login()),
    ]


BOB = {
    "in the browser": Actor("bob"),
    "by his token": Actor("night-script", account="bob"),
    "in a terminal": Actor("bob", login="bob"),
    "in a terminal, as somebody else": Actor("rolf", login="bob"),
}


@pytest.mark.parametrize("second", BOB)
@pytest.mark.parametrize("first", BOB)
async def test_one_person_counts_once_wherever_he_comes_from(quarantine: Quarantine, first: str, second: str) -> None:
    """Whoever has a browser, a token and a terminal is still one of the two people that are needed."""
    hold_id = await hold(quarantine)
    await quarantine.release(hold_id, None, BOB[first], WHY, NOW)

    with pytest.raises(IllegalTransition, match="one person twice"):
        await quarantine.release(hold_id, None, BOB[second], WHY, NOW)
    await quarantine.release(hold_id, None, Actor("rita", login="rita"), WHY, NOW)

    assert await states(quarantine, hold_id) == [State.RELEASING]


async def test_a_token_of_nobody_is_nobody(quarantine: Quarantine) -> None:
    """Whoever may make tokens could else make himself a second person; where one person is enough it may decide."""
    robot = Actor("robot", nobody=True)
    two, one = await hold(quarantine), await hold(quarantine, 1)

    with pytest.raises(IllegalTransition, match="belongs to no account"):
        await quarantine.release(two, None, robot, WHY, NOW)
    await quarantine.release(one, None, robot, WHY, NOW)

    assert await states(quarantine, two) == [State.HELD]
    assert await states(quarantine, one) == [State.RELEASING]


async def test_the_sender_is_known_by_his_login_too(quarantine: Quarantine) -> None:
    """Another name does not make him another person."""
    hold_id = await hold(quarantine, 1)

    with pytest.raises(OwnMessageError):
        await quarantine.release(hold_id, None, Actor("rita", login="sam"), WHY, NOW)
