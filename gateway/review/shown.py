"""A table or text as a reviewer sees it: findings marked, and values masked unless he has asked for them. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from gateway.review.places import LIST, Area, areas, window
from gateway.review.viewed import Line, Look, Row, Segment, Stretch, ViewedTable, ViewedText
from rules.content import Content, Table, Text, column_letters
from rules.mask import mask_rows, mask_text
from rules.normalise import fold
from rules.verdict import Finding

COLUMNS = 40
CELL = 160  #: characters of a cell
LINE = 400  #: characters of a line
WHOLE_LINE = 3600  #: the same, when its text is asked for alone
LONGEST = WHOLE_LINE + LINE  #: characters of a line that are masked, so that the cut never halves a number unmasked
NUMBERS = frozenset({"US_SSN", "US_ITIN", "US_BANK_NUMBER", "CREDIT_CARD"})  #: masked wherever they stand

_WORDS = re.compile(r"(\s+)")
_ANY_DIGIT = re.compile(r"(\*[^0-9A-Za-z]?[0-9]{4}(?![0-9]))|[0-9]")  # the last four of a masked number may stay
_NAME = re.compile(r"\b([^\W\d_a-z])(?:[^\W\d_]{2,}|[^\W\d_A-Z])\b(?!\s?:)")  # begins large; two capitals are a state
_DIGIT = re.compile(r"\d(?=(?:\D*\d){4})")


def table_shown(table: Table, index: int, findings: Iterable[Finding], look: Look) -> ViewedTable:
    found = areas(table, findings)
    values = [area for area in found if area.entity != LIST]
    shown = window(len(table.rows), values or found, table.first_row, look)
    # Folded as the detector folds: a digit of another script is a digit to mask.
    cells = [[fold(cell) for cell in row] for row in table.rows]
    masked = mask_rows(Table(part=table.part, name=table.name, rows=cells, grid=table.grid), shown.rows)
    width = max((len(row) for row in cells), default=0)
    column = _first_column(width, values, look)
    return ViewedTable(
        name=masked_text(table.name),
        stretch=_stretch(index, shown.body, table.first_row, len(table.rows)),
        column=column,
        columns=tuple(column_letters(at + table.first_column) for at in range(column, min(width, column + COLUMNS))),
        columns_total=width,
        rows=tuple(
            Row(
                number=row + table.first_row,
                cells=tuple(
                    _cell(value, text, found=_is_found(value, row, at, values), clear=look.clear)
                    for at, (value, text) in enumerate(zip(cells[row], hidden, strict=True))
                    if column <= at < column + COLUMNS
                ),
            )
            for row, hidden in zip(shown.rows, masked, strict=True)
        ),
    )


def _first_column(width: int, found: Sequence[Area], look: Look) -> int:
    """The one asked for; else the first found, when it stands so far to the right that nobody would see it."""
    first = min((area.left for area in found), default=0)
    column = (first if first >= COLUMNS else 0) if look.column is None else look.column
    return column if 0 < column < width else 0


def _stretch(index: int, body: range, begin: int, total: int) -> Stretch:
    return Stretch(content=index, first=body.start + begin, last=body.stop + begin - 1, begin=begin, total=total)


def _is_found(value: str, row: int, column: int, found: Iterable[Area]) -> bool:
    return bool(value.strip()) and any(area.covers(row, column) for area in found)


def _cell(value: str, masked: str, *, found: bool, clear: bool) -> Segment:
    return Segment(text=cut(value if clear else _hidden(value, masked, found=found), CELL), marked=found)


def _hidden(value: str, masked: str, *, found: bool) -> str:
    """Where masker and finding differ, the finding wins."""
    return _DIGIT.sub("*", masked) if found and masked == value else masked


def text_shown(text: Text, index: int, findings: Iterable[Finding], look: Look) -> ViewedText:
    found = areas(text, findings)
    lines = text.content.split("\n")
    shown = window(len(lines), found, 1, look)
    room = LINE if look.content is None else WHOLE_LINE
    # Lines of a list, of birth dates, of streets: more than numbers has to be masked there.
    of_people = [area for area in found if area.entity not in NUMBERS]
    return ViewedText(
        where=masked_text(text.where),
        stretch=_stretch(index, shown.body, 1, len(lines)),
        lines=tuple(
            Line(
                number=at + 1,
                segments=_cut_segments(
                    _segments(
                        fold(lines[at])[:LONGEST],
                        of_people=any(area.covers(at) for area in of_people),
                        clear=look.clear,
                    ),
                    room,
                ),
            )
            for at in shown.rows
        ),
        cut=any(len(lines[at]) > room for at in shown.rows),
    )


def hidden_words(content: Content, findings: Iterable[Finding]) -> frozenset[str]:
    """The words, folded, that are shown otherwise than they are."""
    found = areas(content, findings)
    if isinstance(content, Table):
        return _hidden_in_table(content, [area for area in found if area.entity != LIST])
    of_people, hidden = [area for area in found if area.entity not in NUMBERS], set[str]()
    for at, line in enumerate(map(fold, content.content.split("\n"))):
        shown = _segments(line, of_people=any(area.covers(at) for area in of_people), clear=False)
        hidden |= _changed(line, "".join(segment.text for segment in shown))
    return frozenset(hidden)


def _hidden_in_table(table: Table, found: Sequence[Area]) -> frozenset[str]:
    cells = [[fold(cell) for cell in row] for row in table.rows]
    masked = mask_rows(Table(part=table.part, name=table.name, rows=cells, grid=table.grid), range(len(cells)))
    hidden = set[str]()
    for row, (values, texts) in enumerate(zip(cells, masked, strict=True)):
        for column, (value, text) in enumerate(zip(values, texts, strict=True)):
            hidden |= _changed(value, _hidden(value, text, found=_is_found(value, row, column, found)))
    return frozenset(hidden)


def _changed(clear: str, shown: str) -> set[str]:
    """All of them, when a mask joins words and which is which cannot be told."""
    before, after = clear.split(), shown.split()
    if len(before) != len(after):
        return set(before)
    return {old for old, new in zip(before, after, strict=True) if old != new}


def _segments(line: str, *, of_people: bool, clear: bool) -> list[Segment]:
    """Mask a line, and mark the words that the mask changes."""
    masked = mask_text(line)
    if of_people:
        masked = _ANY_DIGIT.sub(lambda match: match[1] or "*", masked)
    before, after = _WORDS.split(line), _WORDS.split(masked)
    if clear and len(before) != len(after):  # a mask that joins words: which is which cannot be told
        return [Segment(text=line, marked=True)]
    segments: list[Segment] = []
    for old, new in zip(before, after, strict=False):
        marked, text = old != new, old if clear else new
        if segments and segments[-1].marked is marked:
            segments[-1] = replace(segments[-1], text=segments[-1].text + text)
        else:
            segments.append(Segment(text=text, marked=marked))
    if not clear and of_people and (masked != line or ":" in line):
        segments = [
            segment if segment.marked else replace(segment, text=_initials(segment.text)) for segment in segments
        ]
    return segments


def _initials(text: str) -> str:
    """Names as initials; labels and codes of states stay."""
    return _NAME.sub(lambda match: f"{match[1]}.", text)


def _cut_segments(segments: Sequence[Segment], room: int) -> tuple[Segment, ...]:
    kept = []
    for segment in segments:
        if room <= 0:
            break
        kept.append(Segment(text=cut(segment.text, room), marked=segment.marked))
        room -= len(segment.text)
    return tuple(kept)


def masked_text(text: str) -> str:
    return mask_text(fold(text))


def cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
