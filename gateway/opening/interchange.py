"""Sheets as older programs pass them on: SYLK, DIF. Values with their columns, all else as text: nothing is dropped."""

import re
from collections import defaultdict
from itertools import zip_longest

from gateway.opening.charset import decode
from gateway.opening.opener import Budget, CannotLookError, Leaf, Opening
from gateway.opening.reading import Reading
from gateway.opening.sheetxml import runs
from rules.content import Role
from rules.verdict import Obstacle

_WIDEST, _LONGEST = 16_384, 1_048_576
_NUMBER = re.compile(r"\d{1,7}")

Cells = dict[int, dict[int, str]]


def open_sylk(leaf: Leaf, budget: Budget) -> Opening:
    """Records of fields; a cell's place counts from the last one given. Two semicolons are one within a field."""
    reading = Reading(leaf)
    cells: Cells = defaultdict(dict)
    beside: list[str] = []
    row = column = 1
    for line in decode(leaf.content, leaf.charset).split("\n"):
        kind, *fields = (each.replace("\0", ";") for each in line.replace(";;", "\0").split(";"))
        shown: list[str] = []
        for field in fields:
            place = _place(field[1:])
            if field[:1] == "X" and place:
                column = place
            elif field[:1] == "Y" and place:
                row = place
            elif kind == "C" and field[:1] == "K":
                shown.append(_unquoted(field[1:]))
            else:
                beside.append(_unquoted(field[1:]) if field[:1].isalpha() else field)
        beside += shown[1:] if kind in _SYLK else [line]
        if shown:
            beside += filter(None, [cells[row].get(column - 1)])
            cells[row][column - 1] = shown[0]
    with reading.attempt("the sheet"):
        _add(cells, reading, budget)
    reading.text("beside the cells", "\n".join(filter(None, dict.fromkeys(beside))))
    return reading.opening()


_SYLK = frozenset({"ID", "P", "F", "B", "C", "O", "NN", "NE", "NU", "W", "E", ""})


def _place(digits: str) -> int:
    """From 1; 0 when it is none."""
    return min(int(digits), _LONGEST) if _NUMBER.fullmatch(digits) else 0


def _unquoted(text: str) -> str:
    return text[1:-1].replace('""', '"') if len(text) > 1 and text[0] == text[-1] == '"' else text


def _add(cells: Cells, reading: Reading, budget: Budget) -> None:
    if any(max(row) >= _WIDEST for row in cells.values()):
        raise CannotLookError(Obstacle.LIMIT, "a sheet is too wide")
    for first, left, rows in runs(sorted(cells.items())):
        budget.expand(sum(8 * len(row) for row in rows))
        reading.table("", rows, first_row=first, first_column=left)


def open_dif(leaf: Leaf, budget: Budget) -> Opening:
    """Pairs of lines: a type with a number, and a text. Type -1 begins a row or ends the data."""
    budget.expand(len(leaf.content))
    reading = Reading(leaf)
    head, _, body = decode(leaf.content, leaf.charset).partition("\nDATA\n")
    reading.text("header", head, Role.HEADING)
    rows: list[list[str]] = []
    beside: list[str] = []
    lines = body.split("\n")
    pairs = zip_longest(lines[::2], lines[1::2], fillvalue="")
    for number, text in pairs:
        kind, _, value = (each.strip() for each in number.partition(","))
        match kind, text.strip():
            case "-1", "BOT":
                rows.append([])
            case "-1", "EOD":
                reading.text("behind the rows", "\n".join("\n".join(pair) for pair in pairs))
            case "0", "V" if rows:
                rows[-1].append(value)
                continue
            case "0" | "1", _ if rows:
                rows[-1].append(_unquoted(text))
            case _:
                beside.append(text)
                if not {number, text} <= _DIF_FILLERS:
                    reading.fail(Obstacle.CORRUPT, "records that are none")
        beside.append(number)
    reading.text("beside the cells", "\n".join(each for each in dict.fromkeys(beside) if each not in _DIF_FILLERS))
    reading.table("", rows)
    return reading.opening()


_DIF_FILLERS = frozenset({"", '""', "-1,0", "0,0", "0,1", "1,0"})
