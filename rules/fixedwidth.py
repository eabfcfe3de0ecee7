"""Tables in running text: pasted CSV, fixed width, report and PDF text. Every row keeps its line; nothing is judged here."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rules import states
from rules.columns import MONEY, Meaning, vocabulary
from rules.content import Grid, Table, Text
from rules.sheets import Sheet

_LEAST_ROWS = 2
_LONGEST_GAP = 10  #: lines between two pages of one report
_LONGEST_LINE = 2_000
_DELIMITERS = "\t|;,"

# One line of a report: what has a shape of its own, and runs of words between. Two spaces always part.
_FIELD = re.compile(
    r"(?P<ssn>(?<![\w-])[0-9]{3}-[0-9]{2}-[0-9]{4}(?![\w-]))"
    r"|(?P<masked>(?<!\w)[Xx*#\u2022]{3}-?[Xx*#\u2022]{2}-?[0-9]{4}(?!\w))"
    r"|(?P<date>(?<![\w/-])(?:[0-9]{1,2}[/-][0-9]{1,2}[/-](?:[0-9]{4}|[0-9]{2})|(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2})(?![\w/-]))"
    r"|(?P<money>(?<!\w)\(?-?\$ ?[0-9][0-9,]*(?:\.[0-9]+)?\)?|(?<![\w.,-])-?[0-9][0-9,]*\.[0-9]{2}(?![\w%.])|(?<![\w.,-])[0-9]{1,3}(?:,[0-9]{3})+(?![\w.,]))"
    r"|(?P<percent>[0-9.]+ ?%)"
    r"|(?P<zip>(?<=[A-Z]{2} )[0-9]{5}(?:-[0-9]{4})?(?!\w))"
    r"|(?P<number>(?<![\w-])[0-9]{3,12}(?![\w-]))"
    r"|(?P<state>(?<!\w)[A-Z]{2}(?= {1,3}[0-9]{5}(?!\w)|  |\s*$| [0-9$]))"
    r"|(?P<words>[^\s|]+)"
)
_SPACES = re.compile(r" {2,}|\t|\s\|\s")
_KINDS_OF_PEOPLE = frozenset({"ssn", "masked", "date", "money", "number"})
_ANCHOR = re.compile(r"[0-9]{3}")

#: Kinds of field that a header's meaning can stand over.
_UNDER: dict[Meaning, tuple[str, ...]] = {
    Meaning.SSN: ("ssn", "masked", "nine"),
    Meaning.TAX_ID: ("ssn", "nine"),
    Meaning.LAST_FOUR: ("masked", "number"),
    Meaning.BIRTH: ("date",),
    Meaning.DATE: ("date",),
    Meaning.STATE: ("state",),
    Meaning.ZIP: ("zip", "number"),
    Meaning.PERSON_ID: ("number", "nine"),
    Meaning.NUMBER: ("number", "nine"),
    Meaning.OTHER_NUMBER: ("number", "nine"),
    **dict.fromkeys(MONEY, ("money", "number")),
}
_WORDS = ("words",)

Key = tuple[str, int]  #: kind of field, and the how manieth of its kind in the line


@dataclass(slots=True)
class Carry:
    """What the pages of one part have in common: the last header seen, for a page that has none."""

    header: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Lines `first` to before `end` of a text that are a table."""

    sheet: Sheet
    first: int
    end: int


def tables(text: Text, carry: Carry) -> list[Lines]:
    """The tables in a text, in order."""
    if text.part is None or _ANCHOR.search(text.content) is None:
        return []
    lines = [line.rstrip("\r\f ").lstrip("\f") for line in text.content.split("\n")]
    if len(lines) < 2:
        return []
    found = list(_delimited(text, lines))
    taken = {number for one in found for number in range(one.first, one.end)}
    found += _ruled_by_shape(text, lines, taken, carry)
    return sorted(found, key=lambda one: one.first)


def _sheet(text: Text, first: int, rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> Sheet:
    table = Table(part=text.part or "", name=text.where, rows=rows, grid=Grid.LINES, first_row=first + 1)
    return Sheet(part=text.part, rows=rows, place=table.place, header=header)


def _delimited(text: Text, lines: list[str]) -> Iterator[Lines]:
    """Runs of lines with the same number of tabs, bars, semicolons or commas."""
    free = [True] * len(lines)
    for delimiter in _DELIMITERS:
        if text.content.count(delimiter) < 2 * _LEAST_ROWS:
            continue
        counts = [len(_cells(line, delimiter)) if free[i] and delimiter in line else 0 for i, line in enumerate(lines)]
        for first, end in _runs(counts):
            rows = [_cells(line, delimiter) for line in lines[first:end]]
            if delimiter == "," and not _is_table(rows):
                continue
            free[first:end] = [False] * (end - first)
            yield Lines(sheet=_sheet(text, first, rows), first=first, end=end)


def _runs(counts: list[int]) -> Iterator[tuple[int, int]]:
    """Stretches of two lines and more with the same number (two or more) of cells; a blank line may part them."""
    index = 0
    while index < len(counts):
        size, start = counts[index], index
        index += 1
        if size < 2:
            continue
        last = start
        while index < len(counts) and (counts[index] == size or (counts[index] == 0 and index - last < 2)):
            if counts[index] == size:
                last = index
            index += 1
        index = last + 1
        if last > start:
            yield start, last + 1


def _is_table(rows: list[list[str]]) -> bool:
    """Commas are in sentences too: a header, or lines that hold a number in a cell of its own."""
    header = sum(vocabulary().meaning(cell) is not None for cell in rows[0])
    values = sum(any(cell[:1].isdigit() or cell[-1:].isdigit() for cell in row) for row in rows)
    longest = max(len(cell) for row in rows for cell in row)
    return (header >= 2 and max(map(len, rows[0])) <= 40) or (len(rows) >= 3 and values >= 0.8 * len(rows) and longest <= 60)


def _cells(line: str, delimiter: str) -> list[str]:
    if len(line) > 100_000:
        return []
    if delimiter in ",;" and '"' in line:
        try:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
        except csv.Error:
            pass
    cells = [cell.strip() for cell in line.split(delimiter)]
    if delimiter == "|" and len(cells) > 2 and not cells[0] and not cells[-1]:
        return cells[1:-1]  # | a Markdown | table |
    return cells


@dataclass(slots=True)
class _Line:
    number: int
    cells: dict[Key, str]

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(kind for kind, _ in self.cells)


def _ruled_by_shape(text: Text, lines: list[str], taken: set[int], carry: Carry) -> Iterator[Lines]:
    rows = [row for number, line in enumerate(lines) if number not in taken and (row := _fields(number, line))]
    for region in _regions(rows):
        keys = _keys(region)
        top, header = _header_above(lines, region, keys, taken)
        if header:
            carry.header, carry.keys = header, keys
        elif len(region) < 3 and keys != carry.keys:
            continue
        by_number = {row.number: row for row in region}
        first, end = (region[0].number if top is None else top), region[-1].number + 1
        body = [
            [by_number[n].cells.get(key, "") for key in keys] if n in by_number else [lines[n]]
            for n in range(region[0].number, end)
        ]
        if top is not None:
            gap: list[list[str]] = [[""] for _ in range(top + 1, region[0].number)]
            body = [list(header), *gap, *body]
        inherited = () if header or keys != carry.keys else carry.header
        yield Lines(sheet=_sheet(text, first, body, inherited), first=first, end=end)


def _fields(number: int, line: str) -> _Line | None:
    """A line as fields by kind; None when it is prose, or has nothing of a person in it."""
    if len(line) > _LONGEST_LINE or _ANCHOR.search(line) is None:
        return None
    cells: dict[Key, str] = {}
    count: Counter[str] = Counter()
    end, run = 0, None
    for match in _FIELD.finditer(line):
        kind = match.lastgroup or "words"
        if kind == "number" and len(match[0]) == 9:
            kind = "nine"
        if kind == "state" and not states.named(match[0]):
            kind = "words"
        if kind == "words" and run is not None and _SPACES.search(line, end, match.start()) is None:
            cells[run] += f" {match[0]}"
        else:
            key = (kind, count[kind])
            count[kind] += 1
            cells[key] = match[0]
            run = key if kind == "words" else None
        end = match.end()
    return _Line(number, cells) if _is_row(cells) else None


def _is_row(cells: dict[Key, str]) -> bool:
    kinds = {kind for kind, _ in cells}
    if not kinds & (_KINDS_OF_PEOPLE | {"nine"}):
        return False
    runs = [cell for (kind, _), cell in cells.items() if kind == "words"]
    return len(cells) <= 64 and all(cell.count(" ") <= 5 and not cell.endswith((".", ":")) for cell in runs if len(cell) > 12)


def _regions(rows: list[_Line]) -> Iterator[list[_Line]]:
    """Rows of the same kinds that follow each other, pages apart at most."""
    region: list[_Line] = []
    for row in rows:
        if region and not _follows(region[-1], row):
            yield region
            region = []
        region.append(row)
    if region:
        yield region


def _follows(above: _Line, below: _Line) -> bool:
    gap = below.number - above.number
    if gap > _LONGEST_GAP:
        return False
    common = above.kinds & below.kinds
    alike = len(common) >= 0.5 * len(above.kinds | below.kinds)
    return alike and bool(common & (_KINDS_OF_PEOPLE | {"nine"}))


def _keys(region: list[_Line]) -> tuple[Key, ...]:
    """The columns of a region in the order of its fullest usual line; rare ones come last."""
    usual = Counter(tuple(row.cells) for row in region).most_common(1)[0][0]
    rest = Counter(key for row in region for key in row.cells if key not in usual)
    return (*usual, *sorted(rest))


def _header_above(
    lines: list[str], region: list[_Line], keys: tuple[Key, ...], taken: set[int]
) -> tuple[int | None, tuple[str, ...]]:
    """Line and cells of the header over a region: the nearest of the six lines above with two known words or more."""
    top = region[0].number
    for number in range(top - 1, max(-1, top - 7), -1):
        line = lines[number]
        if number in taken or not line.strip() or len(line) > _LONGEST_LINE or re.search(r"[0-9]{5}", line):
            continue
        phrases = _phrases(line)
        if len(phrases) >= 2 or (len(phrases) == 1 and phrases[0][1] is Meaning.SSN and len(line.split()) <= 4):
            above = lines[number - 1] if number and number - 1 not in taken else ""
            if above.strip() and _SPACES.search(above.strip()) and (both := _two_lines(above, line)):
                more = [(cell, meaning) for cell in both if (meaning := vocabulary().meaning(cell))]
                if len({m for _, m in more}) > len({m for _, m in phrases}):
                    phrases = more
            return number, _under(phrases, keys)
    return None, ()


def _phrases(line: str) -> list[tuple[str, Meaning]]:
    """The known columns of a header line, in order."""
    parts = [part for part in _SPACES.split(line.strip()) if part]
    if len(parts) >= 2:
        by_cell = [(part, meaning) for part in parts if (meaning := vocabulary().meaning(part))]
        if len(by_cell) >= 2:
            return by_cell
    return vocabulary().phrases_in(line)


def _two_lines(above: str, below: str) -> list[str]:
    """The cells of a header of two lines, joined where they stand over each other."""
    spans = [(m.start(), m.end()) for m in re.finditer(r"\S+(?: \S+)*", below)]
    cells = []
    for start, end in spans:
        over = [m[0] for m in re.finditer(r"\S+(?: \S+)*", above) if m.start() < end and m.end() > start]
        cells.append(" ".join([*over, below[start:end]]))
    return cells


def _under(phrases: list[tuple[str, Meaning]], keys: tuple[Key, ...]) -> tuple[str, ...]:
    """Header cells for the columns: each phrase over the first free column of a kind that it can stand over."""
    header = dict.fromkeys(keys, "")
    free = list(keys)
    for phrase, meaning in phrases:
        kinds = _UNDER.get(meaning, _WORDS)
        place = next((key for kind in kinds for key in free if key[0] == kind), None)
        if place is not None:
            header[place] = phrase
            free.remove(place)
    return tuple(header[key] for key in keys)
