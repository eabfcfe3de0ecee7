"""Delimited text to one table, when the delimiter is beyond doubt. Never gives a table of prose."""

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from rules.content import Table
from rules.delimited import unmarked

TYPES = frozenset({"text/csv", "text/tab-separated-values", "application/csv", "text/comma-separated-values"})

_DELIMITERS = "\t|;,^~\x1f\x01"
_SAMPLE_ROWS = 60
_SAMPLE_LENGTH = 1 << 15
_LONG_CELL = 60  #: mean characters from which cells are sentences
_RUNAWAY = 20  #: line ends within one cell from which a quote was opened and never closed
_WIDEST = 1 << 30

_AMOUNT = re.compile(r"(?<![0-9,])[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]{2}(?![0-9])")
_STATEMENT = re.compile(r"(?im)^\s{0,40}insert\s+into\b")  #: SQL: the commas are within parentheses

Rows = Sequence[Sequence[str]]


def table_of(text: str, part: str, *, named: bool = False) -> Table | None:
    """The table a delimited text is, or None. `named`: somebody calls it one, so less proof is asked for."""
    delimiter = delimiter_of(text, named=named)
    if delimiter is None:
        return None
    rows = _read(text, delimiter)
    if any(cell.count("\n") > _RUNAWAY for row in rows for cell in row if len(cell) > _RUNAWAY):
        rows = _read(text, delimiter, csv.QUOTE_NONE)
    if delimiter == "|":
        rows = [[unmarked(cell.strip()) for cell in row] for row in rows]
    return Table(part=part, name="", rows=rows)


def delimiter_of(text: str, *, named: bool = False) -> str | None:
    """The delimiter whose use is the most even over the first rows."""
    sample = text[:_SAMPLE_LENGTH]
    if len(text) > _SAMPLE_LENGTH:
        sample = sample[: sample.rfind("\n") + 1]
    if _STATEMENT.search(sample):
        return None
    present = [delimiter for delimiter in _DELIMITERS if delimiter in sample]
    uses = {delimiter: _use(sample, delimiter, named=named) for delimiter in present}
    best = max(uses, key=lambda delimiter: uses[delimiter].evenness, default=None)
    if best is None or not uses[best].columns:
        return None
    if best == ",":  # in names and amounts it stands, too, and not in the header over them
        rarer = [other for other in "\t|" if other in uses and uses[other].share > uses[best].share]
        best = max(rarer, key=lambda delimiter: uses[delimiter].evenness, default=best)
    return best


class _Use(NamedTuple):
    """How evenly a delimiter parts the rows; no columns: not at all."""

    share: float = 0  #: of the rows that have as many columns as most have
    columns: int = 0

    @property
    def evenness(self) -> float:
        return self.share * self.columns


def _use(sample: str, delimiter: str, *, named: bool) -> _Use:
    rows = [row for row in _read(sample, delimiter, rows=_SAMPLE_ROWS) if any(cell.strip() for cell in row)]
    widths = Counter(len(row) for row in rows if len(row) > 1)
    if not widths:
        return _Use()
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    share = count / len(rows)
    usual = [row for row in rows if len(row) == width]
    if _parts_nothing(usual, delimiter, sample):
        return _Use()
    if named:
        return _Use(share, width) if share >= 0.5 else _Use()
    cells = [cell for row in usual for cell in row]
    if sum(map(len, cells)) / len(cells) > _LONG_CELL or count < (2 if width > 2 else 3):
        return _Use()
    if delimiter in ",;" and _is_prose(cells):
        return _Use()
    return _Use(share, width) if share >= (0.6 if width > 2 else 0.9) else _Use()


def _parts_nothing(rows: Sequence[Sequence[str]], delimiter: str, sample: str) -> bool:
    """Whether it stands within members of JSON or within amounts, or ends each line, as in EDI."""
    if delimiter == "," and (sample.partition("\n")[0].count('":') > 1 or _are_amounts(sample)):
        return True
    return len(rows[0]) == 2 and not any(row[1].strip() for row in rows)


def _are_amounts(sample: str) -> bool:
    """Whether nearly all commas stand within amounts: 1,234.56."""
    return _AMOUNT.sub("", sample).count(",") < 0.2 * sample.count(",")


def _is_prose(cells: Sequence[str]) -> bool:
    """Sentences put a space after each comma, and have several words between two."""
    inner = [cell for cell in cells if cell.strip()]
    wordy = sum(1 for cell in inner if cell.startswith(" ") or cell.count(" ") > 3)
    return wordy > len(inner) * 0.45 and sum(cell.count(" ") > 2 for cell in inner) > len(inner) * 0.3


def _read(text: str, delimiter: str, quoting: int = csv.QUOTE_MINIMAL, rows: int | None = None) -> list[list[str]]:
    csv.field_size_limit(_WIDEST)  # the module's own bound stops at 128 KiB with an error
    lines = io.StringIO(text, newline="\n")
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
    return list(itertools.islice(reader, rows))
