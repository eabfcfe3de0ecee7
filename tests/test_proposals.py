"""What is learnt from a wrong hold: nothing changes on one person's word, and a contradiction never lets mail pass."""

import asyncio
import json
import random
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from house import settings_file
from learning import NEW, SAMPLE, TRUST, WHY, hold, propose, with_a_directory
from store_kit import NOW, SAM, SECRET, later
from typer.testing import CliRunner

from gateway.accounts import Accounts
from gateway.actor import Actor
from gateway.audit.log import AuditLog
from gateway.backup import backup, restore
from gateway.cli import app
from gateway.errors import ChangeError, GatewayError, IllegalTransition, NotFoundError, OwnMessageError
from gateway.proposals import Proposals
from gateway.rulebook import opened
from gateway.scan import in_force as rules_for_a_scan
from gateway.settings import Settings, load
from gateway.stages import IN_FORCE, MOVES, Move, Stage, advance
from gateway.store import Store, proposals
from gateway.store.proposals import Proposal
from rules.additions import Addition, Key, caution
from rules.clients import Directory

CASES = yaml.safe_load(Path(__file__).with_name("proposal_cases.yaml").read_text())


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(with_a_directory(tmp_path)) as opened_store:
        yield opened_store


@pytest.fixture
def learnt(store: Store) -> Proposals:
    return Proposals(store)


async def records(store: Store, of: Proposal) -> list[str]:
    assert await AuditLog(store).verify() is None
    found = AuditLog(store).records(hold_id=of.hold_id)
    return [f"{r.event} by {r.actor}" async for r in found if r.detail.get("proposal") == of.id]


async def in_force(store: Store) -> tuple[Addition, ...]:
    return await store.read(proposals.additions)


def whose(store: Store, additions: Sequence[Addition], address: str) -> tuple[str, ...]:
    with opened(store.settings, additions) as book:
        return book.directory.recipient(address).clients


@pytest.mark.usefixtures("database")
async def test_the_second_person_puts_it_in_force(store: Store, learnt: Proposals) -> None:
    """Proposing changes nothing; accepting does, and each has its record."""
    proposal = await propose(store)
    assert await in_force(store) == ()

    accepted = await learnt.decide(proposal.id, Move.ACCEPT, Actor("ada"), "I rang them too", later(hours=1))

    assert accepted.stage is Stage.ACCEPTED
    assert (accepted.proposed.by, accepted.decided and accepted.decided.by) == ("rita", "ada")
    assert await in_force(store) == (TRUST,)
    assert whose(store, (), NEW) == ()
    assert whose(store, await in_force(store), NEW) == ("acme",)
    assert await records(store, proposal) == ["change-proposed by rita", "change-accepted by ada"]


async def test_nobody_is_the_second_person_to_himself(store: Store, learnt: Proposals) -> None:
    proposal = await propose(store)

    for move in (Move.ACCEPT, Move.REFUSE):
        for again in ("rita", " RITA", "rita@recordkeeper.example"):
            with pytest.raises(IllegalTransition, match="second person"):
                await learnt.decide(proposal.id, move, Actor(again), WHY, NOW)

    assert await learnt.get(proposal.id) == proposal


async def test_a_token_of_no_account_is_nobodys_second_person(store: Store, learnt: Proposals) -> None:
    """Its bearer may be the first one."""
    ownerless = Actor("ci", nobody=True)
    with pytest.raises(IllegalTransition, match="belongs to no account"):
        await propose(store, TRUST, ownerless)
    proposal = await propose(store)
    for move in (Move.ACCEPT, Move.REFUSE):
        with pytest.raises(IllegalTransition, match="belongs to no account"):
            await learnt.decide(proposal.id, move, ownerless, WHY, NOW)


async def test_the_sender_has_no_say_in_it(store: Store, learnt: Proposals) -> None:
    """Else he would only need to call his own domain the client's."""
    for sender in ("sam", SAM):
        with pytest.raises(OwnMessageError):
            await propose(store, TRUST, Actor(sender))
    proposal = await propose(store)
    for sender, move in (("sam", Move.ACCEPT), (SAM, Move.ACCEPT), ("sam", Move.REFUSE), ("sam", Move.WITHDRAW)):
        with pytest.raises(OwnMessageError):
            await learnt.decide(proposal.id, move, Actor(sender), WHY, NOW)

    assert await in_force(store) == ()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Proposals, Settings, str]]:
    """One message to many, for all cases."""
    installation = with_a_directory(tmp_path_factory.mktemp("shelf"))
    kept = Store.open(installation)
    yield Proposals(kept), installation, asyncio.run(hold(kept, *CASES["recipients"]))
    asyncio.run(kept.close())


Shelf = tuple[Proposals, Settings, str]


def named(case: dict[str, Any]) -> str:
    return f"{case['value']} to {case['to']}"


@pytest.mark.parametrize("case", CASES["taken"], ids=named)
async def test_what_the_directory_takes(shelf: Shelf, case: dict[str, Any]) -> None:
    learnt, installation, hold_id = shelf
    addition = Addition.of(Key(case["add"]), case["value"], case["to"])
    proposal = await learnt.propose(hold_id, addition, Actor("rita"), WHY, NOW)
    await learnt.decide(proposal.id, Move.WITHDRAW, Actor("rita"), "the next case, please", NOW)

    with opened(installation, [addition]) as book:
        holder = book.directory.holder(addition.address)
        assert holder is not None
        assert (holder.id, dict(book.ignored)) == (case["to"], {})


@pytest.mark.parametrize("case", CASES["refused"], ids=named)
async def test_what_the_directory_does_not_take(shelf: Shelf, case: dict[str, Any]) -> None:
    """The checks of the file, and some more: what is learnt comes from mail."""
    learnt, _, hold_id = shelf
    with pytest.raises(ChangeError) as refused:
        await learnt.propose(hold_id, Addition.of(Key(case["add"]), case["value"], case["to"]), Actor("rita"), WHY, NOW)

    assert case["says"] in str(refused.value)


async def test_a_partner_acts_for_one_more_client(store: Store, learnt: Proposals) -> None:
    """What is proposed most after a change of administrator."""
    more = Addition(key=Key.ACTS_FOR, value="beta", party="eastwind")
    proposal = await propose(store, more, Actor("rita"), "ops@eastwind.example")
    await learnt.decide(proposal.id, Move.ACCEPT, Actor("ada"), WHY, NOW)

    assert whose(store, await in_force(store), "ops@eastwind.example") == ("acme", "beta")


async def test_the_second_person_is_warned_of_what_looks_alike() -> None:
    """The misspelt address that was held is the very one that would be learnt."""
    directory = Directory.load(SAMPLE)
    name = "Acme Manufacturing, Inc."
    near, inside = ("acme-mfq.example", "acme"), ("payroll.betalogistics.example", "acme")

    told = [caution(directory, Addition.of(Key.DOMAIN, *each)) for each in (near, inside, (TRUST.value, "acme"))]

    assert told == [
        f"acme-mfq.example reads like acme-mfg.example: ask {name} in a way that you know from before.",
        "payroll.betalogistics.example lies in a domain of Beta Logistics LLC now.",
        None,
    ]


async def test_the_same_change_is_not_proposed_twice(store: Store, learnt: Proposals) -> None:
    """Neither while it waits nor when it is in force; a refused one may be tried again."""
    first = await propose(store)
    with pytest.raises(IllegalTransition, match=f"proposed as {first.id}"):
        await propose(store)
    await learnt.decide(first.id, Move.REFUSE, Actor("ada"), WHY, NOW)

    again = await propose(store)

    assert await records(store, first) == ["change-proposed by rita", "change-refused by ada"]
    assert again.stage is Stage.PROPOSED


async def test_a_change_is_checked_again_when_it_is_accepted(store: Store, learnt: Proposals) -> None:
    """Since it was proposed another one, or the file itself, may have given the domain away."""
    to_acme, to_beta = [await propose(store, Addition.of(Key.DOMAIN, TRUST.value, to)) for to in ("acme", "beta")]
    await learnt.decide(to_beta.id, Move.ACCEPT, Actor("ada"), WHY, NOW)

    with pytest.raises(ChangeError, match="example is Beta Logistics LLC's"):
        await learnt.decide(to_acme.id, Move.ACCEPT, Actor("ada"), WHY, NOW)
    (store.settings.base / "clients.yaml").write_text("clients: [{id: acme\n")
    with pytest.raises(ChangeError, match="does not load"):
        await learnt.decide(to_acme.id, Move.ACCEPT, Actor("ada"), WHY, NOW)

    assert [addition.party for addition in await in_force(store)] == ["beta"]


async def test_it_takes_two_to_end_what_two_have_put_in_force(store: Store, learnt: Proposals) -> None:
    proposal = await propose(store)
    await learnt.decide(proposal.id, Move.ACCEPT, Actor("ada"), WHY, NOW)

    await learnt.decide(proposal.id, Move.WITHDRAW, Actor("rita"), "they sold it", NOW)
    assert await in_force(store) == (TRUST,)
    with pytest.raises(IllegalTransition, match="second person"):
        await learnt.decide(proposal.id, Move.WITHDRAW, Actor("Rita"), "again", NOW)
    await learnt.decide(proposal.id, Move.KEEP, Actor("ada"), "not yet", NOW)
    assert (await learnt.get(proposal.id)).withdrawal is None
    await learnt.decide(proposal.id, Move.WITHDRAW, Actor("rita"), "now they have", NOW)
    ended = await learnt.decide(proposal.id, Move.WITHDRAW, Actor("ada"), "yes", NOW)

    assert ended.stage is Stage.WITHDRAWN
    assert await in_force(store) == ()
    assert (await records(store, proposal))[2:] == [
        "withdrawal-proposed by rita",
        "change-kept by ada",
        "withdrawal-proposed by rita",
        "change-withdrawn by ada",
    ]


async def test_a_proposal_is_its_proposers_to_take_back(store: Store, learnt: Proposals) -> None:
    proposal = await propose(store)

    with pytest.raises(IllegalTransition, match="only who has proposed it"):
        await learnt.decide(proposal.id, Move.WITHDRAW, Actor("ada"), WHY, NOW)
    await learnt.decide(proposal.id, Move.WITHDRAW, Actor("rita"), "a mistake", NOW)
    with pytest.raises(IllegalTransition, match="cannot accept a proposal that is withdrawn"):
        await learnt.decide(proposal.id, Move.ACCEPT, Actor("ada"), WHY, NOW)

    assert await records(store, proposal) == ["change-proposed by rita", "change-withdrawn by rita"]


@pytest.mark.usefixtures("database")
async def test_each_race_ends_in_one_decision(store: Store, learnt: Proposals) -> None:
    """Accepted, refused and taken back at the same moment, in any order: one of them, with one record."""
    rng = random.Random(7)
    ends = set()
    for number in range(5):
        addition = Addition(key=Key.ADDRESS, value=f"a{number}@other.example", party="acme")
        proposal = await propose(store, addition, Actor("rita"), addition.value)
        tries = [(Move.ACCEPT, "ada"), (Move.REFUSE, "rolf"), (Move.WITHDRAW, "rita"), (Move.ACCEPT, "rolf")]
        rng.shuffle(tries)
        moves = [learnt.decide(proposal.id, move, Actor(who), WHY, NOW) for move, who in tries]
        outcomes = await asyncio.gather(*moves, return_exceptions=True)

        assert sum(isinstance(outcome, Proposal) for outcome in outcomes) == 1
        assert all(isinstance(outcome, Proposal | IllegalTransition) for outcome in outcomes)
        stage = (await learnt.get(proposal.id)).stage
        (_, decision) = await records(store, proposal)
        assert decision.startswith({"accepted": "change-a", "refused": "change-r", "withdrawn": "change-w"}[stage])
        ends.add(stage)
    assert len(ends) > 1


async def test_of_two_that_exclude_each_other_one_is_accepted(store: Store, learnt: Proposals) -> None:
    """Both were checked before either was written."""
    both = [await propose(store, Addition.of(Key.DOMAIN, TRUST.value, to)) for to in ("acme", "beta")]

    await asyncio.gather(
        *(learnt.decide(one.id, Move.ACCEPT, Actor("ada"), WHY, NOW) for one in both), return_exceptions=True
    )

    assert len(await in_force(store)) == 1


async def test_a_reason_has_to_be_given(shelf: Shelf) -> None:
    learnt, _, hold_id = shelf
    for reason in ("", "   ", "x" * 2001):
        with pytest.raises(IllegalTransition, match="has to say why"):
            await learnt.propose(hold_id, TRUST, Actor("rita"), reason, NOW)


async def test_no_value_is_recorded(store: Store, learnt: Proposals) -> None:
    """People write numbers into reasons, and an address is told by its first letter."""
    hold_id = await hold(store, "pat.doe@gmail.com")
    addition = Addition.of(Key.ADDRESS, "pat.doe@gmail.com", "acme")
    proposal = await learnt.propose(hold_id, addition, Actor("rita"), f"it is {SECRET}", NOW)
    await learnt.decide(proposal.id, Move.REFUSE, Actor("ada"), f"not {SECRET}", NOW)

    lines = [record.line async for record in AuditLog(store).records(hold_id=hold_id)]
    kept = await learnt.get(proposal.id)

    assert not any(SECRET in line or "pat.doe" in line for line in lines)
    assert "p***@gmail.com" in lines[-1]
    assert SECRET not in repr(kept)


async def test_of_what_is_not_there(learnt: Proposals) -> None:
    with pytest.raises(NotFoundError):
        await learnt.propose("no such message", TRUST, Actor("rita"), WHY, NOW)
    with pytest.raises(NotFoundError):
        await learnt.decide("no such proposal", Move.ACCEPT, Actor("rita"), WHY, NOW)


async def test_a_restore_asks_a_second_person_again(store: Store, learnt: Proposals, tmp_path: Path) -> None:
    """What was withdrawn after the backup must not come back by itself."""
    proposal = await propose(store)
    await learnt.decide(proposal.id, Move.ACCEPT, Actor("ada"), WHY, NOW)
    await backup(store, tmp_path / "copy", Actor("root"), NOW)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "var", elsewhere / "var", ignore=shutil.ignore_patterns("*.db*"))
    shutil.copy(tmp_path / "var/countersign.db.key", elsewhere / "var/countersign.db.key")
    shutil.copy(tmp_path / "clients.yaml", elsewhere)

    moved = store.settings.model_copy(update={"base": elsewhere})
    await restore(moved, tmp_path / "copy", Actor("root"), later(days=1))

    async with Store.open(moved) as restored:
        assert await in_force(restored) == ()
        asked = await Proposals(restored).get(proposal.id)
        assert (asked.stage, asked.decided) == (Stage.PROPOSED, None)
        with pytest.raises(IllegalTransition, match="second person"):
            await Proposals(restored).decide(proposal.id, Move.ACCEPT, Actor("rita"), WHY, NOW)
        await Proposals(restored).decide(proposal.id, Move.ACCEPT, Actor("ada"), WHY, NOW)
        assert await in_force(restored) == (TRUST,)


def test_every_stage_has_its_line_and_time_has_none() -> None:
    assert set(MOVES) == set(Stage)
    assert {new for moves in MOVES.values() for new in moves.values()} | {Stage.PROPOSED} == set(Stage)
    assert [move for moves in MOVES.values() for move, new in moves.items() if new is Stage.ACCEPTED] == [
        Move.ACCEPT,
        Move.KEEP,
    ]


@pytest.mark.parametrize("stage", [Stage.REFUSED, Stage.WITHDRAWN])
@pytest.mark.parametrize("move", list(Move))
def test_an_end_is_an_end(stage: Stage, move: Move) -> None:
    assert stage not in IN_FORCE
    with pytest.raises(GatewayError, match=f"cannot {move} a proposal that is {stage}"):
        advance(stage, move)


def test_in_a_terminal(tmp_path: Path) -> None:
    """Rita proposes, Ada accepts; then `scan` and `clients list` know it as `serve` does."""
    with_a_directory(tmp_path)
    file = settings_file(tmp_path, 25, clients=tmp_path / "clients.yaml")
    installation = load(file, {})
    asyncio.run(_held(installation, "rita", "ada"))

    def say(*words: str, status: int = 0) -> str:
        done = CliRunner().invoke(app, words, env={"COUNTERSIGN_CONFIG": str(file)})
        assert done.exit_code == status, done.output
        return done.output

    def decide(verb: str, who: str, status: int = 0) -> str:
        return say("proposals", verb, proposal_id, "--note", WHY, "--as", who, status=status)

    (hold_id,) = [item["id"] for item in json.loads(say("held", "list", "--json"))]
    (proposal_id, *_) = say(
        "proposals", "add", hold_id, "domain", TRUST.value, "--to", "acme", "--note", WHY, "--as", "rita"
    ).split()
    listed = say("proposals", "list")
    decide("accept", "Rita", status=1)
    decide("accept", Actor("ada"), status=1)  # with the login that has proposed it
    asyncio.run(_accepted(installation, proposal_id))

    assert f"{proposal_id}  proposed  acme-trust.example belongs to Acme Manufacturing, Inc." in listed
    assert f"{WHY}   (message {hold_id})" in listed
    with rules_for_a_scan(installation, pytest.fail) as book:
        assert book.directory.recipient(NEW).clients == ("acme",)
    clients = say("clients", "list")
    assert "acme  Acme Manufacturing, Inc.  acme-mfg.example acme-trust.example\n" in clients
    assert "proposed by rita, accepted by ada 20" in clients
    assert say("proposals", "list") == "nothing is proposed\n"
    assert json.loads(say("proposals", "list", "--all", "--json"))[0]["state"] == "accepted"
    assert "until another person withdraws it" in decide("withdraw", "ada")
    assert "is in force" in decide("keep", "rita")


async def _held(installation: Settings, *reviewers: str) -> None:
    async with Store.open(installation) as store:
        await hold(store)
        for name in reviewers:
            await Accounts(store).add_user(name, "reviewer", "a long enough password", NOW)


async def _accepted(installation: Settings, proposal_id: str) -> None:
    async with Store.open(installation) as store:
        await Proposals(store).decide(proposal_id, Move.ACCEPT, Actor("ada"), WHY, NOW)


def test_a_scan_makes_no_store_and_says_when_it_cannot_ask_one(tmp_path: Path) -> None:
    """It has no side effect; and what it does not know makes it hold more, never less."""
    installation, told = with_a_directory(tmp_path), list[str]()
    with rules_for_a_scan(installation, told.append) as book:
        assert (book.additions, told, (tmp_path / "var").exists()) == ((), [], False)
    (tmp_path / "var").mkdir()
    (tmp_path / "var/countersign.db").write_bytes(b"no database")
    with rules_for_a_scan(installation, told.append) as book:
        assert (book.additions, len(told)) == ((), 1)
