"""From evidence to verdict: the rules, the policy's say in them, and what a verdict never holds."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.clients import Directory
from rules.decide import decide
from rules.errors import ConfigurationError
from rules.policy import SIX, Mode, Policy, Rule
from rules.sentence import for_log
from rules.verdict import (
    ClientEvidence,
    ClientRole,
    Disposition,
    Evidence,
    Finding,
    InvolvedClient,
    Obstacle,
    PartReport,
    Status,
)

DIRECTORY = Directory.load(Path(__file__).parent / "situations" / "clients.yaml")
DEFAULT = Policy.load(None)
ROSTER = Finding(entity="US_SSN", part="2", where="A2:A9", count=8, distinct=8, confidence=0.9, sample="***-**-6397")
FILE = PartReport(part="2", filename="list.csv", type="text/csv", size=9, status=Status.OPENED, reason=None)
LOCKED = PartReport(
    part="3", filename="a.zip", type="application/zip", size=9, status=Status.UNOPENED, reason=Obstacle.ENCRYPTED
)


def involved(role: ClientRole, *clients: str) -> tuple[InvolvedClient, ...]:
    sign = ClientEvidence(kind="name", part="2", where="A1")
    return tuple(InvolvedClient(id=client, role=role, evidence=(sign,)) for client in clients)


def roster(*owners: str, named: Sequence[str] = (), parts: Sequence[PartReport] = (FILE,)) -> Evidence:
    clients = involved(ClientRole.OWNER, *owners) + involved(ClientRole.NAMED, *named)
    return Evidence(parts=tuple(parts), findings=(ROSTER,), clients=clients)


def policy(folder: Path, text: str) -> Policy:
    file = folder / "policy.yaml"
    file.write_text(text, encoding="utf-8")
    return Policy.load(file)


def test_the_default_policy_enforces_all_six_rules() -> None:
    """The file that ships says what the contract says."""
    assert set(DEFAULT.rules) == set(Rule)
    assert all(DEFAULT.consequence(rule).disposition is Disposition.HOLD for rule in SIX)
    assert DEFAULT.consequence(Rule.FIRST_TIME_RECIPIENT).disposition is Disposition.RELAY


A_CLERK, A_STRANGER = "a@betalogistics.example", "x@elsewhere.example"


def test_whom_the_sender_never_wrote_to_is_told_last_and_changes_nothing_else() -> None:
    """It belongs beside the contradiction and is none; the recipients of our own house are not told of."""
    to = [A_CLERK, "b@acme-mfg.example", "sam@recordkeeper.example", A_STRANGER]

    before = decide(DEFAULT, DIRECTORY, to, roster("acme"))
    verdict = decide(DEFAULT, DIRECTORY, to, roster("acme"), strangers=frozenset(to) - {A_STRANGER})

    *others, told = verdict.reasons
    assert replace(verdict, reasons=()) == replace(before, reasons=())
    assert tuple(others) == before.reasons
    assert (told.rule, told.disposition, told.parts) == ("first-time-recipient", Disposition.RELAY, ())
    assert told.recipients == (A_CLERK, "b@acme-mfg.example")
    assert told.text == f"the first mail of this sender to {A_CLERK} and b@acme-mfg.example that is remembered."


@pytest.mark.parametrize("evidence", [roster("beta"), Evidence(parts=(FILE,))], ids=["theirs", "nothing sensitive"])
def test_a_first_mail_alone_holds_nothing(evidence: Evidence) -> None:
    """Everybody has a first mail."""
    verdict = decide(DEFAULT, DIRECTORY, [A_CLERK], evidence, strangers=frozenset([A_CLERK]))

    assert verdict.disposition is Disposition.RELAY
    assert verdict.sentence == decide(DEFAULT, DIRECTORY, [A_CLERK], evidence).sentence


@pytest.mark.parametrize(
    ("text", "rules", "approvers"),
    [
        ("rules: {first-time-recipient: {mode: off}}", ["owner-not-recipient"], 1),
        ("rules: {}", ["owner-not-recipient", "first-time-recipient"], 1),
        ("rules: {first-time-recipient: {approvers: 2}}", ["owner-not-recipient", "first-time-recipient"], 2),
        ("rules: {first-time-recipient: {when: {people: 9}}}", ["owner-not-recipient"], 1),
    ],
)
def test_a_policy_has_its_say_in_first_mails(tmp_path: Path, text: str, rules: list[str], approvers: int) -> None:
    """Off, narrowed down, or asking for a second reviewer, as any rule."""
    chosen = policy(tmp_path, text)

    reasons = decide(chosen, DIRECTORY, [A_CLERK], roster("acme"), strangers=frozenset([A_CLERK])).reasons

    assert [reason.rule for reason in reasons] == rules
    assert max(reason.approvers for reason in reasons) == approvers


def test_a_rule_left_out_is_enforced(tmp_path: Path) -> None:
    """A shorter policy is not a weaker one."""
    short = policy(tmp_path, "rules: {owner-unknown: {mode: off}}")

    assert decide(short, DIRECTORY, ["a@betalogistics.example"], roster("acme")).disposition is Disposition.HOLD
    assert decide(short, DIRECTORY, ["a@betalogistics.example"], roster()).disposition is Disposition.RELAY


def test_a_rule_that_rejects(tmp_path: Path) -> None:
    """Some companies do not wait for a reviewer."""
    strict = policy(tmp_path, "rules: {recipient-unknown: {action: reject}}")

    verdict = decide(strict, DIRECTORY, ["x@elsewhere.example", "a@acme-mfg.example"], roster("acme"))

    assert verdict.disposition is Disposition.REJECT
    assert [recipient.disposition for recipient in verdict.recipients] == ["reject", "relay"]
    assert verdict.sentence.endswith("x@elsewhere.example is not in the client directory.")


@pytest.mark.parametrize("consequence", ["{mode: simulate}", "{action: relay}", "{action: reject, mode: simulate}"])
def test_a_rule_that_is_only_noted(consequence: str, tmp_path: Path) -> None:
    """A rule can be tried before it holds anything; what it would have done is on record."""
    trying = policy(tmp_path, f"rules: {{owner-not-recipient: {consequence}}}")

    verdict = decide(trying, DIRECTORY, ["a@betalogistics.example"], roster("acme"))

    assert verdict.disposition is Disposition.RELAY
    assert [(reason.rule, reason.disposition) for reason in verdict.reasons] == [("owner-not-recipient", "relay")]
    assert "which the policy lets pass" in verdict.sentence


def test_a_simulated_rule_does_not_lead_the_sentence(tmp_path: Path) -> None:
    """The sentence states why the message waits, not why it might have."""
    trying = policy(tmp_path, "rules: {owner-not-recipient: {mode: simulate}}")

    verdict = decide(trying, DIRECTORY, ["a@betalogistics.example"], roster("acme", parts=(FILE, LOCKED)))

    assert verdict.disposition is Disposition.HOLD
    assert verdict.sentence == "a.zip could not be opened: it is encrypted."


def test_thresholds(tmp_path: Path) -> None:
    """Eight numbers are no matter for a policy that asks for nine."""
    lenient = policy(tmp_path, "sensitive: {ssn: 9}")

    verdict = decide(lenient, DIRECTORY, ["x@elsewhere.example"], roster("acme"))

    assert (verdict.disposition, verdict.reasons) == (Disposition.RELAY, ())
    assert verdict.sentence.endswith(", which the policy lets pass.")


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("rules:\n  owner-unknwon: {action: hold}", 2, "owner-unknwon"),
        ("rules:\n  owner-unknown: {action: encrypt}", 2, "rules.owner-unknown.action"),
        ("rules:\n  owner-unknown: {acton: hold}", 2, "rules.owner-unknown.acton: unknown key"),
        ("sensitive:\n  ssn: 0", 2, "sensitive.ssn"),
        ("sensitive:\n  dob: 1", 2, "sensitive.dob: unknown key"),
        ("version: abc", 1, "version: unknown key"),
        ("hold: never", 1, "hold"),
        ("- hold", 1, ""),
    ],
)
def test_a_faulty_policy_is_refused_with_file_and_line(text: str, line: int, what: str, tmp_path: Path) -> None:
    """A misspelt rule must not be a rule that never fires."""
    with pytest.raises(ConfigurationError) as refused:
        policy(tmp_path, text)

    problem = refused.value.problems[0]
    assert (problem.file, problem.line) == (str(tmp_path / "policy.yaml"), line)
    assert what in problem.text


def test_the_version_follows_the_bytes(tmp_path: Path) -> None:
    """A verdict can be traced to the policy that made it."""
    assert policy(tmp_path, "hold: message").version != policy(tmp_path, "hold: message # really").version
    assert len(DEFAULT.version) == 64


def test_a_reason_gathers_its_recipients_and_parts() -> None:
    """A reviewer reads each contradiction once, however many addresses it has."""
    addresses = [f"{name}@betalogistics.example" for name in "abcde"]

    verdict = decide(DEFAULT, DIRECTORY, addresses, roster("acme"))

    [reason] = verdict.reasons
    assert (reason.recipients, reason.parts) == (tuple(addresses), ("2",))
    assert "a@betalogistics.example and 4 more belong to Beta Logistics LLC" in reason.text


def test_two_owners_are_two_reasons() -> None:
    """Each client whose people would have got out is told apart."""
    verdict = decide(DEFAULT, DIRECTORY, ["hr@kestrel.example"], roster("acme", "beta"))

    assert [reason.rule for reason in verdict.reasons] == ["owner-not-recipient"] * 2
    assert "people" not in verdict.sentence
    assert "of Acme Manufacturing, Inc. and Beta Logistics LLC; hr@kestrel.example" in verdict.sentence


def test_many_holders_are_counted() -> None:
    """A sentence with a thousand names is none."""
    addresses = [f"hr@{client.domains[0]}" for client in DIRECTORY.clients]

    sentence = decide(DEFAULT, DIRECTORY, addresses, roster()).sentence

    assert sentence.endswith("and there are 7 other recipients.")


def test_a_thousand_unknown_recipients_take_no_time() -> None:
    """The door judges between two other clients' commands."""
    addresses = [f"x@elsewhere{number}.example" for number in range(1000)]
    start = time.process_time()

    verdict = decide(DEFAULT, DIRECTORY, addresses, roster("acme"))

    assert verdict.sentence.endswith("x@elsewhere0.example and 999 more are not in the client directory.")
    assert time.process_time() - start < 1


def test_file_names_stay_out_of_logs() -> None:
    """Inside a container even the number of a part holds a file name."""
    inner = PartReport(
        part="2/Jane Doe.csv", filename="Jane Doe.csv", type="text/csv", size=1, status=Status.OPENED, reason=None
    )
    finding = Finding(
        entity="US_SSN", part="2/Jane Doe.csv", where="A1", count=1, distinct=1, confidence=1, sample="***"
    )
    verdict = decide(DEFAULT, DIRECTORY, ["a@acme-mfg.example"], Evidence(parts=(inner,), findings=(finding,)))

    assert "Jane Doe.csv holds 1 Social Security number" in verdict.sentence
    assert "A file inside part 2 holds 1 Social Security number" in for_log(verdict, DIRECTORY)
    assert not any("Jane" in reason.text for reason in verdict.reasons)


@pytest.mark.parametrize(("outer", "name"), [("message/rfc822", "Part 2.1"), ("multipart/mixed", "The message text")])
def test_the_text_of_an_attached_message_is_not_the_message_text(outer: str, name: str) -> None:
    """A reviewer looks for the number where the sentence says it is."""
    parts = tuple(
        PartReport(part=part, filename=None, type=kind, size=1, status=Status.OPENED, reason=None)
        for part, kind in (("2", outer), ("2.1", "text/plain"))
    )
    finding = Finding(entity="US_SSN", part="2.1", where="line 1", count=1, distinct=1, confidence=1, sample="***")

    verdict = decide(DEFAULT, DIRECTORY, ["a@acme-mfg.example"], Evidence(parts=parts, findings=(finding,)))

    assert verdict.sentence.startswith(f"{name} holds 1 Social Security number")


def test_an_unreadable_header_is_not_clean() -> None:
    """Part 0 stands for the message's own header fields."""
    header = PartReport(
        part="0", filename=None, type="message/rfc822-headers", size=0, status=Status.PARTIAL, reason=Obstacle.TIMEOUT
    )

    verdict = decide(DEFAULT, DIRECTORY, ["a@acme-mfg.example"], Evidence(parts=(header,)))

    assert verdict.disposition is Disposition.HOLD
    assert verdict.sentence == "The message header could not be read completely: it took too long."


def test_encryption_never_lowers_a_verdict() -> None:
    """The breach of 2007 left through a secure gateway."""
    verdict = decide(DEFAULT, DIRECTORY, ["a@acme-mfg.example"], roster("acme", parts=(FILE, LOCKED)))

    assert verdict.disposition is Disposition.HOLD
    assert [reason.rule for reason in verdict.reasons] == ["not-inspected"]


CLIENTS = st.lists(st.sampled_from(["acme", "beta", "summit"]), unique=True)
ADDRESSES = st.lists(
    st.sampled_from(
        [
            "a@acme-mfg.example",
            "b@betalogistics.example",
            "n@northwind-tpa.example",
            "s@recordkeeper.example",
            "x@elsewhere.example",
            "nobody",
        ]
    ),
    max_size=4,
)


@settings(deadline=None)  # the machine may be busy
@given(owners=CLIENTS, named=CLIENTS, addresses=ADDRESSES, locked=st.booleans())
def test_nothing_sensitive_reaches_who_may_not_have_it(
    owners: list[str], named: list[str], addresses: list[str], locked: bool
) -> None:
    """Whatever the combination: relay means that every external recipient may receive every owner's data."""
    evidence = roster(*owners, named=named, parts=(FILE, LOCKED) if locked else (FILE,))

    verdict = decide(DEFAULT, DIRECTORY, addresses, evidence)

    external = [recipient for recipient in verdict.recipients if recipient.kind != "internal"]
    for recipient in external:
        allowed = bool(owners) and not locked and set(owners) | set(named) <= set(recipient.clients)
        assert (recipient.disposition is Disposition.RELAY) == (
            allowed and (not named or bool(set(owners) & set(named)))
        )
    assert [recipient.address for recipient in verdict.recipients] == addresses
    worst = max((r.disposition.rank for r in verdict.recipients), default=verdict.disposition.rank)
    assert verdict.disposition.rank == worst
    assert verdict.sentence[-1] == "."


def test_modes_are_the_three_of_the_documentation() -> None:
    """`off` is a word of YAML too: it has to arrive as the text."""
    assert [mode.value for mode in Mode] == ["enforce", "simulate", "off"]
