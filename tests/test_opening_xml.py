"""XML of any kind: words of one line stay together, words of different elements stay apart."""

from openings import open_with, words

from gateway.opening.structured import open_xml


def test_words_of_an_element_called_text_stay_apart() -> None:
    """In SVG it is one line of a drawing; in OpenDocument it holds the whole document, whose cells are no word."""
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><text>212-<tspan>48-6397</tspan></text></svg>"
    document = b"<d><text><h>SSN</h><p>Dear trustee</p><p>212-48-6397</p></text></d>"

    assert "212-48-6397" in words(open_with(open_xml, svg)).splitlines()
    assert "212-48-6397" in words(open_with(open_xml, document)).splitlines()
