"""Tables that begin lower on a sheet than the one beside them: their header stands in a row of its data. Cuts only.

Areas are parted by blank columns. One whose header stands in the row of another header is no area: a table may have a
blank column, and `participants` tells lists that begin level apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby

from rules.sheets import Sheet, blocks

_ROWS, _COLUMNS = 200, 256  #: in which a further table has to begin
_AREAS = 8  #: each is read once more; what has more of them is a form or a drawing


def beside(sheet: Sheet) -> Iterator[Sheet]:
    """Each area with a header of its own within the rows of another, for a second reading of what stands in it."""
    tops = _tops(sheet.rows)
    areas = [[column for _, column in run] for _, run in groupby(enumerate(sorted(tops)), lambda one: one[1] - one[0])]
    if not 2 <= len(areas) <= _AREAS:
        return
    headers = {block.top for block in blocks(sheet)}
    for columns in areas:
        top, left, end = min(tops[column] for column in columns), columns[0], columns[-1] + 1
        if top and top not in headers:
            rows = [row[left:end] for row in sheet.rows[top:]]
            area = replace(sheet, rows=rows, place=partial(_place, sheet, top, left), again=True, searched=False)
            if next(blocks(area)).header:
                yield area


def _tops(rows: Sequence[Sequence[str]]) -> dict[int, int]:
    """The first filled row of each column that has one."""
    tops: dict[int, int] = {}
    for index, row in enumerate(rows[:_ROWS]):
        for column, cell in enumerate(row[:_COLUMNS]):
            if cell and column not in tops and not cell.isspace():
                tops[column] = index
    return tops


def _place(sheet: Sheet, top: int, left: int, *place: int) -> str:
    first, begin, last, end = place
    return sheet.place(first + top, begin + left, last + top, end + left)
