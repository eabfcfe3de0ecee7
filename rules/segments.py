"""Segments, as in EDI: people of X12 enrolments, claims and payments, and of HL7 messages. One row for each person.

What is under no header, or does not look like what its header says, stands in the last cell: nothing is left out.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rules.checks import are_spread, is_issued_ssn

HEADER = ["Last Name", "First Name", "SSN", "Member ID", "DOB", "Home Address", "City", "State", "ZIP", ""]
_LAST, _FIRST, _SSN, _ID, _BIRTH, _STREET, _CITY, _STATE, _ZIP, _REST = range(len(HEADER))

_BEGINS = frozenset({"INS", "HL", "ENT", "N1", "SE"})
_SSN_FOLLOWS = "34"  #: data element 66: the identification code behind it is a Social Security number
#: Entities of NM101 that are no patient, member or insured: physicians, submitters, payers (X12 data element 98).
_NO_MEMBERS = frozenset("1P 2B 36 40 41 45 71 72 73 77 82 85 87 98 DD DK DN DQ FA P3 P4 P5 PR PW QB X3".split())  # noqa: SIM905
_OF_TWO_FIELDS = frozenset({_FIRST, _STREET})  #: with the middle name, with a second line
#: The part of a value that its cell shows: a cell that is a state or a ZIP code is not searched for numbers.
_SHOWN = {
    _BIRTH: re.compile(r"[0-9]{8}|.+"),
    _STATE: re.compile(r"[^0-9]+(?!.)"),
    _ZIP: re.compile(r"[0-9]{1,5}"),
}
_ANYTHING = re.compile(r"(?s).*")
_KIND = re.compile(r"[A-Z0-9]{0,3}")


class Segments(NamedTuple):
    """Lines `first` to before `end`, as rows under HEADER; `lines` says on which each person begins."""

    first: int
    end: int
    rows: list[list[str]]
    lines: list[int]


class _Syntax(NamedTuple):
    begins: re.Pattern[str]  #: a line with which a stretch can begin
    goes_on: re.Pattern[str]  #: a line that belongs to it; another one is text again
    segment: re.Pattern[str]
    separator: str


_X12 = _Syntax(
    re.compile(r"[ \t>]{0,9}(?:ISA|GS|ST|INS|NM1|HL|REF)\*"), re.compile(r"[A-Z0-9]\*|~\Z"), re.compile(r"[^~\n]+"), "*"
)
_HL7 = _Syntax(
    re.compile(r"[ \t>]{0,9}MSH\|"), re.compile(r"\A[ \t>]{0,9}[A-Z][A-Z0-9]{2}\|"), re.compile(r"[^\r\n]+"), "|"
)


def segments(lines: Sequence[str], taken: set[int]) -> Iterator[Segments]:
    """The stretches of segments in a text that have people in them."""
    content = "\n".join(lines)
    if "NM1*" not in content and "PID|" not in content:
        return
    end = 0
    for first, line in enumerate(lines):
        syntax = next((one for one in (_X12, _HL7) if one.begins.match(line)), None)
        if first < end or first in taken or syntax is None:
            continue
        end = _end(lines, first, taken, syntax)
        found = _segments(lines[first:end], first, syntax)
        people = list(_x12(found) if syntax is _X12 else _hl7(found))
        rows = _rows(people)
        if any(any(row[:_REST]) for row in rows):
            yield Segments(first, end, rows, [person.line for person in people])


def _end(lines: Sequence[str], first: int, taken: set[int], syntax: _Syntax) -> int:
    """The line behind the last segment; blank ones may stand between two."""
    end = first + 1
    for number in range(first + 1, len(lines)):
        if number in taken or (lines[number] and not syntax.goes_on.search(lines[number])):
            break
        end = number + 1 if lines[number] else end
    return end


class _Segment(NamedTuple):
    line: int
    fields: list[str]

    def field(self, index: int) -> str:
        return self.fields[index] if index < len(self.fields) else ""


def _segments(lines: Iterable[str], first: int, syntax: _Syntax) -> Iterator[_Segment]:
    for number, line in enumerate(lines, first):
        for match in syntax.segment.finditer(line):
            yield _Segment(number, [one.strip() for one in match[0].strip(" \t>").split(syntax.separator)])


@dataclass(slots=True)
class _Person:
    line: int
    cells: list[str] = field(default_factory=lambda: [""] * _REST)
    rest: list[str] = field(default_factory=list)

    def take(self, values: Iterable[tuple[int, str]], separator: str) -> None:
        """A segment's values in their cells; what does not fit, or comes second, is kept with the rest."""
        filled = {place for place, cell in enumerate(self.cells) if cell}
        kind, *left = [self._left(place, value, filled) for place, value in values]
        if any(left) or _KIND.fullmatch(kind) is None:
            self.rest.append(separator.join(filter(None, (kind, *left))))

    def _left(self, place: int, value: str, filled: set[int]) -> str:
        """Puts a value into its cell; what of it has to be read elsewhere."""
        if place == _REST:
            return value if value != self.cells[_SSN] else ""
        cell = self.cells[place]
        match = _SHOWN.get(place, _ANYTHING).match(value)
        shown = match[0] if match else ""
        if place in filled or (cell and place not in _OF_TWO_FIELDS):
            second = value if value != cell else ""
            return f"SSN: {second}" if second and place == _SSN else second
        self.cells[place] = f"{cell} {shown}".strip()
        return "" if shown == value else value


def _rows(people: Sequence[_Person]) -> list[list[str]]:
    numbers = {person.cells[_ID] for person in people if person.cells[_ID]}
    issued = sum(map(is_issued_ssn, numbers)) >= 0.98 * len(numbers)
    if numbers and issued and are_spread(numbers):
        for cells in (person.cells for person in people):  # the subscriber's number is mostly his own
            cells[_SSN] = cells[_SSN] or cells[_ID]
            cells[_ID] = cells[_ID] if cells[_ID] != cells[_SSN] else ""
    return [[*person.cells, " ".join(person.rest)] for person in people]


def _x12(found: Iterable[_Segment]) -> Iterator[_Person]:
    """A person begins at INS, or at a second NM1; REF, N3, N4 and DMG that follow are his."""
    person: _Person | None = None
    subscriber, begins = False, _BEGINS
    for one in found:
        kind = one.field(0)
        if person is None:
            begins |= {kind} & {"REF"}  # an excerpt, whose numbers stand before the names
        elif _ends(person, one, begins):
            yield person
            person = None
        person = person or _Person(one.line)
        subscriber = one.field(1) == "Y" if kind == "INS" else subscriber
        places = _places(one, subscriber=subscriber)
        person.take(((places.get(n, _REST), value) for n, value in enumerate(one.fields)), "*")
    if person:
        yield person


def _ends(person: _Person, one: _Segment, begins: frozenset[str]) -> bool:
    kind, named = one.field(0), bool(person.cells[_LAST])
    return (kind in begins and (named or kind != "REF")) or (kind == "NM1" and (named or _other(one)))


def _other(one: _Segment) -> bool:
    """Whether NM1 names no member: a company, a physician, a payer."""
    return one.field(2) != "1" or one.field(1) in _NO_MEMBERS or one.field(8) == "XX"


def _places(one: _Segment, *, subscriber: bool) -> Mapping[int, int]:
    """The cells into which fields go, by the fields' places."""
    places: Mapping[int, int] = {}
    match one.field(0), one.field(1):
        case "NM1", _ if not _other(one):
            number = _SSN if one.field(8) == _SSN_FOLLOWS else _ID
            places = {3: _LAST, 4: _FIRST, 5: _FIRST, 9: number}
        case "ENT", _ if one.field(3) == _SSN_FOLLOWS:
            places = {4: _SSN}
        case "REF", "SY":  # data element 128: Social Security number
            places = {2: _SSN}
        case "REF", "0F" if subscriber:  # subscriber's number; a dependant bears it too
            places = {2: _ID}
        case "N3", _:
            places = {1: _STREET, 2: _STREET}
        case "N4", _:
            places = {1: _CITY, 2: _STATE, 3: _ZIP}
        case "DMG", _:
            places = {2: _BIRTH}
    return places


#: By segment and field of HL7 2.x, the cells into which the components of its first repetition go.
_NAME, _ADDRESS = (_LAST, _FIRST), (_STREET, _REST, _CITY, _STATE, _ZIP)
_OF_HL7: Mapping[str, Mapping[int, Sequence[int]]] = {
    "PID": {3: (_ID,), 5: _NAME, 7: (_BIRTH,), 11: _ADDRESS, 19: (_SSN,)},
    "GT1": {2: (_ID,), 3: _NAME, 5: _ADDRESS, 8: (_BIRTH,), 12: (_SSN,)},
}
_TYPE_OF_NUMBER = 4  #: the component CX.5 of a number; table 0203 has SS, a Social Security number


def _hl7(found: Iterable[_Segment]) -> Iterator[_Person]:
    for one in found:
        person = _Person(one.line)
        person.take(_values(one), "|")
        yield person


def _values(one: _Segment) -> Iterator[tuple[int, str]]:
    """The components of a segment, each with its cell."""
    places = _OF_HL7.get(one.field(0))
    if places is None:
        yield from ((_REST, value) for value in one.fields)
        return
    for n, value in enumerate(one.fields):
        under = places.get(n, ())
        for repetition in value.split("~"):
            components = repetition.split("^")
            own = components[_TYPE_OF_NUMBER : _TYPE_OF_NUMBER + 1] == ["SS"]
            cells = (_SSN,) if own else under
            yield from ((cells[n] if n < len(cells) else _REST, part) for n, part in enumerate(components))
            under = under if own else ()
