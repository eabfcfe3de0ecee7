"""What every page and every API call has at hand, and who is asking. Who may do what is decided here, once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Request

from gateway.accounts import DECIDING, Accounts, Role
from gateway.actor import Actor
from gateway.audit.log import AuditLog
from gateway.hold import Quarantine
from gateway.inspector import Inspector
from gateway.proposals import Proposals
from gateway.rulebook import Rulebook
from gateway.second_look import Judge
from gateway.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The rooms that the review room asks."""

    settings: Settings
    quarantine: Quarantine
    accounts: Accounts
    audit: AuditLog
    inspector: Inspector
    ready: Callable[[], Mapping[str, str]]  #: what is not, and why
    metrics: Callable[[], bytes]
    now: Callable[[], datetime]
    proposals: Proposals
    book: Callable[[], Rulebook]  #: the rules in force
    judge: Judge
    warnings: Callable[[], Mapping[str, str]] = dict  #: what an operator should see to

    def client_name(self, client: str) -> str:
        return self.book().directory.client_name(client)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody who has proved who he is."""

    actor: Actor
    role: Role
    csrf: str = ""  #: of a browser's visit; the API has none

    @property
    def name(self) -> str:
        return self.actor.name

    @property
    def may_decide(self) -> bool:
        return self.role in DECIDING

    @property
    def may_look(self) -> bool:
        """At opened content; an auditor sees verdicts and records only."""
        return self.role in DECIDING

    @property
    def may_unmask(self) -> bool:
        """Who decides may need a value to; he says why, each time."""
        return self.may_decide


def csrf_of(session: str) -> str:
    """A form's proof that it was made for this visit; says nothing about the cookie it comes from."""
    return sha256(b"countersign form " + session.encode()).hexdigest()


def desk_of(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


AtDesk = Annotated[Desk, Depends(desk_of)]
