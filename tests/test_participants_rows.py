"""Rows that are not one person each, and pages that are not one list."""

from detection import body, people, table

from rules.detect import Detector
from rules.verdict import Obstacle

DETECTOR = Detector()


def test_one_whole_number_among_masked_ones_is_the_same_list() -> None:
    """A careless row in a masked file; its person counts once, and its number is found."""
    rows = [["Name", "SSN"], *([p.listed, f"XXX-XX-{p.ssn[-4:]}"] for p in people(40))]
    rows[21][1] = people(40)[20].ssn

    detection = DETECTOR.detect([table(rows)])

    assert (detection.people.count, detection.findings[0].entity, detection.findings[0].count) == (40, "US_SSN", 1)


def test_records_of_two_lines_in_a_report() -> None:
    """The address stands under the name; it is no column of names."""
    lines = [f"{p.listed} {p.ssn}\n   12 Oak Street, {p.city}, {p.state} {p.zip}" for p in people(6)]

    detection = DETECTOR.detect([body("\n".join(["Name SSN", *lines]))])

    assert (detection.people.count, [entry.rows for entry in detection.people.lists]) == (6, [6])


def test_a_page_is_not_taken_for_the_page_before_it_by_its_header_alone() -> None:
    """Sheets of one book share a header by habit: the numbers decide each time whose they are."""
    header = ["Name", "SSN", "Balance"]
    first = [[person.listed, person.ssn, person.balance] for person in people(60)]
    second = [[person.listed, f"000{person.ssn[3:]}", person.balance] for person in people(120)[60:]]
    both = DETECTOR.detect([table([header, *first], name="first"), table([header, *second], name="second")])
    assert [finding.where for finding in both.findings if finding.entity == "US_SSN"] == ["first!B2:B61"]


def test_a_cell_with_two_numbers_does_not_move_the_others() -> None:
    """Alt and Enter in a cell: its row's, not the next row's."""
    crowd = people(5)
    rows = [["Name", "SSN"], *([p.listed, p.ssn] for p in crowd)]
    rows[2][1] += "\n312-48-6398"

    detection = DETECTOR.detect([table(rows)])

    assert detection.unread == ()
    assert [one.rows for one in detection.people.lists] == [5]
    assert {person.ssn for one in detection.rolls for person in one.people} >= {
        p.digits for p in crowd if p is not crowd[1]
    }


def test_a_folded_table_that_cannot_be_put_together_was_not_read() -> None:
    """The header says that people stand below; whose line is whose, nobody can tell any more."""
    lines = [
        "Name                      Birth Date   Hire Date        Salary",
        "Balance   Address                 City         State",
        "Ivanov, Kwame             11/11/1993   11/22/2004    78,283.00",
        "29,549.43",
        "343 Alder",
        "Way           Raleigh      NC   Wisniewski, Jane   02/26/1975",
        "2008    81,807.00",
        "27,984.01   46 Maple Ave            Raleigh      NC   Lopez,",
        "Mary",
        "54,934.00   24,254.38   522",
    ]

    detection = DETECTOR.detect([body("\n".join(lines))])

    assert dict(detection.unread) == {"1": Obstacle.UNSUPPORTED}
