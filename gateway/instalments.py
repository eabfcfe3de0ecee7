"""A text too long for one worker, in pieces that read like the whole: each begins with the file's first lines.

So each has the titles and the header, and enough rows for its columns to be taken for the same. Only ends of lines are
looked for here; what stands in them is a confined worker's to read.
"""

from collections.abc import Iterator
from pathlib import Path

from gateway.errors import RosterError
from gateway.opening.charset import decode, encoding_of, lines_as_read
from gateway.opening.identify import recognised

LONG = 1 << 24  #: bytes; what is shorter is read at once
PIECE = 1 << 23  #: characters: about 140,000 people
HEAD = 400  #: lines, twice of what tells what a column is
_SAMPLE = 1 << 16
_BLOCK = 1 << 20
_CELL = 20  #: lines that one quoted cell may go over
_LONGEST = 8  #: pieces that one line may be long
_TEXTS = frozenset({"text/plain", "text/csv", "text/tab-separated-values"})


def is_long_text(file: Path, long: int = LONG) -> bool:
    """Whether a file is a text of lines, and too long to be read at once."""
    if file.stat().st_size <= long:
        return False
    sample = _sample(file)
    return recognised(sample, filename=file.name) in _TEXTS and "\n" in decode(sample)


def instalments(file: Path, *, piece: int = PIECE, head: int = HEAD) -> Iterator[bytes]:
    """The head, then pieces that each begin with it, in UTF-8. Every line below the head is in one piece."""
    above = rest = ""
    for text in lines_as_read(blocks(file), encoding_of(lambda: blocks(file), _sample(file))):
        rest += text
        if not above and len(rest) > piece and (end := _end_of_record(rest, _start_of_line(rest, head) - 1)):
            above, rest = rest[:end], rest[end:]
            yield above.encode()
        while above and len(rest) > piece and (end := _end_of_record(rest, piece)):
            yield (above + rest[:end]).encode()
            rest = rest[end:]
        if len(rest) > _LONGEST * piece:
            raise RosterError(f"{file}: has lines too long to be people's")
    if rest:
        yield (above + rest).encode()


def _sample(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(_SAMPLE)


def blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while block := opened.read(_BLOCK):
            yield block


def _start_of_line(text: str, number: int) -> int:
    place = 0
    for _ in range(number):
        place = text.find("\n", place) + 1 or len(text)
    return place


def _end_of_record(text: str, place: int) -> int:
    """Behind the line in which `place` is and the quoted cell that goes on there; 0 when that is not known yet."""
    end = first = text.find("\n", place) + 1
    for _ in range(_CELL):
        if not end or text.count('"', 0, end) % 2 == 0:
            return end
        end = text.find("\n", end) + 1
    return first  # the mark is not one of a cell: 5'10"
