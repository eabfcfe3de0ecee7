"""XML of any kind: words of one line stay together, words of different elements stay apart. Nothing is read twice."""

import pytest
from openings import cells, open_with, text_at, words

from gateway.opening.structured import open_json, open_xml


def test_words_of_an_element_called_text_stay_apart() -> None:
    """In SVG it is one line of a drawing; in OpenDocument it holds the whole document, whose cells are no word."""
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><text>212-<tspan>48-6397</tspan></text></svg>"
    document = b"<d><text><h>SSN</h><p>Dear trustee</p><p>212-48-6397</p></text></d>"

    assert "212-48-6397" in words(open_with(open_xml, svg)).splitlines()
    assert "212-48-6397" in words(open_with(open_xml, document)).splitlines()


@pytest.mark.parametrize("count", [3, 300])
def test_attributes_are_read_however_many_an_element_has(count: int) -> None:
    names = " ".join(f"a{number}='{number}' n:b{number}='x'" for number in range(count))
    lines = text_at(open_with(open_xml, f"<r xmlns:n='urn:n' {names}/>".encode()), "attributes").content.splitlines()

    assert lines == [
        f"{name}{number}: {value}" for number in range(count) for name, value in (("a", number), ("b", "x"))
    ]


def test_records_with_fields_of_their_own_do_not_take_the_square_of_their_memory() -> None:
    """A column for each field of each record: 400 records would be 320,000 cells."""
    records = "".join(f"<p><a{number}>{number}</a{number}><b{number}>x</b{number}></p>" for number in range(400))
    found = cells(open_with(open_xml, f"<r>{records}</r>".encode()))

    assert len(found) == 800
    assert {str(number) for number in range(400)} <= set(found)


def test_members_of_one_name_are_all_there_and_each_name_is_counted_on() -> None:
    read = words(open_with(open_json, b'{"a": 1, "a 2": 2, "a": 3, "a": 4, "b": 5}')).splitlines()

    assert read == ["a: 1", "a 2: 2", "a 3: 3", "a 4: 4", "b: 5"]
