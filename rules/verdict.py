"""The words of a judgement: evidence in, verdict out. Frozen types only; CONTRACT section 4 is their JSON.

Nothing here holds a value from the message: places, counts, masked samples and masked file names only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Disposition(StrEnum):
    """What happens to a message. Later members win over earlier ones."""

    RELAY = "relay"
    HOLD = "hold"
    REJECT = "reject"

    @property
    def rank(self) -> int:
        return list(Disposition).index(self)


class Status(StrEnum):
    OPENED = "opened"
    PARTIAL = "partial"
    UNOPENED = "unopened"


class Obstacle(StrEnum):
    """Why a part could not be looked at, or not wholly."""

    ENCRYPTED = "encrypted"
    CORRUPT = "corrupt"
    UNSUPPORTED = "unsupported"
    LIMIT = "limit"
    TIMEOUT = "timeout"


class Kind(StrEnum):
    """Whose mail an envelope address is."""

    CLIENT = "client"
    PARTNER = "partner"
    INTERNAL = "internal"
    UNKNOWN = "unknown"


class ClientRole(StrEnum):
    OWNER = "owner"  #: whose data the content is
    NAMED = "named"  #: who the message says it is for


@dataclass(frozen=True, slots=True, kw_only=True)
class PartReport:
    part: str
    filename: str | None  #: numbers masked
    type: str
    size: int  #: decoded bytes
    status: Status
    reason: Obstacle | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One entity in one place (a column, or the hits of one text)."""

    entity: str  #: Presidio's name, or PARTICIPANT_LIST
    part: str | None  #: None for the message's own header fields
    where: str
    count: int
    distinct: int
    confidence: float
    sample: str  #: masked always
    categories: tuple[str, ...] = ()  #: of personal information, California Civil Code 1798.140(v) and 1798.80(e)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantList:
    part: str | None
    where: str
    rows: int
    elements: tuple[str, ...] = ()  #: what it says of a person: name, ssn, birth, balance ...
    unread_rows: int = 0  #: rows that could not be read as people


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Distinct individuals over the whole message."""

    count: int = 0
    by_state: Mapping[str, int] = field(default_factory=dict)  #: two-letter postal code to people
    unknown_state: int = 0
    lists: tuple[ParticipantList, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientEvidence:
    kind: str  #: plan-number, ein, name, alias, file-name, domain, roster ...
    part: str | None
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvolvedClient:
    id: str
    role: ClientRole
    evidence: tuple[ClientEvidence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Milliseconds spent in each step."""

    open: int = 0
    detect: int = 0
    match: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that the confined worker says of a message; recipients are not its business."""

    message_id: str | None = None
    header_recipients: tuple[str, ...] = ()  #: of To, Cc, Bcc: only `scan` looks at them, and only without an envelope
    parts: tuple[PartReport, ...] = ()
    findings: tuple[Finding, ...] = ()
    people: People = field(default_factory=People)
    clients: tuple[InvolvedClient, ...] = ()
    ownerless: tuple[str | None, ...] = ()  #: sensitive parts that nothing says whose they are
    timing_ms: Timing = field(default_factory=Timing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """An envelope address and whose data it may receive."""

    address: str
    kind: Kind
    clients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    rule: str
    recipients: tuple[str, ...]
    parts: tuple[str, ...]
    text: str
    disposition: Disposition = Disposition.HOLD  #: what it asks for; relay when the policy only notes it
    approvers: int = 1  #: how many people have to agree to a release


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientVerdict:
    address: str
    kind: Kind
    clients: tuple[str, ...]
    disposition: Disposition


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """CONTRACT section 4; the order of fields is the order of its JSON."""

    schema: Literal[1] = 1
    message_id: str | None = None
    hold_id: str | None = None
    disposition: Disposition
    sentence: str
    reasons: tuple[Reason, ...] = ()
    recipients: tuple[RecipientVerdict, ...] = ()
    clients: tuple[InvolvedClient, ...] = ()
    parts: tuple[PartReport, ...] = ()
    findings: tuple[Finding, ...] = ()
    people: People = field(default_factory=People)
    timing_ms: Timing = field(default_factory=Timing)
    versions: Mapping[str, str] = field(default_factory=dict)  #: SHA-256 of the policy and the directory it goes by
