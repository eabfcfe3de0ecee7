"""What a reviewer asks to see of one part, and what he is shown. Pure types; they cross the pipe as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from rules.verdict import Obstacle, Status

SIDE = 1400  #: pixels of a picture, at the most


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One part, from its first finding on; or one stretch of it. Numbers of rows and lines as the part counts them."""

    section: str
    skip: int = 0  #: of the part's tables and texts, those with findings first
    content: int | None = None  #: one of them alone, counted from 0 as they stand in the part
    where: str = ""  #: one of them alone: a finding's place, as the verdict names it
    first: int | None = None
    last: int | None = None
    column: int | None = None  #: the first one shown, counted from 0; None: where findings are
    clear: bool = False  #: values as they are, for a reason that is on record
    passwords: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What is shown of a table or text: numbers of its rows or lines, both ends included."""

    content: int  #: which one it is, counted from 0 as they stand in the part
    first: int
    last: int
    begin: int = 1  #: number of the first row or line that there is
    total: int


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
    stretch: Stretch
    lines: tuple[Line, ...]
    cut: bool = False  #: whether a line goes on
    page: bool = False  #: whether it is a page's or a picture's, which can be drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    number: int  #: as its sheet or page counts it
    cells: tuple[Segment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewedTable:
    kind: Literal["table"] = "table"
    name: str
    stretch: Stretch
    column: int = 0  #: the first one shown, counted from 0
    columns: tuple[str, ...]  #: letters of the columns shown
    columns_total: int
    rows: tuple[Row, ...]  #: those above the first finding, and the stretch


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
    filename: str | None = None  #: numbers masked, always
    media_type: str = ""
    size: int = 0
    status: Status
    reason: Obstacle | None = None
    note: str = ""
    contents: tuple[ViewedContent, ...] = ()
    contents_total: int = 0
    skipped: int = 0  #: tables and texts that are passed over
    alone: bool = False  #: one of them was asked for
    clear: bool = False  #: values as they are
    inner: tuple[InnerPart, ...] = ()
    inner_total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewedPicture:
    """Bare pixels, so that nothing that a worker made up is ever decoded; or why there are none."""

    width: int = 0
    height: int = 0
    pixels: str = ""  #: three bytes each, in base64
    note: str = ""

    def __post_init__(self) -> None:
        if not (0 <= self.width <= SIDE and 0 <= self.height <= SIDE):
            raise ValueError("too large")
        if len(self.pixels) != 4 * self.width * self.height or bool(self.pixels) is bool(self.note):
            raise ValueError("no picture, and no reason why")


_PICTURES: TypeAdapter[ViewedPicture] = TypeAdapter(ViewedPicture)
_PARTS: TypeAdapter[ViewedPart] = TypeAdapter(ViewedPart)
_LOOKS: TypeAdapter[Look] = TypeAdapter(Look)


def write(part: ViewedPart) -> bytes:
    return _PARTS.dump_json(part)


def write_picture(picture: ViewedPicture) -> bytes:
    return _PICTURES.dump_json(picture)


def look_of(argument: Mapping[str, Any]) -> Look:
    """As the service sends it to a worker."""
    return _LOOKS.validate_python(argument)
