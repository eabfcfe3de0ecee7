"""TNEF (winmail.dat): body and attachments. Believes no length before it has seen the bytes."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.message import Opened, Unopened
from gateway.opening import mapi
from gateway.opening.charset import decode
from gateway.opening.mapi import Properties
from gateway.opening.opener import Budget, CannotLookError, Inner, Leaf, Opening
from rules.verdict import Obstacle

_SUBJECT, _BODY, _PROPERTIES = 0x8004, 0x800C, 0x9003
_ATTACHMENT_BEGINS, _TITLE, _DATA, _ATTACHMENT_PROPERTIES, _PICTURE = 0x9002, 0x8010, 0x800F, 0x9005, 0x8011
_FIXED = {
    0x0002: 4,
    0x0003: 4,
    0x0004: 4,
    0x0005: 8,
    0x0006: 8,
    0x0007: 8,
    0x000A: 4,
    0x000B: 4,
    0x0014: 8,
    0x0040: 8,
    0x0048: 16,
}
_STRINGS = frozenset({0x001E, 0x001F})
_COUNTED = _STRINGS | {0x0102, 0x000D}


@dataclass(frozen=True, slots=True)
class _Record:
    number: int
    content: bytes


def open_tnef(leaf: Leaf, budget: Budget) -> Opening:
    """MS-OXTNEF 2.1: records in a row, attachments begun by their rendition data."""
    del budget
    message, attachments = Properties(), []
    trouble: CannotLookError | None = None
    try:
        for record in _records(leaf.content):
            if record.number == _ATTACHMENT_BEGINS:
                attachments.append(Properties())
            elif attachments and record.number in {_TITLE, _DATA, _ATTACHMENT_PROPERTIES, _PICTURE}:
                _attach(attachments[-1], record)
            else:
                _note(message, record)
    except CannotLookError as error:
        trouble = error
    contents = mapi.contents(leaf.section, leaf.role, message)
    return Opening(outcome=Opened(contents=contents), inner=_inner(message, attachments, trouble))


def _inner(message: Properties, attachments: list[Properties], trouble: CannotLookError | None) -> Iterator[Inner]:
    yield from mapi.bodies(message)
    for attachment in attachments:
        there = mapi.DATA in attachment.values
        missing = Unopened(obstacle=Obstacle.UNSUPPORTED, note="an attachment that is only a link")
        content = attachment.binary(mapi.DATA) if there else missing
        yield Inner(name=attachment.name(), content=content, declared_type=attachment.text(mapi.MIME_TYPE).lower())
    if trouble:
        raise trouble


def _records(content: bytes) -> Iterator[_Record]:
    place = 6
    while place < len(content):
        if not content[place:].strip(b"\0") and len(content) - place < 16:
            return
        if len(content) - place < 9:
            raise CannotLookError(Obstacle.CORRUPT, "a TNEF record that breaks off")
        level, number, _, length = struct.unpack_from("<BHHI", content, place)
        end = place + 9 + length
        if level not in {1, 2} or end + 2 > len(content):
            raise CannotLookError(Obstacle.CORRUPT, "a TNEF record that breaks off")
        yield _Record(number, content[place + 9 : end])
        place = end + 2


def _note(message: Properties, record: _Record) -> None:
    if record.number == _SUBJECT:
        message.values.setdefault(mapi.SUBJECT, decode(record.content.rstrip(b"\0")))
    elif record.number == _BODY:
        message.values.setdefault(mapi.BODY, decode(record.content.rstrip(b"\0")))
    elif record.number == _PROPERTIES:
        _read(message, record.content)


def _attach(attachment: Properties, record: _Record) -> None:
    if record.number == _TITLE:
        attachment.values.setdefault(mapi.SHORT_NAME, decode(record.content.rstrip(b"\0")))
    elif record.number == _DATA:
        attachment.values[mapi.DATA] = record.content
    elif record.number == _ATTACHMENT_PROPERTIES:
        _read(attachment, record.content)


def _read(properties: Properties, content: bytes) -> None:
    """MS-OXTNEF 2.1.3.4: a count, then type, number, perhaps a name, and the values, each padded to four bytes."""
    reader = _Reader(content)
    for _ in range(min(reader.number(), len(content))):
        kind, number = reader.short(), reader.short()
        if number >= 0x8000:
            _skip_name(reader)
        values = _values(reader, kind)
        for value in values:
            if kind & 0x0FFF in _STRINGS:
                text = value.decode("utf-16-le", "replace") if kind & 0xFFF == 0x001F else decode(value)
                properties.values[number] = text.rstrip("\0")
            elif kind & 0x0FFF == 0x000D:
                properties.values[number] = value[16:]
            elif kind & 0x0FFF == 0x0102:
                properties.values[number] = value


def _values(reader: "_Reader", kind: int) -> list[bytes]:
    multiple, base = kind & 0x1000, kind & 0x0FFF
    count = reader.number() if multiple or base in _COUNTED else 1
    if count * 2 > reader.left():
        raise CannotLookError(Obstacle.CORRUPT, "a TNEF property that claims more than there is")
    values: list[bytes] = []
    for _ in range(count):
        if base in _COUNTED:
            values.append(reader.take(reader.number()))
        elif base in _FIXED:
            reader.take(_FIXED[base])
        else:
            raise CannotLookError(Obstacle.CORRUPT, "a TNEF property of unknown type")
    return values


def _skip_name(reader: "_Reader") -> None:
    reader.take(16)
    if reader.number() == 0:
        reader.take(4)
    else:
        reader.take(reader.number())


class _Reader:
    """Takes bytes off a block, never more than there are."""

    def __init__(self, content: bytes) -> None:
        self._content, self._place = content, 0

    def left(self) -> int:
        return len(self._content) - self._place

    def take(self, size: int) -> bytes:
        """`size` bytes and the padding behind them."""
        if size > self.left():
            raise CannotLookError(Obstacle.CORRUPT, "a TNEF property that breaks off")
        taken = self._content[self._place : self._place + size]
        self._place += size + -size % 4
        return taken

    def number(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def short(self) -> int:
        if self.left() < 2:
            raise CannotLookError(Obstacle.CORRUPT, "a TNEF property that breaks off")
        self._place += 2
        return int.from_bytes(self._content[self._place - 2 : self._place], "little")
