"""Evidence and policy in, verdict out. Pure: no I/O, no clock, no logging; what could not be read is never clean."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rules.clients import Directory
from rules.conditions import Facts, unmet
from rules.phrases import Names, client_names, ended, listed, masked, not_opened, on_roster, whose_mail
from rules.policy import Consequence, Mode, OwnRule, Policy, Rule
from rules.roster import SHARED
from rules.sentence import PEOPLE_LIST, SENSITIVE, for_people
from rules.verdict import (
    ClientRole,
    Disposition,
    Evidence,
    Kind,
    PartReport,
    Reason,
    Recipient,
    RecipientVerdict,
    Status,
    Verdict,
)

__all__ = ["SENSITIVE", "decide"]


@dataclass(frozen=True, slots=True)
class _Objection:
    """One rule against one recipient, for one cause."""

    rule: str
    cause: str  #: a client's id, a look-alike, an obstacle: what reasons are told apart by
    recipient: int  #: which of the recipients


@dataclass(frozen=True, slots=True)
class _Case:
    """What is judged, in the words of the rules."""

    evidence: Evidence
    facts: Facts  #: for conditions
    sensitive: bool
    owners: tuple[str, ...]
    shared: frozenset[str]  #: owners only in that others who list the very same people are owners too
    named: tuple[str, ...]
    unread: tuple[PartReport, ...]
    strangers: frozenset[str]


def decide(
    policy: Policy,
    directory: Directory,
    recipients: Sequence[str],
    evidence: Evidence,
    *,
    sender: str | None = None,
    strangers: frozenset[str] = frozenset(),
) -> Verdict:
    """Judge a message for every recipient of its envelope; the gravest disposition is the message's.

    `strangers`: recipients to whom this sender's mail has not gone before, where somebody remembers.
    """
    case = _case(policy, evidence, sender, strangers)
    known = [directory.recipient(address) for address in recipients]
    objections = _all_objections(policy, case, known)
    worst = _worst(policy, known, objections)
    verdict = Verdict(
        message_id=evidence.message_id,
        disposition=max(worst, key=_rank),
        sentence="",
        reasons=tuple(_reasons(policy, directory, case, known, objections)),
        recipients=tuple(map(_judged, known, worst)),
        clients=evidence.clients,
        parts=evidence.parts,
        findings=evidence.findings,
        people=evidence.people,
        timing_ms=evidence.timing_ms,
        versions={"policy": policy.version, "directory": directory.version},
    )
    return replace(verdict, sentence=for_people(verdict, directory))


def dispositions(
    policy: Policy, recipients: Sequence[Recipient], evidence: Evidence, sender: str | None = None
) -> list[Disposition]:
    """The same for every recipient, by evidence without texts: how a policy is tried on what is on record."""
    case = _case(policy, evidence, sender)
    return _worst(policy, recipients, _all_objections(policy, case, recipients))


NOBODY = Recipient(address="", kind=Kind.UNKNOWN)


def _all_objections(policy: Policy, case: _Case, known: Sequence[Recipient]) -> list[_Objection]:
    """What the policy's rules have against this message, for each recipient; without one, for an unknown one."""
    return [
        objection
        for index, recipient in enumerate(known or [NOBODY])
        for objection in _objections(policy, case, recipient, index)
        if _applies(policy.consequence(objection.rule), case, recipient)
    ]


def _applies(consequence: Consequence, case: _Case, to: Recipient) -> bool:
    if consequence.mode is Mode.OFF:
        return False
    return consequence.when is None or unmet(consequence.when, case.facts, to) is None


def _worst(policy: Policy, known: Sequence[Recipient], objections: Iterable[_Objection]) -> list[Disposition]:
    worst = [Disposition.RELAY] * max(len(known), 1)
    for objection in objections:
        effect = policy.consequence(objection.rule).disposition
        worst[objection.recipient] = max(worst[objection.recipient], effect, key=_rank)
    return worst


def _rank(disposition: Disposition) -> int:
    return disposition.rank


def _judged(recipient: Recipient, disposition: Disposition) -> RecipientVerdict:
    return RecipientVerdict(
        address=recipient.address, kind=recipient.kind, clients=recipient.clients, disposition=disposition
    )


def _case(policy: Policy, evidence: Evidence, sender: str | None, strangers: frozenset[str] = frozenset()) -> _Case:
    numbers = sum(finding.count for finding in evidence.findings if finding.entity in SENSITIVE - {PEOPLE_LIST})
    lists = sum(finding.entity == PEOPLE_LIST for finding in evidence.findings)
    owners, named = _clients(evidence, ClientRole.OWNER), _clients(evidence, ClientRole.NAMED)
    return _Case(
        evidence=evidence,
        facts=Facts(evidence=evidence, owners=owners, named=named, sender=sender),
        sensitive=numbers >= policy.sensitive.ssn or lists >= policy.sensitive.lists,
        owners=owners,
        shared=_shared(evidence),
        named=named,
        unread=tuple(part for part in evidence.parts if part.status is not Status.OPENED),
        strangers=strangers,
    )


def _clients(evidence: Evidence, role: ClientRole) -> tuple[str, ...]:
    return tuple(dict.fromkeys(client.id for client in evidence.clients if client.role is role))


def _shared(evidence: Evidence) -> frozenset[str]:
    """Clients to whom nothing points but people whom another client lists as well."""
    owners = [client for client in evidence.clients if client.role is ClientRole.OWNER]
    return frozenset(client.id for client in owners if all(sign.kind == SHARED for sign in client.evidence))


def _objections(policy: Policy, case: _Case, to: Recipient, index: int) -> Iterator[_Objection]:
    """Every rule of CONTRACT section 4 that speaks against this recipient, and the policy's own ones."""
    for rule in policy.own:
        yield _Objection(rule.id, "", index)  # its condition is looked at with the others'
    if to.kind is Kind.INTERNAL:
        return
    for part in case.unread:
        yield _Objection(Rule.NOT_INSPECTED, part.reason or part.status, index)
    if case.sensitive:
        yield from _whose(case, to, index)
    if to.address in case.strangers:
        yield _Objection(Rule.FIRST_TIME_RECIPIENT, "", index)


def _whose(case: _Case, to: Recipient, index: int) -> Iterator[_Objection]:
    """Owner, named client and recipient have to agree."""
    if to.kind is Kind.UNKNOWN:
        yield _Objection(Rule.RECIPIENT_UNKNOWN, "", index)
    if not case.owners or case.evidence.ownerless:
        yield _Objection(Rule.OWNER_UNKNOWN, "", index)
    listed_by_recipient = not case.shared.isdisjoint(to.clients)
    for client in case.owners:
        if client not in to.clients and not (client in case.shared and listed_by_recipient):
            yield _Objection(Rule.OWNER_NOT_RECIPIENT, client, index)
    for client in case.named:
        if client not in to.clients:
            yield _Objection(Rule.NAMED_NOT_RECIPIENT, client, index)
    if case.owners and case.named and not set(case.owners) & set(case.named):
        yield _Objection(Rule.OWNER_NOT_NAMED, "", index)


def _reasons(
    policy: Policy,
    directory: Directory,
    case: _Case,
    known: Sequence[Recipient],
    objections: Sequence[_Objection],
) -> Iterator[Reason]:
    """One reason per rule and cause, with all its recipients and parts."""
    together: dict[tuple[str, str], dict[int, None]] = {}
    for objection in objections:
        together.setdefault((objection.rule, objection.cause), {})[objection.recipient] = None
    order = policy.order
    for (rule, cause), indexes in sorted(together.items(), key=lambda item: order.index(item[0][0])):
        concerned = [known[index] for index in indexes if index < len(known)]
        yield Reason(
            rule=str(rule),
            recipients=tuple(masked(recipient.address) for recipient in concerned),
            parts=_parts(case, rule, cause),
            text=_text(directory, case, policy.consequence(rule), _Objection(rule, cause, 0), concerned),
            disposition=policy.consequence(rule).disposition,
            approvers=policy.consequence(rule).asked_for,
        )


def _parts(case: _Case, rule: str, cause: str) -> tuple[str, ...]:
    """The parts that a reviewer should look at for this reason."""
    if rule == Rule.FIRST_TIME_RECIPIENT:
        return ()
    if rule == Rule.NOT_INSPECTED:
        return tuple(part.part for part in case.unread if cause == (part.reason or part.status))
    sensitive = [finding.part for finding in case.evidence.findings if finding.entity in SENSITIVE]
    if rule == Rule.OWNER_UNKNOWN and case.owners:
        sensitive = [part for part in sensitive if part in case.evidence.ownerless]
    if rule == Rule.OWNER_NOT_RECIPIENT:
        own = {sign.part for client in case.evidence.clients if client.id == cause for sign in client.evidence}
        sensitive = [part for part in sensitive if part in own] or sensitive
    return tuple(dict.fromkeys(part for part in sensitive if part is not None))


def _text(
    directory: Directory, case: _Case, consequence: Consequence, objection: _Objection, concerned: Sequence[Recipient]
) -> str:
    """What the rule says here, and what the policy's author adds to it."""
    words = "" if isinstance(consequence, OwnRule) else _words(directory, case, objection, concerned)
    return " ".join(ended(part) for part in (words, consequence.message) if part)


def _words(directory: Directory, case: _Case, objection: _Objection, concerned: Sequence[Recipient]) -> str:
    mail, cause = whose_mail(directory, concerned), objection.cause
    match Rule(objection.rule):
        case Rule.NOT_INSPECTED:
            reports = [part for part in case.unread if cause == (part.reason or part.status)]
            words = not_opened(reports, Names.of(case.evidence.parts, file_names=False))
        case Rule.RECIPIENT_UNKNOWN:
            words = mail
        case Rule.OWNER_UNKNOWN:
            words = f"nothing tells whose the content is; {mail}"
        case Rule.OWNER_NOT_RECIPIENT:
            words = f"content of {directory.client_name(cause)}{on_roster(case.evidence.clients, cause)}; {mail}"
        case Rule.NAMED_NOT_RECIPIENT:
            words = f"the message names {directory.client_name(cause)}; {mail}"
        case Rule.OWNER_NOT_NAMED:
            owners, named = client_names(directory, case.owners), client_names(directory, case.named)
            words = f"content of {owners}; the message names {named}"
        case Rule.FIRST_TIME_RECIPIENT:
            addresses = listed([masked(recipient.address) for recipient in concerned])
            words = f"the first mail of this sender to {addresses} that is remembered"
    return words
