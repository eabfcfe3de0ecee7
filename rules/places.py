"""Where a client's sign may stand in what was opened: titles, columns, prose. Only cuts and names places, never judges.

Bounded on any input: titles and columns are counted out, prose is read up to a limit (`PROSE`), because a document
whose client does not show in its first 400,000 characters shows nobody.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from operator import itemgetter

from rules.content import Content, Role, Table, Text
from rules.reading import BREAK, spaced

PROSE = 400_000
_TITLE_LENGTH = 160  #: characters; longer cells and lines are prose
_TITLE_ROWS = 15
_TITLE_CELLS = 500  #: of one table
_LETTERHEAD = 6  #: lines
_COLUMNS = 256
_GROUPS = 50  #: distinct values of a column that groups people; beyond this it needs a telling header
_LABELLED_GROUPS = 2_000

# Headings that go along with a file for years, or that say who wrote and not whose it is.
_ASIDE = frozenset({"properties", "recipients", "from", "sender", "reply-to", "to", "cc", "bcc"})

# What has a letterhead; comments, notes, formulas and tracked changes have none.
_PAGE = re.compile(r"(page|slides?|text|body|document|image|card)( \d+)?( image.*)?$")

# Headers of columns whose values say whose the row is, and what follows when they only sound like it.
_GROUPING = re.compile(
    r"\b(employer|company|client|sponsor|plan|group|entity|organi[sz]ation|subsidiary|affiliate|contract|case|er|ein|fein)"
    r"(?!\W*(date|type|entry|balance|status|year|match|contribution|cont|email|e-mail|phone|address|city|state|zip))\b",
    re.IGNORECASE,
)
# Companies in these columns are not those whose people the rows are.
_ELSEWHERE = re.compile(
    r"\b(prior|previous|prev|former|past|last|other|spouses?|rollover|bank|carrier|custodian|payee|transferr?ed)\b"
    r"(?!\W*(name|plan (number|no|id)))",
    re.IGNORECASE,
)
_PERSONAL_NUMBER = re.compile(r"(?<!\d)\d{3}-?\d{2}-?\d{4}(?!\d)")


class Zone(IntEnum):
    """How much a sign tells by where it stands: only a part's heaviest signs make owners (see `whose`)."""

    FILE_NAME = 1
    CELLS = 2  #: any cell of a table, read together
    PROSE = 3
    COLUMN = 4  #: one value that repeats down a column
    LABELLED = 5  #: a value under or beside "Employer", "Plan" and the like
    HEADER = 6  #: what stands over a column
    SHEET = 7  #: its name
    TITLE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    zone: Zone
    text: str
    where: str
    label: str = ""  #: what stands before it, when that is another cell


def titles(content: Content) -> Iterator[Place]:
    """Places that tell whose the whole is: title rows, sheet name, letterhead, headings, grouping columns."""
    match content:
        case Table():
            yield from _table(content)
        case Text(where=where) if where in _ASIDE:
            return  # prose, which outweighs no title
        case Text(role=Role.HEADING | Role.SUBJECT):
            yield Place(zone=Zone.TITLE, text=content.content[:2000], where=content.where)
        case Text(where=where) if _PAGE.match(where):
            yield Place(zone=Zone.TITLE, text=_letterhead(content.content), where=content.where)


def heads(content: Content) -> bool:
    """Whether it tells whose everything in its file is: a heading, or the first page with its letterhead."""
    return isinstance(content, Text) and (content.role is Role.HEADING or content.where == "page 1")


def prose(content: Content, limit: int) -> Place:
    """Everything in it, read together, up to `limit` characters."""
    if isinstance(content, Text):
        return Place(zone=Zone.PROSE, text=content.content[:limit], where=content.where)
    pieces, length = [], 0
    for row in content.rows:
        pieces.append(BREAK.join(row))
        length += len(pieces[-1])
        if length > limit:
            break
    return Place(zone=Zone.CELLS, text=BREAK.join(pieces)[:limit], where=content.name or "table")


def _letterhead(text: str) -> str:
    """First lines, and the last two as a page footer; people's lines are neither."""
    lines: list[str] = []
    for line in text[:4000].splitlines():
        if _PERSONAL_NUMBER.search(line) or len(lines) == _LETTERHEAD:
            break
        if line.strip():
            lines.append(line)
    footer = [line for line in text[-600:].splitlines()[-2:] if not _PERSONAL_NUMBER.search(line)]
    short = [line for line in (*lines, *footer) if len(line.strip()) <= _TITLE_LENGTH]
    return BREAK.join(("\n".join(short[: len(lines)]), *short[len(lines) :]))


def _table(table: Table) -> Iterator[Place]:
    if table.name:
        yield Place(zone=Zone.SHEET, text=spaced(table.name), where=f"sheet name {table.name}")
    filled = [len(row) - row.count("") for row in table.rows]
    width = max(filled[:500], default=0)
    header = _header(filled, width)
    rows = list(range(min(header, _TITLE_ROWS)))
    if header < len(filled) and _is_header(table.rows[header]):
        rows.append(header)
    narrow = 2 if width >= 5 else 1
    rows += [i for i in range(header + 1, len(filled)) if 0 < filled[i] <= narrow < width][:200]
    yield from _title_cells(table, rows, header)
    yield from _columns(table, header)


def _header(filled: Sequence[int], width: int) -> int:
    """The first row as wide as the rows of data are."""
    enough = max(min(width, 3), 0.7 * width)
    return next((index for index, count in enumerate(filled) if count and count >= enough), len(filled))


def _is_header(row: Sequence[str]) -> bool:
    return not any(sum(map(str.isdigit, cell[:40])) * 2 >= len(cell[:40]) for cell in row if cell)


def _title_cells(table: Table, rows: Sequence[int], header: int) -> Iterator[Place]:
    count = 0
    for top in rows:
        zone = Zone.HEADER if top == header else Zone.TITLE
        before = ""
        for left, cell in enumerate(table.rows[top]):
            if not cell or cell.isspace():
                continue
            count += 1
            if count > _TITLE_CELLS:
                return
            if len(cell) <= _TITLE_LENGTH:
                label = _above(table, top, left) if top == header else before or _above(table, top, left)
                yield Place(zone=zone, text=cell, where=table.place(top, left, top, left), label=label)
            before = cell[:_TITLE_LENGTH]


def _above(table: Table, top: int, left: int) -> str:
    row = table.rows[top - 1] if top else ()
    return row[left][:_TITLE_LENGTH] if left < len(row) else ""


def _columns(table: Table, header: int) -> Iterator[Place]:
    """Values that repeat down a column, each once."""
    if header >= len(table.rows):
        return
    first = header + 1 if _is_header(table.rows[header]) else header
    data = table.rows[first:]
    names = table.rows[header] if first > header else ()
    for left in range(min(max(map(len, data[:500]), default=0), _COLUMNS)):
        name = names[left][:_TITLE_LENGTH] if left < len(names) else ""
        if _ELSEWHERE.search(name.replace("_", " ")):
            continue
        labelled = bool(_GROUPING.search(name.replace("_", " ")))
        where = table.place(first, left, len(table.rows) - 1, left)
        for value in _groups(data, left, labelled=labelled):
            zone = Zone.LABELLED if labelled else Zone.COLUMN
            yield Place(zone=zone, text=value[:_TITLE_LENGTH], where=where, label=name)


def _cells(data: Sequence[Sequence[str]], left: int) -> Iterable[str]:
    """A column's cells. Rows are mostly of one length, and then no line of ours runs for each of a million."""
    if left < min(map(len, data), default=0):
        return map(itemgetter(left), data)
    return (row[left] for row in data if left < len(row))


def _groups(data: Sequence[Sequence[str]], left: int, *, labelled: bool) -> list[str]:
    """Distinct values of a column that sorts people into groups; nothing for a column of single values."""
    most = _LABELLED_GROUPS if labelled else _GROUPS
    if not labelled and len({row[left] for row in data[:200] if left < len(row)}) > most:
        return []
    values = dict.fromkeys(_cells(data, left))
    values.pop("", None)
    if not labelled and (len(values) > most or 2 * len(values) > len(data)):
        return []
    return list(values)[:most]
