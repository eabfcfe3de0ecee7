"""The policy: what its conditions ask for, what --explain says of it, and what another one would have done."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_kit import NOW, envelope
from test_decide import ADDRESSES, CLIENTS, DEFAULT, DIRECTORY, FILE, LOCKED, ROSTER, policy
from test_decide import roster as numbers

from gateway.audit.chain import Entry, Event
from gateway.audit.detail import of_message, of_verdict
from gateway.audit.log import AuditLog
from gateway.settings import Settings
from gateway.simulate import replayed, simulate
from gateway.store import Store
from rules.decide import decide
from rules.errors import ConfigurationError
from rules.explain import explain
from rules.policy import Policy
from rules.schemas import FOLDER, SCHEMAS, schema
from rules.verdict import ClientEvidence, ClientRole, Disposition, Evidence, InvolvedClient, PartReport, People

ACME, BETA, STRANGER, SAM = (
    "a@acme-mfg.example",
    "b@betalogistics.example",
    "x@elsewhere.example",
    "s@recordkeeper.example",
)


def roster(*owners: str, named: Sequence[str] = (), parts: Sequence[PartReport] = (FILE,)) -> Evidence:
    """Eight people in a list, with numbers."""
    listed = replace(ROSTER, entity="PARTICIPANT_LIST")
    return replace(numbers(*owners, named=named, parts=parts), findings=(ROSTER, listed), people=People(count=8))


RIGHT = roster("acme", named=["acme"])

#: condition, evidence, recipient, sender, whether it fires
CONDITIONS = {
    "people": ("people: 3", RIGHT, ACME, None, True),
    "fewer people": ("people: 100000", RIGHT, ACME, None, False),
    "an entity": ("entities: [US_SSN]", RIGHT, ACME, None, True),
    "another entity": ("entities: [CREDIT_CARD]", RIGHT, ACME, None, False),
    "findings": ("findings: 1", RIGHT, ACME, None, True),
    "fewer findings": ("findings: 1000000", RIGHT, ACME, None, False),
    "a list": ("lists: 1", RIGHT, ACME, None, True),
    "more lists": ("lists: 9", RIGHT, ACME, None, False),
    "an owner": ("owner: [acme, beta]", RIGHT, ACME, None, True),
    "another owner": ("owner: [beta]", RIGHT, ACME, None, False),
    "no owner": ("owner: [unknown]", roster(), ACME, None, True),
    "nobody named": ("named: [nobody]", roster("acme"), ACME, None, True),
    "somebody named": ("named: [nobody]", RIGHT, ACME, None, False),
    "a client's address": ("recipient: [client]", RIGHT, ACME, None, True),
    "not a partner's": ("recipient: [partner]", RIGHT, ACME, None, False),
    "an internal one only when asked for": ("people: 3", RIGHT, SAM, None, False),
    "an internal one when asked for": ("recipient: [internal]", RIGHT, SAM, None, True),
    "a domain": ("to: [acme-mfg.example]", RIGHT, "a@eu.ACME-mfg.example", None, True),
    "another domain": ("to: [mfg.example]", RIGHT, ACME, None, False),
    "a sender": ("sender: [payroll@recordkeeper.example]", RIGHT, ACME, "Payroll@recordkeeper.example", True),
    "another sender": ("sender: [payroll@recordkeeper.example]", RIGHT, ACME, "sam@recordkeeper.example", False),
    "an unknown sender": ("sender: [payroll@recordkeeper.example]", RIGHT, ACME, None, True),
    "a locked part": ("status: [unopened]", roster("acme", parts=(FILE, LOCKED)), ACME, None, True),
    "why it is locked": ("reason: [encrypted]", roster("acme", parts=(FILE, LOCKED)), ACME, None, True),
    "another why": ("reason: [timeout]", roster("acme", parts=(FILE, LOCKED)), ACME, None, False),
    "all of several": ("people: 3, recipient: [partner]", RIGHT, ACME, None, False),
}


@pytest.mark.parametrize(("when", "evidence", "to", "sender", "fires"), CONDITIONS.values(), ids=CONDITIONS)
def test_conditions(tmp_path: Path, when: str, evidence: Evidence, to: str, sender: str | None, fires: bool) -> None:
    """A rule of one's own fires when everything it asks for is so, and says what its author wrote."""
    own = policy(tmp_path, f"own: [{{id: ours, when: {{{when}}}, action: reject, message: Use the portal}}]")

    verdict = decide(own, DIRECTORY, [to], evidence, sender=sender)

    assert ("ours" in [reason.rule for reason in verdict.reasons]) is fires
    if fires:
        assert verdict.disposition is Disposition.REJECT
        assert "Use the portal." in verdict.sentence


def test_a_rule_of_the_six_is_narrowed_down_and_adds_its_words(tmp_path: Path) -> None:
    """Two approvers for large lists only, with the installation's own words."""
    text = "rules: {owner-not-recipient: {when: {people: 3}, approvers: 2, message: Ask the privacy office}}"
    strict = policy(tmp_path, text)
    small = replace(roster("acme"), people=replace(RIGHT.people, count=2))

    [reason] = decide(strict, DIRECTORY, [BETA], roster("acme")).reasons
    assert (reason.approvers, reason.text.endswith("Ask the privacy office.")) == (2, True)
    assert decide(strict, DIRECTORY, [BETA], small).reasons == ()


FAULTS = {
    "no condition": ("own: [{id: a, message: m}]", "own.0.when: missing key"),
    "no message": ("own: [{id: a, when: {people: 1}}]", "own.0.message: missing key"),
    "one of the six": ("own: [{id: owner-unknown, when: {people: 1}, message: m}]", "is a rule that there is already"),
    "twice": (
        "own: [{id: a, when: {people: 1}, message: m}, {id: a, when: {people: 2}, message: m}]",
        '"a" stands twice',
    ),
    "an unknown kind": ("own: [{id: a, when: {recipient: [friend]}, message: m}]", "own.0.when.recipient.0"),
    "a first mail that holds": (
        "rules: {first-time-recipient: {action: hold}}",
        "first-time-recipient holds nothing: its action is relay, or is left out",
    ),
    "no approver": ("rules: {owner-unknown: {approvers: 0}}", "rules.owner-unknown.approvers"),
}


@pytest.mark.parametrize(("text", "said"), FAULTS.values(), ids=FAULTS)
def test_a_wrong_policy_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """A policy that is not understood never lets mail through."""
    with pytest.raises(ConfigurationError) as refused:
        policy(tmp_path, text)

    assert said in str(refused.value)


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_those_of_the_types(name: str) -> None:
    """`python -m rules.schemas` writes them; an editor that believes an old one misleads."""
    assert (FOLDER / name).read_text() == schema(SCHEMAS[name])
    assert json.loads((FOLDER / name).read_text())["$schema"].startswith("https://json-schema.org/")


def test_every_rule_is_explained_for_every_recipient(tmp_path: Path) -> None:
    """Whoever wonders why a rule did not fire finds out without reading code."""
    text = "own: [{id: ours, when: {people: 999999}, message: m}]\nrules: {recipient-unknown: {mode: off}}"
    own = policy(tmp_path, text)
    evidence = roster("acme", named=["acme"])
    verdict = decide(own, DIRECTORY, [BETA, SAM, STRANGER], evidence, strangers=frozenset([STRANGER]))

    explained = {(rule.recipient, rule.rule): rule for rule in explain(own, DIRECTORY, verdict)}

    assert len(explained) == 3 * 8
    assert explained[BETA, "owner-not-recipient"].fired
    assert "owner acme by" in explained[BETA, "owner-not-recipient"].why
    assert explained[SAM, "owner-not-recipient"].why == "the recipient is internal"
    assert explained[STRANGER, "recipient-unknown"].why == "the policy has it off"
    assert explained[BETA, "ours"].why == "its condition is not met: people"
    assert explained[BETA, "not-inspected"].why == "all 1 part were opened"
    assert explained[STRANGER, "first-time-recipient"].why.endswith("[relay; on what is remembered of this sender]")
    assert explained[BETA, "first-time-recipient"].why.startswith("nothing is known here of mail")
    fired = {(to, reason.rule) for reason in verdict.reasons for to in reason.recipients}
    assert {key for key, rule in explained.items() if rule.fired} == fired


@given(owners=CLIENTS, named=CLIENTS, addresses=ADDRESSES, locked=st.booleans())
@settings(deadline=None)
def test_what_is_on_record_is_enough_to_judge_again(
    owners: list[str], named: list[str], addresses: list[str], locked: bool
) -> None:
    """A simulation that decides otherwise than the service did is worth nothing."""
    evidence = roster(*owners, named=named, parts=(FILE, LOCKED) if locked else (FILE,))
    verdict = decide(DEFAULT, DIRECTORY, addresses, evidence)

    recorded = json.loads(json.dumps(of_verdict(verdict, {})))

    assert replayed(DEFAULT, recorded) is verdict.disposition


async def test_simulation_counts_holds_added_and_removed(tmp_path: Path) -> None:
    """Before a policy is put in force its price is known."""
    installation = Settings(base=tmp_path)
    async with Store.open(installation) as store:
        log = AuditLog(store)
        for number, to in enumerate([ACME, BETA, STRANGER, SAM]):
            detail = of_message(envelope(), f"{number}" * 64, 1)
            detail |= of_verdict(decide(DEFAULT, DIRECTORY, [to], roster("acme")), {})
            event, hold = (Event.HELD, f"HOLD{number}") if to in {BETA, STRANGER} else (Event.RELAYING, None)
            await log.append(Entry(event=event, at=NOW, hold_id=hold, detail=detail))
    new = tmp_path / "new.yaml"
    new.write_text(
        "rules: {owner-not-recipient: {mode: off}}\n"
        "own: [{id: all, when: {recipient: [client], people: 3}, message: m}]\n"
    )

    told = await simulate(installation, new, None)

    assert told[:4] == [
        "4 messages on record",
        "relay: 2 then, 1 with this policy",
        "hold: 2 then, 3 with this policy",
        "reject: 0 then, 0 with this policy",
    ]
    assert told[4:] == ["holds added: 1", "  relaying 0000000000000000", "holds removed: 0"]
    text = "rules: {owner-not-recipient: {mode: off}}"
    new.write_text(text)
    assert "  HOLD1" in await simulate(installation, new, None)


def test_people_whom_both_clients_list_are_no_contradiction() -> None:
    """A leaver moved to another client: either may have him, a third may not."""
    shared = ClientEvidence(kind="shared-roster", part="2", where="1 of 1 people")
    clients = tuple(InvolvedClient(id=client, role=ClientRole.OWNER, evidence=(shared,)) for client in ("acme", "beta"))
    evidence = replace(roster("acme"), clients=clients)

    assert decide(DEFAULT, DIRECTORY, [ACME], evidence).disposition is Disposition.RELAY
    assert decide(DEFAULT, DIRECTORY, [BETA], evidence).disposition is Disposition.RELAY
    assert decide(DEFAULT, DIRECTORY, [ACME, BETA], evidence).disposition is Disposition.RELAY
    assert decide(DEFAULT, DIRECTORY, ["a@summit-holdings.example"], evidence).disposition is Disposition.HOLD
    assert Policy.load(None).order[0] == "owner-not-recipient"
