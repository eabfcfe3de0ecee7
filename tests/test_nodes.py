"""Several nodes on one database: a message is one node's at a time, goes out once, and outlives any of them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import peers
import pytest
from house import REVIEWER, House, eventually, hold_id, house, mail
from postgres_server import Server
from serving import Serving
from store_kit import ACME, BETA, NOW, RAW, an_id, envelope, later, settings, store_in, verdict

from gateway import ledger as ledgers
from gateway import rules_in_force
from gateway.accounts import Role
from gateway.actor import Actor
from gateway.audit.log import AuditLog
from gateway.errors import InFlightError, StoreError
from gateway.hold import Quarantine
from gateway.ledger import IN_FLIGHT, Ledger, fingerprint
from gateway.relay import Delivery, Reach
from gateway.reply import Reply
from gateway.states import State
from gateway.store import Store
from rules.verdict import Disposition

pytestmark = pytest.mark.usefixtures("postgres")
OK, BUSY = Reply(250, "2.0.0 Ok: queued as 4XYZ"), Reply(450, "4.2.1 mailbox busy")
FP = fingerprint(envelope(), RAW)
CLEAN = verdict(disposition=Disposition.RELAY)
DELIVERED = Delivery(reach=Reach.DELIVERED, reply=OK, replies={BETA: OK})
SOON = NOW + timedelta(seconds=5)
TOO_LATE = NOW + IN_FLIGHT + timedelta(seconds=1)


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(settings(tmp_path)) as opened:
        yield opened


@pytest.fixture
async def two(tmp_path: Path, one: Store) -> AsyncIterator[Store]:  # noqa: ARG001 - the second to come
    async with Store.open(settings(tmp_path)) as opened:
        yield opened


async def events(store: Store) -> list[str]:
    assert await AuditLog(store).verify() is None
    return [record.event async for record in AuditLog(store).records()]


async def test_a_retry_at_another_node_waits_until_the_outcome_is_known(one: Store, two: Store) -> None:
    """The balancer sends the second try elsewhere, while the first is on its way."""
    await Ledger(one).intend(FP, envelope(), CLEAN, NOW)
    with pytest.raises(InFlightError):
        await Ledger(two).recall(FP, SOON)
    await Ledger(one).outcome(FP, envelope(), DELIVERED, SOON)

    known = await Ledger(two).recall(FP, SOON)
    assert known is not None
    assert known.reply == OK
    assert await events(two) == ["relaying", "relayed", "retry-suppressed"]


async def test_of_two_nodes_with_the_same_message_only_one_sends_it(one: Store, two: Store) -> None:
    """A client in haste sends over two connections; neither node knows of the other when it begins to inspect."""
    assert [await Ledger(store).recall(FP, NOW) for store in (one, two)] == [None, None]

    said = await asyncio.gather(
        *(Ledger(store).intend(FP, envelope(), CLEAN, NOW) for store in (one, two)), return_exceptions=True
    )

    assert sorted(type(each).__name__ for each in said) == ["InFlightError", "NoneType"]
    assert await events(one) == ["relaying"]


async def test_of_two_nodes_with_the_same_message_only_one_holds_it(one: Store, two: Store) -> None:
    """Two holds would be two decisions on the same mail."""
    said = await asyncio.gather(
        *(Quarantine(store).hold(envelope(), RAW, verdict(), NOW, an_id(n)) for n, store in enumerate((one, two))),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in said) == ["InFlightError", "NoneType"]
    assert len(await Quarantine(one).list()) == 1


async def test_what_one_node_has_refused_for_now_another_may_take(one: Store, two: Store) -> None:
    """The client still owns it."""
    await Ledger(one).intend(FP, envelope(), CLEAN, NOW)
    await Ledger(one).outcome(FP, envelope(), Delivery(reach=Reach.DEFERRED, reply=BUSY, replies={BETA: BUSY}), NOW)

    assert await Ledger(two).recall(FP, SOON) is None
    await Ledger(two).intend(FP, envelope(), CLEAN, SOON)


async def test_a_node_that_starts_leaves_the_others_attempts_alone(one: Store, two: Store) -> None:
    """They are not lost: their node is alive. Only what has taken longer than any attempt can is given up."""
    await Ledger(one).intend(FP, envelope(), CLEAN, NOW)

    assert await Ledger(two).recover(SOON) == 0
    assert await Ledger(two).watch(SOON) == 0
    assert await Ledger(two).watch(TOO_LATE) == 1
    assert await Ledger(two).recall(FP, TOO_LATE) is None
    assert await events(two) == ["relaying", "possible-duplicate"]


async def test_a_node_given_up_by_mistake_may_still_say_how_it_ended(one: Store, two: Store) -> None:
    """A machine that slept: its word is better than nobody's, and saves the second copy."""
    await Ledger(one).intend(FP, envelope(), CLEAN, NOW)
    await Ledger(two).watch(TOO_LATE)
    await Ledger(one).outcome(FP, envelope(), DELIVERED, TOO_LATE)

    assert await Ledger(two).recall(FP, TOO_LATE) is not None
    assert (await events(two))[:3] == ["relaying", "possible-duplicate", "relayed"]


async def test_a_word_that_comes_too_late_changes_nothing_and_is_on_record(one: Store, two: Store) -> None:
    """The other has sent it as well."""
    await Ledger(one).intend(FP, envelope(), CLEAN, NOW)
    await Ledger(two).watch(TOO_LATE)
    await Ledger(two).intend(FP, envelope(), CLEAN, TOO_LATE)
    await Ledger(one).outcome(FP, envelope(), DELIVERED, TOO_LATE)
    await Ledger(two).outcome(FP, envelope(), DELIVERED, TOO_LATE)

    assert await events(two) == ["relaying", "possible-duplicate", "relaying", "possible-duplicate", "relayed"]


async def test_an_outcome_that_is_written_already_is_not_written_twice(one: Store) -> None:
    """The connection broke at the commit: nobody knew, so it was tried again."""
    await Ledger(one).intend(FP, envelope(), CLEAN, NOW)
    for _ in range(2):
        await Ledger(one).outcome(FP, envelope(), DELIVERED, SOON)

    assert await events(one) == ["relaying", "relayed"]


async def test_a_takeover_that_is_written_already_is_not_written_twice(one: Store) -> None:
    """The same, with mixed replies."""
    mixed = envelope(ACME, BETA)
    fp, identifier = fingerprint(mixed, RAW), an_id()
    delivery = Delivery(reach=Reach.DELIVERED, reply=OK, replies={ACME: OK, BETA: BUSY})
    await Ledger(one).intend(fp, mixed, CLEAN, NOW)

    replies = {str(await Ledger(one).take_over(fp, mixed, RAW, delivery, SOON, identifier)) for _ in range(2)}

    assert len(replies) == 1
    assert await events(one) == ["relaying", "taken-over"]


async def test_what_a_dead_node_was_inspecting_is_judged_by_another(one: Store, two: Store) -> None:
    """250 was said: it may not lie undecided until that very machine comes back."""
    await Quarantine(one).store_pending(envelope(), RAW, NOW, identifier := an_id())

    assert await Quarantine(two).pending(NOW - timedelta(seconds=1)) == ()
    assert [message.id for message in await Quarantine(two).pending(SOON)] == [identifier]
    await Quarantine(two).settle(identifier, verdict(), later(minutes=11))
    assert [message.id for message in await Quarantine(one).list()] == [identifier]


# Whole services.


def shared(folder: Path) -> str:
    """The settings of every node: one database, one key."""
    section = store_in(folder)
    return f'{{url: "{section.url}", key: {folder / str(section.key)}}}'


@contextlib.asynccontextmanager
async def two_houses(folder: Path) -> AsyncIterator[tuple[House, House]]:
    """Two nodes, as two machines are."""
    store = shared(folder)
    first, second = folder / "first", folder / "second"
    for place in (first, second):
        place.mkdir()
    async with (
        house(first, store=store) as one,
        house(second, store=store, names=("rob", "other")) as two,
    ):
        yield one, two


async def test_a_message_held_by_one_node_is_released_at_the_other_and_goes_out_once(tmp_path: Path) -> None:
    """Reviewers look at whichever node the balancer gives them."""
    raw = mail("Census", "SSN 219-09-9999\nSSN 219-09-9998\n", to=BETA)
    async with two_houses(tmp_path) as (one, two):
        held = hold_id(await one.send(raw, BETA))
        assert hold_id(await two.send(raw, BETA)) == held  # a retry, at the other node
        await two.service.quarantine.release(held, None, Actor("rita"), "right", NOW)

        async def released() -> bool:
            return (await one.service.quarantine.get(held)).state is State.RELEASED

        await eventually(released)
        assert len(one.arrived(raw)) + len(two.arrived(raw)) == 1


async def test_a_node_killed_in_mid_relay_is_on_record_and_the_mail_goes_on(
    tmp_path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client hears nothing and tries again, elsewhere: once it is sure that nobody else is at work on it."""
    monkeypatch.setattr(ledgers, "IN_FLIGHT", timedelta(seconds=4))
    del postgres
    raw, store = mail("Lunch", "At noon?\n"), shared(tmp_path)
    for name in ("dies", "lives"):
        (tmp_path / name).mkdir()
    async with peers.downstream({"DOT": [60.0, "250 ok"]}) as slow:
        dying = await Serving(tmp_path / "dies", slow.port, store=store).start()
        async with house(tmp_path / "lives", store=store) as living:
            sending = asyncio.create_task(dying.send(raw, ACME))
            await eventually(lambda: b"DATA" in b" ".join(slow.commands).upper())
            await asyncio.sleep(0.5)
            await dying.stop(9)
            with contextlib.suppress(Exception):
                await sending

            first = await living.send(raw, ACME)
            await asyncio.sleep(4)
            second = await living.send(raw, ACME)

            assert first.startswith("451 4.3.0 another node")
            assert second.startswith("250")
            assert len(living.arrived(raw)) == 1
            records = [record async for record in AuditLog(living.service.quarantine._store).records()]
            assert [r.event for r in records if "fingerprint" in r.detail] == [
                "relaying",
                "possible-duplicate",
                "relaying",
                "relayed",
            ]


async def ask(node: House, path: str, token: str, body: dict[str, str]) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{node.service.web_port}") as client:
        return await client.post(path, json=body, headers={"Authorization": f"Bearer {token}"})


async def token_of(node: House, account: str) -> str:
    return await node.service.accounts.add_token(f"{account}-script", Role.REVIEWER, NOW, account=account)


async def test_what_two_people_learnt_at_two_nodes_is_in_force_at_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One proposes here, the other accepts there; nobody restarts anything, and what was held stays held."""
    monkeypatch.setattr(rules_in_force, "LOOK", 0.05)
    people, new = "Acme Manufacturing, Inc.\nSSN 219-09-9999\nSSN 219-09-9998\n", "hr@acme-trust.example"
    async with two_houses(tmp_path) as (one, two):
        held = hold_id(await one.send(mail("Census", people), new))
        said = {"hold_id": held, "add": "domain", "value": "acme-trust.example", "to": "acme", "note": "they rang us"}
        rita, rob = await token_of(one, REVIEWER), await token_of(two, "rob")
        made = await ask(one, "/api/v1/proposals", rita, said)
        path = f"/api/v1/proposals/{made.json()['id']}/accept"
        alone = await ask(two, path, rita, {"note": "yes"})
        assert hold_id(await two.send(mail("Census", people), new)) != held
        accepted = await ask(two, path, rob, {"note": "I rang them"})
        for node in (one, two):
            directory = node.service.rules
            await eventually(lambda rules=directory: rules.book.directory.recipient(new).clients == ("acme",), 60)
        relayed = [
            await node.send(mail("Census", f"{people}{number}\n"), new) for number, node in enumerate((one, two))
        ]

        assert (made.status_code, alone.status_code, accepted.status_code) == (201, 403, 200)
        assert [reply[:14] for reply in relayed] == ["250 2.0.0 queu"] * 2
        assert (await one.service.quarantine.get(held)).state is State.HELD
        assert one.service.rules.book.versions == two.service.rules.book.versions
        assert await AuditLog(two.service.rules.store).verify() is None
        kept = [record async for record in AuditLog(two.service.rules.store).records()]
        (last,) = {r.detail["versions"]["directory"] for r in kept if r.event == "relaying"}
        assert last == two.service.rules.book.directory.version


async def readiness(node: House) -> tuple[int, object]:
    """What a balancer goes by."""
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{node.service.web_port}") as client:
        answer = await client.get("/readyz")
    return answer.status_code, answer.json().get("missing")


async def test_a_restart_of_the_database_does_not_end_the_service(tmp_path: Path, postgres: Server) -> None:
    """Mail is 451 while it is away, and goes through when it is back; nobody has to do anything."""
    async with two_houses(tmp_path) as (one, two):
        await asyncio.to_thread(postgres.stop, "immediate")
        away = [await node.send(mail("Lunch", "At noon?\n"), ACME) for node in (one, two)]
        with pytest.raises(StoreError, match="cannot be reached"):
            await one.service.quarantine.counts()
        assert await readiness(one) == (503, {"store": "the database cannot be reached"})
        await asyncio.to_thread(postgres.start)
        raw = mail("Dinner", "At eight?\n")
        back = [await node.send(raw, ACME) for node in (one, two)]

        assert [reply[:3] for reply in away] == ["451", "451"]
        assert [reply[:3] for reply in back] == ["250", "250"]
        assert len(one.arrived(raw)) + len(two.arrived(raw)) == 1
        await one.service.quarantine.counts()
        assert (await readiness(one))[0] == 200
        assert not one.service.ended.done()
        assert not two.service.ended.done()


async def test_what_downstream_has_said_is_written_down_when_the_database_is_back(
    tmp_path: Path, postgres: Server
) -> None:
    """The client waits a moment longer; a 451 would bring a second copy."""
    raw = mail("Lunch", "At noon?\n")
    async with house(tmp_path, store=shared(tmp_path), script={"DOT": [1.0, "250 ok"]}) as node:
        sending = asyncio.create_task(node.send(raw, ACME))
        await eventually(lambda: b"DATA" in b" ".join(node.next_hop.commands).upper())
        await asyncio.to_thread(postgres.stop, "immediate")
        await eventually(lambda: node.arrived(raw))
        await asyncio.to_thread(postgres.start)

        assert (await sending).startswith("250")
        assert (await node.send(raw, ACME)).startswith("250")
        assert len(node.arrived(raw)) == 1
