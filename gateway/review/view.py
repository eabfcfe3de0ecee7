"""Opens one part for a reviewer's eyes: tables and texts, findings marked, masked unless he has asked for values.

It runs in the confined worker. What it gives back is small whatever the file is: a window of rows or lines around the
first finding or where the reviewer wants to look, and the numbers of those left out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from gateway.message import Limits, Opened, OpenedMessage, Part, Partial, Unopened
from gateway.opening.registry import open_message
from gateway.review.places import BEFORE, areas
from gateway.review.shown import masked_text, table_shown, text_shown
from gateway.review.viewed import InnerPart, Look, ViewedPart, look_of, write
from gateway.workers.workshop import Answer
from rules.content import Content, Role, Table, Text
from rules.detect import Detector
from rules.mask import mask_place, mask_text
from rules.verdict import Finding, Obstacle, Status

CONTENTS = 24  #: tables and texts of one part
INNER = 500  #: parts listed of one container

PDF = "application/pdf"
DRAWN = frozenset({PDF, "image/png", "image/jpeg", "image/gif", "image/bmp", "image/tiff", "image/webp"})

_PAGE = re.compile(r"page \d+")
_FRAME = re.compile(r"image(?: \d+)?")

WHOLE = ""  #: the section that stands for the message itself: its header fields and a list of its parts


def view_part(raw: bytes, look: Look, limits: Limits, detector: Detector) -> ViewedPart:
    """Open the message and show one part of it; a part that is not there is shown as unopened, not as empty."""
    message = open_message(raw, limits, look.passwords)
    if look.section == WHOLE:
        return _whole(raw, message, detector, look)
    part = find(message, look.section)
    if part is None:
        return ViewedPart(section=look.section, status=Status.UNOPENED, note="no such part in this message")
    return _viewed(part, message, detector, look)


def find(message: OpenedMessage, section: str) -> Part | None:
    """The part that a verdict means by `section`: inside a container it is made of file names, and masked."""
    for part in message.parts:
        if section in {part.section, mask_text(part.section), masked_text(part.section)}:
            return part
    return None


def is_page(media_type: str, content: Content) -> bool:
    """Whether this text is that of a page, or of a picture, as a whole: what can be drawn."""
    if media_type not in DRAWN or not isinstance(content, Text) or content.role is not Role.CONTENT:
        return False
    return (_PAGE if media_type == PDF else _FRAME).fullmatch(content.where) is not None


class Shop(Protocol):
    """What a worker has at hand, as far as it matters here."""

    @property
    def limits(self) -> Limits: ...
    @property
    def detector(self) -> Detector: ...


def view_job(raw: bytes, argument: Mapping[str, Any], shop: Shop) -> Answer:
    """`view_part` as a job of the confined worker; whatever it was shown, the worker does not live on."""
    part = view_part(raw, look_of(argument), shop.limits, shop.detector)
    return Answer(body=write(part), risky=True)


def _whole(raw: bytes, message: OpenedMessage, detector: Detector, look: Look) -> ViewedPart:
    shown = ViewedPart(
        section=WHOLE,
        media_type="message/rfc822",
        size=len(raw),
        status=Status.OPENED,
        contents_total=len(message.headings),
        inner=_inner(message.parts),
        inner_total=len(message.parts),
    )
    return _with_contents(shown, message.headings, detector, look)


def _viewed(part: Part, message: OpenedMessage, detector: Detector, look: Look) -> ViewedPart:
    status, reason, note, contents = _outcome(part)
    inner = [other for other in message.parts if other.section.startswith((f"{part.section}/", f"{part.section}."))]
    shown = ViewedPart(
        section=masked_text(part.section),
        filename=None if part.filename is None else masked_text(part.filename),
        media_type=part.media_type,
        size=part.size,
        status=status,
        reason=reason,
        note=note,
        contents_total=len(contents),
        inner=_inner(inner),
        inner_total=len(inner),
    )
    return _with_contents(shown, contents, detector, look)


def _outcome(part: Part) -> tuple[Status, Obstacle | None, str, tuple[Content, ...]]:
    match part.outcome:
        case Opened(contents=contents):
            return Status.OPENED, None, "", contents
        case Partial(contents=contents, obstacle=obstacle, note=note):
            return Status.PARTIAL, obstacle, masked_text(note), contents
        case Unopened(obstacle=obstacle, note=note):
            return Status.UNOPENED, obstacle, masked_text(note), ()


def _inner(parts: Sequence[Part]) -> tuple[InnerPart, ...]:
    return tuple(
        InnerPart(section=masked_text(part.section), status=_outcome(part)[0], reason=_outcome(part)[1])
        for part in parts[:INNER]
    )


def _with_contents(shown: ViewedPart, contents: Sequence[Content], detector: Detector, look: Look) -> ViewedPart:
    detection = detector.detect(contents)
    if detection.unread and shown.status is Status.OPENED:
        note = "not searched to the end, so findings may be unmarked"
        shown = replace(shown, status=Status.PARTIAL, reason=detection.unread[0][1], note=note)
    look = _resolved(contents, detection.findings, look)
    return replace(
        shown,
        skipped=0 if look.content is not None else look.skip,
        alone=look.content is not None,
        clear=look.clear,
        contents=tuple(
            table_shown(content, index, detection.findings, look)
            if isinstance(content, Table)
            else replace(
                text_shown(content, index, detection.findings, look),
                page=is_page(shown.media_type, content) and not (look.passwords or look.clear),
            )
            for index, content in _chosen(contents, detection.findings, look)
        ),
    )


def _resolved(contents: Sequence[Content], findings: Sequence[Finding], look: Look) -> Look:
    """The place of a finding as the table or text it stands in, and its row; what is not there is not asked for."""
    meant = [finding for finding in findings if look.where and mask_place(finding.where) == look.where]
    for index, content in enumerate(contents):
        for area in areas(content, meant):
            first_row = content.first_row if isinstance(content, Table) else 1
            return replace(look, content=index, first=max(area.top - BEFORE, 0) + first_row)
    return look if look.content is None or look.content < len(contents) else replace(look, content=None)


def _chosen(contents: Sequence[Content], findings: Sequence[Finding], look: Look) -> list[tuple[int, Content]]:
    """Those with findings first, so that the cut never takes what the message was held for."""
    if look.content is not None:
        return [(look.content, contents[look.content])]
    ordered = sorted(enumerate(contents), key=lambda numbered: not areas(numbered[1], findings))
    return ordered[look.skip : look.skip + CONTENTS]
