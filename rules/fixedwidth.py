"""Tables in running text: pasted CSV, fixed width, reports, PDF text. Every row keeps its line; nothing is judged."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import re2

from rules.aligned import ASSIGNS, Piece, aligned
from rules.checks import is_issued_ssn
from rules.columns import are_people, can_be_a_person, is_name
from rules.content import Grid, Role, Table, Text
from rules.delimited import Delimited, delimited
from rules.folded import unfolded
from rules.headers import MONEY, Meaning, vocabulary, words_of
from rules.items import announced_in, items
from rules.normalise import fold
from rules.positional import HEADER, positional
from rules.ruled import ruled
from rules.segments import HEADER as SEGMENTS
from rules.segments import Segments, segments
from rules.shaped import LONGEST_LINE, SPACES, Key, Line, keys_of, regions, shaped
from rules.sheets import Sheet, is_corner
from rules.stacked import Stacked, stacked
from rules.statements import Statements, statements
from rules.typed import typed

_LEAST_ROWS = 2
_SAMPLE = 200  #: rows that tell whether a table's cells are lines of a report
_MOST_CUTS = 12  #: cells into which commas may have cut such a line
_GAPS = re.compile(r"[^\s] {3,}[^\s]|[^\s] {2}[^\s].{0,60}[^\s] {2,}[^\s]")

_DATA = re.compile(r"[0-9]{5}|[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]/[0-9]{1,2}/[0-9]")  #: in no header
_NUMBERS = re2.compile(rb"[0-9]{2}")  #: the same, for megabytes of text without any
_BARS = str.maketrans("\u2502\u2503\u2551", "|||")  # of tables drawn with box characters
_NEXT_CELL = re.compile(r"</t[dh]>[ \t]{0,9}<t[dh][^>\n]{0,200}>")  #: the source of a page, pasted
_TAG = re.compile(r"</?(?:table|thead|tbody|tr|t[dh])\b[^>\n]{0,200}>")
_QUOTED = re.compile(r"\A ?(?:> ?){1,20}")
_ONE_CELL = re.compile(r'\A"([^",;\t]*)"\Z')  #: a line of CSV with a single column
_AMOUNT = re.compile(r"\$? ?[0-9][0-9,]*(?:\.[0-9]{2})?(?: ?/ ?(?:hr|hour|year|yr))?")
_BEFORE_COMMA = re.compile(r"[\s*\u2022-]{0,3}[^\W\d_].{0,60}[:$ -][0-9]{1,3}")
_BEHIND_COMMA = re.compile(r"[0-9]{3}(?![0-9])")
_SPEAKS_OF_SSNS = re.compile(  # "name and social for the census", but no social media
    r"(?i)(?<![a-z])(?:ssns?|socials|soc(?:ial)? sec(?:urity)?"
    r"|social(?! (?!(?:numbers?|for|of|and|or|in|on|as|is|with|from|below|here)(?![a-z]))[a-z]))(?![a-z])"
)

#: Kinds of field that a header's meaning can stand over.
_UNDER: dict[Meaning, tuple[str, ...]] = {
    Meaning.SSN: ("ssn", "masked", "nine"),
    Meaning.TAX_ID: ("ssn", "nine"),
    Meaning.LAST_FOUR: ("masked", "number"),
    Meaning.BIRTH: ("date",),
    Meaning.DATE: ("date",),
    Meaning.STATE: ("state",),
    Meaning.ZIP: ("zip", "number"),
    **dict.fromkeys((Meaning.PERSON_ID, Meaning.NUMBER, Meaning.OTHER_NUMBER), ("number", "nine", "ssn")),
    **dict.fromkeys(MONEY, ("money", "number")),
}
_WORDS = ("words",)

Cell = tuple[str, Meaning | None]  #: a header's cell and what it says


@dataclass(slots=True)
class Carry:
    """What the pages of one part have in common: the last header seen, for a page that has none."""

    header: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()
    words: tuple[Piece, ...] = ()  #: the same of a header under which values are aligned
    doubtful: bool = False  #: rows are folded over lines, and cannot be put together


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Lines `first` to before `end` of a text that are a table."""

    sheet: Sheet
    first: int
    end: int
    headed: bool = True  #: a header stands over it, or cells are marked off in it
    header: tuple[str, ...] = ()  #: of one with a row to a line, which may go on below the same header on the next page


def tables(text: Text, carry: Carry) -> list[Lines]:
    """The tables in a text, in order."""
    if text.part is None or not _NUMBERS.search(text.content.encode("latin-1", "replace")):
        return []
    content = fold(text.content).translate(_BARS)
    if "</t" in content:
        content = _TAG.sub("", _NEXT_CELL.sub("\t", content))
    lines = [line.rstrip("\r\f ").lstrip("\f") for line in content.split("\n")]
    if '"\n' in content:
        lines = [_ONE_CELL.sub(r"\1", line) for line in lines]
    if ">" in content:
        lines = [_QUOTED.sub("", line) for line in lines]
    if folded := unfolded(lines):
        lines, carry.doubtful = folded.lines, carry.doubtful or folded.doubtful
    taken: set[int] = set()
    found = [*_placed(text, segments(lines, taken), taken, SEGMENTS), *_placed(text, statements(lines, taken), taken)]
    if len(lines) < 2 and not carry.words:  # those may be all on one line
        return found
    found += _with_delimiters(text, lines, typed(lines, taken, "\t|;^~,"), taken)
    found += _with_delimiters(text, lines, delimited(lines, taken, "\t|;^~"), taken)
    found += _under_rulers(text, lines, taken)
    found += _under_headers(text, lines, taken, carry)
    found += _with_delimiters(text, lines, delimited(lines, taken, ","), taken)
    for one in stacked(lines, taken):
        found += _placed(text, [one], taken, one.header)
    by_shape = shaped(lines, taken)
    found += _ruled_by_shape(text, lines, by_shape, taken, carry, headed=True)
    found += _without_gaps(text, lines, taken)
    found += _one_to_a_line(text, lines, taken)
    found += _ruled_by_shape(text, lines, by_shape, taken, Carry(), headed=False)
    if folded:
        found = [replace(one, end=folded.end(one.end)) for one in found]
    return sorted(found, key=lambda one: one.first)


def unparted(table: Table) -> Text | None:
    """The text of a table whose cells are lines of a report: pasted into one column, or cut at their commas."""
    sample = [row for row in islice(table.rows, _SAMPLE) if any(row)]
    wide = sum(len(row) <= _MOST_CUTS and any(map(_GAPS.search, row)) for row in sample)
    cut = sum(len(row) <= _MOST_CUTS and any(map(_is_cut, row, row[1:])) for row in sample)
    semicolons = {",".join(row).count(";") for row in sample}  # of CSV with semicolons, read by the commas of its names
    by_commas = len(semicolons) == 1 and semicolons != {0} and len(sample[0]) == 1 < len(sample[-1])
    if not by_commas and (wide < max(_LEAST_ROWS, 0.5 * len(sample)) and cut < max(_LEAST_ROWS, 0.6 * len(sample))):
        return None
    lines = "\n".join([",".join(row).rstrip(",") for row in table.rows])
    lead = "\n" * (table.first_row - 1) if table.first_row < _SAMPLE else ""
    return Text(part=table.part, where=table.name or "text", role=Role.CONTENT, content=lead + lines)


def _is_cut(cell: str, following: str) -> bool:
    """Whether a comma that parts two cells is one of an amount in words: `Erik Lund: 52` and `000 -> 53`."""
    return _BEFORE_COMMA.fullmatch(cell) is not None and _BEHIND_COMMA.match(following) is not None


def _sheet(text: Text, first: int, rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> Sheet:
    table = Table(part=text.part or "", name=text.where, rows=rows, grid=Grid.LINES, first_row=first + 1)
    return Sheet(part=text.part, rows=rows, place=table.place, header=header)


def _placed(
    text: Text, tables: Iterable[Segments | Statements | Stacked], taken: set[int], header: Sequence[str] = ()
) -> Iterator[Lines]:
    """Tables whose rows are no lines, each row with the line on which it begins."""
    for one in tables:
        taken.update(range(one.first, one.end))
        place = partial(_on_lines, text.where, one.lines)
        sheet = Sheet(part=text.part, rows=one.rows, place=place, header=header)
        yield Lines(sheet=sheet, first=one.first, end=one.end)


def _on_lines(where: str, lines: Sequence[int], top: int, _left: int, bottom: int, _right: int) -> str:
    first, last = lines[top] + 1, lines[bottom] + 1
    return f"{where} line {first}" if first == last else f"{where} lines {first}-{last}"


def _under_rulers(text: Text, lines: list[str], taken: set[int]) -> Iterator[Lines]:
    for one in ruled(lines, taken):
        yield _lines(text, lines, one.first, one.rows, taken)


def _under_headers(text: Text, lines: list[str], taken: set[int], carry: Carry) -> Iterator[Lines]:
    for one in aligned(lines, taken, carry.words):
        header = tuple(word.text for word in one.header)
        carry.words = one.header
        inherited = () if tuple(one.rows[0]) == header else header
        yield replace(_lines(text, lines, one.first, one.rows, taken, inherited), header=header)


def _without_gaps(text: Text, lines: list[str], taken: set[int]) -> Iterator[Lines]:
    for one in positional(lines, taken):
        taken.update(range(one.first, one.end))
        yield Lines(sheet=_sheet(text, one.first, one.rows, HEADER), first=one.first, end=one.end)


def _one_to_a_line(text: Text, lines: list[str], taken: set[int]) -> Iterator[Lines]:
    for one in items(lines, taken):
        taken.update(range(one.first, one.end))
        yield Lines(sheet=_sheet(text, one.first, one.rows, one.header), first=one.first, end=one.end)


def _with_delimiters(text: Text, lines: list[str], found: Iterable[Delimited], taken: set[int]) -> Iterator[Lines]:
    for one in found:
        yield _lines(text, lines, one.first, one.rows, taken, _pay_of(lines, one))


def _pay_of(lines: list[str], one: Delimited) -> tuple[str, ...]:
    """A header for names beside money, in rows without one, under a sentence that says that it is pay or a balance."""
    sample = [row for row in one.rows[:_SAMPLE] if any(row)]
    said = announced_in(lines[max(0, one.first - 3) : one.first])
    pay = next((phrase for meaning, phrase in said.items() if meaning in MONEY), "")
    if not pay or len(sample) < _LEAST_ROWS + 1 or {len(row) for row in sample} != {2}:
        return ()
    names, amounts = ([row[column].strip() for row in sample] for column in (0, 1))
    return ("Name", pay) if are_people(names) and all(map(_AMOUNT.fullmatch, amounts)) else ()


def _lines(
    text: Text,
    lines: list[str],
    first: int,
    rows: Sequence[Sequence[str]],
    taken: set[int],
    header: Sequence[str] = (),
) -> Lines:
    """Rows that begin on line `first`, with the line over them that says what a pivot table adds up."""
    end = first + len(rows)
    if first and first - 1 not in taken and is_corner(lines[first - 1]):
        first, rows = first - 1, [[lines[first - 1].strip()], *rows]
    taken.update(range(first, end))
    return Lines(sheet=_sheet(text, first, rows, header), first=first, end=end)


def _ruled_by_shape(
    text: Text, lines: list[str], rows: list[Line], taken: set[int], carry: Carry, *, headed: bool
) -> Iterator[Lines]:
    """Tables whose fields are told by their own shapes: those that a header names first, the others last."""
    for region in regions([row for row in rows if row.number not in taken]):
        keys = keys_of(region)
        if headed and len(keys) == 1:  # a cell to a line
            continue
        top, header = _header_above(lines, region, keys, taken)
        sparse = sum(vocabulary().meaning(cell) is not None for cell in header) < 2
        if sparse and (said := _announced(lines, region, keys)):
            top, header = None, said
        header = header or _header_below(lines, region, keys, taken)
        if header:
            carry.header, carry.keys = header, keys
        elif keys != carry.keys and (headed or len(region) < 3):
            continue
        by_number = {row.number: row for row in region}
        blank = [""] * len(keys)  # another line stands in a column of its own
        first, end = (region[0].number if top is None else top), region[-1].number + 1
        body = [
            [by_number[n].cells.get(key, "") for key in keys] if n in by_number else [*blank, lines[n]]
            for n in range(region[0].number, end)
        ]
        if top is not None:
            gap = [[*blank, line] for line in lines[top + 1 : region[0].number]]
            body = [list(header), *gap, *body]
        inherited = carry.header if top is None and keys == carry.keys else ()
        taken.update(range(first, end))
        named = bool(header or inherited)
        yield Lines(sheet=_sheet(text, first, body, inherited), first=first, end=end, headed=named)


def _header_above(
    lines: list[str], region: list[Line], keys: tuple[Key, ...], taken: set[int]
) -> tuple[int | None, tuple[str, ...]]:
    """Line and cells of the header over a region: the nearest of the six lines above that names columns."""
    top = region[0].number
    for number in range(top - 1, max(-1, top - 7), -1):
        line = lines[number]
        if number in taken:
            break  # another table stands between
        if not line.strip() or len(line) > LONGEST_LINE or _DATA.search(line) or ASSIGNS.search(line):
            continue
        cells = _header_cells(line)
        above = lines[number - 1] if number and number - 1 not in taken else ""
        if SPACES.search(above.strip()) and SPACES.search(line.strip()) and not _DATA.search(above):
            both = [(cell, vocabulary().meaning(cell)) for cell in _two_lines(above, line)]
            cells = both if len(_known(both)) > len(_known(cells)) else cells
        known = _known(cells)
        if len(known) >= 2 or (known == {Meaning.SSN} and len(line.split()) <= 4):
            header = _under(cells, keys)
            placed = {vocabulary().meaning(cell) for cell in header}
            return (number, header) if any(header) and known & placed >= known & {Meaning.SSN} else (None, ())
    return None, ()


def _header_below(lines: list[str], region: list[Line], keys: tuple[Key, ...], taken: set[int]) -> tuple[str, ...]:
    """The header right under the last row, where nothing stands that it could be the header of."""
    number = region[-1].number + 1
    below = [line for line in lines[number : number + 3] if line.strip()]
    over_others = any(map(_DATA.search, below[1:]))
    if number in taken or over_others or not below or below[0] != lines[number] or len(below[0]) > LONGEST_LINE:
        return ()
    cells = [] if _DATA.search(below[0]) else _header_cells(below[0])
    if len(cells) != len(keys) or len(_known(cells)) < 2:
        return ()
    return _under(cells, keys)


def _announced(lines: list[str], region: list[Line], keys: tuple[Key, ...]) -> tuple[str, ...]:
    """A header for names with a number or money under a sentence that says what these are: "the socials:"."""
    top = region[0].number
    above = [line for line in lines[max(0, top - 3) : top] if len(line) <= LONGEST_LINE]
    if len(region) < 2 or ("words", 0) not in keys or not _are_names(region):
        return ()
    if ("nine", 0) in keys and ("nine", 1) not in keys and any(map(_SPEAKS_OF_SSNS.search, above)):
        if all(is_issued_ssn(row.cells.get(("nine", 0), "")) for row in region):
            return _named(keys, "nine", "SSN")
    elif ("money", 0) in keys and len(region) > 2:
        pay = next((phrase for meaning, phrase in announced_in(above).items() if meaning in MONEY), "")
        return _named(keys, "money", pay) if pay else ()
    return ()


def _are_names(region: list[Line]) -> bool:
    names = [row.cells.get(("words", 0), "") for row in region]
    return is_name(names) and sum(map(can_be_a_person, names)) >= 0.8 * len(names)


def _named(keys: tuple[Key, ...], kind: str, header: str) -> tuple[str, ...]:
    """Names over the first run of words, and a header over the first field of a kind."""
    return tuple({("words", 0): "Name", (kind, 0): header}.get(key, "") for key in keys)


def _known(cells: list[Cell]) -> set[Meaning]:
    return {meaning for _, meaning in cells if meaning is not None}


def _header_cells(line: str) -> list[Cell]:
    """The columns that a header line names, in order; none when the line is a sentence."""
    parts = [part for part in SPACES.split(line.strip()) if part]
    if len(parts) >= 2:
        cells: list[Cell] = [(part, vocabulary().meaning(part) if len(part) <= 40 else None) for part in parts]
        if sum(meaning is not None for _, meaning in cells) >= max(2, 0.5 * len(cells)):
            return cells
    phrases = vocabulary().phrases_in(line)
    covered = sum(len(phrase.split()) for phrase, _ in phrases)
    return list(phrases) if covered >= 0.6 * len(words_of(line)) else []


def _two_lines(above: str, below: str) -> list[str]:
    """The cells of a header of two lines, joined where they stand over each other."""
    spans = [(m.start(), m.end()) for m in re.finditer(r"\S+(?: \S+)*", below)]
    cells = []
    for start, end in spans:
        over = [m[0] for m in re.finditer(r"\S+(?: \S+)*", above) if m.start() < end and m.end() > start]
        cells.append(" ".join([*over, below[start:end]]))
    return cells


def _under(cells: list[Cell], keys: tuple[Key, ...]) -> tuple[str, ...]:
    """Header cells for the columns: one by one when they are as many, else each over the next of its kind."""
    header = {key: key[0] if key[0] in {"state", "zip"} and key[1] == 0 else "" for key in keys}
    if len(cells) == len(keys) and all(_fits(meaning, key) for (_, meaning), key in zip(cells, keys, strict=True)):
        return tuple(text for text, _ in cells)
    free = list(keys)
    for text, meaning in cells:
        place = next((key for key in free if meaning and key[0] in _UNDER.get(meaning, _WORDS)), None)
        if place is not None:
            header[place] = text
            free.remove(place)
    return tuple(header[key] for key in keys)


def _fits(meaning: Meaning | None, key: Key) -> bool:
    return meaning is None or meaning is Meaning.OTHER or key[0] in _UNDER.get(meaning, _WORDS)
