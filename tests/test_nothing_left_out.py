"""The readers of records leave nothing out: a number of the text is in a cell, or on a line that stays text."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from rules.segments import Segments, segments
from rules.statements import Statements, statements

NUMBER = "\N{BULLET}"  #: where a number stands, different for each: one must not be taken for the other
WORDS = [NUMBER, NUMBER, "Jo", "SSN", "", " ", "~", "'", '"', "(", ")", ",", ";", "\\", "--", "-- (x) "]

word = st.sampled_from(WORDS)
some_text = st.lists(word, max_size=5).map("".join)


def joined(separator: str, *fields: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    return st.lists(st.one_of(word, *fields), max_size=most).map(separator.join)


value = st.one_of(some_text, some_text.map("'{}'".format), some_text.map("CAST(CONCAT('{}', 'x') AS char(9))".format))
row = st.lists(value, min_size=2, max_size=3).map(", ".join).map("({})".format)
insert = st.builds(
    "{} {}{}".format,
    st.sampled_from(
        ["INSERT INTO t (a, b) VALUES"] * 3 + ["INSERT INTO t (b) VALUES", "INSERT INTO u", "", "", "", ","]
    ),
    st.lists(row, min_size=1, max_size=3).map(", ".join),
    st.one_of(st.sampled_from([";", ",", ",", "", ");"]), some_text.map("; {}".format), some_text),
)
x12 = st.builds(
    "{}*{}{}".format,
    st.sampled_from(
        ["INS*Y", "NM1*IL*1", "NM1*85*1", "NM1*IL*1*DOE*JO****34", "REF*SY", "REF*0F", "N3", "N4", "DMG*D8"]
    ),
    joined("*", st.sampled_from(["34", "NC", "19610314", "27705"]), most=6),
    st.one_of(st.just("~"), some_text),
)
hl7 = st.builds(
    "{}|{}".format,
    st.sampled_from(["MSH", "PID|1|", "PID|1||1^^^H^MR", "GT1", "PV1"]),
    joined("|", joined("^", st.sampled_from(["SS", "~", "NC"]), most=7), most=20),
)


def lines_of(line: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    other = st.one_of(some_text, st.sampled_from(["", f"-- {NUMBER}", NUMBER]))
    return st.lists(st.one_of(line, line, other), min_size=3, max_size=10).map(_numbered)


def _numbered(lines: Sequence[str]) -> list[str]:
    numbers = count(417_632_958, 1_009)
    return re.sub(NUMBER, lambda _: str(next(numbers)), "\n".join(lines)).split("\n")


def missing(
    lines: Sequence[str], read: Callable[[Sequence[str], set[int]], Iterator[Segments | Statements]]
) -> list[str]:
    """The numbers on lines of a table that none of its cells holds."""
    left = []
    for one in read(lines, set()):
        cells = "\n".join(cell for row in one.rows for cell in row)
        inside = "\n".join(lines[one.first : one.end])
        left += [number for number in re.findall(r"[0-9]{9}", inside) if number not in cells]
    return left


@given(lines_of(insert))
def test_sql_keeps_what_stands_around_its_values(lines: list[str]) -> None:
    assert missing(lines, statements) == []


@given(lines_of(x12))
def test_x12_keeps_the_fields_that_no_column_shows(lines: list[str]) -> None:
    assert missing(lines, segments) == []


@given(lines_of(hl7))
def test_hl7_keeps_repetitions_and_components_that_no_column_shows(lines: list[str]) -> None:
    assert missing(["MSH|x", "PID|1||1||DOE^JO", *lines], segments) == []
