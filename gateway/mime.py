"""Bytes to the parts of a message, by offsets. Every ambiguity is recorded, every reading kept; guesses nothing."""

import re
from dataclasses import dataclass, field

from gateway import mime_header
from gateway.message import Limits
from gateway.mime_header import Block
from gateway.transfer import Transfer, named, within
from rules.verdict import Obstacle

MOST_LEVELS = 32  #: multiparts within multiparts; ordinary mail has four
_MOST_READINGS = 6
_NOTICE = re.compile(rb"[\sA-Za-z,.'/:()-]*\b(?:MIME|multi-?part|mehrteilig)\b[\sA-Za-z,.'/:()-]*", re.IGNORECASE)
_TAIL = re.compile(rb"(--)?[ \t]*(\r?)(?:\n|\Z)")
_HEADINGS = (b"comments", b"keywords", b"thread-topic", b"content-description")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a part is not wholly certain. The note is for people and holds no content."""

    obstacle: Obstacle
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One leaf in one reading; or, without a range, a multipart whose own structure is in doubt."""

    section: str
    media_type: str  #: declared, lower case; never trusted
    range: tuple[int, int] | None  #: of its body, still encoded
    transfer: Transfer = Transfer.IDENTITY
    names: tuple[str, ...] = ()  #: every reading of its file name, the likeliest first
    charset: str | None = None
    delsp: bool = False  #: lines broken anywhere, a space at the end of each (RFC 3676)
    attachment: bool = False
    description: str = ""
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A parsed message. `raw` is shared, never copied."""

    raw: bytes
    message_id: str | None
    recipients: tuple[str, ...]
    subjects: tuple[str, ...]
    headings: tuple[tuple[str, str], ...]  #: name and text of other fields that people read
    fields: tuple[tuple[str, str], ...]  #: place and text of all others, those of parts included, that hold digits
    entities: tuple[Entity, ...]  #: in order; containers before what they hold


def parse(raw: bytes, limits: Limits, prefix: str = "") -> Mail:
    """Take a message apart. `prefix` is the section of the message itself when it is attached to another."""
    head = mime_header.block(raw, 0, len(raw))
    walk = _Walk(raw=raw, most=limits.max_parts, prefix=prefix)
    walk.entity(head, len(raw), "", "text/plain", 0)
    if not walk.entities:  # a multipart of nothing; a message has one part at least
        walk.text((len(raw), len(raw)), walk.number("", 1))
    values = [value for name in (b"to", b"cc", b"bcc") for value in head.every(name)]
    recipients = [address for value in values for address in mime_header.addresses(value)]
    ids = head.every(b"message-id")
    subjects = tuple(mime_header.words(value) for value in head.every(b"subject"))
    headings = [(name.decode(), mime_header.words(value)) for name in _HEADINGS for value in head.every(name)]
    return Mail(
        raw=raw,
        message_id=mime_header.unfolded(ids[0]).strip() if ids else None,
        recipients=tuple(dict.fromkeys(recipients)),
        subjects=tuple(filter(None, dict.fromkeys(subjects))),
        headings=tuple((name, text) for name, text in headings if text and text not in subjects),
        fields=tuple(walk.fields),
        entities=tuple(walk.entities),
    )


@dataclass(frozen=True, slots=True)
class _Type:
    """One reading of the Content-Type fields."""

    name: str
    boundary: str | None = None
    charset: str | None = None
    delsp: bool = False


@dataclass(frozen=True, slots=True)
class _Split:
    preamble: tuple[int, int]
    bodies: list[tuple[int, int]]
    epilogue: tuple[int, int]
    doubts: list[str]
    nearly: list[bytes]  #: lines that begin with the delimiter and go on


@dataclass(slots=True)
class _Walk:
    raw: bytes
    most: int
    prefix: str
    entities: list[Entity] = field(default_factory=list)
    fields: dict[tuple[str, str], None] = field(default_factory=dict)
    boundaries: set[bytes] = field(default_factory=set)

    def number(self, section: str, index: int) -> str:
        """IMAP's numbers (RFC 9051 6.4.5), behind the section of the message they stand in."""
        base = section or self.prefix
        return f"{base}{index}" if not base or base.endswith("/") else f"{base}.{index}"

    def entity(self, head: Block, end: int, section: str, default: str, level: int) -> None:
        """Add one entity in each of its readings; the first bears the section, the others "~2", "~3" behind it."""
        self.others(head, section)
        types, transfers, doubts = _readings(head, default)
        if head.odd:
            doubts.append(head.odd)
        troubles = [Trouble(obstacle=Obstacle.CORRUPT, note=doubt) for doubt in doubts]
        if head.over:
            troubles.append(Trouble(obstacle=Obstacle.LIMIT, note="a header larger than is read"))
        readings = [(kind, transfer) for kind in types for transfer in transfers][:_MOST_READINGS]
        for index, (kind, transfer) in enumerate(readings, start=1):
            place = section if index == 1 else f"{section or self.number('', 1)}~{index}"
            if kind.name.startswith("multipart/"):
                self.multipart(kind, transfer, (head.body, end), place, (level, troubles))
            else:
                self.leaf(head, kind, transfer, (head.body, end), place, troubles)
        if head.other_body is not None:
            other = (head.other_body, end)
            self.text(other, f"{section or self.number('', 1)}~{len(readings) + 1}", troubles)

    def others(self, head: Block, section: str) -> None:
        """The fields that no reader shows, and addresses: a list may stand in them as well as anywhere."""
        apart = (b"content-description",) if section else (b"subject", *_HEADINGS)
        place = f" of {section}" if section else ""
        spoken = mime_header.spoken(head, apart)
        self.fields |= dict.fromkeys((f"header {name}{place}", text) for name, text in spoken)

    def leaf(
        self,
        head: Block,
        kind: _Type,
        transfer: Transfer,
        extent: tuple[int, int],
        section: str,
        troubles: list[Trouble],
    ) -> None:
        types, dispositions = head.every(b"content-type"), head.every(b"content-disposition")
        names = _names(dispositions, types)
        attachment = any(value.lower().startswith("attachment") for value in dispositions)
        descriptions = head.every(b"content-description") if section else []
        self.entities.append(
            Entity(
                section=section or self.number("", 1),
                media_type=kind.name,
                range=extent,
                transfer=transfer,
                names=names,
                charset=kind.charset,
                delsp=kind.delsp,
                attachment=attachment or bool(names),
                description=mime_header.words("\n ".join(descriptions)),
                troubles=tuple(troubles),
            )
        )

    def text(self, extent: tuple[int, int], section: str, troubles: list[Trouble] | None = None) -> None:
        """Words outside every part: a preamble, an epilogue, a body that was never split."""
        self.entities.append(
            Entity(
                section=section, media_type="text/plain", range=extent, attachment=True, troubles=tuple(troubles or ())
            )
        )

    def multipart(
        self,
        kind: _Type,
        transfer: Transfer,
        extent: tuple[int, int],
        section: str,
        state: tuple[int, list[Trouble]],
    ) -> None:
        level, troubles = state[0], list(state[1])
        place = len(self.entities)
        boundary = (kind.boundary or "").encode("utf-8", "surrogateescape")
        split = self.split(boundary, extent) if boundary and level < MOST_LEVELS else None
        if level >= MOST_LEVELS:
            troubles.append(Trouble(obstacle=Obstacle.LIMIT, note=f"multiparts nested deeper than {MOST_LEVELS}"))
        if split is None:
            if self.raw[extent[0] : extent[1]].strip():
                troubles.append(Trouble(obstacle=Obstacle.CORRUPT, note="a multipart without parts"))
                self.text(extent, self.named(section, "text"))
        else:
            self.boundaries.add(boundary)
            self.around(split, section)
            self.children(split, section, kind, level, troubles)
            doubts = split.doubts + self.nearly(boundary, split) + within(self.raw, boundary, transfer, extent)
            troubles += [Trouble(obstacle=Obstacle.CORRUPT, note=doubt) for doubt in doubts]
        if troubles:
            shown = section or (self.prefix.rstrip("/") + "~" if self.prefix else "TEXT")
            entity = Entity(section=shown, media_type=kind.name, range=None, troubles=tuple(troubles))
            self.entities.insert(place, entity)

    def named(self, section: str, name: str) -> str:
        base = section or self.prefix
        return f"{base}{name}" if not base or base.endswith("/") else f"{base}.{name}"

    def around(self, split: _Split, section: str) -> None:
        """Preamble and epilogue, unless blank or the usual notice to old mail readers."""
        for name, (start, end) in (("preamble", split.preamble), ("epilogue", split.epilogue)):
            words = self.raw[start:end] if end - start < 500 else None
            if words is None or (words.strip() and not _NOTICE.fullmatch(words)):
                self.text((start, end), self.named(section, name))

    def children(self, split: _Split, section: str, kind: _Type, level: int, troubles: list[Trouble]) -> None:
        default = "message/rfc822" if kind.name == "multipart/digest" else "text/plain"
        for index, (start, end) in enumerate(split.bodies, start=1):
            if len(self.entities) >= self.most:
                troubles.append(Trouble(obstacle=Obstacle.LIMIT, note=f"more than {self.most} parts"))
                return
            head = mime_header.block(self.raw, start, end)
            self.entity(head, end, self.number(section, index), default, level + 1)

    def split(self, boundary: bytes, extent: tuple[int, int]) -> _Split | None:
        """Cut at the delimiter lines (RFC 2046 5.1.1), noting all that other readers may take for one."""
        marks, doubts, nearly = self.delimiters(boundary, extent)
        if not marks:
            return None
        close = next((index for index, mark in enumerate(marks) if mark[2]), None)
        bodies = [
            (mark[1], self.before(marks[index + 1][0], mark[1]) if index + 1 < len(marks) else extent[1])
            for index, mark in enumerate(marks)
        ]
        epilogue = (extent[1], extent[1])
        if close is None:
            doubts.append("no final boundary")
        elif close == len(marks) - 1:
            epilogue = bodies.pop()
        else:
            doubts.append("parts after the final boundary")
        return _Split((extent[0], marks[0][0]), bodies, epilogue, doubts, nearly)

    def delimiters(
        self, boundary: bytes, extent: tuple[int, int]
    ) -> tuple[list[tuple[int, int, bool]], list[str], list[bytes]]:
        mark, raw, (start, end) = b"--" + boundary, self.raw, extent
        marks: list[tuple[int, int, bool]] = []
        doubts: dict[str, None] = {}
        nearly: list[bytes] = []
        ends: set[bool] = set()
        at = raw.find(mark, start, end)
        while at >= 0:
            after = at + len(mark)
            first = at == start or raw[at - 1] == 10
            tail = _TAIL.match(raw, after, end) if first else None
            if tail:
                marks.append((at, tail.end(), tail[1] is not None))
                ends |= {tail[2] == b"\r"} if tail[0].endswith(b"\n") else set()
            elif first:
                nearly.append(raw[after : after + 200].partition(b"\n")[0].rstrip())
            elif raw[at - 1] == 13:
                doubts["a boundary behind a bare CR"] = None
            if len(marks) > self.most or len(nearly) > self.most:
                doubts["more boundaries than are read"] = None
                break
            at = raw.find(mark, after, end)
        if len(ends) > 1:
            doubts["CRLF and bare LF mixed at boundaries"] = None
        return marks, list(doubts), nearly

    def before(self, at: int, start: int) -> int:
        """The line end before a delimiter belongs to the delimiter."""
        end = max(at - 1, start)
        return end - 1 if end > start and self.raw[end - 1] == 13 else end

    def nearly(self, boundary: bytes, split: _Split) -> list[str]:
        """Some readers compare no further than the boundary is long; an inner boundary may rightly begin with it."""
        inner = {known[len(boundary) :] for known in self.boundaries if known.startswith(boundary)}
        unexplained = [rest for rest in split.nearly if rest not in inner and rest.removesuffix(b"--") not in inner]
        return ["lines that begin with the boundary and go on"] if unexplained else []


def _readings(head: Block, default: str) -> tuple[list[_Type], list[Transfer], list[str]]:
    doubts: list[str] = []
    types: dict[_Type, None] = {}
    values = head.every(b"content-type")
    for value in values or [""]:
        types |= dict.fromkeys(_types(value, default, doubts))
    if len(values) > 1 and len(types) > 1:
        doubts.append("Content-Type fields that contradict each other")
    transfers: dict[Transfer, None] = {}
    for value in head.every(b"content-transfer-encoding") or [""]:
        token, doubtful = mime_header.token(value)
        transfers[named(token)] = None
        if doubtful:
            transfers[Transfer.IDENTITY] = None
            doubts.append("a Content-Transfer-Encoding that readers take apart differently")
    if len(transfers) > 1:
        doubts.append("Content-Transfer-Encodings that contradict each other")
    return list(types), list(transfers), list(dict.fromkeys(doubts))


def _types(value: str, default: str, doubts: list[str]) -> list[_Type]:
    name, strict, doubtful = mime_header.media_type(value)
    if doubtful:
        doubts.append("a Content-Type that readers take apart differently")
    parameters = mime_header.parameters(value) if ";" in value else []
    charset = next((each.value.strip() for each in parameters if each.name == "charset"), None)
    delsp = any(each.name == "delsp" and each.value.strip().lower() == "yes" for each in parameters)
    if not name.startswith("multipart/"):
        return [_Type(name or default, None, charset, delsp)]
    boundaries = [reading.rstrip() for each in parameters if each.name == "boundary" for reading in each.readings]
    boundaries = list(dict.fromkeys(filter(None, boundaries)))
    if len(boundaries) > 1:
        doubts.append("several boundaries")
    readings = [_Type(name, boundary) for boundary in boundaries] or [_Type(name)]
    return [*readings, _Type(strict or default, None, charset, delsp)] if doubtful else readings


def _names(dispositions: list[str], types: list[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for values, wanted in ((dispositions, "filename"), (types, "name")):
        for value in values:
            named = [each for each in mime_header.parameters(value) if each.name == wanted] if ";" in value else []
            readings = [reading for each in reversed(named) for reading in each.readings]
            found |= dict.fromkeys(filter(None, (mime_header.words(reading).strip() for reading in readings)))
    return tuple(found)[:10]
