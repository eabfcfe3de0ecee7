"""Delimited records of several types: `EMP,...` and `ADR,...` of one person become one row, joined by his number."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from rules.checks import are_spread, is_issued_itin, is_issued_ssn
from rules.delimited import Delimited, cells_of_line
from rules.sheets import Row

_LEAST = 3  #: records of a type, and people in all
_MOST_TYPES = 16
_SAMPLE = 400
_FIRST_CELLS = 4  #: in which the number stands

_TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,9}|[0-9]{1,3}")
_NUMBER = re.compile(r"[0-9]{9}|[0-9]{3}-[0-9]{2}-[0-9]{4}")


def typed(lines: Sequence[str], taken: set[int], delimiters: str) -> Iterator[Delimited]:
    """Stretches of lines that begin with the type of their record."""
    sample = "\n".join(islice(lines, _SAMPLE))
    for delimiter in delimiters:
        if delimiter not in sample or not _several_types(
            [line.partition(delimiter)[0] for line in islice(lines, _SAMPLE) if delimiter in line]
        ):
            continue
        run: list[list[str]] = []
        for number in range(len(lines) + 1):
            line = lines[number] if number < len(lines) and number not in taken else ""
            cells = cells_of_line(line, delimiter) if delimiter in line else []
            if len(cells) > 1 and _TYPE.fullmatch(cells[0]):
                run.append(cells)
                continue
            if len(run) >= 2 * _LEAST and (rows := joined(run)):
                yield Delimited(number - len(run), number, rows)
            run = []


def _several_types(heads: Sequence[str]) -> bool:
    """A glance at what the lines begin with: few different words, two of them several times."""
    if len(heads) < 2 * _LEAST:
        return False
    usual = [head for head, count in Counter(heads).items() if count >= _LEAST and _TYPE.fullmatch(head.strip())]
    return 1 < len(usual) <= _MOST_TYPES


def joined(rows: Sequence[Row]) -> list[list[str]]:
    """The same rows, what follows on a person's first record moved behind it; none when they are not of this kind."""
    sample = [row for row in islice(rows, _SAMPLE) if any(row)]
    types = Counter(row[0] for row in sample if _TYPE.fullmatch(row[0]))
    common = [kind for kind, count in types.items() if count >= _LEAST]
    if len(common) < 2 or len(types) > _MOST_TYPES or types.total() < 0.9 * len(sample):
        return []
    keys = _keys(sample, common)
    if len(keys) < 2:
        return []
    return _by_person(rows, next(iter(keys)), keys)


def _keys(sample: Sequence[Row], common: Sequence[str]) -> dict[str, int]:
    """By type, the cell in which the number stands that joins them; the type that leads comes first."""
    keys: dict[str, int] = {}
    known: set[str] = set()
    for kind in common:
        records = [row for row in sample if row[0] == kind]
        for place in range(1, _FIRST_CELLS):
            cells = [row[place].strip() if place < len(row) else "" for row in records]
            if _are_numbers(cells) if not known else sum(cell in known for cell in cells) >= 0.9 * len(cells):
                keys[kind] = place
                known = known or set(cells)
                break
    return keys


def _are_numbers(cells: Sequence[str]) -> bool:
    numbers = {cell.replace("-", "") for cell in cells if _NUMBER.fullmatch(cell)}
    issued = sum(is_issued_ssn(number) or is_issued_itin(number) for number in numbers)
    enough = len(numbers) >= _LEAST and all(map(_NUMBER.fullmatch, cells)) and issued >= 0.98 * len(numbers)
    return enough and are_spread(numbers)


def _by_person(rows: Sequence[Row], leading: str, keys: dict[str, int]) -> list[list[str]]:
    """A person's cells stand in the same columns for each type; a second record of a type follows at the end."""
    widths = {kind: max(len(row) for row in rows if row and row[0] == kind) for kind in keys}
    starts = {kind: sum(list(widths.values())[:place]) for place, kind in enumerate(keys)}
    width = sum(widths.values())
    people: dict[str, list[str]] = {}
    out: list[list[str]] = []
    for row in rows:
        kind = row[0] if row else ""
        number = row[keys[kind]].strip() if kind in keys and keys[kind] < len(row) else ""
        if kind == leading and number not in people:
            out.append(people.setdefault(number, [*row, *[""] * (width - len(row))]))
        elif number in people:
            own = [cell for place, cell in enumerate(row) if place != keys[kind]]
            _place(people[number], starts[kind], own)
            out.append([])
        else:
            out.append([*[""] * width, *row])
    return out


def _place(person: list[str], start: int, cells: Sequence[str]) -> None:
    if any(person[start : start + len(cells)]):
        person.extend(cells)
    else:
        person[start : start + len(cells)] = cells
