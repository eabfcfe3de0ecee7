"""Plain text: whole, as one text, or as one table where it is delimited. Finds files pasted into it."""

import re
from collections.abc import Iterator

from gateway.message import Opened, Partial
from gateway.opening import delimited, pasted, records
from gateway.opening.charset import decode
from gateway.opening.opener import Budget, Inner, Leaf, Opening
from rules.content import Content, Role, Text
from rules.verdict import Obstacle

_SEALED = "-----BEGIN PGP MESSAGE-----"
_BROKEN_NUMBER = re.compile(r"(?<![0-9-])([0-9][0-9-]{0,9}) \n(>{0,9} ?)([0-9-]{1,10})(?![0-9-])")
_DIGITS = 9  #: of an SSN; two whole numbers on two lines stay two
_YENC = re.compile(r"^=ybegin .*name=", re.MULTILINE)


def open_text(leaf: Leaf, budget: Budget) -> Opening:
    """A text body stays a text, tables pasted into it included; a file that is delimited becomes a table."""
    del budget
    text = decode(leaf.content, leaf.charset)
    if leaf.delsp:
        text = _BROKEN_NUMBER.sub(_whole_number, text)
    if leaf.role is not Role.BODY:
        text = records.cut(text)
    table = None if leaf.role is Role.BODY else delimited.table_of(text, leaf.section, named=_named(leaf))
    contents: tuple[Content, ...] = (table,) if table else (as_text(leaf, text),)
    if not text or text.isspace():
        contents = ()
    inner: Iterator[Inner] = pasted.blocks(text)
    if found := missed(text):
        obstacle, note = found
        return Opening(outcome=Partial(contents=contents, obstacle=obstacle, note=note), inner=inner)
    return Opening(outcome=Opened(contents=contents), inner=inner)


def _whole_number(found: re.Match[str]) -> str:
    """A number as RFC 3676 shows it; the rest of the text keeps its lines, which say more."""
    before, quoted, after = found.groups()
    whole = before + after
    return f"{whole}\n{quoted}" if sum(map(str.isdigit, whole)) == _DIGITS else found[0]


def as_text(leaf: Leaf, content: str) -> Text:
    return Text(part=leaf.section, where="body" if leaf.role is Role.BODY else "text", role=leaf.role, content=content)


def _named(leaf: Leaf) -> bool:
    """Does anyone call it a delimited file? A hint for texts that are short or ragged."""
    name = (leaf.filename or "").lower()
    return name.endswith((".csv", ".tsv", ".tab", ".psv")) or leaf.declared_type in delimited.TYPES


def missed(text: str) -> tuple[Obstacle, str] | None:
    """What a text holds that cannot be read."""
    if _SEALED in text:
        return Obstacle.ENCRYPTED, "holds a PGP message"
    if "=ybegin " in text and _YENC.search(text):
        return Obstacle.UNSUPPORTED, "holds a yEnc block"
    if "\0" in text:
        return Obstacle.CORRUPT, "NUL bytes within the text"
    return None


def open_postscript(leaf: Leaf, budget: Budget) -> Opening:
    """A program that draws pages: its strings are read, what it draws is not."""
    opening = open_text(leaf, budget)
    note = "PostScript, read as a text only"
    contents = getattr(opening.outcome, "contents", ())
    outcome = Partial(contents=contents, obstacle=Obstacle.UNSUPPORTED, note=note)
    return Opening(outcome=outcome, inner=opening.inner)
