"""Letters, statements and labels: a name over a street over a town, as one row of a table. One row for each block."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import re2

from rules import states
from rules.content import Role, Text
from rules.headers import vocabulary
from rules.sheets import Sheet

HEADER = ("Name", "Home Address", "SSN")
_SLACK = 2  #: characters by which lines of one block may begin apart
_LONGEST_LINE = 1_000
_BLOCK = 5  #: lines at the most from the name to the town

_TOWNS = re2.compile(
    rb"[A-Za-z][.,]? {1,3}[A-Z]{2}[.,]? {1,3}[0-9]{5}(?:-[0-9]{4})?(?:[ \t\r]*\n|[ \t\r]*$|  )"
)  # a glance
_SEGMENT = re.compile(r"\S+(?: \S+)*")
_TOWN = re.compile(r"[A-Za-z][A-Za-z .'-]{1,30},? [A-Z]{2}[.,]? {1,3}[0-9]{5}(?:-[0-9]{4})?")
_STREET = re.compile(r"(?i)[0-9]{1,6}[A-Z]? [\w.,'#/ -]{3,45}|P\.? ?O\.? Box [\w-]{1,10}")
_NUMBER = re.compile(r"(?:[A-Za-z.# ]{2,12}:? ?)?[0-9Xx*]{3}[- ]?[0-9Xx*]{2}[- ]?[0-9]{4}")
_NAME = re.compile(r"[^\W\d_a-z][\w.'-]{0,20}(?:,? (?:[^\W\d_a-z][\w.'-]{0,20}|[a-z]{1,3})){1,4}")


class _Segment(NamedTuple):
    start: int
    text: str


class _Block(NamedTuple):
    line: int
    end: int
    name: str
    address: str


def addressed(text: Text, numbers: Callable[[str], Iterable[tuple[int, str]]]) -> Sheet | None:
    """Who a text is addressed to, each with the only number between him and the next; None without an address.

    `numbers` finds persons' numbers, by line. Pages with one address each are one list, as pages of a report are.
    """
    if text.role not in {Role.BODY, Role.CONTENT} or not _TOWNS.search(text.content.encode("latin-1", "replace")):
        return None
    found = list(_blocks(text.content.split("\n")))
    if not found:
        return None
    owned: list[set[str]] = [set() for _ in found]
    starts = [block.line for block in found]
    for line, number in numbers(text.content):
        owned[max(bisect_right(starts, line) - 1, 0)].add(number)
    cells = [next(iter(own)) if len(own) == 1 else "" for own in owned]
    width = len(HEADER) if any(cells) else len(HEADER) - 1
    rows = [[block.name, block.address, cell][:width] for block, cell in zip(found, cells, strict=True)]

    def place(top: int, _left: int, bottom: int, _right: int) -> str:
        return f"{text.where} lines {found[top].line + 1}-{found[bottom].end + 1}"

    return Sheet(part=text.part, rows=rows, place=place, header=list(HEADER[:width]), searched=False)


def _blocks(lines: Sequence[str]) -> Iterator[_Block]:
    for number, line in enumerate(lines):
        for town in _segments(line):
            if _TOWN.fullmatch(town.text) and states.of_address(town.text):
                above = list(_above(lines, number, town.start))
                street = next((place for place, one in enumerate(above[:2]) if _STREET.fullmatch(one)), None)
                name = None if street is None else _over(above, street)
                if name is not None:
                    address = ", ".join([*reversed(above[:name]), town.text])
                    yield _Block(number - name - 1, number, above[name], address)


def _over(above: Sequence[str], street: int) -> int | None:
    """The line of the name: right over the street, or over a number that stands between."""
    name = street + 2 if len(above) > street + 1 and _NUMBER.fullmatch(above[street + 1]) else street + 1
    return name if len(above) > name and _is_person(above[name]) else None


def _above(lines: Sequence[str], number: int, start: int) -> Iterator[str]:
    """What stands right over a segment, in its column."""
    for line in reversed(lines[max(number - _BLOCK + 1, 0) : number]):
        under = [one.text for one in _segments(line) if abs(one.start - start) <= _SLACK]
        if not under:
            return
        yield under[0]


def _segments(line: str) -> Iterator[_Segment]:
    if len(line) > _LONGEST_LINE:
        return iter(())
    return (_Segment(match.start(), match[0]) for match in _SEGMENT.finditer(line))


def _is_person(text: str) -> bool:
    return bool(_NAME.fullmatch(text)) and not vocabulary().organisation(text)
