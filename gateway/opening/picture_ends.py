"""Where pictures end by their own format. Trusts no size that can be counted."""

import re
import struct
from dataclasses import dataclass, field

from gateway.opening.ends import Extent
from gateway.opening.opener import CannotLookError
from rules.verdict import Obstacle

_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_FIELD_NAME = re.compile(rb"[A-Za-z_]{1,60}\d{0,2}")
_GIF_END, _GIF_IMAGE, _GIF_EXTENSION = 0x3B, 0x2C, 0x21
_BMP_PALETTE = 4 * 256 + 16  #: bytes at the most, with the masks before it
_WEBP = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP "}
_TIFF_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}  #: of a value; else 1
_TIFF_LETTERS = {3: "H", 16: "Q", 18: "Q"}  #: else a number of four bytes
_TIFF_LEADS = {273, 279, 324, 325, 330, 513, 514, 34665, 34853}  #: tags of places and sizes


def png(content: bytes) -> list[Extent]:
    """Chunks up to IEND, which has no content; or as far as they are chunks."""
    place = 8
    while place + 12 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, place)
        if kind == b"IEND":
            return [(0, place + 12)]
        if place + 12 + size > len(content) or not kind.isalpha():
            break
        place += 12 + size
    return [(0, place)]


def jpeg(content: bytes) -> list[Extent]:
    """Segments have lengths; behind a start of scan comes data in which FF is followed by zero or a restart."""
    place = 2
    while marker := _JPEG_MARKER.search(content, place):
        kind = content[marker.start() + 1]
        if kind == 0xD9:
            return [(0, marker.end()), *_telephones(content, marker.end())]
        place = marker.end() + struct.unpack_from(">H", content, marker.end())[0]
    raise CannotLookError(Obstacle.CORRUPT, "a JPEG without its end mark")


def _telephones(content: bytes, start: int) -> list[Extent]:
    """Heads of the fields that Samsung's telephones put behind a photo, and their directory; values are pieces.

    Nothing when any of it is otherwise than they write it (ExifTool, Samsung.pm: "Samsung trailer").
    """
    (size,) = struct.unpack_from("<I", content, len(content) - 8)
    directory = len(content) - 8 - size
    if content[-4:] != b"SEFT" or directory < start or content[directory : directory + 4] != b"SEFH":
        return []
    claimed = [(directory, len(content))]
    (count,) = struct.unpack_from("<I", content, directory + 8)
    for entry in range(directory + 12, directory + 12 + 12 * count, 12):
        sign, back, whole = struct.unpack_from("<4sII", content, entry)
        field = directory - back
        (name,) = struct.unpack_from("<I", content, max(field, 0) + 4)
        known = content[field : field + 4] == sign and _FIELD_NAME.fullmatch(content[field + 8 : field + 8 + name])
        if field < start or not known or not 8 + name <= whole <= back:
            return []
        claimed.append((field, field + 8 + name))
    return claimed if size == 12 + 12 * count else []


def gif(content: bytes) -> list[Extent]:
    """Blocks up to the trailer, which many programs forget; or as far as they are blocks."""
    flags = content[10]
    place = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    while place < len(content) and content[place] in {_GIF_IMAGE, _GIF_EXTENSION}:
        if content[place] == _GIF_IMAGE:
            flags = content[place + 9]
            place += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
        else:
            place += 2
        while content[place]:
            place += content[place] + 1
        place += 1
    return [(0, place + (content[place : place + 1] == bytes([_GIF_END])))]


def bmp(content: bytes) -> list[Extent]:
    """Header and palette, pixels, and the colour profile of version 5. Its sizes are counted: some programs err."""
    start, head = struct.unpack_from("<II", content, 10)
    if head == 12:  # OS/2
        width, height, _, bits = struct.unpack_from("<HHHH", content, 18)
        method = 0
    else:
        width, height, _, bits, method = struct.unpack_from("<iiHHI", content, 18)
    end = start + (abs(width) * bits + 31) // 32 * 4 * abs(height)
    if method in {1, 2}:
        end = _run_lengths(content, start, halves=method == 2)
    claimed = [(0, min(start, 14 + head + _BMP_PALETTE)), (start, end)]
    if head >= 124 and content[70:74] == b"DEBM":
        profile, size = struct.unpack_from("<II", content, 126)
        claimed.append((14 + profile, 14 + profile + size))
    return claimed


def _run_lengths(content: bytes, place: int, *, halves: bool) -> int:
    """Where BMP's run-length code ends: counts and values; or zero and a sign, a step, or values as they are."""
    while True:
        count, value = content[place], content[place + 1]
        place += 2
        if count == 0 and value == 1:
            return place
        if count == 0 and value == 2:
            place += 2
        elif count == 0 and value:
            size = (value + 1) // 2 if halves else value
            place += size + size % 2


def webp(content: bytes) -> list[Extent]:
    """Chunks of known kinds; readers pass over all others, and over what stands behind them."""
    place = 12
    while place + 8 <= len(content):
        kind, size = struct.unpack_from("<4sI", content, place)
        if kind not in _WEBP:
            break
        place += 8 + size + size % 2
    return [(0, place)]


def boxes(content: bytes) -> list[Extent]:
    """Boxes of an ISO media file, less those that hold anything one likes (ISO 14496-12 8.1.2, 11.1)."""
    claimed, place = [], 0
    while place + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, place)
        if size == 1:
            (size,) = struct.unpack_from(">Q", content, place + 8)
        size = size or len(content) - place
        if size < 8 or not kind.isascii():
            break
        if kind not in {b"free", b"skip", b"uuid"}:
            claimed.append((place, place + size))
        place += size
    return claimed


def tiff(content: bytes) -> list[Extent]:
    """To the end of whatever the directories lead to; between their pieces may be old ones, which nothing shows."""
    return [(0, _Tiff(content).end())]


@dataclass(slots=True)
class _Tiff:
    """TIFF 6.0, and BigTIFF, whose places and counts are of eight bytes."""

    content: bytes
    order: str = ""
    word: str = ""  #: struct's letter of a place
    size: int = 0  #: bytes of a place
    seen: set[int] = field(default_factory=set)
    read: int = 0

    def end(self) -> int:
        self.order = "<" if self.content.startswith(b"II") else ">"
        big = self.number("H", 2) == 43
        self.word, self.size = ("Q", 8) if big else ("I", 4)
        end, waiting = self.size * 2, [self.number(self.word, self.size)]
        while waiting:
            place = waiting.pop()
            if place >= 8 and place not in self.seen:
                self.seen.add(place)
                reach, others = self.directory(place, "Q" if big else "H")
                end = max(end, reach)
                waiting += others
        return end

    def number(self, letter: str, place: int) -> int:
        return int(struct.unpack_from(self.order + letter, self.content, place)[0])

    def count(self, size: int) -> None:
        """Directories and values are read once; where they overlap, one byte may lead anywhere for ever."""
        self.read += size
        if self.read > 2 * len(self.content):
            raise CannotLookError(Obstacle.CORRUPT, "a TIFF whose directories overlap")

    def directory(self, place: int, counter: str) -> tuple[int, list[int]]:
        """How far it and its values reach, and the directories that it leads to."""
        first, step = place + struct.calcsize(counter), 4 + 2 * self.size
        following = first + step * self.number(counter, place)
        self.count(following - place)
        end, values = following + self.size, dict[int, tuple[int, ...]]()
        for entry in range(first, following, step):
            tag, kind, number = struct.unpack_from(f"{self.order}HH{self.word}", self.content, entry)
            size, start = _TIFF_SIZES.get(kind, 1) * number, entry + 4 + self.size
            if size > self.size:
                start = self.number(self.word, start)
            end = max(end, start + size)
            if tag in _TIFF_LEADS:
                self.count(size)
                letter = _TIFF_LETTERS.get(kind, "I")
                values[tag] = struct.unpack_from(f"{self.order}{number}{letter}", self.content, start)
        for starts, sizes in ((273, 279), (324, 325), (513, 514)):
            spans = zip(values.get(starts, ()), values.get(sizes, ()), strict=False)
            end = max([end, *(start + size for start, size in spans)])
        leads = (*values.get(330, ()), *values.get(34665, ()), *values.get(34853, ()))
        return end, [*leads, self.number(self.word, following)]
