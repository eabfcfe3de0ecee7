"""Mailboxes: every message in an mbox is handed on. Attached messages themselves are the walk's own business."""

import re
from collections.abc import Iterator

from gateway.message import Opened, Partial
from gateway.opening.opener import Budget, Inner, Leaf, Opening
from rules.content import Role, Text
from rules.verdict import Obstacle

_BEGINS = re.compile(rb"^From [^\n]*\d{4}[^\n]*\n(?=[!-9;-~]+:)", re.MULTILINE)
_SHIELDED = re.compile(rb"^>(>*From )", re.MULTILINE)


def open_mbox(leaf: Leaf, budget: Budget) -> Opening:
    """RFC 4155; a line "From " with a year, and a header field below it, begins a message."""
    del budget
    starts = [found.start() for found in _BEGINS.finditer(leaf.content)]
    if not starts:
        text = Text(part=leaf.section, where="text", role=Role.CONTENT, content=leaf.content.decode("utf-8", "replace"))
        outcome = Partial(contents=(text,), obstacle=Obstacle.CORRUPT, note="a mailbox without messages")
        return Opening(outcome=outcome)
    return Opening(outcome=Opened(), inner=_messages(leaf.content, starts))


def _messages(content: bytes, starts: list[int]) -> Iterator[Inner]:
    for start, end in zip(starts, [*starts[1:], len(content)], strict=True):
        message = content[content.index(b"\n", start) + 1 : end]
        yield Inner(name=None, content=_SHIELDED.sub(rb"\1", message), declared_type="message/rfc822")
