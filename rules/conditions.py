"""Whether a policy's condition is met by a message and one of its recipients. Pure; the unknown is not ruled out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rules.domains import canonical, mailbox, suffixes
from rules.policy import Condition
from rules.sentence import PEOPLE_LIST, SENSITIVE
from rules.verdict import Evidence, Kind, Recipient, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What conditions speak of."""

    evidence: Evidence
    owners: Sequence[str]
    named: Sequence[str]
    sender: str | None  #: None: nobody said


def unmet(condition: Condition, facts: Facts, to: Recipient) -> str | None:
    """What the condition asks for and is not so; None when it is met."""
    wants = (
        *_of_content(condition, facts),
        ("owner", _one_of(condition.owner, facts.owners or ["unknown"])),
        ("named", _one_of(condition.named, facts.named or ["nobody"])),
        ("recipient", to.kind in condition.recipient if condition.recipient else to.kind is not Kind.INTERNAL),
        ("to", not condition.to or _at(condition.to, to.address)),
        ("sender", not condition.sender or facts.sender is None or _at(condition.sender, facts.sender)),
    )
    return next((name for name, so in wants if not so), None)


def _of_content(condition: Condition, facts: Facts) -> Iterable[tuple[str, bool]]:
    evidence = facts.evidence
    wanted = set(condition.entities) or SENSITIVE - {PEOPLE_LIST}
    found = [finding for finding in evidence.findings if finding.entity in wanted]
    parts = [part for part in evidence.parts if part.status is not Status.OPENED]
    lists = sum(finding.entity == PEOPLE_LIST for finding in evidence.findings)
    yield "entities", not condition.entities or bool(found)
    yield "findings", sum(finding.count for finding in found) >= (condition.findings or 0)
    yield "people", evidence.people.count >= (condition.people or 0)
    yield "lists", lists >= (condition.lists or 0)
    yield "status", _one_of(condition.status, [part.status for part in evidence.parts])
    yield "reason", _one_of(condition.reason, [part.reason for part in parts if part.reason])


def _one_of(wanted: Sequence[str], there: Iterable[str]) -> bool:
    return not wanted or not set(wanted).isdisjoint(there)


def _at(wanted: Sequence[str], address: str) -> bool:
    """Whether an address is one of these, or at one of these domains or below."""
    box = mailbox(address)
    if box is None:
        return False
    around = set(suffixes(box.domain))
    return any(canonical(one) in around if "@" not in one else mailbox(one) == box for one in wanted)
