"""Forms as text: what stands on a line of cells, and under each of them what it is."""

import re

FARTHEST = 160  #: characters behind a number in which the words below it may stand
_LONGEST = 90  #: characters of a line before a number

_CELL = re.compile(r"[^\s_](?:[^\t\n_ ]| (?! ))*")
_RULE = re.compile(r"[ \t\r_-]*\n(?:[ \t\r_-]{0,80}\n){0,2}")  #: the line that was written on
_WRITTEN_ON = re.compile(r"[^\n]{0,80}[0-9]{3}|[ \t\r]*\n[^\n]{0,80}[0-9]{3}")


def cell_below(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Where the words stand under a number; None when they may belong to another, or when it shares its cell."""
    first = text.rfind("\n", max(0, start - _LONGEST), start) + 1
    stop = text.find("\n", end, end + FARTHEST)
    if stop < 0 or (first == 0 and start > _LONGEST):
        return None
    rule = _RULE.match(text, stop - len(text[end:stop]) + len(text[end:stop].rstrip(" \t\r_-")), end + FARTHEST)
    if rule is None:
        return None
    after = text.find("\n", rule.end(), end + 2 * FARTHEST)
    after = len(text) if after < 0 else after
    own, below = _cells(text, first, stop), _cells(text, rule.end(), after)
    if (start, end) not in own or len(own) != len(below) or any(map(str.isdigit, text[rule.end() : after])):
        return None
    above = _cells(text, text.rfind("\n", max(0, first - 1 - _LONGEST), max(0, first - 1)) + 1, max(0, first - 1))
    labels_above = len(own) == len(above) > 1 and not any(map(str.isdigit, text[above[0][0] : above[-1][1]]))
    if labels_above or _WRITTEN_ON.match(text, after + 1):
        return None
    return below[own.index((start, end))]


def _cells(text: str, first: int, stop: int) -> list[tuple[int, int]]:
    return [
        (cell.start(), cell.end() - len(cell[0]) + len(cell[0].rstrip())) for cell in _CELL.finditer(text, first, stop)
    ]
