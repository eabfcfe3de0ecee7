"""Calls an opener as the registry does, and asks its answer simple questions."""

import pytest

from gateway.message import Limits, Opened
from gateway.opening import image
from gateway.opening.opener import Budget, Leaf, Opener, Opening
from rules.content import Table, Text

WITH_OCR = pytest.mark.skipif(image.warm() is None, reason="Tesseract's English data is not installed")


def open_with(opener: Opener, content: bytes, limits: Limits | None = None, media_type: str = "") -> Opening:
    leaf = Leaf(section="2", filename="list.bin", media_type=media_type, content=content)
    return opener(leaf, Budget(limits=limits or Limits()))


def tables(opening: Opening) -> list[Table]:
    return [item for item in getattr(opening.outcome, "contents", ()) if isinstance(item, Table)]


def texts(opening: Opening) -> list[Text]:
    return [item for item in getattr(opening.outcome, "contents", ()) if isinstance(item, Text)]


def table_named(opening: Opening, name: str) -> Table:
    return next(table for table in tables(opening) if table.name == name)


def text_at(opening: Opening, where: str) -> Text:
    return next(text for text in texts(opening) if text.where == where)


def cells(opening: Opening) -> list[str]:
    return [cell for table in tables(opening) for row in table.rows for cell in row]


def words(opening: Opening) -> str:
    """Everything that was read, as one text."""
    return "\n".join([text.content for text in texts(opening)] + cells(opening))


def place_of(table: Table, wanted: str) -> str:
    for top, row in enumerate(table.rows):
        for left, cell in enumerate(row):
            if cell == wanted:
                return table.place(top, left, top, left)
    return "nowhere"


def note(opening: Opening) -> str:
    return "" if isinstance(opening.outcome, Opened) else opening.outcome.note
