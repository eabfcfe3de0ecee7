"""Where the tables of a sheet begin and end: titles, headers of one or two lines, blank rows, several tables in one."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

from rules.columns import (
    LONGEST,
    SAMPLE,
    Column,
    bare,
    can_be_names,
    is_ein,
    is_number_of_something,
    last_names_first,
    nine_digits_of_people,
    says_nothing,
    says_person,
    settle,
    settle_without_header,
    single_names,
    surely_people,
)
from rules.content import Table
from rules.headers import NAMES, Meaning, vocabulary, words_of

Row = Sequence[str]

_VALUE = re.compile(
    r"[$(]?-?[0-9][0-9,./:-]*%?\)?|.*[0-9]{5}.*|.*[0-9]{3}-[0-9]{2}-[0-9]{4}.*|[Xx*#\u2022]{3}.*[0-9]{4}|.*@.*"
    r"|(?i:page|pg)\.? {0,9}[0-9]{1,6}(?: of [0-9]{1,6})?"
)
_DIGIT = re.compile(r"[0-9]")
_MEASURE = re.compile(  #: the corner of a pivot table, over "Row Labels"
    r"(?i)\s*(?:sum of|total of|average of|max of|summe von|suma de|somme de|soma de) "
    r"(?P<what>.+?)(?:\s+(?:column labels|row labels|spaltenbeschriftungen|zeilenbeschriftungen"
    r"|etiquetas de (?:columna|fila)|.tiquettes de (?:colonnes|lignes)))?\s*"
)
_OF_PEOPLE = frozenset({Meaning.SSN, Meaning.TAX_ID, Meaning.LAST_FOUR, Meaning.BIRTH, Meaning.MEDICARE})
_APART = frozenset({Meaning.LAST_NAME, Meaning.FIRST_NAME})
_HEADER_ROWS = 40  #: rows from the top of a sheet in which its first header is looked for
_LONGEST_HEADER = 40
_NEAR = 40  #: rows over the last one that tell whether it is their header
_AFTER_GAP = 6  #: rows after a blank one in which a further header is looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Rows from any carrier, with the way to name a place among them."""

    part: str | None
    rows: Sequence[Row]
    place: Callable[[int, int, int, int], str]
    header: Row = ()  #: given when it stands elsewhere: on the page before
    again: bool = False  #: its rows stand in a text that is read, too
    searched: bool = True  #: whether its cells are to be searched; not when they stand in a text that is searched


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One table: its header's cells, and the rows from `top` (its header, when it has one) to before `end`."""

    sheet: Sheet
    header: Row
    top: int
    first: int  #: first row below the header
    end: int

    @property
    def rows(self) -> Sequence[Row]:
        return self.sheet.rows[self.first : self.end]


def cells_of(rows: Sequence[Row], index: int) -> list[str]:
    """A column's cells, "" where a row is short. Most rows are of one length: then no line of ours runs for each."""
    if index < min(map(len, rows), default=0):
        return list(map(itemgetter(index), rows))
    return [row[index] if index < len(row) else "" for row in rows]


def sheet_of(table: Table) -> Sheet:
    return Sheet(part=table.part, rows=table.rows, place=table.place, again=bool(table.also))


def blocks(sheet: Sheet) -> Iterator[Block]:
    """The tables of a sheet, in order; what stands above the first header is a table without one."""
    rows = sheet.rows
    starts: list[tuple[int, int, Row]] = []
    row = 0
    for place in _places(rows):
        if place < row:
            continue
        if found := _header_at(rows, place):
            height, header = found
            if not starts or tuple(starts[-1][2]) != tuple(header):  # a header that is repeated begins nothing
                starts.append((place, place + height, header))
            row = place + height
    if len(starts) == 1 and not sheet.header and _is_below(rows, *starts[0]):
        yield Block(sheet=sheet, header=starts[0][2], top=0, first=0, end=starts[0][0])
        return
    if not starts or starts[0][0] > 0:
        end = starts[0][0] if starts else len(rows)
        yield Block(sheet=sheet, header=sheet.header, top=0, first=0, end=end)
    for index, (top, first, header) in enumerate(starts):
        end = starts[index + 1][0] if index + 1 < len(starts) else len(rows)
        yield Block(sheet=sheet, header=header, top=top, first=first, end=end)


def _is_below(rows: Sequence[Row], top: int, first: int, header: Row) -> bool:
    """Whether the only header is the last row, under rows with as many cells."""
    if any(map(any, rows[first:])):
        return False
    filled = sum(map(bool, map(str.strip, header)))
    above = [row for row in rows[max(top - _NEAR, 0) : top] if any(row)]
    alike = sum(sum(map(bool, map(str.strip, row))) == filled for row in above)
    return filled > 1 and alike >= max(2, 0.6 * len(above))


def _places(rows: Sequence[Row]) -> Iterator[int]:
    """Rows that can be a header: near the top, soon after a blank row, or the first without a digit after others."""
    hope, digits = _HEADER_ROWS, False
    for index, text in enumerate(map("".join, rows)):
        if not text:
            hope = max(hope, _AFTER_GAP)
            continue
        above, digits = digits, _DIGIT.search(text) is not None
        if hope or (above and not digits):
            hope = max(hope - 1, 0)
            yield index


def _header_at(rows: Sequence[Row], index: int) -> tuple[int, Row] | None:
    """Height and cells of the header that begins at a row."""
    row = rows[index]
    if len(row) > 20_000 or not _wordy(row):
        return None
    below = rows[index + 1] if index + 1 < len(rows) else ()
    if any(below) and _MEASURE.fullmatch(row[0]) and vocabulary().meaning(below[0]) in NAMES:
        return 2, below
    own = _meanings(row)
    if any(below) and _wordy(below):
        both = [f"{top} {bottom}".strip() for top, bottom in _padded(row, below)]
        known = len(_meanings(both))
        more = known > max(len(own), len(_meanings(below))) or (len(own) >= 2 and known >= len(own))
        if more and all_header_words(below):
            return 2, both
    cells = sum(1 for cell in row if cell.strip())
    short = max(map(len, row)) <= _LONGEST_HEADER
    enough = len(own) >= 2 or (len(own) == 1 and cells <= 3 and (cells > 1 or own[0] is Meaning.SSN) and short)
    return (1, row) if enough or (own and short and _over_values(rows, index)) else None


def _over_values(rows: Sequence[Row], index: int) -> bool:
    """Whether a row of words stands over rows that have numbers or dates under them."""
    filled = [column for column, cell in enumerate(rows[index]) if cell.strip()]
    below = [row for row in rows[index + 1 : index + 4] if any(row)]
    return (
        len(filled) >= 3
        and len(below) >= 2
        and all(
            sum(column < len(row) and bool(row[column].strip()) for column in filled) >= 0.6 * len(filled)
            and any(column < len(row) and _VALUE.fullmatch(row[column].strip()) for column in filled)
            for row in below
        )
    )


def _padded(top: Row, bottom: Row) -> Iterator[tuple[str, str]]:
    for index in range(max(len(top), len(bottom))):
        yield (top[index] if index < len(top) else "", bottom[index] if index < len(bottom) else "")


def _wordy(row: Row) -> bool:
    """Whether no cell is a value."""
    return any(row) and not any(map(_VALUE.fullmatch, map(str.strip, row)))


def _meanings(row: Row) -> list[Meaning]:
    known = (vocabulary().meaning(cell) for cell in row if cell.strip())
    return [meaning for meaning in known if meaning is not None]


def all_header_words(row: Row) -> bool:
    """Whether a second line is one: most of its words are words of headers."""
    words = [word for cell in row for word in words_of(cell)]
    return bool(words) and sum(map(vocabulary().is_header_word, words)) >= 0.6 * len(words)


def profile(block: Block) -> tuple[Column, ...]:
    """What the columns of a table are; those that are nothing known are left out."""
    rows = block.rows
    sample = _of_persons(block, _sample([row for row in rows if any(row)] if len(rows) <= 4 * SAMPLE else rows))
    width = max([len(block.header), *map(len, sample)], default=0)
    columns: dict[int, Column] = {}
    cells_of = {index: _cells(sample, index) for index in range(min(width, 20_000))}
    measure = _measure(block)
    for index, cells in cells_of.items():
        if any(before in columns and columns[before].width == 3 for before in (index - 1, index - 2)):
            continue
        header = block.header[index] if index < len(block.header) else ""
        if split := _split(header, index, cells_of):
            columns[index] = split
            continue
        if not header and _said_before(cells):
            continue  # the same label on every row, which is nobody's name
        said = "" if any(block.header) else _said_before(cells_of.get(index - 1, ()))
        meaning = settle(header or said, cells) if any(block.header) or said else settle_without_header(cells)
        meaning = meaning or (settle(measure, cells) if measure and index else None)
        if meaning:
            columns[index] = Column(index=index, header=header, meaning=meaning)
    return _neighbours(block, columns, cells_of)


def _measure(block: Block) -> str:
    """What a pivot table adds up, as its corner says: "Sum of Gross Pay" stands for every column of it."""
    corner = block.sheet.rows[block.top] if block.first > block.top else block.header
    found = _MEASURE.fullmatch(corner[0]) if corner else None
    return found["what"] if found else ""


def is_corner(line: str) -> bool:
    """Whether a line stands over a pivot table and says what it adds up."""
    return _MEASURE.fullmatch(line.strip()) is not None


def _said_before(cells: Sequence[str]) -> str:
    """The words that stand before every value of a column without a header, as its header: "P/N", "SSN"."""
    said = cells[0] if len(cells) > 1 and len(set(cells)) == 1 else ""
    return said if vocabulary().meaning(said) else ""


def _of_persons(block: Block, sample: Sequence[Row]) -> Sequence[Row]:
    """Rows without an EIN in a column of tax ids: companies among payees say nothing of what the others are."""
    said = {index: vocabulary().meaning(header) for index, header in enumerate(block.header) if header}
    ids = [index for index, meaning in said.items() if meaning in {Meaning.TAX_ID, Meaning.SSN}]
    if not ids:
        return sample
    return [row for row in sample if not any(index < len(row) and is_ein(row[index]) for index in ids)] or sample


def _sample(rows: Sequence[Row]) -> list[Row]:
    """Rows from all over a table: the first ones, then evenly."""
    if len(rows) <= SAMPLE:
        return list(rows)
    step = max(1, len(rows) // (SAMPLE // 2))
    return [*rows[: SAMPLE // 2], *rows[SAMPLE // 2 :: step]]


def _cells(sample: Sequence[Row], index: int) -> list[str]:
    return [cell for row in sample if index < len(row) and (cell := bare(row[index][:LONGEST].replace("\u00a0", " ")))]


def _neighbours(block: Block, columns: dict[int, Column], cells_of: dict[int, list[str]]) -> tuple[Column, ...]:
    """What only the columns together tell: tax ids, bare nine digits beside names, names in two columns."""
    bare_header = not any(block.header)
    if bare_header:
        columns |= _names_apart(columns, cells_of)
    meanings = {column.meaning for column in columns.values()}
    if not meanings & NAMES and meanings & (_OF_PEOPLE | {Meaning.PAY}):
        columns |= _names_unsaid(block, columns, cells_of, sure=not meanings & _OF_PEOPLE)
        meanings = {column.meaning for column in columns.values()}
    people, companies = bool(meanings & NAMES), Meaning.ORGANISATION in meanings
    if not people:  # numbers of policies and samples, written like SSNs
        columns |= {
            index: replace(column, meaning=Meaning.OTHER_NUMBER)
            for index, column in columns.items()
            if column.meaning is Meaning.SSN and is_number_of_something(column.header, companies=companies)
        }
    table = _Table(
        people=people,
        companies=companies,
        bare=bare_header,
        sure=Meaning.BIRTH in meanings or meanings >= _APART or (bare_header and _last_names_first(columns, cells_of)),
        persons=any(column.meaning in NAMES and says_person(column.header) for column in columns.values()),
    )
    for index, cells in cells_of.items():
        column = columns.get(index)
        if meaning := table.number(column, cells):
            columns[index] = Column(index=index, header=column.header if column else "", meaning=meaning)
    return tuple(columns[index] for index in sorted(columns))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """What the columns of a table together tell of a number in it whose own header does not."""

    people: bool  #: it has names
    companies: bool  #: of companies
    bare: bool  #: it has no header
    sure: bool  #: what marks the rows as persons, not parcels: birth dates, first names apart
    persons: bool  #: the header of the names says so: "Employee"

    def number(self, column: Column | None, cells: Sequence[str]) -> Meaning | None:
        """Another meaning of the column, when there is one."""
        if column and column.meaning is Meaning.TAX_ID:
            mine = self.people and not self.companies and settle("ssn", cells) is Meaning.SSN
            return Meaning.SSN if mine else Meaning.OTHER_NUMBER
        if not self.people:
            return None
        if column is None:
            return Meaning.SSN if self.bare and nine_digits_of_people(cells, sure=self.sure) else None
        if column.meaning is not Meaning.NUMBER or not says_nothing(column.header):
            return None
        if self.sure and nine_digits_of_people(cells, sure=True):
            return Meaning.SSN
        return Meaning.PERSON_ID if self.persons else None


def _last_names_first(columns: Mapping[int, Column], cells_of: Mapping[int, list[str]]) -> bool:
    return any(last_names_first(cells_of[index]) for index, column in columns.items() if column.meaning is Meaning.NAME)


def _names_unsaid(
    block: Block, columns: dict[int, Column], cells_of: dict[int, list[str]], *, sure: bool
) -> dict[int, Column]:
    """The first column that looks like people's names, beside numbers or birth dates, whatever its header is.

    Beside pay alone they have to be those of people beyond doubt (`sure`): films and products earn, too.
    """
    for index, cells in cells_of.items():
        header = block.header[index] if index < len(block.header) else ""
        if index not in columns and cells and can_be_names(header, cells) and (not sure or surely_people(cells)):
            return {index: Column(index=index, header=header, meaning=Meaning.NAME)}
    return {}


def _names_apart(columns: dict[int, Column], cells_of: dict[int, list[str]]) -> dict[int, Column]:
    """Last and first names in two columns without a header, beside a number or a birth date of theirs."""
    meanings = {column.meaning for column in columns.values()}
    if meanings & NAMES:
        return {}
    marked = bool(meanings & _OF_PEOPLE) or any(nine_digits_of_people(cells, sure=True) for cells in cells_of.values())
    if not marked:
        return {}
    for index, cells in cells_of.items():
        if index in columns or index + 1 in columns or not single_names(cells):
            continue
        if single_names(cells_of.get(index + 1, [])):
            return {
                index: Column(index=index, header="", meaning=Meaning.LAST_NAME),
                index + 1: Column(index=index + 1, header="", meaning=Meaning.FIRST_NAME),
            }
    return {}


def _split(header: str, index: int, cells_of: dict[int, list[str]]) -> Column | None:
    """An SSN split over three columns, under one header or three: 212 | 48 | 6397."""
    if index + 2 not in cells_of or vocabulary().meaning(re.sub(r"[0-9]+$", "", header.strip())) is not Meaning.SSN:
        return None
    for offset, size in enumerate((3, 2, 4)):
        cells = cells_of[index + offset]
        if not cells or sum(cell.isdecimal() and len(cell) <= size for cell in cells) < 0.9 * len(cells):
            return None
    return Column(index=index, header=header, meaning=Meaning.SSN, width=3)
