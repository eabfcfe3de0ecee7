"""Search the cells of a table in one pass: a number in the notes of row 4,000 is found, and no cell costs a call."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rules.columns import Column, Meaning
from rules.normalise import fold
from rules.recognise import Hit, Recogniser
from rules.search import Searcher
from rules.sheets import Block, Row, cells_of
from rules.tally import window_of

_CELL, _ROW = "\x1e", "\x1d"

#: Columns whose cells need no search: their numbers are counted already, or are known to be others.
_SETTLED = frozenset({Meaning.SSN, Meaning.STATE, Meaning.ZIP, Meaning.OTHER_NUMBER})


@dataclass(frozen=True, slots=True, kw_only=True)
class CellHit:
    recogniser: Recogniser
    hit: Hit
    row: int
    column: int
    window: Callable[[], str] | None


def search_cells(searcher: Searcher, block: Block, columns: Sequence[Column]) -> Iterator[CellHit]:
    """Hits in the cells of every column that is not settled by what it is."""
    settled = {n for c in columns if c.meaning in _SETTLED for n in range(c.index, c.index + c.width)}
    rows = block.sheet.rows[block.top : block.end]
    folded = fold(_ROW.join(map(_CELL.join, _unsettled(rows, settled))))
    for offset, line in _lines(folded, searcher.zones(folded)):
        yield from _in_row(searcher, block, settled, block.top + offset, line)


def _unsettled(rows: Sequence[Row], settled: set[int]) -> Iterable[Iterable[str]]:
    """The rows without the cells of settled columns."""
    if not settled:
        return rows
    kept = [index for index in range(max(map(len, rows), default=0)) if index not in settled]
    if kept and len(set(map(len, rows))) == 1:  # column by column, no line of ours runs for each cell
        return zip(*(cells_of(rows, index) for index in kept), strict=True)
    return ([cell for index, cell in enumerate(row) if index not in settled] for row in rows)


def _lines(folded: str, zones: Iterable[tuple[int, int]]) -> Iterator[tuple[int, str]]:
    """Number and text of every row that a zone touches, once each."""
    row = reached = 0
    for start, end in zones:
        while reached < end:
            if skipped := folded.rfind(_ROW, reached, max(reached, start)) + 1:
                row += folded.count(_ROW, reached, skipped)
                reached = skipped
            line_end = folded.find(_ROW, reached)
            line_end = len(folded) if line_end < 0 else line_end
            yield row, folded[reached:line_end]
            reached, row = line_end + 1, row + 1


def _in_row(searcher: Searcher, block: Block, settled: set[int], row: int, line: str) -> Iterator[CellHit]:
    """A label may stand in the cell, in the one before it, or in the header."""
    places = [index for index in range(len(block.sheet.rows[row])) if index not in settled]
    before = ""
    for position, cell in enumerate(line.split(_CELL)):
        if any(map(str.isdigit, cell)):
            column = places[position] if position < len(places) else 0
            header = block.header[column] if column < len(block.header) and row >= block.first else ""
            lead = "".join(f"{words}: " for words in (header.strip(" .:"), before.strip(" .:")) if words)
            text = lead + cell
            for recogniser, hit in searcher.search(text) if searcher.possible(text) else ():
                if hit.start >= len(lead):
                    window = window_of(text, hit)
                    yield CellHit(recogniser=recogniser, hit=hit, row=row, column=column, window=window)
        before = cell[-60:]
