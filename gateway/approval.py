"""How many people have to agree to a release, and who counts as one. Pure."""

from collections.abc import Iterable

from gateway.actor import Actor, person, persons, traits
from gateway.audit.chain import Event, Record
from gateway.errors import IllegalTransition
from gateway.store.approvals import Agreement
from gateway.store.mail import OwnMessage, OwnRecipient
from rules.phrases import masked
from rules.verdict import Verdict


def needed(verdict: Verdict | None, address: str) -> int:
    """What the gravest of the reasons that concern this recipient asks for."""
    written = masked(address)
    asked = [reason.approvers for reason in verdict.reasons if written in reason.recipients] if verdict else []
    return max(asked, default=1)


def agreement(actor: str) -> Agreement:
    """Under the account's name, if one is known."""
    name = person(traits(actor).get("account", actor))
    return Agreement(name, next(iter(persons(actor) - {name}), None))


def known_as(records: Iterable[Record]) -> frozenset[str]:
    """Every name that whoever made these records is known by: logins and accounts stand in the record only."""
    names = ((record.actor, record.detail.get("login"), record.detail.get("account")) for record in records)
    return frozenset(person(name) for each in names for name in each if name)


def refuse_who_escalated(history: Iterable[Record], actor: str) -> None:
    """Who has handed a message up has left it to others, under whatever name. Raises IllegalTransition."""
    if not persons(actor).isdisjoint(known_as(record for record in history if record.event == Event.ESCALATED)):
        raise IllegalTransition("cannot release what you have escalated: somebody else has to")


def wrote(message: OwnMessage, actor: str) -> bool:
    """Whether this is a sender of the message, by a name that is his address or its local part; or nobody."""
    names = {name.strip().casefold() for name in (actor, *traits(actor).values())}
    return "" in names or not names.isdisjoint(own for author in message.authors for own in (author, person(author)))


def missing(verdict: Verdict | None, recipient: OwnRecipient) -> int:
    """How many more people have to agree for this recipient."""
    return max(needed(verdict, recipient.address) - len(recipient.agreed), 0)


def not_yet(verdict: Verdict | None, chosen: Iterable[OwnRecipient], actor: str) -> list[OwnRecipient]:
    """Those for whom this person has not agreed before. Raises IllegalTransition when there is nobody."""
    fresh = [recipient for recipient in chosen if persons(actor).isdisjoint(recipient.counted)]
    if not fresh:
        raise IllegalTransition("cannot count one person twice: you have agreed, and somebody else has to")
    if isinstance(actor, Actor) and actor.nobody and any(needed(verdict, r.address) > 1 for r in fresh):
        raise IllegalTransition("cannot count a token that belongs to no account as one of several people")
    return fresh
