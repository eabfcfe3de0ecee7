"""The end of a page's address: what of a held message is shown there. Numbers only, no word of the message. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode

from gateway.review.places import ROWS
from gateway.review.shown import COLUMNS
from gateway.review.viewed import Stretch, ViewedTable, ViewedText

HEADER = "header"  #: the choice that stands for the header fields, in place of a part's position

_ROWS = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """As the address says it; what it says badly it does not say."""

    part: str = ""  #: position among the verdict's parts, or HEADER
    finding: int | None = None  #: position among the verdict's findings
    content: int | None = None  #: one table or text of the part
    rows: tuple[int, int] | None = None  #: or lines; both ends included
    column: int | None = None
    skip: int = 0  #: tables and texts

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        rows = _ROWS.fullmatch(query.get("rows", ""))
        first = int(rows[1]) if rows else 0
        column = number(query.get("column"))
        last = int(rows[2] or 0) if rows else 0
        return cls(
            part=query.get("part", ""),
            finding=number(query.get("finding")),
            content=number(query.get("content")),
            rows=(first, min(last or first + ROWS - 1, first + ROWS - 1)) if rows else None,
            column=None if column is None else max(column - 1, 0),
            skip=number(query.get("skip")) or 0,
        )

    @property
    def query(self) -> str:
        said: dict[str, object] = {"part": self.part, "finding": self.finding, "content": self.content}
        said |= {"rows": self.rows and "{}-{}".format(*self.rows)}
        said |= {"column": None if self.column is None else self.column + 1, "skip": self.skip or None}
        return urlencode({name: value for name, value in said.items() if value not in (None, "")})

    @property
    def told(self) -> dict[str, object]:
        """For the record: which stretch of the part it is; none when it is where the part's findings are."""
        counted = {"finding": self.finding, "table-or-text": self.content, "from-column": self.column}
        told: dict[str, object] = {name: value + 1 for name, value in counted.items() if value is not None}
        told |= {"rows": "{}-{}".format(*self.rows)} if self.rows else {}
        return told | ({"tables-or-texts-passed-over": self.skip} if self.skip else {})


def number(text: str | None) -> int | None:
    """What a page's address says in digits of ours; None for everything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def turns(content: ViewedTable | ViewedText, spot: Spot) -> list[tuple[str, str]]:
    """Where the rows and columns stand that are not shown: words, and the address."""
    stretch = content.stretch
    here = Spot(part=spot.part, content=stretch.content, column=spot.column)
    found = [(words, replace(here, rows=rows).query) for words, rows in _stretches(stretch)]
    if isinstance(content, ViewedTable) and content.columns_total > COLUMNS:
        rows = (stretch.first, stretch.last)
        if content.column > 0:
            found.append(("Columns before", replace(here, rows=rows, column=max(content.column - COLUMNS, 0)).query))
        if content.column + COLUMNS < content.columns_total:
            found.append(("Columns after", replace(here, rows=rows, column=content.column + COLUMNS).query))
    return found


def _stretches(shown: Stretch) -> list[tuple[str, tuple[int, int]]]:
    end, found = shown.begin + shown.total - 1, []
    if shown.first > shown.begin:
        before = max(shown.first - ROWS, shown.begin)
        found += [("First", (shown.begin, min(shown.begin + ROWS - 1, end))), ("Previous", (before, shown.first - 1))]
    if shown.last < end:
        found += [
            ("Next", (shown.last + 1, min(shown.last + ROWS, end))),
            ("Last", (max(end - ROWS + 1, shown.begin), end)),
        ]
    return found
