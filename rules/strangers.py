"""The tables of a sheet with their people. A list without a header right below another table is one of its own."""

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import re2

from rules.columns import DATE, Column, share_common
from rules.headers import NAMES
from rules.kinds import unlike
from rules.participants import LEAST, Roll, rolls
from rules.sheets import Block, Sheet, blocks, cells_of, profile

_COMMON = 0.1  #: of the names beside dates only, how many must have a word that many people are called by
_MOST_COLUMNS = 64  #: in which a list without a header has its numbers
_MOST_RUNS = 20  #: in a column; what comes and goes more often is a column of one table
_NEAR = 200  #: rows above and below that are compared
_GAP = 3  #: rows between two of one run: subtotals, page breaks

_NUMBER = r"[0-9]{9}|[0-9]{3}-[0-9]{2}-[0-9]{4}"
_PERSONAL = re.compile(rf"\s*(?:{_NUMBER}|{DATE.pattern})\s*", re.IGNORECASE)
# A glance at a whole column: whether one of its cells may be such a thing.
_GLANCE = re2.compile(rf"(?m)^\s*(?:{_NUMBER}|[0-9A-Za-z][0-9A-Za-z,./ -]{{0,20}}[0-9]{{2}})\s*$".encode())

Run = tuple[int, int]  #: first row, and the one behind the last


class Read(NamedTuple):
    """A table, what its columns are, and whom it names."""

    block: Block
    columns: tuple[Column, ...]
    rolls: list[Roll]


def tables_of(sheet: Sheet) -> Iterator[Read]:
    """The tables of a sheet, in order."""
    for block in blocks(sheet):
        yield from parts_of(block)


def parts_of(block: Block) -> list[Read]:
    """What stands under one header; and the lists among it that are none of its own."""
    whole = _read(block)
    parts = _divided(whole)
    return [_read(part) for part in parts] if len(parts) > 1 else [whole]


def _read(block: Block) -> Read:
    columns = profile(block)
    return Read(block, columns, rolls(block, columns))


def _divided(whole: Read) -> list[Block]:
    """Its rows in order, each list that the header does not speak of as a block of its own.

    Only rows in which the header shows nobody are taken from it, and only when they are people without it.
    """
    block = whole.block
    if any(len(one.people) >= len(block.rows) for one in whole.rolls):
        return [block]
    known = {person.row for one in whole.rolls for person in one.people if person.ssn or not one.numbers}
    parts, top, first = [], block.top, block.first
    for start, end in _runs(block, known):
        run = replace(block, header=(), top=start, first=start, end=end)
        if start < first or not any(map(_lists_people, _read(run).rolls)):
            continue
        if start > top:
            parts.append(replace(block, top=top, first=first, end=start))
        parts.append(run)
        top = first = end
    return [*parts, replace(block, top=top, first=first)] if top < block.end else parts


def _lists_people(one: Roll) -> bool:
    """Whether rows without a header are people: dates alone may be those of books or meetings."""
    if not one.named or len(one.people) < LEAST:
        return False
    named = [column.index for column in one.columns if column.meaning in NAMES]
    names = [cell for index in named for cell in cells_of(one.block.rows, index)]
    return bool(one.numbers) or share_common(names) >= _COMMON


def _runs(block: Block, known: AbstractSet[int]) -> list[Run]:
    """Stretches with numbers or dates of people in a column, unlike the rows around them in another column, too."""
    found: set[Run] = set()
    for column in range(min(_MOST_COLUMNS, max(map(len, block.rows), default=0))):
        cells = cells_of(block.rows, column)
        if not _GLANCE.search("\n".join(cells).encode("latin-1", "replace")):
            continue
        marked = [row for row, cell in enumerate(cells, block.first) if _PERSONAL.fullmatch(cell)]
        if known.isdisjoint(marked):
            runs = list(islice(_stretches(marked), _MOST_RUNS + 1))
            if len(runs) <= _MOST_RUNS:
                found.update(run for run in runs if _is_another(block, run, column))
    return sorted(found)


def _stretches(marked: Sequence[int]) -> Iterator[Run]:
    start = 0
    for place in range(1, len(marked) + 1):
        if place == len(marked) or marked[place] - marked[place - 1] > _GAP:
            if place - start >= LEAST:
                yield marked[start], marked[place - 1] + 1
            start = place


def _is_another(block: Block, run: Run, column: int) -> bool:
    start, end = run
    rows = block.sheet.rows
    above, below = max(block.first, start - _NEAR), min(block.end, end + _NEAR)
    return unlike(rows[start:end], [*rows[above:start], *rows[end:below]], but=column)
