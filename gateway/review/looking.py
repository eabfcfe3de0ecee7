"""One part of a held message opened for a visitor. That he looks, and why he wants values, is on record before."""

import asyncio
from base64 import b64decode
from dataclasses import dataclass, field
from io import BytesIO

from gateway.audit.chain import Entry, Event
from gateway.errors import InspectorError, NotFoundError
from gateway.review.address import HEADER, Spot, number
from gateway.review.decision import RefusedError
from gateway.review.desk import Desk, Visitor
from gateway.review.shapes import HeldShape
from gateway.review.viewed import Look, ViewedPart, ViewedPicture
from rules.mask import mask_text
from rules.verdict import Verdict

PATIENCE = 45.0  #: seconds for opening one part; the verdict is shown whatever comes of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants to see."""

    spot: Spot
    reason: str = ""  #: for which he wants values unmasked; none: he does not
    passwords: tuple[str, ...] = field(default=(), repr=False)


def chosen(verdict: Verdict | None, spot: Spot) -> int | str | None:
    """The part asked for; else the one with the most findings, else the first that is not the message's own text."""
    if verdict is None:
        return None
    if spot.finding is not None and spot.finding < len(verdict.findings):
        part = verdict.findings[spot.finding].part
        return next((place for place, report in enumerate(verdict.parts) if report.part == part), HEADER)
    if spot.part == HEADER or not verdict.parts:
        return HEADER
    if (place := number(spot.part)) is not None and place < len(verdict.parts):
        return place
    found = dict.fromkeys(range(len(verdict.parts)), 0)
    for finding in verdict.findings:
        for place, report in enumerate(verdict.parts):
            found[place] += finding.count if report.part == finding.part else 0
    return max(found, key=lambda place: (found[place], verdict.parts[place].filename is not None, -place))


async def look(desk: Desk, visitor: Visitor, held: HeldShape, wish: Wish) -> tuple[ViewedPart | None, str]:
    """The part, or why it is not shown."""
    shown = chosen(held.verdict, wish.spot)
    if not visitor.may_look or held.verdict is None or shown is None:
        return None, ""
    if gone := held.content_destroyed_at:
        return None, f"Its content was destroyed on {gone:%Y-%m-%d}: its time had passed. Verdict and history stay."
    raw = await desk.quarantine.content(held.id)
    await desk.audit.append(_entry(desk, visitor, held, shown, wish))
    try:
        async with asyncio.timeout(PATIENCE):
            return await desk.inspector.view(raw, _look(held.verdict, shown, wish)), ""
    except TimeoutError:
        return None, "It takes too long to open. Nobody has seen what is inside."
    except InspectorError:
        return None, "It cannot be opened right now. Load the page again in a moment."


async def picture(desk: Desk, visitor: Visitor, held: HeldShape, spot: Spot) -> bytes:
    """A page of a part as PNG, masked. Raises RefusedError saying why there is none, InspectorError."""
    shown = chosen(held.verdict, spot)
    if held.verdict is None or spot.content is None or isinstance(shown, str | None):
        raise NotFoundError("there is no such picture")
    raw, wish = await desk.quarantine.content(held.id), Wish(spot=spot)
    await desk.audit.append(_entry(desk, visitor, held, shown, wish, drawn=True))
    try:
        async with asyncio.timeout(PATIENCE):
            drawn = await desk.inspector.picture(raw, _look(held.verdict, shown, wish))
    except TimeoutError:
        raise InspectorError("it takes too long to draw") from None
    if drawn.note:
        raise RefusedError(422, f"no picture of this page: {drawn.note}")
    return await asyncio.to_thread(png, drawn)


def png(picture: ViewedPicture) -> bytes:
    """Written here, of pixels alone: no field of a file, and no file of a worker's making, reaches a browser."""
    from PIL import Image  # noqa: PLC0415 - only who looks at pictures needs it

    written = BytesIO()
    pixels = b64decode(picture.pixels, validate=True)
    Image.frombytes("RGB", (picture.width, picture.height), pixels).save(written, "PNG")
    return written.getvalue()


def _entry(
    desk: Desk, visitor: Visitor, held: HeldShape, shown: int | str, wish: Wish, *, drawn: bool = False
) -> Entry:
    # A section inside a container is made of file names, so the record counts parts instead.
    total = len(held.verdict.parts) if held.verdict else 0
    detail = {"shown": HEADER if isinstance(shown, str) else f"part {shown + 1} of {total}"} | wish.spot.told
    if drawn:
        detail["as"] = "picture"
    if wish.reason:
        detail["reason"] = mask_text(wish.reason)
    event = Event.UNMASKED if wish.reason else Event.VIEWED
    return Entry(event=event, at=desk.now(), actor=visitor.actor, hold_id=held.id, detail=detail)


def _look(verdict: Verdict, shown: int | str, wish: Wish) -> Look:
    spot, first, last = wish.spot, None, None
    if spot.rows:
        first, last = spot.rows
    known = spot.finding is not None and spot.finding < len(verdict.findings)
    return Look(
        section="" if isinstance(shown, str) else verdict.parts[shown].part,
        skip=spot.skip,
        content=spot.content,
        where=verdict.findings[spot.finding].where if known and spot.finding is not None else "",
        first=first,
        last=last,
        column=spot.column,
        clear=bool(wish.reason),
        passwords=wish.passwords,
    )
