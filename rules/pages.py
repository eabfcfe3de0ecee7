"""A table that goes on from page to page under one header is one table, whose places name pages. Pure."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from rules.content import Text
from rules.fixedwidth import Lines
from rules.sheets import Block, Sheet, blocks

_NUMBERED = re.compile(r"(.*?)([0-9]{1,9})")
_FROM_TO = re.compile(r"(.+) line ([0-9]{1,9}) to (.+) line ([0-9]{1,9})")
_TO_THE_END = 1 << 30  #: lines


class Page(NamedTuple):
    """A table with a row to a line, and no row in it that does not stand under its one header."""

    text: Text
    lines: Lines
    block: Block


def page_of(text: Text, lines: Lines) -> Page | None:
    """The table as a page of a report; None for one that cannot go on, or in which others begin."""
    if not lines.header:
        return None
    first, *others = blocks(lines.sheet)
    whole = tuple(first.header) == lines.header and not any(other.rows for other in others)
    return Page(text, lines, first) if whole else None


@dataclass(slots=True)
class Run:
    """Tables under one header: of one text, or on pages that follow each other."""

    pages: list[Page] = field(default_factory=list)
    labelled: list[tuple[Text, str]] = field(default_factory=list)  #: lines of theirs to be searched once they are read

    def goes_on(self, page: Page) -> bool:
        if not self.pages:
            return True
        last = self.pages[-1]
        same = page.text.part == last.text.part and page.lines.header == last.lines.header
        return same and _follows(last.text.where, page.text.where)

    def block(self) -> Block:
        """All of their rows, under the first one's header."""
        first, *others = self.pages
        if not others:
            return first.block
        rows = list(first.lines.sheet.rows[: first.block.end])
        for page in others:
            rows.extend(page.block.rows)
        sheet = Sheet(part=first.text.part, rows=rows, place=_Places(self.pages).place, header=first.lines.sheet.header)
        return Block(
            sheet=sheet, header=first.block.header, top=first.block.top, first=first.block.first, end=len(rows)
        )


class _Places:
    """Names places among the joined rows of pages."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._pages = pages
        # Row 0 of the joined ones is row 0 of the first page; the others are there from below their header on.
        self._skipped = [0, *(page.block.first for page in pages[1:])]
        lengths = (page.block.end - skipped for page, skipped in zip(pages, self._skipped, strict=True))
        self._starts = list(accumulate(lengths, initial=0))[:-1]

    def place(self, top: int, left: int, bottom: int, right: int) -> str:
        (first, above), (last, below) = self._row(top), self._row(bottom)
        if first is last:
            return first.lines.sheet.place(above, left, below, right)
        begin, end = first.lines.first + above + 1, last.lines.first + below + 1
        if first.text.where == last.text.where:
            return f"{first.text.where} lines {begin}-{end}"
        return f"{first.text.where} line {begin} to {last.text.where} line {end}"

    def _row(self, row: int) -> tuple[Page, int]:
        index = bisect_right(self._starts, row) - 1
        return self._pages[index], row - self._starts[index] + self._skipped[index]


def lines_on(where: str, place: str) -> tuple[int, int] | None:
    """First and last line of a page that belong to a place which goes from one page to another; None when none do."""
    if not (match := _FROM_TO.fullmatch(place)):
        return None
    first, above, last, below = match.groups()
    if where not in {first, last} and not (_follows(first, where) and _follows(where, last)):
        return None
    return int(above) if where == first else 1, int(below) if where == last else _TO_THE_END


def _follows(before: str, where: str) -> bool:
    """'page 2', and 'page 4' or 'page 2' itself."""
    if before == where:
        return True
    one, other = _NUMBERED.fullmatch(before), _NUMBERED.fullmatch(where)
    return bool(one and other and one[1] == other[1] and int(one[2]) < int(other[2]))
