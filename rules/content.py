"""What an opener hands over: texts and tables, each knowing where it stands. Never bytes, never a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a text is to its message; it decides how much a client's name in it weighs."""

    SUBJECT = "subject"
    BODY = "body"  #: a text or HTML body of the message itself: new words, quotes and signature together
    FILENAME = "filename"
    HEADING = "heading"  #: letterhead, page header or footer, title, document property
    CONTENT = "content"  #: everything else inside an attachment


class Grid(StrEnum):
    """How a place in a table is named."""

    CELLS = "cells"  #: spreadsheet addresses: Census!C5:C5139
    LINES = "lines"  #: lines of a text or a page: page 3 lines 5-44


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A run of text. `part` is None for the message's own header fields."""

    part: str | None
    where: str  #: for people: "subject", "body", "page 3", "Census!header", "comment Census!B7", "properties"
    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of displayed cell texts, header and title rows included, as they stand; rows may differ in length.

    `first_row` (counted from 1) and `first_column` (counted from 0) are the address of rows[0][0] in its sheet or page.
    """

    part: str
    name: str  #: sheet name, "page 3", "table 2"; empty for a file that is one table
    rows: Sequence[Sequence[str]]
    grid: Grid = Grid.CELLS
    first_row: int = 1
    first_column: int = 0
    also: str = ""  #: `where` of the text of the same part in which these rows stand too

    def place(self, top: int, left: int, bottom: int, right: int) -> str:
        """Name rows `top`..`bottom`, columns `left`..`right` (indexes into `rows`, both ends included)."""
        first, last = top + self.first_row, bottom + self.first_row
        if self.grid is Grid.LINES:
            lines = f"line {first}" if first == last else f"lines {first}-{last}"
            return f"{self.name} {lines}".strip()
        start = f"{column_letters(left + self.first_column)}{first}"
        end = f"{column_letters(right + self.first_column)}{last}"
        block = start if start == end else f"{start}:{end}"
        return f"{self.name}!{block}" if self.name else block


def column_letters(index: int) -> str:
    """Spreadsheet letters of a column counted from 0: 0 is A, 26 is AA."""
    letters = ""
    index += 1
    while index:
        index, remainder = divmod(index - 1, 26)
        letters = chr(65 + remainder) + letters
    return letters


Content = Text | Table
