"""Puts the words of a page back into lines whose columns stand under each other. Pure; knows neither PDF nor OCR."""

from collections import Counter
from collections.abc import Callable, Sequence

Span = tuple[float, float]  #: left and right edge on the page
Spans = Callable[[int, int], Span]  #: of segment `column` of line `row`

_SAMPLE = 8  #: lines whose edges tell where the columns stand
_GAP = "  "  #: what separates columns


def align(lines: Sequence[Sequence[str]], spans: Spans) -> str:
    """One text line for each line of segments. Lines of the commonest number of segments set the columns.

    A shorter line's segments go under the column they stand in, so that an empty cell does not pull in the next.
    """
    counts = Counter(len(line) for line in lines if len(line) > 1)
    if not counts:
        return "\n".join(_GAP.join(line) for line in lines)
    width = max(counts, key=lambda count: (counts[count] * count, count))
    full = [row for row, line in enumerate(lines) if len(line) == width]
    placed: list[Sequence[str] | None] = [line if len(line) == width else None for line in lines]
    shorter = [row for row, line in enumerate(lines) if 1 < len(line) < width]
    if shorter:
        columns = _columns(full[:: len(full) // _SAMPLE + 1], width, spans)
        for row in shorter:
            placed[row] = _place(lines[row], row, columns, spans)
    widths = [max(map(len, cells)) + len(_GAP) for cells in zip(*filter(None, placed), strict=True)]
    return "\n".join(
        _GAP.join(line) if cells is None else "".join(map(str.ljust, cells, widths)).rstrip()
        for line, cells in zip(lines, placed, strict=True)
    )


def _columns(rows: Sequence[int], width: int, spans: Spans) -> list[Span]:
    edges = [[spans(row, column) for row in rows] for column in range(width)]
    return [(min(left for left, _ in column), max(right for _, right in column)) for column in edges]


def _place(line: Sequence[str], row: int, columns: Sequence[Span], spans: Spans) -> list[str] | None:
    """The line's cells, one for each column, or None when they do not stand under the columns."""
    cells = [""] * len(columns)
    column = -1
    for index, text in enumerate(line):
        left, right = spans(row, index)
        shared = [min(right, end) - max(left, start) for start, end in columns]
        best = max(range(len(columns)), key=shared.__getitem__)
        if best <= column or shared[best] <= 0:
            return None
        column = best
        cells[column] = text
    return cells
