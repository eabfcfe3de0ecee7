"""Which rule of a policy fires on a message, on what evidence, and why the others do not. Places and counts only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rules.clients import Directory
from rules.conditions import Facts, unmet
from rules.phrases import counted, masked
from rules.policy import Mode, Policy, Rule
from rules.sentence import PEOPLE_LIST, SENSITIVE
from rules.verdict import ClientRole, Evidence, Kind, Recipient, Status, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One rule, for one recipient."""

    rule: str
    recipient: str
    fired: bool
    why: str


def explain(policy: Policy, directory: Directory, verdict: Verdict, sender: str | None = None) -> tuple[Explained, ...]:
    """Every rule for every recipient, in the policy's order."""
    return tuple(_explained(policy, directory, verdict, sender))


def _explained(policy: Policy, directory: Directory, verdict: Verdict, sender: str | None) -> Iterator[Explained]:
    evidence = Evidence(parts=verdict.parts, findings=verdict.findings, people=verdict.people, clients=verdict.clients)
    case = _Reading(policy, directory, evidence, sender)
    for to in verdict.recipients:
        recipient = Recipient(address=to.address, kind=to.kind, clients=to.clients)
        for rule in policy.order:
            reasons = [r for r in verdict.reasons if r.rule == rule and masked(to.address) in r.recipients]
            consequence = policy.consequence(rule)
            if reasons:
                effect = consequence.action if consequence.mode is Mode.ENFORCE else f"{consequence.mode}, no effect"
                why = f"{' '.join(r.text for r in reasons)} [{effect}; on {case.grounds(rule)}]"
            else:
                why = case.silent(rule, recipient)
            yield Explained(rule=rule, recipient=masked(to.address), fired=bool(reasons), why=why)


class _Reading:
    """One message, as the rules see it."""

    def __init__(self, policy: Policy, directory: Directory, evidence: Evidence, sender: str | None) -> None:
        self._policy, self._directory, self._evidence = policy, directory, evidence
        self._owners, self._named = self._ids(ClientRole.OWNER), self._ids(ClientRole.NAMED)
        self._facts = Facts(evidence=evidence, owners=self._owners, named=self._named, sender=sender)
        self._found = [finding for finding in evidence.findings if finding.entity in SENSITIVE]

    def grounds(self, rule: str) -> str:
        """The evidence behind a rule that fired."""
        if rule == Rule.FIRST_TIME_RECIPIENT:
            return "what is remembered of this sender"
        if rule == Rule.NOT_INSPECTED:
            unread = [part for part in self._evidence.parts if part.status is not Status.OPENED]
            return ", ".join(f"part {part.part} {part.status}" for part in unread[:5])
        pieces = [f"{finding.entity} x{finding.count:,} at {finding.where}" for finding in self._found[:3]]
        roles = {Rule.NAMED_NOT_RECIPIENT: {ClientRole.NAMED}, Rule.OWNER_NOT_RECIPIENT: {ClientRole.OWNER}}
        for client in self._evidence.clients:
            if client.role in roles.get(Rule(rule), set(ClientRole)) if rule in set(Rule) else True:
                signs = ", ".join(f"{sign.kind} ({sign.where})" for sign in client.evidence[:3])
                pieces.append(f"{client.role} {client.id} by {signs}")
        return "; ".join(pieces) or "the message as a whole"

    def silent(self, rule: str, to: Recipient) -> str:
        """Why a rule did not fire."""
        consequence = self._policy.consequence(rule)
        if consequence.mode is Mode.OFF:
            return "the policy has it off"
        if rule not in set(Rule):
            return f"its condition is not met: {unmet(consequence.when, self._facts, to)}" if consequence.when else ""
        own = self._by_itself(Rule(rule), to)
        if own is None and consequence.when is not None:
            return f"the policy narrows it down: {unmet(consequence.when, self._facts, to)}"
        return own or "it has no cause"

    def _by_itself(self, rule: Rule, to: Recipient) -> str | None:
        if to.kind is Kind.INTERNAL:
            return "the recipient is internal"
        if rule is Rule.FIRST_TIME_RECIPIENT:
            return "nothing is known here of mail that this sender sent before"
        if rule is Rule.NOT_INSPECTED:
            unread = any(part.status is not Status.OPENED for part in self._evidence.parts)
            return None if unread else f"all {counted(len(self._evidence.parts), 'part', 'parts')} were opened"
        return self._insensitive() or self._agreement(rule, to)

    def _insensitive(self) -> str | None:
        numbers = sum(finding.count for finding in self._found if finding.entity != PEOPLE_LIST)
        lists = sum(finding.entity == PEOPLE_LIST for finding in self._found)
        least = self._policy.sensitive
        if numbers >= least.ssn or lists >= least.lists:
            return None
        found = f"{counted(numbers, 'number', 'numbers')} of people and {counted(lists, 'list', 'lists')}"
        return f"nothing sensitive: {found}, and the policy asks for {least.ssn} or {least.lists}"

    def _agreement(self, rule: Rule, to: Recipient) -> str | None:
        owners, named = self._names(self._owners), self._names(self._named)
        match rule:
            case Rule.RECIPIENT_UNKNOWN:
                return f"the address is in the directory ({to.kind})"
            case Rule.OWNER_UNKNOWN:
                return f"everything sensitive is {owners}'s" if owners else None
            case Rule.OWNER_NOT_RECIPIENT:
                return f"the recipient may receive what is {owners}'s" if owners else "nothing tells the owner"
            case Rule.NAMED_NOT_RECIPIENT:
                return f"the recipient may receive what is {named}'s" if named else "the message names no client"
            case _:
                if not owners or not named:
                    return "nothing tells the owner" if not owners else "the message names no client"
                return f"owner and named client agree ({owners})"

    def _names(self, clients: Sequence[str]) -> str:
        return ", ".join(self._directory.client_name(client) for client in clients)

    def _ids(self, role: ClientRole) -> list[str]:
        return [client.id for client in self._evidence.clients if client.role is role]
