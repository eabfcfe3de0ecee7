"""A proposal to change the client directory in the shape that pages, API and terminal show. Pure."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from gateway.review.shapes import NOTE, Shape
from gateway.rulebook import Rulebook
from gateway.stages import IN_FORCE, WAITING, Stage
from gateway.store.proposals import Proposal, Word
from rules.additions import Addition, Key, caution, sentence

Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=NOTE)]
Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=320)]


class WordShape(Shape):
    by: str
    at: datetime
    why: str


class ProposalShape(Shape):
    id: str
    state: Stage
    hold_id: str = Field(description="the message that it was learnt from")
    add: Key
    value: str = Field(description="the domain, the address, or the id of the client that a partner acts for")
    to: str = Field(description="id of the client or partner")
    sentence: str = Field(description="what would be so, or is")
    caution: str | None = Field(description="what to know before one agrees")
    ignored: str | None = Field(description="why it does not count, though accepted: the file contradicts it")
    proposed: WordShape
    decided: WordShape | None = Field(description="who accepted or refused it, or took back his own")
    withdrawal: WordShape | None = Field(description="who asks, or asked, that it be no longer in force")

    @property
    def waits(self) -> bool:
        """For a second person."""
        return self.state in WAITING

    @property
    def asked(self) -> WordShape:
        """The last question that was put to a second person."""
        return self.withdrawal or self.proposed


class ProposalList(Shape):
    items: tuple[ProposalShape, ...]


class NewProposal(Shape):
    """What a reviewer has learnt from a held message."""

    hold_id: Short
    add: Key
    value: Short = Field(description="a domain around a recipient of the message, a recipient, or the id of a client")
    to: Short = Field(description="id of the client or partner; with acts-for, of the partner")
    note: Why = Field(description="why; goes into the audit log; write no content values")

    @property
    def addition(self) -> Addition:
        return Addition.of(self.add, self.value, self.to)


class Ruling(Shape):
    note: Why = Field(description="why; goes into the audit log; write no content values")


def shown(proposal: Proposal, book: Rulebook) -> ProposalShape:
    addition, stage = proposal.addition, proposal.stage
    return ProposalShape(
        id=proposal.id,
        state=stage,
        hold_id=proposal.hold_id,
        add=addition.key,
        value=addition.value,
        to=addition.party,
        sentence=sentence(book.directory, addition),
        caution=caution(book.directory, addition) if stage is Stage.PROPOSED else None,
        ignored=book.ignored.get(addition) if stage in IN_FORCE else None,
        proposed=_word(proposal.proposed),
        decided=proposal.decided and _word(proposal.decided),
        withdrawal=proposal.withdrawal and _word(proposal.withdrawal),
    )


def _word(word: Word) -> WordShape:
    return WordShape(by=word.by, at=word.at, why=word.why)
