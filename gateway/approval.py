"""How many people have to agree to a release, and who counts as one. Pure."""

from collections.abc import Collection, Iterable

from gateway.actor import Actor, person
from gateway.errors import IllegalTransition
from gateway.store.approvals import Signature
from gateway.store.mail import OwnMessage, OwnRecipient
from rules.phrases import masked
from rules.verdict import Verdict


def needed(verdict: Verdict | None, address: str) -> int:
    """What the gravest of the reasons that concern this recipient asks for."""
    written = masked(address)
    asked = [reason.approvers for reason in verdict.reasons if written in reason.recipients] if verdict else []
    return max(asked, default=1)


def signature(actor: Actor) -> Signature:
    """Under the account's name, if one is known."""
    name = person(actor.account or actor.name)
    return Signature(name, next(iter(actor.persons - {name}), None))


def refuse_nobody(actor: Actor) -> None:
    """Who bears a token of no account may be the other one where it takes two. Raises IllegalTransition."""
    if actor.nobody:
        raise IllegalTransition("cannot count a token that belongs to no account as one of several people")


def refuse_who_escalated(escalators: Collection[str], actor: Actor) -> None:
    """Who has handed a message up has left it to others. Raises IllegalTransition."""
    if escalators:
        refuse_nobody(actor)
    if not actor.persons.isdisjoint(escalators):
        raise IllegalTransition("cannot release what you have escalated: somebody else has to")


def wrote(message: OwnMessage, actor: Actor) -> bool:
    """Whether this is a sender of the message, by a name that is his address or its local part; or nobody."""
    names = {name.strip().casefold() for name in actor.names}
    return "" in names or not names.isdisjoint(own for author in message.authors for own in (author, person(author)))


def missing(verdict: Verdict | None, recipient: OwnRecipient) -> int:
    """How many more people have to agree for this recipient."""
    return max(needed(verdict, recipient.address) - len(recipient.agreed), 0)


def not_yet(verdict: Verdict | None, chosen: Iterable[OwnRecipient], actor: Actor) -> list[OwnRecipient]:
    """Those for whom this person has not agreed before. Raises IllegalTransition when there is nobody."""
    fresh = [recipient for recipient in chosen if actor.persons.isdisjoint(recipient.counted)]
    if not fresh:
        raise IllegalTransition("cannot count one person twice: you have agreed, and somebody else has to")
    if any(needed(verdict, recipient.address) > 1 for recipient in fresh):
        refuse_nobody(actor)
    return fresh
