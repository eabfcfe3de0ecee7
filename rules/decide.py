"""Evidence and policy in, verdict out. Pure: no I/O, no clock, no logging; what could not be read is never clean."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rules.clients import Directory
from rules.phrases import Names, client_names, ended, masked, not_opened, on_roster, whose_mail
from rules.policy import Policy, Rule
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

    rule: Rule
    cause: str  #: a client's id, a look-alike, an obstacle: what reasons are told apart by
    recipient: int  #: which of the recipients


@dataclass(frozen=True, slots=True)
class _Case:
    """What is judged, in the words of the rules."""

    evidence: Evidence
    sensitive: bool
    owners: tuple[str, ...]
    shared: frozenset[str]  #: owners only in that others who list the very same people are owners too
    named: tuple[str, ...]
    unread: tuple[PartReport, ...]


def decide(policy: Policy, directory: Directory, recipients: Sequence[str], evidence: Evidence) -> Verdict:
    """Judge a message for every recipient of its envelope; the gravest disposition is the message's."""
    case = _case(policy, evidence)
    known = [directory.recipient(address) for address in recipients]
    nobody = Recipient(address="", kind=Kind.UNKNOWN)
    objections = [
        objection
        for index, recipient in enumerate(known or [nobody])
        for objection in _objections(case, recipient, index)
        if policy.consequence(objection.rule).mode != "off"
    ]
    worst = [Disposition.RELAY] * max(len(known), 1)
    for objection in objections:
        worst[objection.recipient] = max(worst[objection.recipient], _effect(policy, objection), key=_rank)
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
    )
    return replace(verdict, sentence=for_people(verdict, directory))


def _rank(disposition: Disposition) -> int:
    return disposition.rank


def _effect(policy: Policy, objection: _Objection) -> Disposition:
    return policy.consequence(objection.rule).disposition


def _judged(recipient: Recipient, disposition: Disposition) -> RecipientVerdict:
    return RecipientVerdict(
        address=recipient.address, kind=recipient.kind, clients=recipient.clients, disposition=disposition
    )


def _case(policy: Policy, evidence: Evidence) -> _Case:
    numbers = sum(finding.count for finding in evidence.findings if finding.entity in SENSITIVE - {PEOPLE_LIST})
    lists = sum(finding.entity == PEOPLE_LIST for finding in evidence.findings)
    return _Case(
        evidence=evidence,
        sensitive=numbers >= policy.sensitive.ssn or lists >= policy.sensitive.lists,
        owners=_clients(evidence, ClientRole.OWNER),
        shared=_shared(evidence),
        named=_clients(evidence, ClientRole.NAMED),
        unread=tuple(part for part in evidence.parts if part.status is not Status.OPENED),
    )


def _clients(evidence: Evidence, role: ClientRole) -> tuple[str, ...]:
    return tuple(dict.fromkeys(client.id for client in evidence.clients if client.role is role))


def _shared(evidence: Evidence) -> frozenset[str]:
    """Clients to whom nothing points but people whom another client lists as well."""
    owners = [client for client in evidence.clients if client.role is ClientRole.OWNER]
    return frozenset(client.id for client in owners if all(sign.kind == SHARED for sign in client.evidence))


def _objections(case: _Case, to: Recipient, index: int) -> Iterator[_Objection]:
    """Every rule of CONTRACT section 4 that speaks against this recipient."""
    if to.kind is Kind.INTERNAL:
        return
    for part in case.unread:
        yield _Objection(Rule.NOT_INSPECTED, part.reason or part.status, index)
    if case.sensitive:
        yield from _whose(case, to, index)


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
    together: dict[tuple[Rule, str], dict[int, None]] = {}
    for objection in objections:
        together.setdefault((objection.rule, objection.cause), {})[objection.recipient] = None
    order = list(Rule)
    for (rule, cause), indexes in sorted(together.items(), key=lambda item: order.index(item[0][0])):
        concerned = [known[index] for index in indexes if index < len(known)]
        yield Reason(
            rule=rule.value,
            recipients=tuple(masked(recipient.address) for recipient in concerned),
            parts=_parts(case, rule, cause),
            text=_text(directory, case, rule, cause, concerned),
            disposition=policy.consequence(rule).disposition,
        )


def _parts(case: _Case, rule: Rule, cause: str) -> tuple[str, ...]:
    """The parts that a reviewer should look at for this reason."""
    if rule is Rule.NOT_INSPECTED:
        return tuple(part.part for part in case.unread if cause == (part.reason or part.status))
    sensitive = [finding.part for finding in case.evidence.findings if finding.entity in SENSITIVE]
    if rule is Rule.OWNER_UNKNOWN and case.owners:
        sensitive = [part for part in sensitive if part in case.evidence.ownerless]
    if rule is Rule.OWNER_NOT_RECIPIENT:
        own = {sign.part for client in case.evidence.clients if client.id == cause for sign in client.evidence}
        sensitive = [part for part in sensitive if part in own] or sensitive
    return tuple(dict.fromkeys(part for part in sensitive if part is not None))


def _text(directory: Directory, case: _Case, rule: Rule, cause: str, concerned: Sequence[Recipient]) -> str:
    mail = whose_mail(directory, concerned)
    return ended(_words(directory, case, rule, cause, mail))


def _words(directory: Directory, case: _Case, rule: Rule, cause: str, mail: str) -> str:
    match rule:
        case Rule.NOT_INSPECTED:
            reports = [part for part in case.unread if cause == (part.reason or part.status)]
            return not_opened(reports, Names.of(case.evidence.parts, file_names=False))
        case Rule.RECIPIENT_UNKNOWN:
            return mail
        case Rule.OWNER_UNKNOWN:
            return f"nothing tells whose the content is; {mail}"
        case Rule.OWNER_NOT_RECIPIENT:
            return f"content of {directory.client_name(cause)}{on_roster(case.evidence.clients, cause)}; {mail}"
        case Rule.NAMED_NOT_RECIPIENT:
            return f"the message names {directory.client_name(cause)}; {mail}"
        case Rule.OWNER_NOT_NAMED:
            owners, named = client_names(directory, case.owners), client_names(directory, case.named)
            return f"content of {owners}; the message names {named}"
