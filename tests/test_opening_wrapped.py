"""PDF tables without rules whose narrow columns break numbers and names over lines: each row comes back whole."""

import carriers
import carriers_mail
import carriers_pages
import pytest
from openings import note, open_with, tables, texts

from gateway.inspection import Tools, inspect
from gateway.message import Limits, Opened
from gateway.opening.pdf import open_pdf
from rules.clients import Directory
from rules.detect import Detector
from rules.verdict import Evidence, Status

ROWS = carriers.table(40)
ALIGNED = pytest.mark.parametrize("align", ["TOP", "MIDDLE", "BOTTOM"])
BREAKS = [("{}- {}- {}", 34), ("{}-{}- {}", 44), ("{}-{}-{}", 30)]
NUMBER_LAST = [*range(1, len(carriers.HEADER)), 0]
UNCERTAIN = "page 1 has a table whose rows cannot be told apart for certain"


@pytest.fixture(scope="module")
def tools() -> Tools:
    return Tools(limits=Limits(), detector=Detector(), directory=Directory.load(None))


def numbers(evidence: Evidence) -> int:
    return sum(found.distinct for found in evidence.findings if found.entity == "US_SSN")


@ALIGNED
@pytest.mark.parametrize(("number", "width"), BREAKS, ids=["332- 20- 6469", "332-20- 6469", "332- 20-6 469"])
@pytest.mark.parametrize("order", [range(len(carriers.HEADER)), NUMBER_LAST], ids=["number first", "number last"])
def test_every_row_of_a_wrapped_table_comes_back_whole(align: str, number: str, width: float, order: list[int]) -> None:
    """By its lines it is a heap of pieces; a reader sees forty people."""
    content = carriers_pages.write_wrapped_pdf(ROWS, align=align, number=number, width=width, order=order)
    opening = open_with(open_pdf, content)
    assert isinstance(opening.outcome, Opened)
    read = [tuple(row) for table in tables(opening) for row in table.rows]
    header, *people = (tuple(row[i] for i in order) for row in ROWS)
    assert [row for row in read if row != header] == people
    assert {row for row in read if row not in people} == {header}


@ALIGNED
def test_forty_people_are_counted_in_a_wrapped_table(tools: Tools, align: str) -> None:
    content = carriers_pages.write_wrapped_pdf(ROWS, align=align)
    evidence = inspect(carriers_mail.write_eml(content, "list.pdf"), tools)
    assert {part.status for part in evidence.parts} == {Status.OPENED}
    assert (evidence.people.count, numbers(evidence)) == (40, 40)


def test_rows_printed_over_each_other_are_counted_and_not_called_clean(tools: Tools) -> None:
    """A sheet whose rows are too low prints so; whose address is whose cannot be told."""
    content = carriers_pages.write_wrapped_pdf(ROWS, number="{}-{}- {}", width=44, row_height=14)
    evidence = inspect(carriers_mail.write_eml(content, "list.pdf"), tools)
    assert numbers(evidence) == 40
    assert Status.PARTIAL in {part.status for part in evidence.parts}
    assert note(open_with(open_pdf, content)).startswith(UNCERTAIN)


def test_a_number_that_cannot_be_put_together_is_not_called_clean(tools: Tools) -> None:
    """Each number's end stands level with the beginning of the next, in one column."""
    content = carriers_pages.write_wrapped_pdf(ROWS, number="{}-{}- {}", width=44, row_height=11)
    evidence = inspect(carriers_mail.write_eml(content, "list.pdf"), tools)
    assert Status.PARTIAL in {part.status for part in evidence.parts}


def test_a_wrapped_price_list_is_no_table_of_people(tools: Tools) -> None:
    content = carriers_pages.write_wrapped_pdf(carriers.harmless(40), order=range(3))
    evidence = inspect(carriers_mail.write_eml(content, "list.pdf"), tools)
    assert {part.status for part in evidence.parts} == {Status.OPENED}
    assert evidence.findings == ()


def test_what_stands_around_a_wrapped_table_is_still_read() -> None:
    opening = open_with(open_pdf, carriers_pages.write_wrapped_pdf(ROWS, align="MIDDLE"))
    assert [text.content for text in texts(opening)].count("Participants of the plan") == 1
