"""Records whose values stand one to a line, with labels or without: a name, the number below it. Judges nothing."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rules.columns import are_people
from rules.headers import PERSONAL, vocabulary
from rules.shaped import kind_of

_LEAST = 3  #: records
_TALLEST = 4  #: lines of a record
_LONGEST_LINE = 60
_SAMPLE = 200  #: records that tell whether there are names among them

_LABELLED = re.compile(r"(?P<label>[^\W\d_][\w .#/-]{1,24}):[ \t]{0,4}(?P<value>\S.*)")
_SEVERAL = re.compile(r"\S {2,}\S|\t|\|")
_BULLET = re.compile(r"^[\s>]{0,20}(?:[*\u2022-] |\(?[0-9]{1,4}[.)] )?")
_OF_PEOPLE = frozenset({"ssn", "masked", "date"})


class _Line(NamedTuple):
    number: int
    sign: tuple[str, str]  #: label, and kind of the value
    value: str


class Stacked(NamedTuple):
    """Lines `first` to before `end`, as rows; `lines` says on which each begins."""

    first: int
    end: int
    header: list[str]
    rows: list[list[str]]
    lines: list[int]


def stacked(lines: Sequence[str], taken: set[int]) -> Iterator[Stacked]:
    """Runs of three records and more, each of as many lines of the same kinds, names among them."""
    filled: list[_Line] = []
    for number, line in enumerate(lines):
        bare = _BULLET.sub("", line).strip()
        if number in taken or len(bare) > _LONGEST_LINE or _SEVERAL.search(bare):
            yield from _runs(filled)
            filled = []
        elif bare:
            match = _LABELLED.fullmatch(bare)
            label, value = (match["label"], match["value"]) if match else ("", bare)
            filled.append(_Line(number, (label, kind_of(value)), value))
    yield from _runs(filled)


def _runs(filled: Sequence[_Line]) -> Iterator[Stacked]:
    start = 0
    while start + 2 * _LEAST <= len(filled):
        runs = (_run(filled, start, height) for height in range(2, _TALLEST + 1))
        found = next((run for run in runs if run and _of_people(run)), None)
        if found:
            yield _stacked(found)
        start += sum(map(len, found)) if found else 1


def _run(filled: Sequence[_Line], start: int, height: int) -> list[Sequence[_Line]]:
    """Records of so many lines with the signs of the first; none when they are fewer than a list takes."""
    signs = [line.sign for line in filled[start : start + height]]
    run: list[Sequence[_Line]] = []
    for place in range(start, len(filled) - height + 1, height):
        record = filled[place : place + height]
        if [line.sign for line in record] != signs:
            break
        run.append(record)
    return run if len(run) >= _LEAST else []


def _of_people(run: list[Sequence[_Line]]) -> bool:
    """Whether each has a name, and a number, a date or what its label says to be somebody's."""
    names = _names(run[0])
    personal = [label for label, kind in (line.sign for line in run[0]) if kind in _OF_PEOPLE or _is_personal(label)]
    sample = [record[names[0]].value for record in run[:_SAMPLE]] if names and personal else []
    return are_people(sample)


def _is_personal(label: str) -> bool:
    return vocabulary().meaning(label) in PERSONAL


def _names(record: Sequence[_Line]) -> list[int]:
    return [place for place, line in enumerate(record) if line.sign == ("", "words")]


def _stacked(run: list[Sequence[_Line]]) -> Stacked:
    labels = [line.sign[0] for line in run[0]]
    header = ["Name" if place == _names(run[0])[0] else label for place, label in enumerate(labels)]
    rows = [[line.value for line in record] for record in run]
    lines = [record[0].number for record in run]
    return Stacked(lines[0], run[-1][-1].number + 1, header if any(labels) else [], rows, lines)
