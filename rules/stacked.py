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
    alike = [(height, _alike(filled, height)) for height in range(2, _TALLEST + 1)]
    start = 0
    while start + 2 * _LEAST <= len(filled):
        runs = (range(start, start + lines[start] + 1, height) for height, lines in alike)
        found = next((run for run in runs if len(run) >= _LEAST and _of_people(filled, run)), None)
        if found:
            yield _stacked([filled[place : place + found.step] for place in found])
        start = found[-1] + found.step if found else start + 1


def _alike(filled: Sequence[_Line], height: int) -> list[int]:
    """For each line, how many from there on have the sign of the line so much further down: one pass for all runs."""
    alike = [0] * len(filled)
    for place in range(len(filled) - height - 1, -1, -1):
        if filled[place].sign == filled[place + height].sign:
            alike[place] = alike[place + 1] + 1
    return alike


def _of_people(filled: Sequence[_Line], run: range) -> bool:
    """Whether each record has a name, and a number, a date or what its label says to be somebody's."""
    first = filled[run.start : run.start + run.step]
    names = _names(first)
    if not names or not any(kind in _OF_PEOPLE or _is_personal(label) for label, kind in (line.sign for line in first)):
        return False
    return are_people([filled[place + names[0]].value for place in run[:_SAMPLE]])


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
