"""The list of 2007 in every carrier, through the real openers: 5,135 people, 195 of North Carolina, counted exactly."""

from collections.abc import Callable, Sequence

import carriers
import carriers_pages
import pytest
from opening_messages import opened, with_attachment

from gateway.message import Opened, Partial
from rules.content import Content
from rules.detect import Detection, Detector

PEOPLE, IN_NC = 5135, 195

Row = tuple[str, ...]


def _report(rows: Sequence[Row]) -> bytes:
    """A mainframe report: a header on every page, amounts to the right, totals."""
    header = f"{'NAME':<28}{'SOC SEC NBR':<14}{'BIRTH':<12}{'ST':<4}{'BALANCE':>14}"
    lines: list[str] = []
    for page, start in enumerate(range(1, len(rows), 50), 1):
        lines += [f"NORTHWIND{'PAGE':>50}{page:>5}", "", header, "-" * len(header)]
        for ssn, first, last, birth, _, _, state, _, balance in rows[start : start + 50]:
            lines.append(f"{f'{last}, {first}'.upper():<28}{ssn:<14}{birth:<12}{state:<4}{float(balance):>14,.2f}")
        lines.append(f"{'PAGE TOTAL':>40}{float(page):>32,.2f}\f")
    return "\n".join(lines).encode()


WRITERS: dict[str, Callable[[Sequence[Row]], bytes]] = {
    "census.xlsx": carriers.write_xlsx,
    "census.csv": carriers.write_csv,
    "census.txt": carriers.write_fixed,
    "report.txt": _report,
    "census.pdf": carriers_pages.write_pdf,
    "census.docx": carriers.write_docx,
    "census.html": carriers.write_html,
}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    states = ["NC"] * IN_NC + ["MA"] * (PEOPLE - IN_NC)
    return [carriers.HEADER, *carriers.people(PEOPLE, states=states)]


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


def _detected(detector: Detector, files: dict[str, bytes]) -> Detection:
    contents: list[Content] = []
    for name, content in files.items():
        message = opened(with_attachment(content, name))
        for part in message.parts:
            assert not isinstance(part.outcome, Partial), part.outcome
            if isinstance(part.outcome, Opened):
                contents += part.outcome.contents
    return detector.detect(contents)


@pytest.mark.parametrize("name", WRITERS)
def test_counts_everybody_in_every_carrier(detector: Detector, rows: list[Row], name: str) -> None:
    """These two numbers stood on the breach form; a count that is nearly right is wrong there."""
    detection = _detected(detector, {name: WRITERS[name](rows)})

    assert detection.unread == ()
    assert detection.people.count == PEOPLE
    assert dict(detection.people.by_state) == {"MA": PEOPLE - IN_NC, "NC": IN_NC}
    assert sum(entry.rows for entry in detection.people.lists) == PEOPLE
    assert sum(found.count for found in detection.findings if found.entity == "US_SSN") == PEOPLE
    assert all({"name", "ssn", "birth"} <= set(entry.elements) for entry in detection.people.lists)


def test_the_same_people_in_two_attachments_count_once(detector: Detector, rows: list[Row]) -> None:
    """A census beside its own report is one census."""
    some = rows[:401]

    detection = _detected(detector, {"census.xlsx": carriers.write_xlsx(some), "report.txt": _report(some)})

    assert detection.people.count == 400
