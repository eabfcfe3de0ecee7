"""Opens one part for a reviewer's eyes: masked tables and texts, findings marked. Never lets an unmasked value out.

It runs in the confined worker. What it gives back is small whatever the file is: a window of rows or lines around the
first finding, and the numbers of those left out.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.message import Limits, Opened, OpenedMessage, Part
from gateway.opening.registry import open_message
from gateway.review.viewed import (
    InnerPart,
    Line,
    Row,
    Segment,
    ViewedContent,
    ViewedPart,
    ViewedTable,
    ViewedText,
    write,
)
from gateway.workshop import Answer
from rules.content import Content, Grid, Table, Text, column_letters
from rules.detect import Detector
from rules.mask import mask_filename, mask_table, mask_text
from rules.verdict import Finding, Obstacle, Status

ROWS = 200  #: of a table or lines of a text
HEAD = 12  #: rows always shown from the top: titles and the header
BEFORE = 8  #: rows shown before the first finding
COLUMNS = 40
CELL = 160  #: characters of a cell
LINE = 400  #: characters of a line
CONTENTS = 24  #: tables and texts of one part
INNER = 500  #: parts listed of one container
TEXT = 1_000_000  #: characters of a text that are masked; what comes after is not shown

WHOLE = ""  #: the section that stands for the message itself: its header fields and a list of its parts
LIST = "PARTICIPANT_LIST"

_BLOCK = re.compile(r"([A-Z]{1,3})(\d+)(?::([A-Z]{1,3})(\d+))?")
_LINES = re.compile(r"lines? (\d+)(?:-(\d+))?")
_DIGIT = re.compile(r"\d(?=(?:\D*\d){4})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Rows and columns of a table as indexes into its rows, both ends included."""

    top: int
    bottom: int
    left: int
    right: int
    entity: str

    def covers(self, row: int, column: int) -> bool:
        return self.top <= row <= self.bottom and self.left <= column <= self.right


def view_part(raw: bytes, section: str, limits: Limits, detector: Detector) -> ViewedPart:
    """Open the message and show one part of it; a part that is not there is shown as unopened, not as empty."""
    message = open_message(raw, limits)
    if section == WHOLE:
        return _whole(raw, message, detector)
    part = next((part for part in message.parts if section in {part.section, mask_filename(part.section)}), None)
    if part is None:
        return ViewedPart(section=section, status=Status.UNOPENED, note="no such part in this message")
    return _viewed(part, message, detector)


class Shop(Protocol):
    """What a worker has at hand, as far as it matters here."""

    @property
    def limits(self) -> Limits: ...
    @property
    def detector(self) -> Detector: ...


def view_job(raw: bytes, argument: Mapping[str, Any], shop: Shop) -> Answer:
    """`view_part` as a job of the confined worker; whatever it was shown, the worker does not live on."""
    part = view_part(raw, str(argument["section"]), shop.limits, shop.detector)
    return Answer(body=write(part), risky=True)


def _whole(raw: bytes, message: OpenedMessage, detector: Detector) -> ViewedPart:
    return ViewedPart(
        section=WHOLE,
        media_type="message/rfc822",
        size=len(raw),
        status=Status.OPENED,
        contents=_contents(message.headings, detector),
        contents_total=len(message.headings),
        inner=_inner(message.parts),
        inner_total=len(message.parts),
    )


def _viewed(part: Part, message: OpenedMessage, detector: Detector) -> ViewedPart:
    status, reason, note, contents = _outcome(part)
    inner = [other for other in message.parts if other.section.startswith((f"{part.section}/", f"{part.section}."))]
    return ViewedPart(
        section=mask_filename(part.section),
        filename=None if part.filename is None else mask_filename(part.filename),
        media_type=part.media_type,
        size=part.size,
        status=status,
        reason=reason,
        note=note,
        contents=_contents(contents, detector),
        contents_total=len(contents),
        inner=_inner(inner),
        inner_total=len(inner),
    )


def _outcome(part: Part) -> tuple[Status, Obstacle | None, str, tuple[Content, ...]]:
    outcome = part.outcome
    if isinstance(outcome, Opened):
        return Status.OPENED, None, "", outcome.contents
    contents = getattr(outcome, "contents", ())
    return Status.PARTIAL if contents else Status.UNOPENED, outcome.obstacle, mask_text(outcome.note), contents


def _inner(parts: Sequence[Part]) -> tuple[InnerPart, ...]:
    return tuple(
        InnerPart(section=mask_filename(part.section), status=_outcome(part)[0], reason=_outcome(part)[1])
        for part in parts[:INNER]
    )


def _contents(contents: Sequence[Content], detector: Detector) -> tuple[ViewedContent, ...]:
    """Those with findings first, so that the cut never takes what the message was held for."""
    findings = detector.detect(contents).findings
    hit = [content for content in contents if _hits(content, findings)]
    rest = [content for content in contents if not _hits(content, findings)]
    return tuple(
        _table(content, findings) if isinstance(content, Table) else _text(content, findings)
        for content in [*hit, *rest][:CONTENTS]
    )


def _hits(content: Content, findings: Iterable[Finding]) -> bool:
    if isinstance(content, Table):
        return any(True for finding in findings for _ in _areas(content, finding))
    return any(finding.where == content.where and finding.part == content.part for finding in findings)


def _areas(table: Table, finding: Finding) -> Iterable[Area]:
    """The places of one finding inside `table`; none when it stands elsewhere."""
    if finding.part != table.part:
        return
    name, _, block = finding.where.rpartition("!")
    if table.grid is Grid.CELLS and name == table.name and (match := _BLOCK.fullmatch(block)):
        left, top, right, bottom = match.group(1), match.group(2), match.group(3), match.group(4)
        yield Area(
            top=int(top) - table.first_row,
            bottom=int(bottom or top) - table.first_row,
            left=_column(left) - table.first_column,
            right=_column(right or left) - table.first_column,
            entity=finding.entity,
        )
    place = finding.where.removeprefix(table.name).strip()
    if table.grid is Grid.LINES and (match := _LINES.fullmatch(place)):
        first, last = int(match.group(1)), int(match.group(2) or match.group(1))
        yield Area(
            top=first - table.first_row, bottom=last - table.first_row, left=0, right=1 << 14, entity=finding.entity
        )


def _column(letters: str) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1


def _table(table: Table, findings: Iterable[Finding]) -> ViewedTable:
    areas = [area for finding in findings for area in _areas(table, finding)]
    values = [area for area in areas if area.entity != LIST]
    first = min((area.top for area in values or areas), default=0)
    shown = _window(first, len(table.rows))
    width = max((len(table.rows[row]) for row in shown), default=0)
    slice_ = Table(
        part=table.part,
        name=table.name,
        rows=[table.rows[row] for row in shown],
        grid=table.grid,
        first_column=table.first_column,
    )
    masked = mask_table(slice_).rows
    rows = [
        Row(number=row + table.first_row, cells=_cells(row, table.rows[row], clear_of_values, values))
        for row, clear_of_values in zip(shown, masked, strict=True)
    ]
    return ViewedTable(
        name=mask_text(table.name),
        columns=tuple(column_letters(index + table.first_column) for index in range(min(width, COLUMNS))),
        columns_total=width,
        rows=tuple(rows),
        rows_total=len(table.rows),
    )


def _window(first: int, total: int) -> list[int]:
    """Indexes of the rows shown: the top, and from a little before the first finding on."""
    start = max(0, first - BEFORE)
    if start <= HEAD or total <= ROWS:
        return list(range(min(total, ROWS)))
    return [*range(HEAD), *range(start, min(total, start + ROWS - HEAD))]


def _cells(row: int, values: Sequence[str], masked: Sequence[str], areas: Sequence[Area]) -> tuple[Segment, ...]:
    cells = []
    for column, (value, text) in enumerate(zip(values[:COLUMNS], masked, strict=False)):
        found = bool(value.strip()) and any(area.covers(row, column) for area in areas)
        # The masker judges a slice of the table, the finding the whole of it: where they differ, the finding wins.
        shown = _DIGIT.sub("*", text) if found and text == value else text
        cells.append(Segment(text=_cut(shown, CELL), marked=found or shown != value))
    return tuple(cells)


def _text(text: Text, findings: Iterable[Finding]) -> ViewedText:
    clear = text.content[:TEXT].split("\n")
    masked = mask_text("\n".join(clear)).split("\n")
    if len(masked) != len(clear):
        clear = masked
    hit = any(finding.where == text.where and finding.part == text.part for finding in findings)
    first = next((at for at, pair in enumerate(zip(clear, masked, strict=True)) if pair[0] != pair[1]), 0) if hit else 0
    return ViewedText(
        where=mask_text(text.where),
        lines=tuple(
            Line(number=at + 1, segments=_segments(clear[at], masked[at])) for at in _window(first, len(clear))
        ),
        lines_total=text.content.count("\n") + 1,
    )


def _segments(clear: str, masked: str) -> tuple[Segment, ...]:
    """Mark the words that the mask changed."""
    if clear == masked:
        return (Segment(text=_cut(masked, LINE)),)
    before, after = re.split(r"(\s+)", clear), re.split(r"(\s+)", masked)
    if len(before) != len(after):
        return (Segment(text=_cut(masked, LINE), marked=True),)
    segments: list[Segment] = []
    for old, new in zip(before, after, strict=True):
        marked = old != new
        if segments and segments[-1].marked is marked:
            segments[-1] = Segment(text=segments[-1].text + new, marked=marked)
        else:
            segments.append(Segment(text=new, marked=marked))
    return _cut_segments(segments)


def _cut_segments(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    room, kept = LINE, []
    for segment in segments:
        if room <= 0:
            break
        kept.append(Segment(text=_cut(segment.text, room), marked=segment.marked))
        room -= len(segment.text)
    return tuple(kept)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
