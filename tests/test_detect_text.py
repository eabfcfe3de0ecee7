"""SSNs in running text: every form people write, and the numbers that only look like one."""

import subprocess
import sys
from itertools import pairwise

import pytest
from detection import body
from hypothesis import given
from hypothesis import strategies as st

from rules.content import Role, Table, Text
from rules.detect import Detection, Detector
from rules.verdict import Obstacle

DETECTOR = Detector()

FOUND = """\
212-48-6397
Her SSN is 212-48-6397, please file.
ssn:212-48-6397
SSN212-48-6397
SSN#212-48-6397
(212-48-6397)
1001;212-48-6397;Active
1001|212-48-6397|Active
<ssn>212-48-6397</ssn>
{"ssn":"212-48-6397"}
{"ssn": 212486397}
ssn=212486397&name=x
\ufeff212-48-6397
212 - 48 - 6397
212\u201348\u20136397
212\u201448\u20146397
212\u201048\u20106397
212\u201248\u20126397
212\u221248\u22126397
212\uff0d48\uff0d6397
212\u00ad48\u00ad6397
212\u200b-48\u200b-6397
2\u200d12-48-6397
212\u2060-\u206048-6397
\uff12\uff11\uff12-\uff14\uff18-\uff16\uff13\uff19\uff17
SSN \u0662\u0661\u0662-\u0664\u0668-\u0666\u0663\u0669\u0667
212&#8209;48&#8209;6397
212%2D48%2D6397
SSN 212\u00a048\u00a06397
SSN 212\u200948\u20096397
SSN 212 48 6397
SSN 212.48.6397
SSN 212/48/6397
SSN: 212  48  6397
SSN 212-48.6397
SSN 212-486397
SSN 21248-6397
SSN 212486397
SSN is 212486397
Social Security number 212486397
Social Security Number (SSN): 212486397
Soc. Sec. No. 212486397
Soc Sec Nbr 212486397
SS# 212486397
SS #: 212486397
S.S.N. 212486397
212486397 (SSN)
212486397 is my SSN
TIN 212486397
Tax ID 212486397
Taxpayer identification number: 212486397
EmpSSN 212486397
emp_ssn: 212486397
PART_SSN=212486397
SSN 212486397.0
SSN for the participant named above, as you asked: 212486397
SSN: 2 1 2 4 8 6 3 9 7
SSN: 212,486,397
449-87-4100Date of hire
SSN 12486397
"""

NOT_FOUND = """\
000-48-6397
666-48-6397
912-48-6397
987-65-4321
212-00-6397
212-48-0000
222-22-2222
078-05-1120
219-09-9999
SSN 078051120
212 48 6397
212.48.6397
212486397
EIN 12-3456788
EIN 212486397
Federal Tax ID: 212486397
Acme Supply Inc. Tax ID 212486397
call 212-555-0148 or 2125550148
tel. +34 612 34 5678
phone +34 612-34-5678
Baltimore, MD 21235-6401
Social Security Administration, Baltimore, MD 21235-6401
ABA 021000021
CUSIP 922908363
Security ID 922908363 in the security master
account 212486397
Acct 212-486397-123
Plan number 212486397
policy form #933-1A-8600
invoice 212486397 of the businessname
className 212486397 lossName
cybersecurity ticket 212486397
build 212.48.6397
version 3.2.4
12.486397%
$212,486,397
01/02/1970 and 001-02-1970
XXX-XX-6397
***-**-6397
last four of SSN 6397
part 212-48-6397-01
part no. 212-48-6397
Model 212-48-6397
UPS 1Z999AA10123456784
4111 1111 1111 1111
3f2a1212-48-6397
Fund A 125 30 4500 and 700 16 1125
Social Security numbers must never be sent by e-mail. Our policy no. is 212486397.
A 9-digit SSN looks like NNN-NN-NNNN.
"""


def _detect(text: str) -> Detection:
    return DETECTOR.detect([body(text)])


def _escaped(block: str) -> list[str]:
    return [line for line in block.split("\n") if line]


@pytest.mark.parametrize("text", _escaped(FOUND), ids=ascii)
def test_finds_a_number_in_every_form(text: str) -> None:
    """A missed number is a breach, however it was written."""
    [finding, *others] = _detect(text).findings

    assert (finding.entity, finding.count, finding.distinct, finding.where) == ("US_SSN", 1, 1, "body line 1")
    assert finding.sample[:7] == "***-**-"
    assert others == []


@pytest.mark.parametrize("text", _escaped(NOT_FOUND), ids=ascii)
def test_finds_nothing_in_a_look_alike(text: str) -> None:
    """A wrong hold is a reviewer who stops reading."""
    detection = _detect(text)

    assert detection.findings == ()
    assert detection.unread == ()


@pytest.mark.parametrize(
    "text",
    [
        "her number is 212-48-\n6397",
        "212-\n48-6397",
        "SSN 212-48-=\n6397",
        "SSN\n212486397",
        "SSN:\n\n212 48 6397",
        "SSN 212\n48\n6397",
    ],
    ids=ascii,
)
def test_finds_a_number_over_line_ends(text: str) -> None:
    """Mail programs break lines where they like."""
    [finding] = _detect(text).findings

    assert finding.count == 1


def test_one_label_covers_a_long_list() -> None:
    """Numbers that follow each other share the label before the first."""
    numbers = ", ".join(str(212486397 + 1001 * step) for step in range(500))

    [finding] = _detect(f"SSNs: {numbers}").findings

    assert (finding.count, finding.distinct) == (500, 500)


def test_counts_the_same_number_once() -> None:
    """`distinct` is people, `count` is places; another spelling is the same number."""
    detection = _detect("212-48-6397 and again 212\u201148\u20116397\nSSN 212486397")

    [finding] = detection.findings
    assert (finding.count, finding.distinct, finding.where) == (3, 1, "body lines 1-2")
    assert detection.people.count == 1


def test_an_itin_is_found_only_with_a_label() -> None:
    """A 9xx number is a part or a mask more often than a person's."""
    assert _detect("912-78-1234").findings == ()
    assert _detect("ITIN 912-78-1234").findings[0].entity == "US_ITIN"
    assert _detect("SSN: 912-78-1234").findings[0].entity == "US_ITIN"


@pytest.mark.parametrize(("where", "role"), [("subject", Role.SUBJECT), ("file name", Role.FILENAME)])
def test_looks_into_subject_and_file_names(where: str, role: Role) -> None:
    """A number in a file name has left the house as surely as one in the file."""
    text = Text(part=None, where=where, role=role, content="ssn_212-48-6397.pdf")

    [finding] = DETECTOR.detect([text]).findings

    assert (finding.where, finding.part, finding.sample) == (where, None, "***-**-6397")


def test_supporting_evidence_never_stands_alone() -> None:
    """A card, an account and a telephone are no finding of their own; beside a person's number they are."""
    cards = "Card 4111 1111 1111 1111, DOB 03/14/1961"

    assert _detect(cards).findings == ()
    assert {finding.entity for finding in _detect(f"SSN 212-48-6397\n{cards}").findings} == {
        "US_SSN",
        "CREDIT_CARD",
        "DATE_OF_BIRTH",
    }


def test_a_failing_presidio_is_not_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Presidio's regex time-out gives an empty answer; here it must end as "could not look"."""
    detector = Detector()
    detector.confirmer.score("US_SSN", "warm")

    class Late:
        def finditer(self, _text: str, **_: float) -> object:
            raise TimeoutError

    for recogniser in detector.confirmer._engine.registry.recognizers:
        for pattern in recogniser.patterns:
            monkeypatch.setattr(pattern.compiled_regex, "_compiled", Late())
    detection = detector.detect([body("SSN 212-48-6397")])

    assert detection.unread == (("1", Obstacle.TIMEOUT),)
    assert detection.findings == ()


def test_an_exception_inside_presidio_is_not_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks inside a library, the part was not looked at."""
    detector = Detector()
    detector.confirmer.score("US_SSN", "warm")

    def broken(**_: object) -> None:
        raise KeyError("E018")

    monkeypatch.setattr(detector.confirmer._engine, "analyze", broken)

    assert detector.detect([body("SSN 212-48-6397")]).unread == (("1", Obstacle.TIMEOUT),)


def test_a_clean_text_does_not_import_presidio() -> None:
    """Presidio costs 0.9 s and 100 MB; most mail needs none of it."""
    script = (
        "import sys; from rules.detect import Detector; from rules.content import Role, Text;"
        "d = Detector().detect([Text(part='1', where='body', role=Role.BODY, content='call 212-555-0148')]);"
        "assert d.findings == (); assert not [m for m in sys.modules if 'presidio' in m or 'spacy' in m]"
    )

    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    "unit", ["SSN 000-12-3456\n", "12345-6789 ", "SSN ", "SSN 12345-6789 x ", "212-48-6397 ", "9" * 40 + " "], ids=ascii
)
def test_hostile_repetition_stays_linear(unit: str) -> None:
    """Work is counted by the characters that zones hold: they never overlap, whatever is repeated."""
    text = unit * 5_000

    zones = list(DETECTOR.searcher.zones(text))

    assert all(before[1] <= after[0] for before, after in pairwise(zones))
    assert sum(end - start for start, end in zones) <= len(text) + 200


@given(st.text(max_size=200))
def test_any_text_is_looked_at_without_failing(text: str) -> None:
    """An exception would make a part unread: fail-safe, but a wrong hold."""
    assert _detect(text).unread == ()


@given(st.text(alphabet="0123456789-. /\nSNsn#:=,\u2011\u00a0\u200b", max_size=80))
def test_no_mixture_of_digits_and_labels_fails(text: str) -> None:
    """What our own pass finds Presidio's must confirm: they are the same expressions."""
    assert _detect(text).unread == ()


@pytest.mark.parametrize(
    "unit",
    [
        "SSN 000-12-3456\n",
        "Name: x\n",
        "Name  SSN  DOB\n",
        "Name  SSN  DOB\nab cd  x  y\n\n",
        "SMITH JOHN418627753NC\n\n",
        "12345-6789\n",
        "key = 212486397\n",
    ],
    ids=ascii,
)
def test_hostile_lines_are_read_to_their_end(unit: str) -> None:
    """What looks like the beginning of a table on every line must neither hang nor be given up. Seconds guard it."""
    detection = DETECTOR.detect([body(unit * 20_000)])

    assert detection.unread == ()
    assert detection.people.count <= 1


def test_numbers_in_pieces_that_cannot_be_put_together_are_not_clean() -> None:
    """A PDF of narrow columns breaks each number over three lines, and its lines run into each other."""
    lines = ["SSN  First  State", "20-  418-  Dana  NC", "62-  521-  Chidi  NC", "7753  73-  246-", "81-  0846  Maja"]

    assert DETECTOR.detect([body("\n".join(lines))]).unread == (("1", Obstacle.UNSUPPORTED),)
    assert _detect("SSN rules: see 418- and 521- in the plan, sections 62- and 73-.").unread == ()


def test_pieces_of_numbers_that_lie_apart_are_not_called_clean() -> None:
    """What else was found does not put them together."""
    apart = [f"{area}-20-  Brian  Castillo\nMaple\n{area + 7}6" for area in (332, 341, 467)]
    together = [f"{area}-20-\n{area + 7}6" for area in (332, 341, 467)]
    whole = "415-33-2891 Karen Fischer"
    assert DETECTOR.detect([body("\n".join([whole, *apart]))]).unread == (("1", Obstacle.UNSUPPORTED),)
    assert DETECTOR.detect([body("\n".join([whole, *together]))]).unread == ()


def test_a_table_that_stands_in_the_text_of_its_page_too_is_told_once() -> None:
    """A reviewer who counts the findings of a PDF must come to the people that are in it."""
    people = [["Lund, Erik", "421-58-3307"], ["Silva, Beatriz", "530-41-7792"], ["Pham, Quoc", "612-30-4481"]]
    lines = "\n".join(f"{name:<20}{number}" for name, number in [["Name", "SSN"], *people])
    page = Text(part="2", where="page 1", role=Role.CONTENT, content=lines)
    ruled = Table(part="2", name="page 1 table 1", rows=[["Name", "SSN"], *people], also="page 1")
    apart = Table(part="2", name="page 2 table 1", rows=[["Name", "SSN"], *people], also="page 2")

    once, twice = DETECTOR.detect([page, ruled]), DETECTOR.detect([page, apart])

    assert [(found.entity, found.count) for found in once.findings] == [("US_SSN", 3), ("PARTICIPANT_LIST", 3)]
    assert [found.count for found in twice.findings if found.entity == "US_SSN"] == [3, 3]
    assert once.people.count == twice.people.count == 3
