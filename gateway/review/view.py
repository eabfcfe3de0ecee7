"""Opens one part for a reviewer's eyes: masked tables and texts, findings marked. Never lets an unmasked value out.

It runs in the confined worker. What it gives back is small whatever the file is: a window of rows or lines around the
first finding, and the numbers of those left out.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from gateway.message import Limits, Opened, OpenedMessage, Part, Partial, Unopened
from gateway.opening.registry import open_message
from gateway.review.viewed import (
    InnerPart,
    Line,
    Row,
    Segment,
    ViewedPart,
    ViewedTable,
    ViewedText,
    write,
)
from gateway.workers.workshop import Answer
from rules.content import Content, Grid, Table, Text, column_letters
from rules.detect import Detector
from rules.mask import mask_table, mask_text
from rules.normalise import fold
from rules.verdict import Finding, Obstacle, Status

ROWS = 200  #: of a table or lines of a text
HEAD = 12  #: rows always shown from the top: titles and the header
BEFORE = 8  #: rows shown before the first finding
COLUMNS = 40
CELL = 160  #: characters of a cell
LINE = 400  #: characters of a line
CONTENTS = 24  #: tables and texts of one part
INNER = 500  #: parts listed of one container
LONGEST = 10 * LINE  #: characters of a line that are masked, so that the cut never halves a number unmasked

WHOLE = ""  #: the section that stands for the message itself: its header fields and a list of its parts
LIST = "PARTICIPANT_LIST"
NUMBERS = frozenset({"US_SSN", "US_ITIN", "US_BANK_NUMBER", "CREDIT_CARD"})  #: masked wherever they stand

_BLOCK = re.compile(r"([A-Z]{1,3})(\d+)(?::([A-Z]{1,3})(\d+))?")
_LINES = re.compile(r"lines? (\d+)(?:-(\d+))?")
_WORDS = re.compile(r"(\s+)")
_ANY_DIGIT = re.compile(r"(\*[^0-9A-Za-z]?[0-9]{4}(?![0-9]))|[0-9]")  # the last four of a masked number may stay
_NAME = re.compile(r"\b([^\W\d_a-z])(?:[^\W\d_]{2,}|[^\W\d_A-Z])\b(?!\s?:)")  # begins large; two capitals are a state
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


def view_part(
    raw: bytes, section: str, limits: Limits, detector: Detector, passwords: tuple[str, ...] = ()
) -> ViewedPart:
    """Open the message and show one part of it; a part that is not there is shown as unopened, not as empty."""
    message = open_message(raw, limits, passwords)
    if section == WHOLE:
        return _whole(raw, message, detector)
    part = next(
        (part for part in message.parts if section in {part.section, mask_text(part.section), _masked(part.section)}),
        None,
    )
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
    passwords = tuple(argument.get("passwords", ()))
    part = view_part(raw, str(argument["section"]), shop.limits, shop.detector, passwords)
    return Answer(body=write(part), risky=True)


def _whole(raw: bytes, message: OpenedMessage, detector: Detector) -> ViewedPart:
    shown = ViewedPart(
        section=WHOLE,
        media_type="message/rfc822",
        size=len(raw),
        status=Status.OPENED,
        contents_total=len(message.headings),
        inner=_inner(message.parts),
        inner_total=len(message.parts),
    )
    return _with_contents(shown, message.headings, detector)


def _viewed(part: Part, message: OpenedMessage, detector: Detector) -> ViewedPart:
    status, reason, note, contents = _outcome(part)
    inner = [other for other in message.parts if other.section.startswith((f"{part.section}/", f"{part.section}."))]
    shown = ViewedPart(
        section=_masked(part.section),
        filename=None if part.filename is None else _masked(part.filename),
        media_type=part.media_type,
        size=part.size,
        status=status,
        reason=reason,
        note=note,
        contents_total=len(contents),
        inner=_inner(inner),
        inner_total=len(inner),
    )
    return _with_contents(shown, contents, detector)


def _outcome(part: Part) -> tuple[Status, Obstacle | None, str, tuple[Content, ...]]:
    match part.outcome:
        case Opened(contents=contents):
            return Status.OPENED, None, "", contents
        case Partial(contents=contents, obstacle=obstacle, note=note):
            return Status.PARTIAL, obstacle, _masked(note), contents
        case Unopened(obstacle=obstacle, note=note):
            return Status.UNOPENED, obstacle, _masked(note), ()


def _inner(parts: Sequence[Part]) -> tuple[InnerPart, ...]:
    return tuple(
        InnerPart(section=_masked(part.section), status=_outcome(part)[0], reason=_outcome(part)[1])
        for part in parts[:INNER]
    )


def _with_contents(shown: ViewedPart, contents: Sequence[Content], detector: Detector) -> ViewedPart:
    """Those with findings first, so that the cut never takes what the message was held for."""
    detection = detector.detect(contents)
    first = sorted(contents, key=lambda content: not _is_hit(content, detection.findings))[:CONTENTS]
    if detection.unread and shown.status is Status.OPENED:
        note = "not searched to the end, so findings may be unmarked"
        shown = replace(shown, status=Status.PARTIAL, reason=detection.unread[0][1], note=note)
    return replace(
        shown,
        contents=tuple(
            _table(content, detection.findings) if isinstance(content, Table) else _text(content, detection.findings)
            for content in first
        ),
    )


def _is_hit(content: Content, findings: Iterable[Finding]) -> bool:
    if isinstance(content, Table):
        return bool(_areas(content, findings))
    return _first_line(content, findings) is not None


def _first_line(text: Text, findings: Iterable[Finding]) -> int | None:
    """Index of the first line with a finding; None when there is none in this text."""
    lines = []
    for finding in findings:
        if finding.part == text.part and finding.where.startswith(text.where):
            match = _LINES.fullmatch(finding.where.removeprefix(text.where).strip())
            lines.append(int(match.group(1)) - 1 if match else 0)
    return min(lines, default=None)


def _areas(table: Table, findings: Iterable[Finding]) -> list[Area]:
    """The places of those findings that stand in `table`."""
    here = (_area(table, finding) for finding in findings if finding.part == table.part)
    return [area for area in here if area is not None]


def _area(table: Table, finding: Finding) -> Area | None:
    name, _, block = finding.where.rpartition("!")
    if table.grid is Grid.CELLS and name == table.name and (match := _BLOCK.fullmatch(block)):
        left, top, right, bottom = match.groups()
        rows, columns = (int(top), int(bottom or top)), (_column(left), _column(right or left))
    elif table.grid is Grid.LINES and (match := _LINES.fullmatch(finding.where.removeprefix(table.name).strip())):
        rows, columns = (int(match[1]), int(match[2] or match[1])), (0, table.first_column + (1 << 14))
    else:
        return None
    return Area(
        top=rows[0] - table.first_row,
        bottom=rows[1] - table.first_row,
        left=columns[0] - table.first_column,
        right=columns[1] - table.first_column,
        entity=finding.entity,
    )


def _column(letters: str) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1


def _table(table: Table, findings: Iterable[Finding]) -> ViewedTable:
    areas = _areas(table, findings)
    values = [area for area in areas if area.entity != LIST]
    shown = _window(min((area.top for area in values or areas), default=0), len(table.rows))
    # Folded as the detector folds: a digit of another script is a digit to mask.
    cells = [[fold(cell) for cell in table.rows[row]] for row in shown]
    masked = mask_table(Table(part=table.part, name=table.name, rows=cells, grid=table.grid)).rows
    width = max((len(row) for row in cells), default=0)
    return ViewedTable(
        name=_masked(table.name),
        columns=tuple(column_letters(index + table.first_column) for index in range(min(width, COLUMNS))),
        columns_total=width,
        rows=tuple(
            Row(number=row + table.first_row, cells=_cells(row, clear, hidden, values))
            for row, clear, hidden in zip(shown, cells, masked, strict=True)
        ),
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
        cells.append(Segment(text=_cut(shown, CELL), marked=found))
    return tuple(cells)


def _text(text: Text, findings: Iterable[Finding]) -> ViewedText:
    lines = text.content.split("\n")
    shown = _window(_first_line(text, findings) or 0, len(lines))
    of_people = _lines_of_people(text, findings)
    return ViewedText(
        where=_masked(text.where),
        lines=tuple(
            Line(
                number=at + 1,
                segments=_segments(fold(lines[at][:LONGEST]), of_people=any(at in block for block in of_people)),
            )
            for at in shown
        ),
        lines_total=len(lines),
    )


def _lines_of_people(text: Text, findings: Iterable[Finding]) -> list[range]:
    """Lines of a list, of birth dates, of streets: more than numbers has to be masked there."""
    here = (finding for finding in findings if finding.part == text.part and finding.entity not in NUMBERS)
    places = (_LINES.fullmatch(finding.where.removeprefix(text.where).strip()) for finding in here)
    return [range(int(place[1]) - 1, int(place[2] or place[1])) for place in places if place]


def _segments(clear: str, *, of_people: bool) -> tuple[Segment, ...]:
    """Mask a line, and mark the words that the mask changed."""
    masked = mask_text(clear)
    if of_people:
        masked = _ANY_DIGIT.sub(lambda match: match[1] or "*", masked)
    segments: list[Segment] = []
    for old, new in zip(_WORDS.split(clear), _WORDS.split(masked), strict=False):
        marked = old != new
        if segments and segments[-1].marked is marked:
            segments[-1] = replace(segments[-1], text=segments[-1].text + new)
        else:
            segments.append(Segment(text=new, marked=marked))
    if of_people and (masked != clear or ":" in clear):
        segments = [
            segment if segment.marked else replace(segment, text=_initials(segment.text)) for segment in segments
        ]
    return _cut_segments(segments)


def _initials(text: str) -> str:
    """Names as initials; labels and codes of states stay."""
    return _NAME.sub(lambda match: f"{match[1]}.", text)


def _cut_segments(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    room, kept = LINE, []
    for segment in segments:
        if room <= 0:
            break
        kept.append(Segment(text=_cut(segment.text, room), marked=segment.marked))
        room -= len(segment.text)
    return tuple(kept)


def _masked(text: str) -> str:
    return mask_text(fold(text))


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
