"""The main job through real sockets on both sides: the wrong file waits, the right one goes through."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import peers
import pytest
import pytest_asyncio
from house import ACME, BETA, PARTNER, STRANGER, XLSX, House, eventually, hold_id, house, mail

from gateway.actor import Actor
from gateway.demo.locked_zip import locked_zip
from gateway.demo.sample import participants, workbook
from gateway.serve import now
from gateway.states import State

pytestmark = pytest.mark.asyncio(loop_scope="module")
CENSUS = workbook("Acme Manufacturing, Inc.", "501234", participants(5135, 195))
SMALL = workbook("Acme Manufacturing, Inc.", "501234", participants(12, 3))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with house(tmp_path_factory.mktemp("house")) as service:
        yield service


def census(subject: str, content: bytes = SMALL, name: str = "participants.xlsx") -> bytes:
    return mail(subject, attachments=((name, XLSX, content),))


async def test_the_message_of_2007_is_held_and_says_whose_people_it_lists(running: House) -> None:
    """5,135 people of one client, named and addressed to another: the case the product exists for."""
    raw = census("Beta Logistics: participant file", CENSUS)

    held = await running.service.quarantine.get(hold_id(await running.send(raw, BETA)))

    assert held.verdict is not None
    assert held.verdict.sentence == (
        "participants.xlsx lists 5,135 people of Acme Manufacturing, Inc.; "
        "benefits@betalogistics.example belongs to Beta Logistics LLC."
    )
    assert {reason.rule for reason in held.verdict.reasons} >= {"owner-not-recipient", "owner-not-named"}
    assert (held.verdict.people.count, held.verdict.people.by_state["NC"]) == (5135, 195)
    assert running.arrived(raw) == []


@pytest.mark.parametrize("recipient", [ACME, PARTNER])
async def test_the_right_file_goes_through_byte_for_byte(running: House, recipient: str) -> None:
    """To the owner, and to one who acts for the owner; only our own fields stand above it."""
    raw = census("Acme Manufacturing: participant file")

    reply = await running.send(raw, recipient)

    [arrived] = running.arrived(raw)
    assert reply.startswith("250 2.0.0 queued as ")
    assert arrived.rcpt_to == (recipient.encode(),)
    above = arrived.raw.removesuffix(raw).decode()
    assert [line.partition(":")[0] for line in above.splitlines() if line[:1].strip()] == [
        "Received",
        "X-Countersign-ID",
        "X-Countersign-Disposition",
    ]


async def test_an_ordinary_mail_goes_through(running: House) -> None:
    """Most mail is nobody's data; it must not wait."""
    raw = mail("Lunch", "Thursday at noon?\n")

    assert (await running.send(raw, STRANGER)).startswith("250 2.0.0 queued as ")

    assert len(running.arrived(raw)) == 1


async def test_what_cannot_be_opened_is_held(running: House) -> None:
    """Unknown is not clean: a password hides the next breach."""
    locked = locked_zip("list.csv", b"Name,SSN\r\n", b"secret")
    raw = mail("Statements", attachments=(("statements.zip", "application/zip", locked),))

    held = await running.service.quarantine.get(hold_id(await running.send(raw, ACME)))

    assert held.verdict is not None
    assert [reason.rule for reason in held.verdict.reasons if reason.disposition == "hold"] == ["not-inspected"]
    assert [(part.part, part.status, part.reason) for part in held.verdict.parts if part.reason][-1][1:] == (
        "unopened",
        "encrypted",
    )


async def test_a_released_message_arrives_once_and_as_it_came(running: House) -> None:
    """The reviewer's yes changes the state, not the message."""
    raw = census("Beta Logistics: released")
    identifier = hold_id(await running.send(raw, BETA))

    await running.service.quarantine.release(identifier, None, Actor("rita"), "checked with the client", now())

    await eventually(lambda: bool(running.arrived(raw)))
    await eventually(lambda: is_state(running, identifier, State.RELEASED))
    assert len(running.arrived(raw)) == 1


async def test_only_the_chosen_recipients_get_it(running: House) -> None:
    """The right client's copy goes on; the wrong one's stays."""
    raw = census("Acme Manufacturing: for two")
    identifier = hold_id(await running.send(raw, ACME, BETA))

    await running.service.quarantine.release(identifier, [ACME], Actor("rita"), "only to the owner", now())

    await eventually(lambda: bool(running.arrived(raw)))
    [arrived] = running.arrived(raw)
    assert arrived.rcpt_to == (ACME.encode(),)
    held = await running.service.quarantine.get(identifier)
    assert {recipient.address: recipient.state for recipient in held.recipients}[BETA] is State.HELD


async def test_a_returned_message_never_arrives_and_its_sender_is_told(running: House) -> None:
    """Not sent, and nobody is left in the dark."""
    raw = census("Beta Logistics: returned")
    identifier = hold_id(await running.send(raw, BETA))

    await running.service.quarantine.return_(identifier, Actor("rita"), "wrong file, please check", now())

    await eventually(lambda: is_state(running, identifier, State.RETURNED))
    notice = next(text for text in running.notices(identifier) if "wrong file, please check" in text)
    assert "Auto-Submitted: auto-" in notice
    assert running.arrived(raw) == []


async def test_the_sender_is_told_at_once_that_it_waits(running: House) -> None:
    """Within the minute, with the sentence, without a value."""
    sender = "told@recordkeeper.example"  # of his own: nobody is told of more than ten an hour
    identifier = hold_id(await running.send(census("Beta Logistics: told"), BETA, mail_from=sender))

    await eventually(lambda: bool(running.notices(identifier)))

    [notice] = running.notices(identifier)
    assert f"To: {sender}" in notice
    assert not any(str(person[1]) in notice for person in participants(12, 3))


async def test_a_retry_after_a_lost_reply_makes_no_second_hold(running: House) -> None:
    """The client that never saw our 250 sends again; it gets the same answer."""
    raw = census("Beta Logistics: twice")

    first, second = await running.send(raw, BETA), await running.send(raw, BETA)

    assert first == second


async def test_the_owner_cannot_be_told_is_held(running: House) -> None:
    """Rows of people and no sign of whose they are: nobody may say that they are this recipient's."""
    rows = "\n".join(f"{name};{ssn}" for name, ssn, *_ in participants(5, 1))
    raw = mail("the list", attachments=(("list.csv", "text/csv", f"Name;SSN\n{rows}\n".encode()),))

    held = await running.service.quarantine.get(hold_id(await running.send(raw, ACME)))

    assert held.verdict is not None
    assert [reason.rule for reason in held.verdict.reasons if reason.disposition == "hold"] == ["owner-unknown"]


async def test_the_envelope_counts_and_the_header_does_not(running: House) -> None:
    """To: says Acme, the envelope says Beta: it is Beta who would get it."""
    raw = census("Acme Manufacturing: participant file ")

    assert (await running.send(raw, BETA)).startswith("250 2.0.0 held")


async def test_a_refusal_downstream_is_handed_back(tmp_path: Path) -> None:
    """We never say 250 for what the next hop refused."""
    async with house(tmp_path, script={"DOT": ["554 5.7.9 not today"]}) as refusing:
        reply = await refusing.send(mail(), ACME)

    assert reply == "554 5.7.9 not today"


async def test_a_next_hop_that_is_down_leaves_the_message_with_the_client(tmp_path: Path) -> None:
    """451, nothing kept."""
    async with house(tmp_path) as alone:
        await alone.next_hop.close()

        reply = await alone.send(mail(), ACME)

        assert reply.startswith("451 4.4.")
        assert await alone.service.quarantine.list(frozenset(State)) == ()


async def test_recipients_who_fare_differently_are_all_looked_after(tmp_path: Path) -> None:
    """One taken, one deferred, one refused: 250 is ours then, with a later delivery and a notice of failure."""
    script: peers.Script = {
        "RCPT b@acme-mfg.example": ["451 4.2.0 later", "250 2.1.5 ok"],
        "RCPT c@acme-mfg.example": ["550 5.1.1 no such user"],
    }
    async with house(tmp_path, script=script) as mixed:
        raw = mail("for three")

        reply = await mixed.send(raw, "a@acme-mfg.example", "b@acme-mfg.example", "c@acme-mfg.example")

        assert reply.startswith("250 2.0.0 ")
        await eventually(lambda: len(mixed.arrived(raw)) == 2)
        await eventually(lambda: bool(mixed.notices("c@acme-mfg.example")))
        assert sorted(copy.rcpt_to for copy in mixed.arrived(raw)) == [
            (b"a@acme-mfg.example",),
            (b"b@acme-mfg.example",),
        ]


async def test_a_slow_inspection_is_taken_over_and_goes_on(tmp_path: Path) -> None:
    """Past the soft deadline the client is not kept waiting, and nothing is released by time."""
    async with house(tmp_path, extra="inspection: {soft: 0.001}\n") as slow:
        wrong, right = census("Beta Logistics: slow", CENSUS), mail("slow and harmless")

        replies = [await slow.send(wrong, BETA), await slow.send(right, ACME)]

        assert all(reply.startswith("250 2.0.0 accepted for inspection as ") for reply in replies)
        identifier = replies[0].rsplit(" ", 1)[1]
        await eventually(lambda: is_state(slow, identifier, State.HELD))
        await eventually(lambda: len(slow.arrived(right)) == 1)
        assert slow.arrived(wrong) == []


async def is_state(place: House, identifier: str, state: State) -> bool:
    return (await place.service.quarantine.get(identifier)).state is state


async def test_no_number_of_a_person_leaves_the_message(running: House, capfd: pytest.CaptureFixture[str]) -> None:
    """Not in the verdict, the notices, the record, the metrics or the log."""
    raw = census("Beta Logistics: leaks")
    identifier = hold_id(await running.send(raw, BETA, mail_from="leaks@recordkeeper.example"))
    held = await running.service.quarantine.get(identifier)
    await eventually(lambda: bool(running.notices(identifier)))

    said = [repr(held), *running.notices(identifier), "".join(capfd.readouterr())]
    said += [json.dumps(dict(record.detail)) for record in held.history]

    for person in participants(12, 3):
        for value in (str(person[0]), str(person[1]), str(person[1]).replace("-", "")):
            assert not any(value in text for text in said)


async def test_the_figures_of_the_queue_are_told(running: House) -> None:
    """An operator is woken by the age of the oldest hold, not by a sender's call."""
    hold_id(await running.send(census("Beta Logistics: counted"), BETA))

    async def counted() -> bool:
        async with httpx2.AsyncClient() as client:
            text = (await client.get(f"http://127.0.0.1:{running.service.web_port}/metrics")).text
        return 'countersign_held{state="held"} ' in text and 'countersign_held{state="held"} 0.0' not in text

    await eventually(counted)
