"""Whole files inside texts: on one line, in strings of JSON, in elements of XML, in a script; pictures of letters."""

import base64
import json
import random
from collections.abc import Callable, Mapping

import carriers
import carriers_pages
import pytest
from carrier_folder import columns
from opening_messages import obstacle, open_attachment, part, words
from openings import WITH_OCR

from gateway.message import Opened
from rules.verdict import Obstacle

ROWS = carriers.table(5)
NUMBERS = [row[0] for row in ROWS[1:]]
SHEET = carriers.write_xlsx(ROWS)
LINE = base64.b64encode(SHEET).decode()
LINES = base64.encodebytes(SHEET).decode()

AROUND: Mapping[str, tuple[str, Callable[[], str]]] = {
    "one line of a text": ("a.txt", lambda: f"Here it is:\n{LINE}\nRegards"),
    "nothing but one line": ("a.txt", lambda: LINE),
    "an element of XML": ("a.xml", lambda: f'<?xml version="1.0"?><doc><bin>{LINE}</bin></doc>'),
    "an element of XML, in lines": ("a.xml", lambda: f'<?xml version="1.0"?><doc><bin>{LINES}</bin></doc>'),
    "an attribute of XML": ("a.xml", lambda: f'<?xml version="1.0"?><doc bin="{LINE}"/>'),
    "a string of JSON": ("a.json", lambda: json.dumps({"name": "list", "content": LINE})),
    "a string of JSON, in lines": ("a.json", lambda: json.dumps({"name": "list", "content": LINES})),
    "a string of JSON, as PHP writes it": ("a.json", lambda: json.dumps({"content": LINE}).replace("/", "\\/")),
    "a cell of CSV": ("a.csv", lambda: f"name,content\nlist,{LINE}\nlist,{LINE}\n"),
    "a page": ("a.html", lambda: f"<html><body><p>{LINE}</p></body></html>"),
    "a script": ("a.html", lambda: f'<html><body><script>var list = "{LINE}"</script></body></html>'),
    "a PDF behind a text": ("a.txt", lambda: "Dear all,\n" * 200 + carriers_pages.write_pdf(ROWS).decode("latin-1")),
}


@pytest.mark.parametrize("around", AROUND)
def test_a_file_within_a_text_is_opened(around: str) -> None:
    """Programs export attachments so; an editor, a script or a web page gives them back."""
    name, write = AROUND[around]

    message = open_attachment(write().encode("latin-1"), name)

    assert all(number in words(message) for number in NUMBERS)


def test_keys_and_addresses_of_pages_are_no_files() -> None:
    token = base64.b64encode(random.Random(3).randbytes(256)).decode()
    text = f"https://click.example/{token}\nssh-ed25519 {token} me\n" + "a" * 300 + "\n"

    assert [each.section for each in open_attachment(text.encode(), "a.txt").parts] == ["1", "2"]


DRAWN: Mapping[str, str] = {
    "a bitmap": "P1\n# a picture\n4 4\n1 0 1 0\n0 1 0 1\n1 0 1 0\n0 1 0 1\n",
    "an X bitmap": "#define list_width 8\n#define list_height 1\nstatic char list_bits[] = { 0x01 };\n",
    "a pixmap": '/* XPM */\nstatic char *list[] = { "1 1 1 1", "  c #000000", " " };\n',
    "data of a statistics program": "0" * 40 + "ASCII SPSS PORT FILE" + " " * 20 + "\n" + "0" * 80,
}


@pytest.mark.parametrize("kind", DRAWN)
def test_what_only_looks_like_a_text_is_not_opened_as_one(kind: str) -> None:
    message = open_attachment(DRAWN[kind].encode(), "list.txt")

    assert obstacle(part(message, "2")) is Obstacle.UNSUPPORTED


def test_postscript_is_read_as_a_text_and_not_believed() -> None:
    """Its strings may be whole; what its program draws, nobody has seen."""
    message = open_attachment(b"%!PS-Adobe-3.0\n/Courier 9 selectfont\n(Ada Poe 219-09-9999) show\n", "a.ps")

    assert obstacle(part(message, "2")) is Obstacle.UNSUPPORTED
    assert "219-09-9999" in words(message)


@WITH_OCR
@pytest.mark.parametrize(("kind", "name"), [("AVIF", "a.avif"), ("JPEG2000", "a.jp2")])
def test_newer_pictures_are_read(kind: str, name: str) -> None:
    message = open_attachment(carriers_pages.write_image(columns(ROWS), kind), name)

    assert all(isinstance(each.outcome, Opened) for each in message.parts)
    assert all(number in words(message) for number in NUMBERS)
