"""The same forty people in every carrier: found with their count and place, wherever they hide; prices are not."""

from collections.abc import Mapping
from pathlib import Path

import carriers
import carriers_mail
import pytest
from carrier_folder import FORMATS, Carrier
from carrier_hiding import HIDING
from carrier_places import PLACES, Place
from carrier_unseen import UNSEEN
from openings import WITH_OCR

from gateway.inspection import Tools, inspect
from gateway.message import Limits
from rules.clients import Directory
from rules.detect import Detector
from rules.verdict import Evidence, Status

PEOPLE, PRICES = carriers.table(40), carriers.harmless(40)
SCANNED = {"PDF, scanned", "PNG", "JPEG", "TIFF of several pages", "BMP", "GIF", "WEBP"}


@pytest.fixture(scope="session")
def tools() -> Tools:
    return Tools(limits=Limits(), detector=Detector(), directory=Directory.load(None))


def attached(carrier: Carrier, rows: list[carriers.Row]) -> bytes:
    return carriers_mail.write_eml(carrier.write(rows), carrier.filename)


def unopened(evidence: Evidence) -> list[str]:
    return [f"{part.part} {part.type} {part.reason}" for part in evidence.parts if part.status is not Status.OPENED]


def cases(group: Mapping[str, Carrier]) -> list[object]:
    return [pytest.param(each, id=name, marks=WITH_OCR if name in SCANNED else ()) for name, each in group.items()]


@pytest.mark.parametrize("carrier", cases(FORMATS))
def test_forty_people_are_found_in_every_format(tools: Tools, carrier: Carrier) -> None:
    """A file that hides its rows in a format we do not read is the next breach."""
    evidence = inspect(attached(carrier, PEOPLE), tools)

    assert unopened(evidence) == []
    assert evidence.people.count == 40
    lists = [(found.part, found.where) for found in evidence.people.lists]
    assert any(part == carrier.part and where.startswith(carrier.where) for part, where in lists), lists


@pytest.mark.parametrize("carrier", cases({**HIDING, **UNSEEN}))
def test_forty_people_are_found_where_nobody_sees_them(tools: Tools, carrier: Carrier) -> None:
    """What people believe they removed travels with the file."""
    evidence = inspect(attached(carrier, PEOPLE), tools)

    assert unopened(evidence) == []
    assert evidence.people.count == 40
    places = [(found.part, found.where) for found in evidence.findings]
    assert any(part == carrier.part and where.startswith(carrier.where) for part, where in places), places


@pytest.mark.parametrize("place", [pytest.param(place, id=name) for name, place in PLACES.items()])
def test_forty_people_are_found_anywhere_in_the_message(tools: Tools, place: Place) -> None:
    evidence = inspect(place.write(PEOPLE), tools)

    assert unopened(evidence) == []
    assert evidence.people.count == 40
    assert any(found.part == place.part and found.where.startswith(place.where) for found in evidence.findings)


@pytest.mark.parametrize("carrier", cases({**FORMATS, **HIDING, **UNSEEN}))
def test_the_benign_twin_of_a_carrier_is_opened_and_says_nothing(tools: Tools, carrier: Carrier) -> None:
    """A good message that is held teaches people to release without looking."""
    evidence = inspect(attached(carrier, PRICES), tools)

    assert unopened(evidence) == []
    assert evidence.findings == ()
    assert evidence.people.count == 0


@pytest.mark.parametrize("place", [pytest.param(place, id=name) for name, place in PLACES.items()])
def test_the_benign_twin_of_a_message_is_opened_and_says_nothing(tools: Tools, place: Place) -> None:
    evidence = inspect(place.write(PRICES), tools)

    assert unopened(evidence) == []
    assert evidence.findings == ()


HEADS = sorted((Path(__file__).parent / "harmless_heads").iterdir())


@pytest.mark.parametrize("path", HEADS, ids=lambda path: path.stem)
def test_what_programs_write_into_a_header_says_nothing(tools: Tools, path: Path) -> None:
    """Signatures, numbers of messages and of campaigns: every ordinary mail has hundreds of digits in its header."""
    evidence = inspect(path.read_bytes().replace(b"\n", b"\r\n"), tools)

    assert unopened(evidence) == []
    assert evidence.findings == ()
    assert evidence.people.count == 0
