"""What a held message may teach: whose its recipients' addresses are. Offers only what its reviewer may propose."""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.hold import HeldMessage
from gateway.review.desk import Desk
from gateway.review.proposal import ProposalShape, shown
from rules.additions import Key
from rules.clients import Directory
from rules.domains import is_public_suffix, is_webmail, mailbox, suffixes
from rules.verdict import Kind

LOOKED_AT = 20  #: recipients


@dataclass(frozen=True, slots=True)
class Offer:
    """A line to choose: what would be somebody's, or who would act for a client."""

    key: Key
    value: str  #: domain or address; of a partner its id
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    proposed: tuple[ProposalShape, ...]  #: after this message, newest first
    offers: tuple[Offer, ...]
    clients: tuple[str, ...]  #: ids of those that the message is about


async def lesson_of(desk: Desk, message: HeldMessage) -> Lesson:
    book, verdict = desk.book(), message.verdict
    addresses = message.envelope.rcpt_to[:LOOKED_AT] if verdict else ()  # nothing is learnt before it is inspected
    offers = [offer for address in addresses for offer in _offers(book.directory, address)]
    return Lesson(
        proposed=tuple(shown(each, book) for each in await desk.proposals.list(hold_id=message.id)),
        offers=tuple(dict.fromkeys(offers)),
        clients=tuple(dict.fromkeys(client.id for client in verdict.clients)) if verdict else (),
    )


def _offers(directory: Directory, address: str) -> Iterator[Offer]:
    box, holder = mailbox(address), directory.holder(address)
    if box is None or (holder is not None and holder.kind is Kind.INTERNAL):
        return
    if holder is not None and holder.kind is Kind.PARTNER:
        yield Offer(Key.ACTS_FOR, holder.id, f"{holder.name} acts for")
    if holder is None:
        for domain in suffixes(box.domain):
            if "." in domain and not is_webmail(domain) and not is_public_suffix(domain):
                yield Offer(Key.DOMAIN, domain, f"everybody at {domain} belongs to")
    yield Offer(Key.ADDRESS, str(box), f"{box} alone belongs to")
