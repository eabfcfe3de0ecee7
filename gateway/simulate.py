"""`simulate`: what another policy would have done with the mail on record. Reads the audit log only, never content."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.audit.chain import Record
from gateway.audit.log import AuditLog
from gateway.settings import Settings
from gateway.store import Store
from rules.decide import dispositions
from rules.phrases import counted
from rules.policy import Policy, Rule
from rules.sentence import PEOPLE_LIST
from rules.verdict import (
    ClientEvidence,
    ClientRole,
    Disposition,
    Evidence,
    Finding,
    InvolvedClient,
    Kind,
    Obstacle,
    PartReport,
    People,
    Recipient,
    Status,
)

SHOWN = 20  #: hold ids named one by one
Detail = Mapping[str, Any]


@dataclass(slots=True)
class Outcome:
    """How the dispositions on record differ from those of the new policy."""

    messages: int = 0
    then: Counter[str] = field(default_factory=Counter)
    now: Counter[str] = field(default_factory=Counter)
    added: list[str] = field(default_factory=list)  #: hold ids, or fingerprints of what was relayed
    removed: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        lines = [f"{counted(self.messages, 'message', 'messages')} on record"]
        lines += [f"{each}: {self.then[each]:,} then, {self.now[each]:,} with this policy" for each in Disposition]
        for what, names in (("added", self.added), ("removed", self.removed)):
            lines.append(f"holds {what}: {len(names):,}")
            lines += [f"  {name}" for name in names[:SHOWN]]
            lines += [f"  and {len(names) - SHOWN:,} more"] if len(names) > SHOWN else []
        return lines


async def simulate(settings: Settings, policy: Path, since: datetime | None) -> list[str]:
    """Replay everything recorded since then. Raises ConfigurationError for the policy."""
    trying, seen = Policy.load(policy), dict[str, Detail]()
    async with Store.open(settings) as store:
        async for record in AuditLog(store).records(since=since):
            if _complete(record):
                name = record.hold_id or f"{record.event} {record.detail.get('fingerprint', '')[:16]}"
                seen[name] = record.detail  # of several, the last counts
    outcome = Outcome()
    for name, detail in seen.items():
        _count(outcome, name, Disposition(detail["disposition"]), replayed(trying, detail))
    return outcome.lines()


def _complete(record: Record) -> bool:
    """Whether a record holds a verdict's features; those of older versions do not."""
    return {"disposition", "decided", "lists", "findings"} <= record.detail.keys()


def _count(outcome: Outcome, name: str, then: Disposition, now: Disposition) -> None:
    outcome.messages += 1
    outcome.then[then] += 1
    outcome.now[now] += 1
    if then is not Disposition.HOLD and now is Disposition.HOLD:
        outcome.added.append(name)
    if then is Disposition.HOLD and now is not Disposition.HOLD:
        outcome.removed.append(name)


def replayed(policy: Policy, detail: Detail) -> Disposition:
    """The disposition that a policy gives to a recorded message."""
    recipients = [
        Recipient(address=each["address"], kind=Kind(each["kind"]), clients=tuple(each["may"]))
        for each in detail["decided"]
    ]
    found = dispositions(policy, recipients, _evidence(detail), detail.get("sender"))
    return max(found, key=lambda disposition: disposition.rank)


def _evidence(detail: Detail) -> Evidence:
    """As much of it as rules look at; places and samples are not on record, nor needed."""
    counts = dict(detail["findings"])
    rows, lists = counts.pop(PEOPLE_LIST, 0), detail["lists"]
    findings = [_finding(entity, count) for entity, count in counts.items()]
    findings += [_finding(PEOPLE_LIST, rows // lists) for _ in range(lists)]
    owners = [client for client in detail["clients"] if client["role"] == ClientRole.OWNER]
    return Evidence(
        parts=tuple(_parts(detail)),
        findings=tuple(findings),
        people=People(count=detail["people"]["count"]),
        clients=tuple(map(_client, detail["clients"])),
        ownerless=(None,) if owners and Rule.OWNER_UNKNOWN in detail["rules"] else (),
    )


def _finding(entity: str, count: int) -> Finding:
    return Finding(entity=entity, part=None, where="", count=count, distinct=count, confidence=1.0, sample="")


def _client(recorded: Detail) -> InvolvedClient:
    evidence = tuple(ClientEvidence(kind=kind, part=None, where="") for kind in recorded["by"])
    return InvolvedClient(id=recorded["id"], role=ClientRole(recorded["role"]), evidence=evidence)


def _parts(detail: Detail) -> list[PartReport]:
    obstacles = iter(Counter[str](detail["obstacles"]).elements())
    statuses = [Status(status) for status in Counter[str](detail["parts"]).elements()]
    return [_part(status, None if status is Status.OPENED else next(obstacles, None)) for status in statuses]


def _part(status: Status, obstacle: str | None) -> PartReport:
    reason = Obstacle(obstacle) if obstacle else None
    return PartReport(part="", filename=None, type="", size=0, status=status, reason=reason)
