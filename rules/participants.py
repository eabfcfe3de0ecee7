"""Tables to lists of people: who is one person, how many there are, where they live. Its values never leave."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import NamedTuple

from rules import states
from rules.alike import same_date, same_name
from rules.columns import DATE, Column, is_ein, ssn_of, ssns_of
from rules.elements import elements
from rules.headers import NAMES, PERSONAL, Meaning, words_of
from rules.sheets import Block, Row, all_header_words, cells_of
from rules.verdict import ParticipantList, People

_HOME_WORDS = frozenset({"home", "residence", "resident", "res", "resid", "domicile", "legal"})
LEAST = 3  #: distinct people that make a participant list

_TOTAL = re.compile(
    r"(?i)\W{0,9}(?:grand |sub ?-?|report |page |plan )?"
    r"(?:totals?|count|average|sum|mean|end of (?:report|list)|page|continued)\b.*"
)
_PAGE = re.compile(r"(?i)\s{0,9}(?:page|pg\.?)(?: ?(?:no\.?|:|#))?(?:\s{0,9}[0-9]{1,6})?(?: of [0-9]{1,6})?\s{0,9}")
_DIGIT = re.compile(r"[0-9]")
_LETTER = re.compile(r"[^\W\d_]")
_NOT_DIGIT = re.compile(r"[^0-9]+")

#: Personal only where nothing marks a directory of staff.
_PERSONAL_AT_HOME = frozenset({Meaning.ADDRESS, Meaning.PERSON_ID})


_ROW = itemgetter(0)  #: of a Person

Key = tuple[str, str]


class Person(NamedTuple):
    """One row read as a person. A tuple, and no more than this: there may be a million."""

    row: int  #: in the sheet
    ssn: str
    state: str
    named: bool = True  #: False for the second number of a row, whose name is not in it


class Identity(NamedTuple):
    """What a person is known by elsewhere, evened out; never leaves the worker."""

    name: str
    birth: str
    last_four: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """The people of one table."""

    block: Block
    columns: tuple[Column, ...]
    people: tuple[Person, ...]
    numbers: Mapping[int, Sequence[str]]  #: by index of an SSN column, row by row
    reader: "Reader"
    noted: bool = False  #: numbers of people stand elsewhere in the rows: in the cell of the name, in a remark
    beside: bool = False  #: another table stands beside it on the sheet

    def key(self, person: Person) -> Key | None:
        """What makes two rows without a number one person: name and birth date, else name and id or address."""
        keys = self.keys(person)
        return keys[0] if keys else None

    def keys(self, person: Person) -> list[Key]:
        return self.reader.keys(self.block.sheet.rows[person.row]) if person.named else []

    def identity(self, person: Person) -> Identity:
        row = self.block.sheet.rows[person.row]
        return self.reader.identity(row, person.ssn) if person.named else Identity("", "", person.ssn[-4:])

    @property
    def named(self) -> bool:
        """Whether the table has what a participant list needs: names, and something personal."""
        meanings = {column.meaning for column in self.columns}
        if not meanings & NAMES:
            return False
        if self.noted or meanings & PERSONAL:
            return True
        directory = Meaning.WORK in meanings or (Meaning.ORGANISATION in meanings and Meaning.PERSON_ID not in meanings)
        return bool(meanings & _PERSONAL_AT_HOME) and not directory

    @property
    def series(self) -> tuple[object, ...]:
        """Tables of one part with the same columns are one list: pages of a report."""
        return (self.block.sheet.part, tuple(sorted({column.meaning for column in self.columns} & (PERSONAL | NAMES))))

    def place(self) -> str:
        """From the header to the last person."""
        block = self.block
        width = max([len(block.header), *(column.index + column.width for column in self.columns), 1])
        used = [] if self.beside else [index for index in range(len(block.header)) if block.header[index].strip()]
        left = min([*used, *(column.index for column in self.columns)], default=0)
        right = max([*used, *(column.index + column.width - 1 for column in self.columns)], default=width - 1)
        top = block.top if block.first > block.top else self.people[0].row
        return block.sheet.place(top, left, self.people[-1].row, right)


class Reader:
    """Reads the rows of one table; the columns it needs are found once."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._names = _of(columns, Meaning.LAST_NAME, Meaning.FIRST_NAME) or _of(columns, Meaning.NAME)
        self._birth = _of(columns, Meaning.BIRTH)[:1]
        self._ids = _of(columns, Meaning.PERSON_ID)[:1]
        self._fours = _of(columns, Meaning.LAST_FOUR)[:1]
        self._homes = _of(columns, Meaning.HOME, Meaning.ADDRESS)[:1]
        self._numbers = _of(columns, Meaning.SSN)
        self._personal = [column.index for column in columns if column.meaning in PERSONAL | _PERSONAL_AT_HOME]
        states_of = sorted((c for c in columns if c.meaning is Meaning.STATE), key=_is_not_home)
        self._residence: list[tuple[int, Callable[[str], str]]] = [
            *((column.index, states.named) for column in states_of[:1]),
            *((index, states.of_address) for index in _of(columns, Meaning.CITY_STATE, Meaning.HOME, Meaning.ADDRESS)),
            *((index, states.of_zip) for index in _of(columns, Meaning.ZIP)[:1]),
        ]

    def has_name(self, row: Row) -> bool:
        return _LETTER.search(self._name(row)) is not None

    def is_person(self, row: Row) -> bool:
        """Whether a row without a number is a person all the same."""
        name = self._name(row)
        if _LETTER.search(name):
            if (
                _TOTAL.fullmatch(name)
                or any(map(_PAGE.fullmatch, row))
                or any(is_ein(_cell(row, n)) for n in self._numbers)
            ):
                return False
            return any(_cell(row, index) for index in self._personal)
        birth, person_id = _first(row, self._birth), _first(row, self._ids)
        return bool(DATE.fullmatch(birth)) and bool(person_id)

    def keys(self, row: Row) -> list[Key]:
        name = same_name(self._name(row))
        if not name:
            return []
        birth = _first(row, self._birth)
        identity = _first(row, self._ids) or _first(row, self._fours) or _first(row, self._homes)
        keys = [(name, same_date(birth))] if birth else []
        return [*keys, (name, f"#{identity.casefold()}")] if identity else keys

    def identity(self, row: Row, ssn: str) -> Identity:
        birth = _first(row, self._birth)
        fours = _NOT_DIGIT.sub("", _first(row, self._fours))[-4:]
        last_four = ssn[-4:] or (fours.zfill(4) if fours else "")
        return Identity(same_name(self._name(row)), same_date(birth) if birth else "", last_four)

    def _name(self, row: Row) -> str:
        return " ".join([cell for index in self._names if (cell := _cell(row, index))])

    def states(self, rows: Sequence[Row]) -> list[str]:
        """Where they live, row by row: by the first column that tells it. A cell that comes again is read once."""
        found = [""] * len(rows)
        for index, tell in self._residence:
            if all(found):
                break
            cells = list(zip(cells_of(rows, index), found, strict=True))
            told = {cell: tell(cell.strip()) for cell in {cell for cell, state in cells if not state}}
            found = [state or told[cell] for cell, state in cells]
        return found


def _of(columns: Iterable[Column], *meanings: Meaning) -> list[int]:
    """Indexes of the columns of these meanings, in the order of the meanings."""
    found = [(meanings.index(column.meaning), column.index) for column in columns if column.meaning in meanings]
    return [index for _, index in sorted(found)]


def _is_not_home(column: Column) -> bool:
    """A column that says "residence" or "home" is asked before one that says no more than "state"."""
    return _HOME_WORDS.isdisjoint(words_of(column.header))


def _cell(row: Row, index: int) -> str:
    return row[index].strip() if index < len(row) else ""


def _first(row: Row, indexes: list[int]) -> str:
    return _cell(row, indexes[0]) if indexes else ""


def numbers_in(block: Block, column: Column) -> list[str]:
    """The persons' numbers of a column, row by row; "" where there is none."""
    index = column.index
    if column.width == 1:
        return ssns_of(cells_of(block.rows, index))
    return [
        ssn_of("-".join(_cell(row, index + n).zfill(size) for n, size in enumerate((3, 2, 4)))) for row in block.rows
    ]


def rolls(block: Block, columns: tuple[Column, ...]) -> list[Roll]:
    """The people of a table; of two that stand side by side and both name people."""
    groups: list[list[Column]] = [[]]
    for column in columns:
        left = groups[-1]
        gap = range(left[-1].index + left[-1].width, column.index) if left else range(0)
        apart = any(index >= len(block.header) or not block.header[index].strip() for index in gap)
        if apart or _begins_again(left, column):
            groups.append([])
        groups[-1].append(column)
    named = [any(column.meaning in NAMES for column in group) for group in groups]
    if not any(block.header) or len(groups) < 2 or not all(named):
        return [roll(block, columns)]
    return [roll(block, tuple(group), beside=True) for group in groups]


def _begins_again(left: Sequence[Column], column: Column) -> bool:
    """Whether a column of names has the header with which the columns to its left begin: two lists, no gap."""
    first = left[0] if left else column
    same = first.meaning is column.meaning and first.header.strip().casefold() == column.header.strip().casefold()
    return same and column.meaning in NAMES and any(one.meaning not in NAMES for one in left)


def roll(block: Block, columns: tuple[Column, ...], *, beside: bool = False) -> Roll:
    """Read the people of a table."""
    numbers = {column.index: numbers_in(block, column) for column in columns if column.meaning is Meaning.SSN}
    reader = Reader(columns)
    people = [] if not columns else _people(block, reader, list(numbers.values()))
    return Roll(block=block, columns=columns, people=tuple(people), numbers=numbers, reader=reader, beside=beside)


def with_noted(one: Roll, noted: Mapping[int, AbstractSet[str]]) -> Roll:
    """A row without a number of its own takes the only one that stands elsewhere in it."""
    if not noted:
        return one
    alone = {row: next(iter(numbers)) for row, numbers in noted.items() if len(numbers) == 1}
    people = [
        person._replace(ssn=alone[person.row]) if not person.ssn and person.row in alone else person
        for person in one.people
    ]
    known = {person.row for person in people}
    rows = [row for row in alone if row not in known and one.reader.has_name(one.block.sheet.rows[row])]
    if not rows and not any(person.row in alone for person in people):
        return one
    residence = one.reader.states([one.block.sheet.rows[row] for row in rows])
    people += [Person(row, alone[row], state) for row, state in zip(rows, residence, strict=True)]
    return replace(one, people=tuple(sorted(people, key=_ROW)), noted=True)


def _people(block: Block, reader: Reader, columns: Sequence[Sequence[str]]) -> list[Person]:
    header, rows, others = list(block.header), block.rows, columns[1:]
    only = columns[0] if columns else [""] * len(rows)
    residence = reader.states(rows)
    first = block.first
    people = [Person(first + place, number, residence[place]) for place, number in enumerate(only) if number]
    bare = [place for place, number in enumerate(only) if not number] if len(people) < len(rows) else []
    if 0 in bare and len(rows) > LEAST and (not any(header) or all_header_words(rows[0])):
        bare = bare[1:] if _is_header(rows[0], rows[1]) else bare
    for place in bare:
        row = rows[place]
        if any(row) and row != header and not any(column[place] for column in others) and reader.is_person(row):
            people.append(Person(first + place, "", residence[place]))
    people += [
        Person(first + place, number, residence[place], named=False)
        for column in others
        for place, number in enumerate(column)
        if number
    ]
    return sorted(people, key=_ROW) if bare or others else people


def _is_header(row: Row, below: Row) -> bool:
    """Whether words that nobody knows stand over values: no digit in any cell, and some in the row below."""
    return not any(map(_DIGIT.search, row)) and any(map(_DIGIT.search, below))


@dataclass(slots=True)
class Register:
    """Distinct individuals over a whole message."""

    _states: dict[object, str] = field(default_factory=dict)
    _same: dict[object, object] = field(default_factory=dict)  #: name and birth date or id, to the person

    def number(self, ssn: str, state: str = "") -> None:
        """A person known by number alone."""
        if not self._states.get(ssn):
            self._states[ssn] = state

    def enter(self, rolls: Sequence[Roll], listed: Iterable[Roll]) -> None:
        """Add everyone with a number, then those of the lists without one: a row finds the person it belongs to."""
        unnumbered = [(one, person) for one in listed for person in one.people if not person.ssn]
        known = self._states
        for one in rolls:
            for _, ssn, state, _ in one.people:  # as `number` does, for a million
                if ssn and not known.get(ssn):
                    known[ssn] = state
            for person in one.people if unnumbered else ():
                for key in one.keys(person) if person.ssn else ():
                    self._same.setdefault(key, person.ssn)
        for one, person in unnumbered:
            self._enter_unnumbered(one, person)

    def _enter_unnumbered(self, one: Roll, person: Person) -> None:
        key = one.key(person)
        known = self._same.get(key, key) if key else (id(one), person.row)
        for other in one.keys(person):
            self._same.setdefault(other, known)
        if not self._states.get(known):
            self._states[known] = person.state

    def people(self, lists: Iterable[ParticipantList]) -> People:
        by_state: dict[str, int] = {}
        for state in self._states.values():
            by_state[state] = by_state.get(state, 0) + 1
        unknown = by_state.pop("", 0)
        ordered = dict(sorted(by_state.items(), key=lambda item: (-item[1], item[0])))
        return People(count=len(self._states), by_state=ordered, unknown_state=unknown, lists=tuple(lists))


def distinct(rolls: Iterable[Roll]) -> int:
    """Individuals among the people of a series of tables."""
    seen: set[object] = set()
    for one in rolls:
        seen.update(person.ssn or one.key(person) or (id(one), person.row) for person in one.people)
    return len(seen)


def lists(rolls: Sequence[Roll]) -> list[tuple[Roll, ParticipantList, int]]:
    """The participant lists among tables, each with its distinct people. Pages of one report are judged together."""
    found = _lists(one for one in rolls if not one.block.sheet.again)
    again = [one for one in rolls if one.block.sheet.again]
    if not again:
        return found
    told: dict[str | None, set[str]] = {}
    for one, _, _ in found:
        told.setdefault(one.block.sheet.part, set()).update(_known_by(one))
    return found + _lists(one for one in again if not told.get(one.block.sheet.part, set()).issuperset(_known_by(one)))


def _known_by(one: Roll) -> Iterator[str]:
    """What tells that people are on another list already: numbers, else names."""
    return (person.ssn or one.identity(person).name for person in one.people)


def _lists(rolls: Iterable[Roll]) -> list[tuple[Roll, ParticipantList, int]]:
    series: dict[object, list[Roll]] = {}
    for one in rolls:
        if one.named and one.people:
            series.setdefault(one.series, []).append(one)
    found: list[tuple[Roll, ParticipantList, int]] = []
    for members in series.values():
        people = distinct(members)
        if people < LEAST:
            continue
        found.extend((one, _entry(one), people if len(members) == 1 else distinct([one])) for one in members)
    return found


def _entry(one: Roll) -> ParticipantList:
    rows = {person.row for person in one.people}
    unread = 0 if len(rows) == len(one.block.rows) else sum(_unread(one.block, rows))
    return ParticipantList(
        part=one.block.sheet.part,
        where=one.place(),
        rows=len(rows),
        elements=elements(one.columns, noted=one.noted),
        unread_rows=unread,
    )


def _unread(block: Block, people: AbstractSet[int]) -> Iterator[bool]:
    """Rows of two cells and more that are neither people nor headers nor totals."""
    header = list(block.header)
    for index, row in enumerate(block.rows, block.first):
        if index not in people and row != header:
            filled = [cell for cell in row if cell.strip()]
            yield len(filled) >= 2 and not any(map(_TOTAL.fullmatch, filled[:2]))
