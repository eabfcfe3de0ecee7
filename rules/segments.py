"""Segments, as in EDI: people of X12 enrolments, claims and payments, and of HL7 messages. One row for each person."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rules.checks import is_issued_ssn

HEADER = ["Last Name", "First Name", "SSN", "Member ID", "DOB", "Home Address", "City", "State", "ZIP", ""]
_LAST, _FIRST, _SSN, _ID, _BIRTH, _STREET, _CITY, _STATE, _ZIP, _REST = range(len(HEADER))
_LEAST_SEGMENTS = 3

_X12 = re.compile(r"[ \t>]{0,9}(?:ISA|GS|ST|INS|NM1|HL|REF)\*")
_HL7 = re.compile(r"[ \t>]{0,9}MSH\|")
_X12_SEGMENT = re.compile(r"[^~\n]+")
_HL7_SEGMENT = re.compile(r"[^\r\n]+")
_BEGINS = frozenset({"INS", "HL", "ENT", "N1", "SE"})
_SSN_FOLLOWS = "34"  #: data element 66: the identification code behind it is a Social Security number
#: Entities of NM101 that are no patient, member or insured: physicians, submitters, payers (X12 data element 98).
_NO_MEMBERS = frozenset("1P 2B 36 40 41 45 71 72 73 77 82 85 87 98 DD DK DN DQ FA P3 P4 P5 PR PW QB X3".split())  # noqa: SIM905


class Segments(NamedTuple):
    """Lines `first` to before `end`, as rows under HEADER; `lines` says on which each person begins."""

    first: int
    end: int
    rows: list[list[str]]
    lines: list[int]


def segments(lines: Sequence[str], taken: set[int]) -> Iterator[Segments]:
    """The first stretch of segments in a text, when people are in it."""
    content = "\n".join(lines)
    if "NM1*" not in content and "PID|" not in content:
        return
    for first, line in enumerate(lines):
        if first in taken:
            continue
        if _X12.match(line):
            found = _x12(_segments(lines, first, taken, _X12_SEGMENT, "*"))
        elif _HL7.match(line):
            found = _hl7(_segments(lines, first, taken, _HL7_SEGMENT, "|"))
        else:
            continue
        rows, places, end = _rows(found)
        if end > first and sum(any(row[:_REST]) for row in rows):
            yield Segments(first, end, rows, places)
        return


class _Segment(NamedTuple):
    line: int
    fields: list[str]
    text: str

    def field(self, index: int) -> str:
        return self.fields[index].strip() if index < len(self.fields) else ""


class _Person(NamedTuple):
    line: int
    end: int
    row: list[str]


def _segments(
    lines: Sequence[str], first: int, taken: set[int], segment: re.Pattern[str], separator: str
) -> Iterator[_Segment]:
    for number in range(first, len(lines)):
        if number in taken:
            return
        for match in segment.finditer(lines[number]):
            text = match[0].strip(" \t>")
            yield _Segment(number, text.split(separator), text)


def _rows(people: Iterator[_Person]) -> tuple[list[list[str]], list[int], int]:
    found = list(people)
    rows = [person.row for person in found]
    numbers = {row[_ID] for row in rows if row[_ID]}
    issued = sum(map(is_issued_ssn, numbers)) >= 0.98 * len(numbers)
    if numbers and issued and len({number[:3] for number in numbers}) >= 0.3 * len(numbers):
        for row in rows:  # the subscriber's number is mostly his own
            row[_SSN], row[_ID] = row[_SSN] or row[_ID], ""
    return rows, [person.line for person in found], max((person.end for person in found), default=0)


def _x12(found: Iterator[_Segment]) -> Iterator[_Person]:
    """A person begins at INS, or at a second NM1; REF, N3, N4 and DMG that follow are his."""
    person: _Person | None = None
    subscriber, begins = False, _BEGINS
    for one in found:
        kind = one.fields[0]
        if person is None:
            begins |= {kind} & {"REF"}  # an excerpt, whose numbers stand before the names
        elif _ends(person, one, begins):
            yield person
            person = None
        person = person or _Person(one.line, one.line + 1, [""] * len(HEADER))
        subscriber = one.field(1) == "Y" if kind == "INS" else subscriber
        if kind == "REF":
            _reference(person.row, one, subscriber=subscriber)
        elif not _detail(person.row, one):
            person.row[_REST] += f" {one.text}"
        person = person._replace(end=one.line + 1)
    if person:
        yield person


def _ends(person: _Person, one: _Segment, begins: frozenset[str]) -> bool:
    kind, named = one.fields[0], bool(person.row[_LAST])
    return (kind in begins and (named or kind != "REF")) or (kind == "NM1" and (named or _other(one)))


def _other(one: _Segment) -> bool:
    """Whether NM1 names no member: a company, a physician, a payer."""
    return one.field(2) != "1" or one.field(1) in _NO_MEMBERS or one.field(8) == "XX"


def _reference(row: list[str], one: _Segment, *, subscriber: bool) -> None:
    match one.field(1):
        case "SY":  # data element 128: Social Security number
            row[_SSN] = one.field(2)
        case "0F" if subscriber:  # subscriber's number; a dependant bears it too
            row[_ID] = one.field(2)
        case _:
            row[_REST] += f" {one.text}"


def _detail(row: list[str], one: _Segment) -> bool:
    match one.fields[0]:
        case "NM1" if not _other(one):
            row[_LAST], row[_FIRST] = one.field(3), " ".join(filter(None, (one.field(4), one.field(5))))
            place = _SSN if one.field(8) == _SSN_FOLLOWS else _ID
            row[place] = one.field(9) or row[place]
        case "ENT" if one.field(3) == _SSN_FOLLOWS:
            row[_SSN] = one.field(4)
        case "N3":
            row[_STREET] = f"{one.field(1)} {one.field(2)}".strip()
        case "N4":
            row[_CITY], row[_STATE], row[_ZIP] = one.field(1), one.field(2), one.field(3)[:5]
        case "DMG":
            row[_BIRTH] = one.field(2)
        case _:
            return False
    return True


#: By segment of HL7 2.x: name, birth date, address, number, id.
_PLACES = {"PID": (5, 7, 11, 19, 3), "GT1": (3, 8, 5, 12, 2)}


def _hl7(found: Iterator[_Segment]) -> Iterator[_Person]:
    for one in found:
        row = [""] * len(HEADER)
        if places := _PLACES.get(one.fields[0]):
            name, birth, address, number, identity = map(one.field, places)
            last, first, *_ = [*name.split("^"), "", ""]
            street, _, city, state, code, *_ = [*address.split("^"), *[""] * 5]
            own = identity.split("^")[0]
            row[:_REST] = [last, first, number, own, birth[:8], street, city, state, code]
        row[_REST] = (
            one.text if not places else " ".join(field for n, field in enumerate(one.fields) if n not in places)
        )
        yield _Person(one.line, one.line + 1, row)
