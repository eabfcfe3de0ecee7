"""What a reviewer is shown of one part: masked texts only, never a value. Pure types; they cross the pipe as JSON."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from rules.verdict import Obstacle, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A run of text; marked when a finding stands there."""

    text: str
    marked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    number: int  #: counted from 1 in its text
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewedText:
    kind: Literal["text"] = "text"
    where: str
    lines: tuple[Line, ...]
    lines_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    number: int  #: as its sheet or page counts it
    cells: tuple[Segment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewedTable:
    kind: Literal["table"] = "table"
    name: str
    columns: tuple[str, ...]  #: letters of the columns shown
    columns_total: int
    rows: tuple[Row, ...]
    rows_total: int


ViewedContent = Annotated[ViewedTable | ViewedText, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerPart:
    """A line in the list of what a container holds."""

    section: str
    status: Status
    reason: Obstacle | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewedPart:
    section: str
    filename: str | None = None  #: numbers masked
    media_type: str = ""
    size: int = 0
    status: Status
    reason: Obstacle | None = None
    note: str = ""
    contents: tuple[ViewedContent, ...] = ()
    contents_total: int = 0
    inner: tuple[InnerPart, ...] = ()
    inner_total: int = 0


_PARTS: TypeAdapter[ViewedPart] = TypeAdapter(ViewedPart)


def write(part: ViewedPart) -> bytes:
    return _PARTS.dump_json(part)
