"""Ordinary business mail of many kinds: nothing in it may be found."""

import csv
from pathlib import Path

import pytest

from rules.content import Role, Table, Text
from rules.detect import Detector

HARMLESS = sorted((Path(__file__).parent / "harmless").iterdir())


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


@pytest.mark.parametrize("path", HARMLESS, ids=lambda path: path.name)
def test_finds_nothing_in_harmless_text(detector: Detector, path: Path) -> None:
    """A wrong hold costs a reviewer's attention, and then the product's credit."""
    text = Text(part="1", where="body", role=Role.BODY, content=path.read_text(encoding="utf-8"))

    detection = detector.detect([text])

    assert detection.findings == ()
    assert detection.people.count == 0
    assert detection.unread == ()


@pytest.mark.parametrize("path", [p for p in HARMLESS if p.suffix == ".csv"], ids=lambda path: path.name)
def test_finds_nothing_in_a_harmless_table(detector: Detector, path: Path) -> None:
    """The same rows as a sheet: header words must decide what nine digits are."""
    rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))

    detection = detector.detect([Table(part="2", name="Sheet1", rows=rows)])

    assert detection.findings == ()
    assert detection.people.count == 0
