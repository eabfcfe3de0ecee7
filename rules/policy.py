"""The policy: what counts as sensitive, and what follows from each rule. Never weaker by what is left out of a file."""

import hashlib
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from rules.sourced import read, validate
from rules.verdict import Disposition

DEFAULT = Path(__file__).with_name("policy.yaml")


class Rule(StrEnum):
    """The rules of CONTRACT section 4, the plainest contradiction first: the sentence states the first that fires."""

    OWNER_NOT_RECIPIENT = "owner-not-recipient"
    NAMED_NOT_RECIPIENT = "named-not-recipient"
    OWNER_NOT_NAMED = "owner-not-named"
    RECIPIENT_UNKNOWN = "recipient-unknown"
    OWNER_UNKNOWN = "owner-unknown"
    NOT_INSPECTED = "not-inspected"


class Mode(StrEnum):
    ENFORCE = "enforce"
    SIMULATE = "simulate"  #: noted among the reasons, with no effect
    OFF = "off"


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Consequence(Section):
    action: Disposition = Disposition.HOLD
    mode: Mode = Mode.ENFORCE

    @property
    def disposition(self) -> Disposition:
        return self.action if self.mode is Mode.ENFORCE else Disposition.RELAY


class Sensitive(Section):
    ssn: int = Field(default=1, ge=1)
    lists: int = Field(default=1, ge=1)


class Policy(Section):
    sensitive: Sensitive = Sensitive()
    hold: Literal["message"] = "message"
    rules: dict[Rule, Consequence] = Field(default_factory=dict)
    version: str = Field(default="", exclude=True)  #: SHA-256 of the file's bytes; never a key of the file

    @classmethod
    def load(cls, path: Path | None) -> "Policy":
        """Read a policy; None is the one shipped with the package. Raises ConfigurationError."""
        source = DEFAULT if path is None else path
        policy = validate(read(source), _PolicyFile)
        return cls(**dict(policy), version=hashlib.sha256(source.read_bytes()).hexdigest())

    def consequence(self, rule: Rule) -> Consequence:
        return self.rules.get(rule, Consequence())


class _PolicyFile(Section):
    sensitive: Sensitive = Sensitive()
    hold: Literal["message"] = "message"
    rules: dict[Rule, Consequence] = Field(default_factory=dict)
