"""vCard and iCalendar: folded lines joined, values decoded, address books as tables, attachments handed on."""

import binascii
import re
from collections.abc import Iterator

from gateway.message import Opened
from gateway.opening.charset import decode
from gateway.opening.opener import Budget, Inner, Leaf, Opening
from rules.content import Table, Text

_ENCODED = re.compile(
    r"^[^\n:]*;(?:ENCODING=)?(?:BASE64|B)(?:;[^\n:]*)?:(.*(?:\n[A-Za-z0-9+/=]+$)*)", re.IGNORECASE | re.MULTILINE
)
_CARD = re.compile(r"^BEGIN:VCARD[ \t]*\n(.*?)^END:VCARD[ \t]*(?:\n|\Z)", re.IGNORECASE | re.MULTILINE | re.DOTALL)
_SEMICOLON = re.compile(r"(?<!\\);")
_FEWEST = 2
_NAMES = {"FN": "Name", "BDAY": "Birth Date", "TEL": "Phone", "ORG": "Company"}
_COLUMNS = {  # RFC 6350 6.2.2 and 6.3.1: parts that always stand in this order
    "N": ("Last Name", "First Name", "Middle Name", "Prefix", "Suffix"),
    "ADR": ("PO Box", "Address 2", "Address", "City", "State", "ZIP", "Country"),
}
_QUOTED = re.compile(r"^([^\n:]*;(?:ENCODING=)?QUOTED-PRINTABLE[^\n:]*:)((?:.*=\n)*.*)$", re.IGNORECASE | re.MULTILINE)


def open_card(leaf: Leaf, budget: Budget) -> Opening:
    """Every property as a line (RFC 6350 3.2, RFC 5545 3.1)."""
    del budget
    text = re.sub(r"\n[ \t]", "", decode(leaf.content, leaf.charset))
    text = _QUOTED.sub(_unquoted, text)
    files = [found[1] for found in _ENCODED.finditer(text)]
    shown = _ENCODED.sub("", text)
    rows = _people(shown)
    content = (
        Table(part=leaf.section, name="cards", rows=rows)
        if rows
        else Text(part=leaf.section, where="card", role=leaf.role, content=_plain(shown))
    )
    return Opening(outcome=Opened(contents=(content,)), inner=_inner(files))


def _plain(text: str) -> str:
    return re.sub(r"\\([,;\\])", r"\1", re.sub(r"\\[nN]", "\n", text))


def _people(text: str) -> list[list[str]] | None:
    """An address book as a table: a row for each card. None when there are lines outside the cards, or one card."""
    cards = _CARD.findall(text)
    if len(cards) < _FEWEST or _CARD.sub("", text).strip():
        return None
    people = [_person(card) for card in cards]
    columns = list(dict.fromkeys(key for person in people for key in person))
    return [columns, *([person.get(column, "") for column in columns] for person in people)]


def _person(card: str) -> dict[str, str]:
    """Properties under the names of columns; what comes again stands behind the first."""
    person: dict[str, str] = {}
    for line in filter(str.strip, card.split("\n")):
        head, _, value = line.partition(":")
        name = head.partition(";")[0].rpartition(".")[2].strip().upper()
        pieces = [_plain(piece).strip() for piece in _SEMICOLON.split(value)]
        names = _COLUMNS.get(name, ())
        if len(pieces) != len(names):
            names, pieces = (_NAMES.get(name, name.capitalize()),), [", ".join(filter(None, pieces))]
        for column, piece in zip(names, pieces, strict=True):
            if piece:
                person[column] = f"{person[column]}; {piece}" if column in person else piece
    return person


def _unquoted(found: re.Match[str]) -> str:
    return found[1] + decode(binascii.a2b_qp(found[2].encode("utf-8")))


def _inner(files: list[str]) -> Iterator[Inner]:
    for encoded in files:
        letters = re.sub(r"[^A-Za-z0-9+/]", "", encoded)
        letters = letters[: len(letters) - (len(letters) % 4 == 1)]
        yield Inner(name=None, content=binascii.a2b_base64(letters + "=" * (-len(letters) % 4)))
