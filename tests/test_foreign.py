"""The list as LibreOffice writes it: our own writers know what our openers expect, other people's programs do not."""

import lzma
from pathlib import Path

import carriers_mail
import pytest
from openings import WITH_OCR

from gateway.inspection import Tools, inspect
from gateway.message import Limits
from rules.clients import Directory
from rules.detect import Detector
from rules.verdict import Obstacle, Status

FOLDER = Path(__file__).parent / "foreign"
PASSWORD = "countersign"
PLACES = {
    "list.calc.fods": "table 5!A10:J50",
    "list.calc.ods": "list!A1:I41",
    "list.calc.pdf": "page 1",
    "list.calc.xls": "list!A1:I41",
    "list.calc.xlsx": "list!A1:I41",
    "list.impress.odp": "table 1!A1:I41",
    "list.impress.pdf": "page 1 wrapped!A1:I41",
    "list.impress.ppt": "table 1!A1:I41",
    "list.impress.pptx": "slide 1 table 1!A1:I41",
    "list.writer.doc": "table 1!A1:I41",
    "list.writer.docx": "table 1!A1:I41",
    "list.writer.html": "table 1!A1:I41",
    "list.writer.odt": "Table1!A1:I41",
    "list.writer.pdf": "page 1 wrapped!A1:I10",
    "list.writer.rtf": "table 1!A1:I41",
    "locked.owner.pdf": "page 1",
    "wrapped.calc.pdf": "page 1 wrapped!A1",
    "wrapped.writer.pdf": "page 1 wrapped!A1",
}
PICTURES = ("list.picture.doc", "list.picture.ppt", "list.picture.xls")
PRICES = [
    pytest.param(name, marks=WITH_OCR if ".picture." in name else ())
    for name in sorted(path.name.removesuffix(".xz") for path in FOLDER.glob("prices.*"))
]
LOCKED = ("locked.list.ods", "locked.list.odt", "locked.list.xls", "locked.user.pdf")


@pytest.fixture(scope="module")
def tools() -> Tools:
    return Tools(limits=Limits(), detector=Detector(), directory=Directory.load(None))


def mail(name: str) -> bytes:
    return carriers_mail.write_eml(lzma.decompress((FOLDER / f"{name}.xz").read_bytes()), name)


@pytest.mark.parametrize("name", PLACES)
def test_forty_people_are_found_in_what_another_program_wrote(tools: Tools, name: str) -> None:
    evidence = inspect(mail(name), tools)

    assert {part.status for part in evidence.parts} == {Status.OPENED}
    assert evidence.people.count == 40
    assert any(found.where.startswith(PLACES[name]) for found in evidence.people.lists), evidence.people.lists


@WITH_OCR
@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_of_the_list_is_read_in_the_old_formats_too(tools: Tools, name: str) -> None:
    """A screen shot pasted into a letter is a list like any other."""
    evidence = inspect(mail(name), tools)

    assert {part.status for part in evidence.parts} == {Status.OPENED}
    assert evidence.people.count == 20
    assert {found.part for found in evidence.people.lists} == {"2/1"}


@pytest.mark.parametrize("name", PRICES)
def test_prices_that_another_program_wrote_say_nothing(tools: Tools, name: str) -> None:
    evidence = inspect(mail(name), tools)

    assert {part.status for part in evidence.parts} == {Status.OPENED}
    assert evidence.findings == ()


@pytest.mark.parametrize("name", LOCKED)
def test_what_another_program_locked_is_said_to_be(tools: Tools, name: str) -> None:
    evidence = inspect(mail(name), tools)

    assert {part.reason for part in evidence.parts if part.status is not Status.OPENED} == {Obstacle.ENCRYPTED}


@pytest.mark.parametrize("name", LOCKED)
def test_its_password_opens_it(tools: Tools, name: str) -> None:
    assert inspect(mail(name), tools, passwords=(PASSWORD,)).people.count == 40
