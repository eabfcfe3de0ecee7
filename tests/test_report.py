"""The breach worksheet answers what a state's form asks, in three formats, and holds no value of the message."""

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pypdfium2
import pytest
import pytest_asyncio
from house import BETA, XLSX, House, eventually, hold_id, house, mail
from test_cli import run

from gateway.actor import Actor
from gateway.demo.sample import participants, workbook
from gateway.report import as_mapping, markdown, worksheet
from gateway.report_pdf import pdf
from gateway.serve import now
from gateway.states import State

pytestmark = pytest.mark.asyncio(loop_scope="module")
PEOPLE = participants(40, 7)
CENSUS = mail(
    "Beta Logistics: file",
    attachments=(("participants.xlsx", XLSX, workbook("Acme Manufacturing, Inc.", "501234", PEOPLE)),),
)
NAMES = {"acme": "Acme Manufacturing, Inc.", "beta": "Beta Logistics LLC"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[House, str]]:
    async with house(tmp_path_factory.mktemp("house")) as place:
        yield place, hold_id(await place.send(CENSUS, BETA))


async def test_it_counts_the_people_of_each_state(running: tuple[House, str]) -> None:
    """The number that a form asks first, and the residents of the state that asks."""
    place, identifier = running

    sheet = worksheet(await place.service.quarantine.get(identifier), NAMES.__getitem__, now())

    assert (sheet.people, sheet.by_state["NC"]) == (40, 7)
    assert (sheet.owners, sheet.named) == (("Acme Manufacturing, Inc.",), ("Beta Logistics LLC",))
    assert "Social Security numbers" in sheet.data_elements
    assert sheet.conclusion == "Prevented: the message has not been sent to any recipient."


async def test_every_format_says_the_same_and_no_value(running: tuple[House, str]) -> None:
    """Markdown for a ticket, JSON for a program, PDF for a signature."""
    place, identifier = running
    sheet = worksheet(await place.service.quarantine.get(identifier), NAMES.__getitem__, now())
    pages = pypdfium2.PdfDocument(io.BytesIO(pdf(sheet)))

    texts = [markdown(sheet), json.dumps(as_mapping(sheet)), "".join(p.get_textpage().get_text_range() for p in pages)]
    pages.close()

    for text in texts:
        assert identifier in text
        assert "North" in text or "NC" in text
        assert not any(str(value) in text for person in PEOPLE for value in person[:2])


async def test_after_a_release_it_says_who_has_it(tmp_path: Path) -> None:
    """A wrong release is a breach; the worksheet must not call it prevented."""
    async with house(tmp_path) as place:
        identifier = hold_id(await place.send(CENSUS, BETA))
        await place.service.quarantine.release(identifier, None, Actor("rita"), "looked fine", now())
        await eventually(lambda: bool(place.arrived(CENSUS)))

        async def released() -> bool:
            return (await place.service.quarantine.get(identifier)).state is State.RELEASED

        await eventually(released)
        sheet = worksheet(await place.service.quarantine.get(identifier), NAMES.__getitem__, now())

    assert sheet.conclusion.startswith("Sent on to 1 of 1 recipients")
    assert [step.event for step in sheet.timeline][:1] == ["held"]


async def test_the_terminal_prints_it(running: tuple[House, str]) -> None:
    """Counsel has no access to the service; somebody sends a file."""
    place, identifier = running

    done = run("report", identifier, "--format", "json", "--config", place.file)

    assert (done.status, json.loads(done.out)["people"]) == (0, 40)
    assert run("report", "nothing", "--config", place.file).status == 1


async def test_the_terminal_says_where_it_cannot_be_written(running: tuple[House, str]) -> None:
    """A file that cannot be made, and a disk that is full, are told by name and without a traceback."""
    place, identifier = running

    for target, why in (("no/such", "No such file or directory"), ("/dev/full", "No space left on device")):
        done = run("report", identifier, "-o", target, "--config", place.file)
        assert (done.status, done.err) == (1, f"{target}: cannot be written: {why}\n")
