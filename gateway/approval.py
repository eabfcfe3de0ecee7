"""How many people have to agree to a release, and who counts as one. Pure."""

from collections.abc import Collection, Iterable

from gateway.errors import IllegalTransition
from gateway.store.mail import OwnMessage, OwnRecipient
from rules.phrases import masked
from rules.verdict import Verdict


def needed(verdict: Verdict | None, address: str) -> int:
    """What the gravest of the reasons that concern this recipient asks for."""
    written = masked(address)
    asked = [reason.approvers for reason in verdict.reasons if written in reason.recipients] if verdict else []
    return max(asked, default=1)


def person(actor: str) -> str:
    """One name for one person, whether he decides in the browser, by token or in a terminal."""
    return actor.strip().casefold().partition("@")[0]


def refuse_who_escalated(escalated: Collection[str], actor: str) -> None:
    """Who has handed a message up has left it to others. Raises IllegalTransition."""
    if person(actor) in escalated:
        raise IllegalTransition("cannot release what you have escalated: somebody else has to")


def wrote(message: OwnMessage, actor: str) -> bool:
    """Whether this is a sender of the message, by an account that bears his address or its local part; or nobody."""
    name = actor.strip().casefold()
    return not name or name in {own for author in message.authors for own in (author, author.partition("@")[0])}


def missing(verdict: Verdict | None, recipient: OwnRecipient) -> int:
    """How many more people have to agree for this recipient."""
    return max(needed(verdict, recipient.address) - len(recipient.agreed), 0)


def not_yet(chosen: Iterable[OwnRecipient], actor: str) -> list[OwnRecipient]:
    """Those for whom this person has not agreed before. Raises IllegalTransition when there is nobody."""
    fresh = [recipient for recipient in chosen if person(actor) not in recipient.agreed]
    if not fresh:
        raise IllegalTransition("cannot count one person twice: you have agreed, and somebody else has to")
    return fresh
