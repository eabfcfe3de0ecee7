"""How a cell shows its value; above all formats that dress a number up: an SSN kept as 12345678. Pure."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

_LITERAL = set(" -+/():$!^&'~{}<>=")


@dataclass(frozen=True, slots=True)
class DigitMask:
    """A format of digit places and literals, such as 000-00-0000; None stands for a place."""

    pieces: tuple[str | None, ...]
    zeros: int  #: places that show a zero when the number is shorter

    def apply(self, number: float) -> str:
        """The number as the cell shows it. Fractions are rounded, as the program does."""
        whole = round(number)
        digits = list(str(abs(whole)).zfill(self.zeros))
        places = sum(piece is None for piece in self.pieces)
        shown: list[str] = []
        for piece in reversed(self.pieces):
            if piece is not None:
                shown.append(piece)
                continue
            places -= 1
            if digits:
                shown.append("".join(digits) if places == 0 else digits.pop())
                digits = [] if places == 0 else digits
        return ("-" if whole < 0 else "") + "".join(reversed(shown)).strip()


def digit_mask(code: str) -> DigitMask | None:
    """The mask in a format code (ECMA-376 part 1, 18.8.31), or None when it is an ordinary number or date."""
    pieces: list[str | None] = []
    zeros = 0
    position = 0
    while position < len(code) and code[position] != ";":
        char = code[position]
        if char == '"':
            end = code.find('"', position + 1)
            end = len(code) if end < 0 else end
            pieces.append(code[position + 1 : end])
            position = end
        elif char == "[":
            position = max(code.find("]", position), position)
        elif char in {"\\", "_", "*"}:
            position += 1
            pieces.append(code[position : position + 1] if char == "\\" else "")
        elif char in "0#?":
            zeros += char == "0"
            pieces.append(None)
        elif char in _LITERAL:
            pieces.append(char)
        else:  # decimals, thousands, percent, dates, text
            return None
        position += 1
    return DigitMask(tuple(pieces), zeros) if zeros >= 2 and pieces.count(None) >= 3 else None


def shown(cell: Any) -> str:
    """A value as people write it: ISO dates, whole numbers without a point."""
    if cell.__class__ is float:  # first, for most cells are
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, dt.datetime):
        midnight = cell.time() == dt.time()
        return cell.date().isoformat() if midnight else cell.isoformat(sep=" ")
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    return "" if cell is None else str(cell)
