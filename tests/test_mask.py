"""What a reviewer sees: never more than the last four digits of anybody's number."""

import re

import pytest
from detection import people, table
from hypothesis import given
from hypothesis import strategies as st

from rules.mask import mask_address, mask_filename, mask_rows, mask_text


def test_masks_a_file_name() -> None:
    """File names stand in verdicts, notices and logs."""
    assert mask_filename("ssn_212-48-6397.pdf") == "ssn_***-**-6397.pdf"
    assert mask_filename("census 2026.xlsx") == "census 2026.xlsx"
    assert mask_filename(None) is None


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("SSN 212-48-6397.", "SSN ***-**-6397."),
        ("SSN 212486397", "SSN *****6397"),
        ("SSN 212 48 6397", "SSN *** ** 6397"),
        ("212\u201148\u20116397", "***\u2011**\u20116397"),
        ("SSN 212-486397", "SSN ***-**-6397"),
        ("card 4111 1111 1111 1111", "card **** **** **** 1111"),
        ("paid on 03/14/2026, $1,250.00", "paid on 03/14/2026, $1,250.00"),
    ],
)
def test_masks_numbers_in_text(text: str, masked: str) -> None:
    """Dates and amounts stay readable; numbers of people and accounts do not."""
    assert mask_text(text) == masked


def test_masks_a_table_by_what_its_columns_are() -> None:
    """Names as initials, birth dates and balances wholly, numbers by their last four."""
    [person] = people(1)
    rows = [["Name", "SSN", "DOB", "Balance"], [person.listed, person.ssn, person.birth, person.balance]]
    rows += [[p.listed, p.ssn, p.birth, p.balance] for p in people(4)[1:]]

    masked = mask_rows(table(rows), range(len(rows)))

    assert masked[0] == rows[0]
    assert masked[1][1] == f"***-**-{person.ssn[-4:]}"
    assert re.search(r"[0-9]", masked[1][2] + masked[1][3]) is None
    assert person.last.upper() not in masked[1][0]


def test_masks_an_address() -> None:
    assert mask_address("pat@acme-mfg.example") == "p***@acme-mfg.example"


@given(
    st.from_regex(r"[0-9]{3}[-. ]?[0-9]{2}[-. ]?[0-9]{4}", fullmatch=True), st.text(alphabet="ab ,:;()\n", max_size=9)
)
def test_no_number_of_nine_digits_survives(number: str, around: str) -> None:
    """Whatever stands around it, at most four digits of it are left."""
    masked = mask_text(f"{around}{number}{around}")

    assert sum(character.isdigit() for character in masked) <= 4
