"""The fields of a report's line, told by their own shapes: numbers, dates, money, states, and the words between."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from rules import states

_LONGEST_GAP = 10  #: lines between two pages of one report
LONGEST_LINE = 2_000

# One word of a report line that has a shape of its own. Two spaces always part columns; single ones part words.
_TYPED = re.compile(
    r"(?P<ssn>[0-9]{3}[-\u00a0][0-9]{2}[-\u00a0][0-9]{4})"
    r"|(?P<masked>[Xx*#\u2022]{3}-?[Xx*#\u2022]{2}-?[0-9]{4})"
    r"|(?P<date>[0-9]{1,2}[/-][0-9]{1,2}[/-](?:[0-9]{4}|[0-9]{2})|(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2})"
    r"|(?P<money>\(?-?\$?-?[0-9][0-9,]*\.[0-9]{2}\)?-?|\(?-?\$-?[0-9][0-9,]*\)?|-?[0-9]{1,3}(?:,[0-9]{3})+)"
    r"|(?P<percent>-?[0-9.]+%)"
    r"|(?P<nine>[0-9]{9})"
    r"|(?P<number>[0-9]{3,12})"
    r"|(?P<zip>[0-9]{5}-[0-9]{4})"
)
SPACES = re.compile(r" {2,}|\t|\s\|\s")
_KINDS_OF_PEOPLE = frozenset({"ssn", "masked", "date", "money", "number", "nine"})
_SPACED_SSN = re.compile(r"(?<![^ ])([0-9]{3}) ([0-9]{2}) ([0-9]{4})(?![^ ])")
_ALONE = re.compile(r"[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}|[0-9]{7,8}|.*[/X*$].*")  #: a number that alone is a row
_DIGIT = re.compile(r"[0-9]")
_ANCHOR = re.compile(r"[0-9]{2}")

Key = tuple[str, int]  #: kind of field, and the how manieth of its kind in the line


@dataclass(slots=True)
class Line:
    """One line's fields."""

    number: int
    cells: dict[Key, str]
    kinds: frozenset[str]


def shaped(lines: list[str], taken: set[int]) -> list[Line]:
    """The lines that can be rows, those of other tables left out."""
    return [row for number, line in enumerate(lines) if number not in taken and (row := _fields(number, line))]


def _fields(number: int, line: str) -> Line | None:
    """A line as fields by kind; None when it is prose, or has nothing of a person in it."""
    if len(line) > LONGEST_LINE or _ANCHOR.search(line) is None:
        return None
    # no-break spaces keep the three groups one word; a header must still say that they are an SSN
    if " " in line:
        line = _SPACED_SSN.sub("\\1\u00a0\\2\u00a0\\3", line)
    elif "\t" not in line and _ALONE.fullmatch(line) is None:  # a million ZIP codes, one on each line
        return None
    fields = [found for piece in SPACES.split(line) if piece for found in _fields_of(piece.strip().split(" "))]
    count: dict[str, int] = {}
    cells: dict[Key, str] = {}
    for kind, cell in fields:
        order = count[kind] = count.get(kind, -1) + 1
        cells[kind, order] = cell
    if _KINDS_OF_PEOPLE.isdisjoint(count) or not _is_row(cells):
        return None
    return Line(number, cells, _kinds(tuple(count)))


def kind_of(cell: str) -> str:
    """What a cell is by its shape alone."""
    typed = None if cell.isalpha() else _TYPED.fullmatch(cell)
    if typed:
        return typed.lastgroup or "number"
    if len(cell) == 2 and states.named(cell):
        return "state"
    return "code" if _DIGIT.search(cell) else "words"


@lru_cache(maxsize=1_000)
def _kinds(names: tuple[str, ...]) -> frozenset[str]:
    """Lines of one report share them."""
    return frozenset(names)


def _fields_of(words: list[str]) -> list[tuple[str, str]]:
    """Words between two wide gaps as fields: those with a shape alone, the others in runs."""
    fields: list[tuple[str, str]] = []
    run: list[str] = []
    for word in words:
        typed = None if word.isalpha() else _TYPED.fullmatch(word)
        if typed is None:
            if len(word) > 1 or word.isalnum():  # no bullet, no dash
                run.append(word)
            continue
        state = run.pop() if run and len(run[-1]) == 2 and run[-1].isupper() and states.named(run[-1]) else ""
        if run:
            fields.append(("words", " ".join(run)))
            run = []
        kind = typed.lastgroup or "number"
        if state:
            fields.append(("state", state))
            kind = "zip" if kind == "number" and len(word) == 5 else kind
        fields.append((kind, word))
    if len(run) == 1 and len(run[0]) == 2 and run[0].isupper() and states.named(run[0]):
        fields.append(("state", run[0]))
    elif run:
        fields.append(("words", " ".join(run)))
    return fields


def _is_row(cells: dict[Key, str]) -> bool:
    """Whether its runs of words are those of a row: short, and no sentence."""
    return len(cells) <= 64 and not any(
        kind == "words" and (cell[-1:] == ":" or (len(cell) > 12 and (cell[-1:] == "." or cell.count(" ") > 5)))
        for (kind, _), cell in cells.items()
    )


def regions(rows: list[Line]) -> Iterator[list[Line]]:
    """Rows of the same kinds that follow each other, pages apart at most."""
    region: list[Line] = []
    for row in rows:
        if region and not _follows(region[-1], row):
            yield region
            region = []
        region.append(row)
    if region:
        yield region


def _follows(above: Line, below: Line) -> bool:
    gap = below.number - above.number
    if gap > _LONGEST_GAP:
        return False
    common = above.kinds & below.kinds
    alike = len(common) >= 0.5 * len(above.kinds | below.kinds)
    return alike and bool(common & _KINDS_OF_PEOPLE)


def keys_of(region: list[Line]) -> tuple[Key, ...]:
    """The columns of a region in the order of its fullest usual line; rare ones come last."""
    usual = Counter(tuple(row.cells) for row in region).most_common(1)[0][0]
    rest = Counter(key for row in region for key in row.cells if key not in usual)
    return (*usual, *sorted(rest))
