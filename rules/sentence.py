"""One plain sentence that states the contradiction, or says why there is none. Counts and names, never a value."""

from collections.abc import Sequence
from dataclasses import dataclass

from rules.clients import Directory
from rules.phrases import Names, client_names, counted, ended, masked, not_opened, on_roster, whose_mail
from rules.policy import SIX, Rule
from rules.verdict import (
    ClientRole,
    Disposition,
    Finding,
    Kind,
    Reason,
    RecipientVerdict,
    Status,
    Verdict,
)

PEOPLE_LIST = "PARTICIPANT_LIST"
SENSITIVE = frozenset({"US_SSN", "US_ITIN", PEOPLE_LIST})


def for_people(verdict: Verdict, directory: Directory) -> str:
    """The verdict's sentence: parts by their (masked) file names."""
    return _Speech(verdict, directory, Names.of(verdict.parts, file_names=True)).sentence()


def for_log(verdict: Verdict, directory: Directory) -> str:
    """The same sentence for log lines and audit records, where file names have no place (law 3)."""
    return _Speech(verdict, directory, Names.of(verdict.parts, file_names=False)).sentence()


@dataclass(frozen=True, slots=True)
class _Speech:
    verdict: Verdict
    directory: Directory
    name: Names

    def sentence(self) -> str:
        words = self._relay() if self.verdict.disposition is Disposition.RELAY else self._contradiction()
        for generic in ("the ", "a file ", "part ", "nothing "):
            if words.startswith(generic):
                words = words[0].upper() + words[1:]
        return ended(words)

    def _contradiction(self) -> str:
        reason = self._leading()
        mail = whose_mail(self.directory, self._recipients(reason))
        if reason.rule not in SIX:
            return f"{self._content()}; {reason.text}" if self._findings() else reason.text
        match Rule(reason.rule):
            case Rule.NOT_INSPECTED:
                return not_opened([part for part in self.verdict.parts if part.part in reason.parts], self.name)
            case Rule.NAMED_NOT_RECIPIENT:
                return f"{self._content()}; the message names {self._named_against(reason)}, and {mail}"
            case Rule.OWNER_NOT_NAMED:
                return f"{self._content()}; the message names {self._clients(ClientRole.NAMED)}"
            case Rule.OWNER_UNKNOWN if self._ids(ClientRole.OWNER):
                strays = [finding for finding in self._findings() if finding.part in reason.parts]
                where, many = self._places(strays)
                return f"{self._content()}; nothing tells whose {where} {'are' if many else 'is'}"
            case _:
                return f"{self._content()}; {mail}"

    def _leading(self) -> Reason:
        """The gravest reason that has an effect, and of those the plainest."""
        order = {rule: place for place, rule in enumerate(SIX)}
        return min(
            self.verdict.reasons, key=lambda reason: (-reason.disposition.rank, order.get(reason.rule, len(order)))
        )

    def _recipients(self, reason: Reason) -> Sequence[RecipientVerdict]:
        """All recipients that the leading rule objects to, whatever the cause."""
        rules = [other for other in self.verdict.reasons if other.rule == reason.rule]
        wanted = {address for other in rules for address in other.recipients}
        return [recipient for recipient in self.verdict.recipients if masked(recipient.address) in wanted]

    def _named_against(self, reason: Reason) -> str:
        """Of the clients that the message names, those whose data a recipient may not receive."""
        may_receive = [set(recipient.clients) for recipient in self._recipients(reason)]
        named = self._ids(ClientRole.NAMED)
        against = [client for client in named if not all(client in clients for clients in may_receive)]
        return client_names(self.directory, against or named)

    def _relay(self) -> str:
        recipients = self.verdict.recipients
        if recipients and all(recipient.kind is Kind.INTERNAL for recipient in recipients):
            return "every recipient is internal".capitalize()
        unopened = [part for part in self.verdict.parts if part.status is not Status.OPENED]
        if not self._findings():
            if unopened:
                return f"nothing sensitive was found; {not_opened(unopened, self.name)}, which the policy lets pass"
            return "nothing sensitive was found, and every part was opened"
        if any(reason.rule in SIX for reason in self.verdict.reasons) or not self._all_may_receive():
            return f"{self._content()}, which the policy lets pass"
        return f"{self._content()}, and every recipient may receive them"

    def _all_may_receive(self) -> bool:
        owners = set(self._ids(ClientRole.OWNER))
        external = [recipient for recipient in self.verdict.recipients if recipient.kind is not Kind.INTERNAL]
        return bool(owners) and all(owners <= set(recipient.clients) for recipient in external)

    def _findings(self) -> list[Finding]:
        return [finding for finding in self.verdict.findings if finding.entity in SENSITIVE]

    def _ids(self, role: ClientRole) -> list[str]:
        return [client.id for client in self.verdict.clients if client.role is role]

    def _clients(self, role: ClientRole) -> str:
        return client_names(self.directory, self._ids(role))

    def _content(self) -> str:
        """What is where, and whose: "participants.xlsx lists 5,135 people of Acme Manufacturing, Inc."."""
        findings, people = self._findings(), self.verdict.people.count
        where, many = self._places(findings)
        if any(finding.entity == PEOPLE_LIST for finding in findings):
            what = f"{'list' if many else 'lists'} {counted(people, 'person', 'people')}"
        else:
            numbers = people or sum(finding.distinct for finding in findings)
            numbered = counted(numbers, "Social Security number", "Social Security numbers")
            what = f"{'hold' if many else 'holds'} {numbered}"
        ids = self._ids(ClientRole.OWNER)
        owners = self._clients(ClientRole.OWNER) + (on_roster(self.verdict.clients, ids[0]) if len(ids) == 1 else "")
        whose = f" of {owners}" if owners else ", and nothing tells whose"
        return f"{where} {what}{whose}"

    def _places(self, findings: Sequence[Finding]) -> tuple[str, bool]:
        """The part with most of it and how many more there are; whether there are more."""
        counts: dict[str | None, tuple[bool, int]] = {}
        for finding in findings:
            listing, count = counts.get(finding.part, (False, 0))
            counts[finding.part] = (listing or finding.entity == PEOPLE_LIST, max(count, finding.count))
        names = list(dict.fromkeys(self.name(part) for part in _most_first(counts)))
        if len(names) < 2:
            return names[0] if names else "the message", False
        return f"{names[0]} and {counted(len(names) - 1, 'more part', 'more parts')}", True


def _most_first(counts: dict[str | None, tuple[bool, int]]) -> list[str | None]:
    return sorted(counts, key=lambda part: counts[part], reverse=True)
