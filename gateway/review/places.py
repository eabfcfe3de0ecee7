"""Where findings stand in a table or a text, and which of its rows are shown. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.review.viewed import Look
from rules.content import Content, Grid, Table, Text
from rules.pages import lines_on
from rules.verdict import Finding

ROWS = 200  #: of a table, or lines of a text
HEAD = 12  #: rows always shown from the top: titles and the header
BEFORE = 8  #: rows shown before a finding
LIST = "PARTICIPANT_LIST"

_EVERYWHERE = 1 << 14  #: columns
_BLOCK = re.compile(r"([A-Z]{1,3})(\d+)(?::([A-Z]{1,3})(\d+))?")
_LINES = re.compile(r"lines? (\d+)(?:-(\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Rows and columns of a table, or lines of a text, as indexes into them, both ends included."""

    top: int
    bottom: int
    left: int
    right: int
    entity: str

    def covers(self, row: int, column: int = 0) -> bool:
        return self.top <= row <= self.bottom and self.left <= column <= self.right


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Indexes of the rows shown: the top, for its titles and header, and a stretch further down."""

    head: range
    body: range

    @property
    def rows(self) -> Sequence[int]:
        return [*self.head, *self.body]


def areas(content: Content, findings: Iterable[Finding]) -> list[Area]:
    """The places of those findings that stand in `content`."""
    here = (_area(content, finding) for finding in findings if finding.part == content.part)
    return [area for area in here if area is not None]


def _area(content: Content, finding: Finding) -> Area | None:
    if isinstance(content, Table) and content.grid is Grid.CELLS:
        name, _, block = finding.where.rpartition("!")
        match = _BLOCK.fullmatch(block) if name == content.name else None
        if match is None:
            return None
        left, top, right, bottom = match.groups()
        rows, columns = (int(top), int(bottom or top)), (_column(left), _column(right or left))
    else:
        lines = _lines(content.where if isinstance(content, Text) else content.name, finding.where)
        if lines is None:
            return None
        rows, columns = lines, (0, _EVERYWHERE)
    first_row, first_column = (1, 0) if isinstance(content, Text) else (content.first_row, content.first_column)
    return Area(
        top=rows[0] - first_row,
        bottom=rows[1] - first_row,
        left=columns[0] - first_column,
        right=columns[1] - first_column,
        entity=finding.entity,
    )


def _lines(name: str, place: str) -> tuple[int, int] | None:
    """The lines of a text that a place names: its own, or its share of what goes on from page to page."""
    if match := _LINES.fullmatch(place.removeprefix(name).strip()):
        return int(match[1]), int(match[2] or match[1])
    return lines_on(name, place)


def _column(letters: str) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1


def window(total: int, found: Sequence[Area], first_row: int, look: Look) -> Window:
    """The rows asked for; else from a little before the first finding on."""
    above = min((area.top for area in found), default=0)
    if look.first is not None:
        start = min(max(look.first - first_row, 0), max(total - 1, 0))
        length = min(max((look.last or look.first + ROWS - 1) - look.first + 1, 1), ROWS)
        head = range(min(HEAD, above)) if start > above else range(0)
        return Window(head=head, body=range(start, min(total, start + length)))
    start = max(0, above - BEFORE)
    if start <= HEAD or total <= ROWS:
        return Window(head=range(0), body=range(min(total, ROWS)))
    return Window(head=range(HEAD), body=range(start, min(total, start + ROWS - HEAD)))
