"""The JSON of the review API, and what its pages are made from: places, counts, masked samples, never a value."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.actor import person
from gateway.states import State
from rules.verdict import Disposition, Kind, Verdict

NOTE = 2000  #: characters


class Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Shape):
    """Every answer that is an error."""

    detail: str


class SummaryShape(Shape):
    """A message in the list."""

    id: str
    state: State
    held_at: datetime
    mail_from: str
    recipients: tuple[str, ...]
    disposition: Disposition | None = Field(description="null while the message is still being inspected")
    sentence: str | None
    not_inspected: int = Field(description="parts that could not be looked at wholly: `people` is then a lower bound")
    people: int
    by_state: Mapping[str, int]
    agreed: tuple[str, ...] = Field(description="who wants it released, while more people have to agree")
    escalated: tuple[str, ...] = Field(description="who has escalated it: somebody else has to release it")


class HeldList(Shape):
    items: tuple[SummaryShape, ...]
    next: str | None = Field(description="give it as `before` for the next page; null on the last one")


class EnvelopeShape(Shape):
    mail_from: str
    rcpt_to: tuple[str, ...]


class RecipientShape(Shape):
    """A recipient, what the verdict says of him, and what has become of his copy."""

    address: str
    state: State
    since: datetime
    kind: Kind | None
    clients: tuple[str, ...]
    disposition: Disposition | None
    reply: str | None = Field(description="downstream's last word about him")
    approvers: int = Field(description="how many people have to agree to a release for him")
    agreed: tuple[str, ...] = Field(description="who has, while more people have to")

    @property
    def open(self) -> bool:
        """Whether a reviewer can still decide for him."""
        return self.state is State.HELD


class RecordShape(Shape):
    """An audit record."""

    seq: int
    at: datetime
    event: str
    actor: str
    hold_id: str | None
    detail: Mapping[str, Any]


class HeldShape(Shape):
    """All that is known of one message, without its content."""

    id: str
    state: State
    held_at: datetime
    size: int
    envelope: EnvelopeShape
    recipients: tuple[RecipientShape, ...]
    verdict: Verdict | None = Field(description="CONTRACT section 4; null while the message is still being inspected")
    content_destroyed_at: datetime | None = Field(description="since when only the verdict and the record are left")
    escalated: tuple[str, ...] = Field(description="who has escalated it: somebody else has to release it")
    history: tuple[RecordShape, ...]

    @property
    def open(self) -> bool:
        """Whether a reviewer can still decide for somebody."""
        return any(recipient.open for recipient in self.recipients)

    @property
    def agreed(self) -> tuple[str, ...]:
        """Who wants it released, while it waits for others."""
        return tuple(dict.fromkeys(name for to in self.recipients if to.open for name in to.agreed))

    def mine(self, name: str) -> bool:
        """Whether this person has agreed."""
        return person(name) in self.agreed

    def left_by(self, name: str) -> bool:
        """Whether this person has escalated it."""
        return person(name) in self.escalated

    @property
    def missing(self) -> int:
        """How many more people have to agree, for the recipient that needs most."""
        return max((to.approvers - len(to.agreed) for to in self.recipients if to.open), default=0)


class Decision(Shape):
    recipients: tuple[str, ...] | None = Field(default=None, description="null: all that still wait", max_length=10_000)
    note: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=NOTE)] = Field(
        description="why; goes into the audit log; write no content values"
    )
