"""Tables that are wide, ragged or hostile, and nine digits that are nobody's."""

import pytest
from detection import people, table

from rules.detect import Detector

DETECTOR = Detector()


NINE_DIGITS_OTHERWISE = [
    "Invoice No",
    "Order Number",
    "Account Number",
    "Record ID",
    "Phone",
    "EIN",
    "Vendor Tax ID",
    "CUSIP",
    "Parcel ID",
    "Tracking No",
]


@pytest.mark.parametrize("header", NINE_DIGITS_OTHERWISE)
def test_nine_digits_under_another_header_are_not_ssns(header: str) -> None:
    """489 of 500 record ids were called SSNs by a rival's table rule."""
    rows = [["Description", header], *(["Bolt", p.digits] for p in people(40))]

    assert DETECTOR.detect([table(rows)]).findings == ()


def test_wide_and_ragged_tables_are_read_once() -> None:
    """A row of 16,384 columns among short ones must not be multiplied."""
    rows = [["Name", "SSN"], *([p.listed, p.ssn] for p in people(50)), ["1"] * 16_384]

    assert DETECTOR.detect([table(rows)]).people.count == 50


def test_a_number_is_read_with_its_own_labels_and_none_of_another_cell() -> None:
    """Cells are searched many at a time: what says something about one must not be heard by the next."""
    rows = [
        ["Ref", "Remark"],
        *(
            [f"line {n}", cell]
            for n, cell in enumerate(["1 thing that nobody has seen so far is her SSN", "212486397", "x 312486398"])
        ),
    ]
    labelled = [["Ref", "Remark"], *([f"line {n}", f"SSN 41248639{n}"] for n in range(3)), ["SSN", "612486393"]]
    listed = [["Ref", "Remark"], ["1", "SSN 212486397,"], ["2", "312486398"]]

    assert DETECTOR.detect([table(rows)]).findings == ()
    assert [found.count for found in DETECTOR.detect([table(labelled)]).findings] == [4]
    assert [found.count for found in DETECTOR.detect([table(listed)]).findings] == [1]


def test_a_very_wide_hostile_sheet_is_read_to_its_end() -> None:
    """16,384 columns, every cell a label with a number that nobody has: work per cell must stay small."""
    detection = DETECTOR.detect([table([["SSN 000-12-3456"] * 16_384] * 3)])

    assert detection.unread == ()
    assert detection.people.count == 0
