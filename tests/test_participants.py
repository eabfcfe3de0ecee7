"""Lists of people in every shape they come in: counted exactly, once each, by state."""

import csv
import io
from collections.abc import Callable

import pytest
from detection import Person, body, people, table

from rules.content import Role, Text
from rules.detect import Detection, Detector

DETECTOR = Detector()
SCRIPTS = [
    "\u5c71\u7530 \u592a\u90ce",
    "\u0418\u0432\u0430\u043d\u043e\u0432 \u0418\u0432\u0430\u043d",
    "Jos\u00e9 Mu\u00f1oz",
    "Ng\u00f4 B\u1ea3o",
    "\u674e \u660e",
]
PARTICLES = ["van der Berg, Anna", "O'Neil, Pat Jr.", "de la Cruz, Maria III", "St. John, Al", "Smith-Jones, Jo"]
HEADER = ["Name", "SSN", "Date of Birth", "Address", "City", "State", "Zip", "Balance"]


def _row(person: Person) -> list[str]:
    return [
        person.listed,
        person.ssn,
        person.birth,
        person.street,
        person.city,
        person.state,
        person.zip,
        person.balance,
    ]


def _rows(crowd: list[Person]) -> list[list[str]]:
    return [HEADER, *map(_row, crowd)]


def _detect(rows: list[list[str]]) -> Detection:
    return DETECTOR.detect([table(rows)])


def _fixed_width(crowd: list[Person]) -> list[Text]:
    lines = [f"{'Name':<26}{'SSN':<13}{'Birth Date':<12}{'City':<12}{'St':<4}{'Zip':<7}{'Balance':>12}"]
    lines += [f"{p.listed:<26}{p.ssn:<13}{p.birth:<12}{p.city:<12}{p.state:<4}{p.zip:<7}{p.balance:>12}" for p in crowd]
    return [Text(part="2", where="text", role=Role.CONTENT, content="\n".join(lines))]


def _pages(crowd: list[Person]) -> list[Text]:
    """As a PDF's text comes: single spaces, a title, the header again on every page, two rows on the last."""
    size = 64
    return [
        Text(
            part="2",
            where=f"page {start // size + 1}",
            role=Role.CONTENT,
            content="Acme 401(k) Plan\nParticipant Name SSN Birth Date City State Zip Balance\n"
            + "\n".join(
                f"{p.listed} {p.ssn} {p.birth} {p.city} {p.state} {p.zip} {p.balance}"
                for p in crowd[start : start + size]
            )
            + f"\nPage {start // size + 1}",
        )
        for start in range(0, len(crowd), size)
    ]


def _pages_of_bare_digits(crowd: list[Person]) -> list[Text]:
    """The header on the first page only, and no dashes in the numbers."""
    size = 50
    head = "Participant Name SSN Birth Date City State Zip Balance\n"
    return [
        Text(
            part="2",
            where=f"page {start // size + 1}",
            role=Role.CONTENT,
            content=(head if start == 0 else "")
            + "\n".join(
                f"{p.listed} {p.digits} {p.birth} {p.city} {p.state} {p.zip} {p.balance}"
                for p in crowd[start : start + size]
            ),
        )
        for start in range(0, len(crowd), size)
    ]


def _report(crowd: list[Person]) -> list[Text]:
    """One text with form feeds, page numbers and repeated headers."""
    lines: list[str] = []
    for start in range(0, len(crowd), 40):
        lines += [
            "\fACME MANUFACTURING, INC.            PARTICIPANT CENSUS",
            "",
            "NAME                      SOC SEC NBR  BIRTH DATE  ST    BALANCE",
            "",
        ]
        lines += [
            f"{p.listed.upper():<26}{p.digits:<13}{p.birth:<12}{p.state:<4}{p.balance:>9}"
            for p in crowd[start : start + 40]
        ]
        lines += ["", f"                         PAGE {start // 40 + 1}", ""]
    return [Text(part="2", where="text", role=Role.CONTENT, content="\n".join(lines))]


def _pasted_csv(crowd: list[Person]) -> list[Text]:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(_rows(crowd))
    return [body(f"Hi Pat,\n\nhere is the census:\n\n{out.getvalue()}\n\nRegards, Sam", part="2")]


def _tab_separated(crowd: list[Person]) -> list[Text]:
    return [body("\n".join("\t".join(row) for row in _rows(crowd)), part="2")]


def _blocks(crowd: list[Person]) -> list[Text]:
    blocks = [
        f"Name: {p.first} {p.last}\nSSN: {p.ssn}\nDOB: {p.birth}\nState: {p.state}\nBalance: ${p.balance}\n"
        for p in crowd
    ]
    return [body("\n".join(blocks), part="2")]


def _json(crowd: list[Person]) -> list[Text]:
    rows = [
        f'{{"name": "{p.first} {p.last}", "ssn": "{p.digits}", "birthDate": "{p.birth}", "state": "{p.state}"}}'
        for p in crowd
    ]
    return [Text(part="2", where="text", role=Role.CONTENT, content="[" + ",\n".join(rows) + "]")]


def _xml(crowd: list[Person]) -> list[Text]:
    rows = [f"<p><name>{p.first} {p.last}</name><ssn>{p.digits}</ssn><state>{p.state}</state></p>" for p in crowd]
    return [Text(part="2", where="text", role=Role.CONTENT, content="\n".join(rows))]


CARRIERS: list[Callable[[list[Person]], list[Text]]] = [
    _fixed_width,
    _pages,
    _pages_of_bare_digits,
    _report,
    _pasted_csv,
    _tab_separated,
    _blocks,
    _json,
    _xml,
]


def test_counts_the_breach_exactly() -> None:
    """The case this product exists for: 5,135 people, 195 of them in North Carolina."""
    rows = [["Acme Manufacturing 401(k)"], ["Plan 501234"], [], *_rows(people(5135, in_nc=195))]

    detection = _detect(rows)

    assert (detection.people.count, dict(detection.people.by_state)) == (5135, {"MA": 4940, "NC": 195})
    assert [(entry.where, entry.rows) for entry in detection.people.lists] == [("Census!A4:H5139", 5135)]
    ssn = detection.findings[0]
    assert (ssn.entity, ssn.where, ssn.count, ssn.distinct) == ("US_SSN", "Census!B5:B5139", 5135, 5135)
    assert detection.unread == ()


@pytest.mark.parametrize("carrier", CARRIERS, ids=lambda carrier: carrier.__name__.strip("_"))
@pytest.mark.parametrize("count", [3, 130])
def test_counts_the_same_people_in_every_carrier(carrier: Callable[[list[Person]], list[Text]], count: int) -> None:
    """What a list is sent as must not change who is in it."""
    detection = DETECTOR.detect(carrier(people(count, in_nc=2)))

    assert (detection.people.count, detection.people.by_state.get("NC")) == (count, 2)
    assert sum(entry.rows for entry in detection.people.lists) == count
    assert {finding.entity for finding in detection.findings} >= {"US_SSN", "PARTICIPANT_LIST"}
    assert sum(f.count for f in detection.findings if f.entity == "US_SSN") == count
    assert detection.unread == ()


def test_counts_thousands_over_pages() -> None:
    """The header on each page, and two people alone on the last."""
    detection = DETECTOR.detect(_pages(people(64 * 20 + 2, in_nc=195)))

    assert (detection.people.count, detection.people.by_state["NC"], detection.people.unknown_state) == (1282, 195, 0)
    assert len(detection.people.lists) == 21


def test_the_same_person_in_two_attachments_counts_once() -> None:
    """A breach is of people, not of rows."""
    crowd = people(20)
    without = [["First Name", "Last Name", "DOB", "Salary"]] + [[p.first, p.last, p.birth, p.balance] for p in crowd]

    detection = DETECTOR.detect([table(_rows(crowd), part="2"), table(without, part="3"), *_pages(crowd)])

    assert detection.people.count == 20
    assert {entry.part for entry in detection.people.lists} == {"2", "3"}


def test_a_person_on_several_rows_counts_once() -> None:
    """One row for each fund is how recordkeepers' files look."""
    rows = [["Participant", "SSN", "Fund", "Balance"]]
    rows += [[p.listed, p.ssn, fund, p.balance] for p in people(7) for fund in ("Bond Index", "Stable Value", "Growth")]

    detection = _detect(rows)

    assert (detection.people.count, detection.people.lists[0].rows) == (7, 21)


SHAPES: dict[str, list[list[str]]] = {
    "names in capitals": [["NAME", "SOC SEC NBR"], *([f"{p.last}, {p.first} Q".upper(), p.digits] for p in people(5))],
    "first and last apart": [["Last Name", "First Name", "SSN"], *([p.last, p.first, p.ssn] for p in people(5))],
    "two-line header": [
        ["Employee", "Social", "Date of"],
        ["Name", "Security No", "Birth"],
        *([p.listed, p.digits, p.birth] for p in people(5)),
    ],
    "titles, blank rows and totals": [
        ["Acme Manufacturing, Inc."],
        ["Participant census as of 12/31/2025"],
        [],
        ["Name", "SSN", "Balance"],
        *([p.listed, p.ssn, p.balance] for p in people(3)),
        [],
        *([p.listed, p.ssn, p.balance] for p in people(5)[3:]),
        ["Total", "", "123,456.78"],
        ["Report totals: 5 participants"],
    ],
    "no header": [[p.listed, p.ssn, p.balance] for p in people(5)],
    "ssn last": [
        ["Employee ID", "Employee Name", "EE SSN"],
        *([str(100 + n), p.listed, p.ssn] for n, p in enumerate(people(5))),
    ],
    "zeros lost": [["Name", "SSN"], *([p.listed, str(int(p.digits))] for p in people(5))],
    "floats": [["Name", "SSN"], *([p.listed, f"{int(p.digits)}.0"] for p in people(5))],
    "spaces": [["Name", "SSN"], *([p.listed, p.ssn.replace("-", " ")] for p in people(5))],
    "odd dashes": [["Name", "SSN"], *([p.listed, p.ssn.replace("-", "\u2011")] for p in people(5))],
    "split over three columns": [["Name", "SSN1", "SSN2", "SSN3"], *([p.listed, *p.ssn.split("-")] for p in people(5))],
    "split under one header": [
        ["Name", "SSN", "", ""],
        *([p.listed, *(part.lstrip("0") for part in p.ssn.split("-"))] for p in people(5)),
    ],
    "tax id of people": [["Participant Name", "Tax ID"], *([p.listed, p.digits] for p in people(5))],
    "other scripts": [["Name", "SSN"], *([name, p.ssn] for name, p in zip(SCRIPTS, people(5), strict=True))],
    "particles and suffixes": [
        ["Participant", "SSN"],
        *([name, p.ssn] for name, p in zip(PARTICLES, people(5), strict=True)),
    ],
    "header in camel case": [["EmployeeName", "SocialSecurityNumber"], *([p.listed, p.digits] for p in people(5))],
    "header in mainframe case": [
        ["EMP_NM", "EMP_SSN", "BIRTH_DT"],
        *([p.listed, p.digits, p.birth] for p in people(5)),
    ],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_reads_a_table_of_people_in_every_shape(shape: str) -> None:
    """Spreadsheets are made by people and mainframes; all five people are there in each."""
    detection = _detect(SHAPES[shape])

    assert detection.people.count == 5
    [ssn] = [finding for finding in detection.findings if finding.entity == "US_SSN"]
    assert (ssn.count, ssn.distinct) == (5, 5)
    assert [entry.rows for entry in detection.people.lists] == [5]


WITHOUT_SSN: dict[str, list[list[str]]] = {
    "last four": [["Name", "Last 4 SSN"], *([p.listed, p.ssn[-4:]] for p in people(4))],
    "masked": [["Name", "SSN"], *([p.listed, f"XXX-XX-{p.ssn[-4:]}"] for p in people(4))],
    "birth dates": [["Name", "DOB"], *([p.listed, p.birth] for p in people(4))],
    "home addresses": [
        ["Name", "Home Address", "City", "State"],
        *([p.listed, p.street, p.city, p.state] for p in people(4)),
    ],
    "pay": [["Employee", "Annual Salary"], *([p.listed, p.balance] for p in people(4))],
    "balances": [["Participant", "Account Balance"], *([p.listed, p.balance] for p in people(4))],
    "loans": [["Participant Name", "Loan Balance"], *([p.listed, p.balance] for p in people(4))],
    "participant ids": [
        ["Participant Name", "Participant ID"],
        *([p.listed, str(77000 + n)] for n, p in enumerate(people(4))),
    ],
    "no header, births": [[f"{p.first} {p.last}", p.birth] for p in people(4)],
}


@pytest.mark.parametrize("shape", WITHOUT_SSN)
def test_a_list_needs_no_ssn(shape: str) -> None:
    """A name and something personal make a participant list."""
    detection = _detect(WITHOUT_SSN[shape])

    assert detection.people.count == 4
    assert detection.findings[0].entity == "PARTICIPANT_LIST"


def test_two_people_are_no_list_but_their_numbers_are_found() -> None:
    """The contract's list begins with three."""
    detection = _detect(_rows(people(2)))

    assert detection.people.lists == ()
    assert (detection.people.count, detection.findings[0].entity) == (2, "US_SSN")


def test_itins_in_an_ssn_column_are_people() -> None:
    """Some participants have no SSN."""
    rows = _rows(people(6))
    rows[3][1], rows[5][1] = "912-78-1234", "913-72-4321"

    detection = _detect(rows)

    assert detection.people.count == 6
    counts = {finding.entity: finding.count for finding in detection.findings}
    assert (counts["US_SSN"], counts["US_ITIN"]) == (4, 2)


def test_several_tables_on_one_sheet() -> None:
    """Each is a list of its own; who is in both counts once."""
    first, second = people(4), people(6)
    rows = [
        *_rows(first),
        [],
        [],
        ["Loans"],
        ["Name", "SSN", "Loan Amount"],
        *([p.listed, p.ssn, p.balance] for p in second),
    ]

    detection = _detect(rows)

    assert [entry.where for entry in detection.people.lists] == ["Census!A1:H5", "Census!A9:C15"]
    assert detection.people.count == len({p.ssn for p in [*first, *second]})


def test_one_number_in_the_notes_of_row_four_thousand() -> None:
    """No sample may decide what is in a column of free text."""
    rows = [["Ticket No", "Subject", "Notes"]] + [[str(n), "Password", "User called, reset done"] for n in range(5000)]
    rows[4000][2] = "User gave SSN 212486397 on the phone"

    [finding] = _detect(rows).findings

    assert (finding.entity, finding.where, finding.count) == ("US_SSN", "Census!C4001", 1)


@pytest.mark.parametrize(
    ("place", "state"),
    [
        ("12 Oak St, Raleigh, NC 27601", "NC"),
        ("Raleigh NC 27601-1234", "NC"),
        ("12 Oak St, Durham, North Carolina", "NC"),
        ("PO Box 12, Boston MA", ""),
        ("12 Oak St, Boston 02110", "MA"),
    ],
)
def test_tells_the_state_from_an_address_line(place: str, state: str) -> None:
    """The breach form asks for residents by state; not every file has a column for it."""
    rows = [["Name", "SSN", "Address"], *([p.listed, p.ssn, place] for p in people(3))]

    assert dict(_detect(rows).people.by_state) == ({state: 3} if state else {})


def test_tells_the_state_from_a_zip_code_with_lost_zeros() -> None:
    """Massachusetts begins with 0, and spreadsheets drop it."""
    rows = [["Name", "SSN", "Zip"], *([p.listed, p.ssn, "2110"] for p in people(3))]

    detection = _detect(rows)

    assert (dict(detection.people.by_state), detection.people.unknown_state) == ({"MA": 3}, 0)


def test_says_what_a_list_holds_and_what_could_not_be_read() -> None:
    """A breach form asks for kinds of data; a row that is no person must not vanish without a trace."""
    census = [["Name", "SSN", "DOB", "State", "Salary"]]
    census += [[one.listed, one.ssn, one.birth, one.state, one.balance] for one in people(4)]
    census += [["", "see file", "", "", "55"], ["Total", "", "", "", "194,225.00"]]

    detection = DETECTOR.detect([table(census)])

    [entry] = detection.people.lists
    assert (entry.rows, entry.unread_rows) == (4, 1)
    assert entry.elements == ("name", "ssn", "birth", "state", "pay")
    categories = {finding.entity: finding.categories for finding in detection.findings}
    assert categories["US_SSN"] == ("identifiers", "social-security-number")
    assert {"name", "social-security-number", "address", "employment"} <= set(categories["PARTICIPANT_LIST"])
