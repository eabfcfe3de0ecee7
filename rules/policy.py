"""The policy: what counts as sensitive, and what follows from each rule. Never weaker by what is left out of a file."""

import hashlib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from rules.sourced import read, validate
from rules.verdict import Disposition, Kind, Obstacle, Status

DEFAULT = Path(__file__).with_name("policy.yaml")


class Rule(StrEnum):
    """The six of CONTRACT section 4, the plainest contradiction first: the sentence states the first that fires."""

    OWNER_NOT_RECIPIENT = "owner-not-recipient"
    NAMED_NOT_RECIPIENT = "named-not-recipient"
    OWNER_NOT_NAMED = "owner-not-named"
    RECIPIENT_UNKNOWN = "recipient-unknown"
    OWNER_UNKNOWN = "owner-unknown"
    NOT_INSPECTED = "not-inspected"
    FIRST_TIME_RECIPIENT = "first-time-recipient"  #: no contradiction: told of what is held, and holds nothing


SIX: tuple[str, ...] = tuple(rule for rule in Rule if rule is not Rule.FIRST_TIME_RECIPIENT)


class Mode(StrEnum):
    ENFORCE = "enforce"
    SIMULATE = "simulate"  #: noted among the reasons, with no effect
    OFF = "off"


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Condition(Section):
    """Everything that is given has to be so; of several values in a list, one."""

    entities: tuple[str, ...] = ()  #: found anywhere in the message, as US_SSN or PARTICIPANT_LIST
    findings: int | None = Field(
        default=None, ge=1
    )  #: so many of them at least; of anything sensitive, when none named
    people: int | None = Field(default=None, ge=1)  #: so many at least
    lists: int | None = Field(default=None, ge=1)  #: so many at least
    owner: tuple[str, ...] = ()  #: ids of clients; "unknown" when nothing tells
    named: tuple[str, ...] = ()  #: ids of clients; "nobody"
    recipient: tuple[Kind, ...] = ()  #: what the recipient is; without it, whoever is not internal
    to: tuple[str, ...] = ()  #: addresses, or domains with their subdomains
    sender: tuple[str, ...] = ()  #: the same, of the envelope; one that nobody knows may be any
    status: tuple[Status, ...] = ()  #: of any part
    reason: tuple[Obstacle, ...] = ()  #: why a part could not be read


class Consequence(Section):
    action: Disposition = Disposition.HOLD
    mode: Mode = Mode.ENFORCE
    when: Condition | None = None  #: narrows the rule down
    approvers: int = Field(default=1, ge=1, le=5)  #: how many people have to agree to a release
    message: str | None = Field(default=None, min_length=1, max_length=300)  #: added to the reason's text

    @property
    def disposition(self) -> Disposition:
        return self.action if self.mode is Mode.ENFORCE else Disposition.RELAY

    @property
    def asked_for(self) -> int:
        """How many have to agree. A rule with the action `relay` holds nothing, but asks for them when another does."""
        return self.approvers if self.mode is Mode.ENFORCE else 1


NOTED = Consequence(action=Disposition.RELAY)


def _only_noted(rules: dict[Rule, Consequence]) -> dict[Rule, Consequence]:
    note = rules.get(Rule.FIRST_TIME_RECIPIENT)
    if note is None:
        return rules
    if "action" in note.model_fields_set and note.action is not Disposition.RELAY:
        raise ValueError(f"{Rule.FIRST_TIME_RECIPIENT} holds nothing: its action is relay, or is left out")
    return rules | {Rule.FIRST_TIME_RECIPIENT: note.model_copy(update={"action": Disposition.RELAY})}


Rules = Annotated[dict[Rule, Consequence], AfterValidator(_only_noted)]


class OwnRule(Consequence):
    """A rule of the policy's own: it fires when its condition is met."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")
    when: Condition
    message: str = Field(min_length=1, max_length=300)  #: the reason's text

    @field_validator("id")
    @classmethod
    def _new(cls, value: str) -> str:
        if value in set(Rule):
            raise ValueError("is a rule that there is already; it stands under `rules`")
        return value


class Sensitive(Section):
    ssn: int = Field(default=1, ge=1)
    lists: int = Field(default=1, ge=1)


class Policy(Section):
    sensitive: Sensitive = Sensitive()
    hold: Literal["message"] = "message"
    rules: Rules = Field(default_factory=dict)
    own: tuple[OwnRule, ...] = ()
    version: str = Field(default="", exclude=True)  #: SHA-256 of the file's bytes; never a key of the file

    @classmethod
    def load(cls, path: Path | None) -> "Policy":
        """Read a policy; None is the one shipped with the package. Raises ConfigurationError."""
        source = DEFAULT if path is None else path
        policy = validate(read(source), PolicyFile)
        return cls(**dict(policy), version=hashlib.sha256(source.read_bytes()).hexdigest())

    def consequence(self, rule: str) -> Consequence:
        own = (one for one in self.own if one.id == rule)
        return next(own, None) or self.rules.get(Rule(rule), NOTED if rule not in SIX else Consequence())

    @property
    def order(self) -> list[str]:
        """Every rule, the plainest contradiction first, what is only noted last."""
        return [*SIX, *(rule.id for rule in self.own), Rule.FIRST_TIME_RECIPIENT]


class PolicyFile(Section):
    """What may stand in a policy; `policy.schema.json` is made from it."""

    sensitive: Sensitive = Sensitive()
    hold: Literal["message"] = "message"
    rules: Rules = Field(default_factory=dict)
    own: tuple[OwnRule, ...] = ()

    @field_validator("own")
    @classmethod
    def _once(cls, own: tuple[OwnRule, ...]) -> tuple[OwnRule, ...]:
        ids = [rule.id for rule in own]
        if twice := [identifier for identifier in ids if ids.count(identifier) > 1]:
            raise ValueError(f'"{twice[0]}" stands twice')
        return own
