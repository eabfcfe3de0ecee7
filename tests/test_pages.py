"""A list that goes on from page to page is one list, told once, and each page of it is known for a part of it."""

from collections.abc import Sequence

import pytest
from detection import people

from gateway.review.shown import text_shown
from gateway.review.viewed import Look
from rules.content import Role, Text
from rules.detect import Detection, Detector
from rules.pages import lines_on

DETECTOR = Detector()
PEOPLE = people(40)
HEADER = f"{'Name':<28}{'SSN':<14}{'Balance':>12}"


def rows(begin: int, end: int) -> list[str]:
    return [f"{p.listed:<28}{p.ssn:<14}{p.balance:>12}" for p in PEOPLE[begin:end]]


def pages(*texts: Sequence[str], part: str = "2") -> list[Text]:
    return [
        Text(part=part, where=f"page {number}", role=Role.CONTENT, content="\n".join(lines))
        for number, lines in enumerate(texts, 1)
    ]


def lists(detection: Detection) -> list[tuple[str, int]]:
    return [(entry.where, entry.rows) for entry in detection.people.lists]


THREE = pages(
    ["Northwind Plan", "", HEADER, *rows(0, 10), "Page 1"],
    ["Northwind Plan", "", HEADER, *rows(10, 20), "Page 2"],
    [HEADER, *rows(20, 25)],
)


def test_a_report_of_three_pages_is_one_list_with_one_finding() -> None:
    """Seventy-nine entries for one report hide from a reviewer the one that stands between them."""
    detection = DETECTOR.detect(THREE)

    assert lists(detection) == [("page 1 line 3 to page 3 line 6", 25)]
    assert [(found.entity, found.where, found.count) for found in detection.findings] == [
        ("US_SSN", "page 1 line 4 to page 3 line 6", 25),
        ("PARTICIPANT_LIST", "page 1 line 3 to page 3 line 6", 25),
    ]


def test_pages_within_one_text_are_one_list_too() -> None:
    """A report file has form feeds, or nothing, between its pages."""
    [text] = pages([line for page in THREE for line in page.content.split("\n")])

    assert lists(DETECTOR.detect([text])) == [("page 1 lines 3-34", 25)]


def test_a_person_on_two_pages_counts_once() -> None:
    """The last line of a page is printed again on the next."""
    detection = DETECTOR.detect(pages([HEADER, *rows(0, 10)], [HEADER, *rows(9, 20)]))

    assert detection.people.count == 20
    assert [(found.count, found.distinct) for found in detection.findings if found.entity == "US_SSN"] == [(21, 20)]


def test_a_page_without_the_header_goes_on_under_it() -> None:
    """Only the first page names the columns."""
    detection = DETECTOR.detect(pages([HEADER, *rows(0, 10)], rows(10, 20)))

    assert lists(detection) == [("page 1 line 1 to page 2 line 10", 20)]


def test_another_header_begins_another_list() -> None:
    """And the first one's columns say nothing of it."""
    other = [f"{'Employee':<28}{'Soc Sec No':<14}{'Pay':>12}", *rows(10, 20)]
    detection = DETECTOR.detect(pages([HEADER, *rows(0, 10)], other, [HEADER, *rows(20, 30)]))

    assert sorted(lists(detection)) == [(f"page {number} lines 1-11", 10) for number in (1, 2, 3)]


def test_a_page_on_which_another_table_begins_is_read_by_itself() -> None:
    """What stands below a list is not a part of it; and the list does not end for that."""
    mixed = [
        HEADER,
        *rows(10, 20),
        f"{'Fund':<28}{'Ticker':<14}{'Price':>12}",
        f"{'Growth':<28}{'GRWX':<14}{'12.40':>12}",
    ]
    detection = DETECTOR.detect(pages([HEADER, *rows(0, 10)], mixed, [HEADER, *rows(20, 30)]))

    assert detection.people.count == 30
    assert sum(entry.rows for entry in detection.people.lists) == 30


def test_the_same_header_in_another_file_is_another_list() -> None:
    """Each attachment is named on its own."""
    detection = DETECTOR.detect([*pages([HEADER, *rows(0, 10)]), *pages([HEADER, *rows(10, 20)], part="3")])

    assert [(entry.part, entry.where) for entry in detection.people.lists] == [
        ("2", "page 1 lines 1-11"),
        ("3", "page 1 lines 1-11"),
    ]


def test_a_number_behind_a_label_within_a_page_of_the_list_is_found_beside_it() -> None:
    """It belongs to nobody's row."""
    note = f"Spouse of the above, SSN: {PEOPLE[35].ssn}"
    found = DETECTOR.detect(pages([HEADER, *rows(0, 5), note, *rows(5, 10)], [HEADER, *rows(10, 20)]))

    assert sum(one.distinct for one in found.findings if one.entity == "US_SSN") == 21


def test_no_page_in_the_middle_shows_a_name_or_an_amount() -> None:
    """The list's place begins and ends on other pages; a reviewer is shown this one masked all the same."""
    shown = text_shown(THREE[1], 1, DETECTOR.detect(THREE).findings, Look(section="2"))

    told = "\n".join("".join(segment.text for segment in line.segments) for line in shown.lines)
    assert [p.last for p in PEOPLE[10:20] if p.last in told] == []
    assert [p.balance for p in PEOPLE[10:20] if p.balance in told] == []


@pytest.mark.parametrize(
    ("where", "lines"),
    [
        ("page 2", (4, 1 << 30)),
        ("page 3", (1, 1 << 30)),
        ("page 12", (1, 9)),
        ("page 1", None),
        ("page 13", None),
        ("page 3 image", None),
        ("revision 1 page 3", None),
        ("properties", None),
    ],
)
def test_each_page_knows_its_share_of_a_place(where: str, lines: tuple[int, int] | None) -> None:
    """From its line on, to its line, or all of them."""
    assert lines_on(where, "page 2 line 4 to page 12 line 9") == lines
