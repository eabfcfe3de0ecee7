"""Records at fixed positions, of one type or several: payroll tapes, W-2 and 1099 files. Learns where their fields are.

No layout is known here. What all records of a type have in common tells: nine digits that were issued and do not run,
letters that begin at one place and are names. Where a type has no names, its numbers have to be those of one that has.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, zip_longest
from typing import NamedTuple

import re2

from rules import states
from rules.checks import are_spread, is_issued_itin, is_issued_ssn
from rules.columns import DATE, EARLY, are_people, share_common, single_names

HEADER = ["Name", "SSN", "State", "DOB", ""]
_LEAST = 3  #: records of a type, and people in all
_MOST_TYPES = 16
_LONGEST_TYPE = 4  #: characters that a record begins with to say its type: D, RW, 01, DTL
_SHORTEST_LINE, _LONGEST_LINE = 18, 4_000
_SAMPLE = 200  #: records that tell where the fields of their type are
_TRIED = 1_000  #: records that tell how long the names of the types are
_MANY = 20  #: records, from which on plain digits that stand alone are not those of parcels
_MOST, _NEARLY_ALL = 0.8, 0.95
_COMMON = 0.25

_GLANCE = re2.compile(rb"[0-9]{9}|[0-9]{3}-[0-9]{2}-[0-9]{4}")
_NUMBER = re.compile(r"[0-9]{9}|[0-9]{3}-[0-9]{2}-[0-9]{4}")
_LETTERS = re.compile(r"[^\W\d_][^\d_]*")
_POSTAL_ITEM = re.compile(r"(?<![A-Z])[A-Z]{2}[0-9]{9}[A-Z]{2}(?![A-Z])")  # Universal Postal Union, S10

Span = tuple[int, int]


class Positional(NamedTuple):
    """Lines `first` to before `end`, as rows under HEADER; what is no record stands behind the last column."""

    first: int
    end: int
    rows: list[list[str]]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the fields of one type of record stand; `names` is empty where it has none."""

    number: Span
    names: tuple[Span, ...] = ()
    state: Span = (0, 0)
    birth: Span = (0, 0)

    def row(self, line: str) -> list[str]:
        """The cells under HEADER; none when no number stands, or no name begins, where it should."""
        start, end = self.number
        number = line[start:end]
        names = [_words(line, span) for span in self.names]
        begun = any(line[max(place - 1, 0) : place].isalpha() for place, _ in self.names[:1])
        if _NUMBER.fullmatch(number) is None or begun or not all(names[:1]):
            return []
        return [
            ", ".join(filter(None, names)),
            number,
            line[slice(*self.state)],
            line[slice(*self.birth)],
            f"{line[:start]} {line[end:]}",
        ]


def positional(lines: Sequence[str], taken: set[int]) -> Iterator[Positional]:
    """The records of a text as one table, when they are people's."""
    seen = _GLANCE.finditer("\n".join(lines).encode("latin-1", "replace"))
    if sum(1 for _ in islice(seen, _LEAST)) < _LEAST:
        return
    records = [
        number
        for number, line in enumerate(lines)
        if _SHORTEST_LINE <= len(line) <= _LONGEST_LINE and number not in taken and _NUMBER.search(line)
    ]
    found = _best({number: lines[number] for number in records})
    if len({row[1] for row in found.values()}) < _LEAST:
        return
    first, end = min(found), max(found) + 1
    blank = [""] * len(HEADER)
    rows = [found.get(n) or ([] if n in taken else [*blank, lines[n]]) for n in range(first, end)]
    yield Positional(first, end, rows)


def _best(records: Mapping[int, str]) -> dict[int, list[str]]:
    """Rows by line, by whatever reads the most of them: no type of record, types of one character or more."""
    few = {number: records[number] for number in _evenly(list(records), _TRIED)}
    read = {size: len(_read(few, size)) for size in range(_LONGEST_TYPE, -1, -1)}
    best = max(read, key=lambda size: read[size])
    if len(_read(_under_each_other(few), 0)) > read[best]:
        return _read(_under_each_other(records), 0)
    return _read(records, best) if read[best] else {}


def _under_each_other(records: Mapping[int, str]) -> dict[int, str]:
    """Records whose names are as long as they are, moved so that what follows begins at one place."""
    split = {number: match.start() for number, line in records.items() if (match := _NUMBER.search(line))}
    width = max(split.values(), default=0)
    return {number: records[number][:at].ljust(width) + records[number][at:] for number, at in split.items()}


def _read(lines: Mapping[int, str], size: int) -> dict[int, list[str]]:
    """Rows by line, when the first characters of a record say its type."""
    types: dict[str, list[int]] = {}
    for number, line in lines.items():
        types.setdefault(line[:size], []).append(number)
    if len(types) > _MOST_TYPES:
        return {}
    found: dict[int, list[str]] = {}
    nameless: list[list[int]] = []
    for numbers in types.values():
        sample = [lines[number] for number in _evenly(numbers, _SAMPLE)]
        layout = _layout(sample, size if len(types) > 1 else 0) if len(sample) >= _LEAST else None
        if layout:
            found |= {number: row for number in numbers if (row := layout.row(lines[number]))}
        else:
            nameless.append(numbers)
    known = {row[1] for row in found.values()}
    for numbers in nameless if known else ():
        if layout := _of_known([lines[number] for number in _evenly(numbers, _SAMPLE)], known):
            found |= {number: row for number in numbers if (row := layout.row(lines[number]))}
    return found


def _evenly(numbers: Sequence[int], most: int) -> Sequence[int]:
    return numbers[:: 1 + len(numbers) // most]


class _Columns:
    """A sample of records, character by character."""

    def __init__(self, sample: Sequence[str]) -> None:
        self.sample = sample
        self.columns = ["".join(column) for column in zip_longest(*sample, fillvalue=" ")]
        least = _NEARLY_ALL * len(sample)
        self.digits = [sum(map(str.isdigit, column)) >= least for column in self.columns]
        self.letters = [sum(map(str.isalpha, column)) / len(sample) for column in self.columns]
        self.constant = [column.count(column[0]) == len(column) for column in self.columns]

    def cells(self, start: int, end: int) -> list[str]:
        return [line[start:end] for line in self.sample]

    def numbers(self) -> Iterator[Span]:
        """Where a person's number can stand: written with dashes, or at an end of a run of digits."""
        for start, end in self._runs():
            if end - start == 3 and self._dashed(start):
                yield start, start + 11
        for start, end in self._runs():
            left, right = start, end
            while left < end and self.constant[left]:
                left += 1
            while right > left and self.constant[right - 1]:
                right -= 1
            for place in dict.fromkeys((end - 9, start, left, right - 9)):
                if start <= place <= end - 9:
                    yield place, place + 9

    def _runs(self) -> Iterator[Span]:
        start = 0
        for place, digit in enumerate([*self.digits, False]):
            if not digit:
                if start < place:
                    yield start, place
                start = place + 1

    def _dashed(self, start: int) -> bool:
        cells = self.cells(start, start + 11)
        return sum(_NUMBER.fullmatch(cell) is not None for cell in cells) >= _NEARLY_ALL * len(cells)

    def glued(self, number: Span) -> bool:
        """Whether something always stands right beside the number and the digits around it."""
        start, end = next((run for run in self._runs() if run[0] <= number[0] < run[1]), number)
        beside = [line[max(start - 1, 0) : start] + line[end : end + 1] for line in self.sample]
        return all(map(str.strip, beside))

    def fields(self) -> list[Span]:
        """Where letters begin at one place in nearly all records, each up to the next; what never changes is none."""
        return [(start, end) for start, end in self.words() if not self.same(start, end)]

    def same(self, start: int, end: int) -> bool:
        return all(self.constant[start : _word_end(self, start, end)])

    def words(self) -> list[Span]:
        starts = [
            place
            for place, share in enumerate(self.letters)
            if share >= 0.9 and (place == 0 or self.letters[place - 1] <= 0.3)
        ]
        return list(pairwise([*starts, len(self.columns)]))

    def state(self) -> Span:
        """The last two letters that are a state, first of all before a ZIP code."""
        found = [
            place
            for place in range(len(self.columns) - 1)
            if self.letters[place] >= 0.9 <= self.letters[place + 1]
            and sum(map(bool, map(states.named, self.cells(place, place + 2)))) >= 0.9 * len(self.sample)
            and not (place < _LONGEST_TYPE and self.constant[place] and self.constant[place + 1])
            and not (place and self.letters[place - 1] > 0.3)
        ]
        before_zip = [place for place in found if all(self.digits[place + 2 : place + 7])]
        return (place, place + 2) if (place := max(before_zip or found, default=-1)) >= 0 else (0, 0)

    def birth(self, number: Span) -> Span:
        """The first eight digits that are dates, most of them well back."""
        for place in range(len(self.columns) - 7):
            if all(self.digits[place : place + 8]) and not (number[0] - 8 < place < number[1]):
                cells = self.cells(place, place + 8)
                if _are_dates(cells) and sum(map(bool, map(EARLY.search, cells))) >= 0.6 * len(cells):
                    return place, place + 8
        return (0, 0)


def _word_end(columns: _Columns, start: int, end: int) -> int:
    return next((place for place in range(start, end) if columns.letters[place] == 0), end)


def _layout(sample: Sequence[str], code: int) -> _Layout | None:
    """Where the fields are; `code` characters at the beginning say the type of the record."""
    if any(map(_POSTAL_ITEM.search, sample)):
        return None
    columns = _Columns(sample)
    number = next((span for span in columns.numbers() if _are_numbers(columns.cells(*span))), None)
    if number is None:
        return None
    once = list({line[slice(*number)]: line for line in sample}.values())  # a person may have a record for each fund
    names = _names(columns if len(once) == len(sample) else _Columns(once))
    if not names or names[0][0] < code:  # people whose names begin alike are no type of record
        return None
    birth = columns.birth(number)
    typed = 0 < code <= number[0]
    if not (typed or birth[1] or len(sample) >= _MANY or number[1] - number[0] > 9 or columns.glued(number)):
        return None  # plain digits among names: parcels, tickets
    return _Layout(number=number, names=names, state=columns.state(), birth=birth)


def _of_known(sample: Sequence[str], known: set[str]) -> _Layout | None:
    """A type without names: its numbers are those of people who have one elsewhere."""
    columns = _Columns(sample)
    for span in columns.numbers():
        cells = columns.cells(*span)
        if sum(cell in known for cell in cells) >= 0.9 * len(cells):
            return _Layout(number=span, state=columns.state(), birth=columns.birth(span))
    return None


def _names(columns: _Columns) -> tuple[Span, ...]:
    """The first two fields that are last and first names side by side, or the first one of whole names."""
    fields = columns.fields()
    cells = [[_words(line, span) for line in columns.sample] for span in fields]
    for index, words in enumerate(cells):
        beside = cells[index + 1] if index + 1 < len(cells) else []
        both = [(last, first) for last, first in zip(words, beside, strict=False) if last and first]
        apart = len(both) >= _MOST * len(words) and all(single_names(names) for names in zip(*both, strict=True))
        codes = all(len(first) <= len("MA") for _, first in both)  # states, units: no first names behind a number
        if apart and not codes and are_people([", ".join(name) for name in both]):
            return fields[index], fields[index + 1]
        if are_people([word for word in words if word]):
            return (fields[index],)
        wide = fields[index][0], len(columns.columns)  # parts of names that begin at one place by chance
        if are_people([name for line in columns.sample if (name := _words(line.replace("  ", "0"), wide))]):
            return (wide,)
    return _family(columns)


def _family(columns: _Columns) -> tuple[Span, ...]:
    """First names behind one last name that all records share.

    A shorter word may be their type; and things are listed so too: CONTAINER BLUE, CONTAINER RED.
    """
    for last, first in pairwise(columns.words()):
        family, names = _words(columns.sample[0], last), [_words(line, first) for line in columns.sample]
        shared = columns.same(*last) and len(family) > _LONGEST_TYPE and share_common(names) >= _COMMON
        if shared and single_names(names) and are_people([f"{family}, {name}" for name in names]):
            return last, first
    return ()


def _words(line: str, span: Span) -> str:
    """What a field holds up to its first digit."""
    found = _LETTERS.match(line, *span)
    return " ".join(found[0].split()) if found else ""


def _are_numbers(cells: Sequence[str]) -> bool:
    """Numbers that were issued, do not run, and are no dates with something behind."""
    numbers = {cell.replace("-", "") for cell in cells}
    issued = sum(is_issued_ssn(number) or is_issued_itin(number) for number in numbers)
    if len(numbers) < _LEAST or issued < 0.98 * len(numbers) or not are_spread(numbers):
        return False
    return len(cells[0]) > 9 or not any(_are_dates([cell[place : place + 8] for cell in cells]) for place in (0, 1))


def _are_dates(cells: Sequence[str]) -> bool:
    return sum(DATE.fullmatch(cell) is not None for cell in cells) >= 0.9 * len(cells)
