"""Text in any encoding, delimited files, markup, records: what is a table becomes one, what is words stays words."""

import base64
import binascii
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opening_messages import ROSTER, clean, crlf, obstacle, open_attachment, opened, part, tables, words

from gateway.message import Opened, Partial, Unopened
from gateway.opening.charset import decode
from gateway.opening.identify import identify
from rules.content import Role
from rules.verdict import Obstacle

SSN = "219-09-9999"
ROWS = [line.split(",") for line in ROSTER.splitlines()]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252", "cp037", "cp500"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_list_in_any_encoding_is_the_same_table(encoding: str) -> None:
    """Mainframes, Excel and Windows each write their own."""
    message = open_attachment(ROSTER.replace("Ada", "Adé").encode(encoding), "list.csv")

    assert clean(message), message.parts
    assert [list(row) for row in tables(message)[0].rows[1:]][1] == ROWS[2]
    assert tables(message)[0].rows[1][0] == "Adé Poe"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^"])
@pytest.mark.parametrize("name", ["list.csv", "list.txt", "list"])
def test_any_delimiter_gives_a_table_under_any_name(delimiter: str, name: str) -> None:
    message = open_attachment(ROSTER.replace(",", delimiter).encode(), name)

    assert [list(row) for row in tables(message)[0].rows] == ROWS


def test_a_table_is_not_given_as_text_too() -> None:
    """Every person would be counted twice over."""
    message = open_attachment(ROSTER.encode(), "list.csv")

    outcome = part(message, "2").outcome
    assert isinstance(outcome, Opened)
    assert len(outcome.contents) == 1


def test_quoted_cells_keep_their_commas_and_line_ends() -> None:
    message = open_attachment(b'name,address\n"Poe, Ada","1 Main St\nDurham, NC"\n"Roe, Ben","2 Main St"\n', "list.csv")

    assert tables(message)[0].rows[1] == ["Poe, Ada", "1 Main St\nDurham, NC"]


def test_a_quote_that_is_never_closed_does_not_swallow_the_rows() -> None:
    """A csv reader would make one cell of all that follows, and one person of thousands."""
    rows = "\n".join(f"Ada {number},219-09-{number:04},NC" for number in range(1000, 1400))

    message = open_attachment(f'name,ssn,state\n"Ada,1,NC\n{rows}\n'.encode(), "list.csv")

    assert len(tables(message)[0].rows) == 402


def test_title_rows_and_totals_stay_in_the_table() -> None:
    """The title row often says whose list it is."""
    message = open_attachment(f"Acme census 2024\n\n{ROSTER}Total,3\n".encode(), "list.csv")

    assert tables(message)[0].rows[0] == ["Acme census 2024"]
    assert len(tables(message)[0].rows) == 7


PROSE = """Dear Ada,

thank you for your note, which came today. I will, of course, look into it.
We meet on Monday, at nine, in the usual place; bring the papers, please.

Best regards, Ben
Acme, Inc.
"""


@pytest.mark.parametrize("name", ["letter.txt", "letter", "list.csv"])
def test_prose_stays_text(name: str) -> None:
    message = open_attachment(PROSE.encode(), name)

    assert clean(message)
    assert not tables(message) or name == "list.csv"
    assert "of course" in words(message)


def test_a_list_pasted_into_the_body_stays_text() -> None:
    """The detector finds tables in a text itself; the words around it must not be lost."""
    message = opened(crlf(f"Subject: s\n\n{ROSTER}"))

    assert not tables(message)
    assert SSN in words(message)


def test_a_fixed_width_file_stays_text() -> None:
    lines = "\n".join(f"{name:<20}{ssn:<12}{state}" for name, ssn, state in ROWS)

    message = open_attachment(lines.encode(), "list.txt")

    assert not tables(message)
    assert clean(message)


def test_bare_carriage_returns_end_lines() -> None:
    """Old Macintosh files, and half-converted ones."""
    message = open_attachment(ROSTER.replace("\n", "\r").encode(), "list.csv")

    assert [list(row) for row in tables(message)[0].rows] == ROWS


def test_fixed_length_records_without_line_ends_become_lines() -> None:
    """Mainframe files have record lengths instead of line ends."""
    records = "".join(f"{f'Ada{number}':<20}219-09-{number:04}{'NC':<9}" for number in range(1000, 1050))

    for content in (records.encode("cp037"), records.encode()):
        text = words(open_attachment(content, "list.dat"))

        assert f"{'Ada1001':<20}219-09-1001NC" in [line.strip() for line in text.splitlines()]


def test_nul_bytes_within_a_text_are_partial_and_hide_nothing() -> None:
    message = opened(b"Subject: s\r\n\r\nAda \0 219-09-9999\r\n")

    assert not clean(message)
    assert SSN in words(message)


def test_utf_7_is_read_as_declared() -> None:
    """Readers that know it show digits where others show signs."""
    message = opened(crlf("Content-Type: text/plain; charset=utf-7\n\nAda +ADIAMQA5--09-9999\n"))

    assert SSN in words(message)


@pytest.mark.parametrize("charset", ["rot13", "zip", "idna", "unicode_escape", "no-such", "x" * 5000, "\udc80"])
def test_a_charset_that_is_none_harms_nothing(charset: str) -> None:
    """Python's codec registry also holds what is no charset."""
    assert decode(b"Ada 219-09-9999", charset) == "Ada 219-09-9999"


# markup


def test_records_in_json_are_a_table_and_numbers_stay_as_written() -> None:
    """A leading zero lost is a Social Security number lost."""
    people = [{"name": a, "ssn": b, "home": {"state": c}} for a, b, c in ROWS[1:]]

    message = open_attachment(
        json.dumps({"plan": "Acme", "people": people, "n": 12345678901234567890}).encode(), "x.json"
    )

    assert tables(message)[0].rows[0] == ["name", "ssn", "home.state"]
    assert "12345678901234567890" in words(message)
    assert "plan: Acme" in words(message)


def test_json_lines_are_a_table() -> None:
    lines = "\n".join(json.dumps({"name": a, "ssn": b}) for a, b, _ in ROWS[1:])

    assert len(tables(open_attachment(lines.encode(), "x.jsonl"))[0].rows) == 4


def test_records_in_xml_are_a_table_and_what_stands_beside_is_read() -> None:
    people = "".join(f"<p><name>{a}</name><ssn>{b}</ssn></p><!-- c{a} -->" for a, b, _ in ROWS[1:])

    message = open_attachment(f"<?xml version='1.0'?><list plan='Acme'>head{people}tail</list>".encode(), "x.xml")

    assert tables(message)[0].rows[:2] == [["name", "ssn"], ["Ada Poe", SSN]]
    for expected in ("Acme", "head", "tail", "cBen Roe"):
        assert expected in words(message)


@pytest.mark.parametrize(
    "body", ["<p>219-<b>09</b>-9999</p>", "<text><tspan>219-09</tspan><tspan>-9999</tspan></text>"]
)
def test_a_number_that_runs_through_xml_elements_stays_whole(body: str) -> None:
    assert SSN in words(open_attachment(f"<?xml version='1.0'?><doc><x>1</x><y>2</y>{body}</doc>".encode(), "x.xml"))


def test_a_body_that_looks_like_a_file_is_still_the_body() -> None:
    """Words of the sender must keep their weight, also when they begin with pasted header fields or JSON."""
    for body in ('{"ssn": "x", "a": [1]}', "From: a@b.example\nMessage-ID: <x@y>\n\nhello", "BEGIN:VCARD\nEND:VCARD"):
        message = opened(crlf(f"Subject: s\n\n{body}\n"))

        assert [text.role for text in message.parts[0].outcome.contents] == [Role.BODY]  # type: ignore[union-attr]


def test_xml_entities_are_not_expanded_and_make_it_partial() -> None:
    """Expanding costs gigabytes; not expanding may hide a number."""
    laughs = '<!DOCTYPE x [<!ENTITY a "219-09-9999">' + '<!ENTITY b "&a;&a;&a;">]><x>&b;</x>'

    message = open_attachment(laughs.encode(), "x.xml")

    assert not clean(message)
    assert SSN in words(message)


def test_broken_xml_and_json_are_still_read() -> None:
    for content in (f"<?xml version='1.0'?><a><b>{SSN}</a>", f'{{"ssn": "{SSN}"', "[" * 100_000 + SSN):
        assert SSN in words(open_attachment(content.encode(), "x.xml"))


def test_cards_are_unfolded_and_their_files_opened() -> None:
    photo = base64.b64encode(f"Ada {SSN}".encode()).decode()
    card = f"BEGIN:VCARD\nNOTE:457-\n 55-5462\nX-FILE;ENCODING=b:{photo[:10]}\n {photo[10:]}\nEND:VCARD\n"

    text = words(open_attachment(crlf(card), "a.vcf"))

    assert "457-55-5462" in text
    assert SSN in text


@pytest.mark.parametrize(("before", "after"), [("212-4", "8-6397"), ("212-48-63", "97"), ("21", "2-48-6397")])
@pytest.mark.parametrize("quote", ["", "> ", ">> "])
def test_a_number_that_a_mail_program_broke_over_lines_is_whole_again(before: str, after: str, quote: str) -> None:
    kind = "Content-Type: text/plain; format=flowed; delsp=yes"
    mail = crlf(f"{kind}\n\n{quote}her number is {before} \n{quote}{after}, thanks\n")

    assert f"{before}{after}" in words(opened(mail))


def test_numbers_on_lines_of_their_own_are_not_joined() -> None:
    mail = crlf("Content-Type: text/plain; format=flowed; delsp=yes\n\n212-48-6397 \n312-48-6398 \n1004 \n77\n")

    assert {"212-48-6397", "312-48-6398", "1004", "77"} <= set(words(opened(mail)).split())


# pasted files


def test_a_uuencoded_file_in_a_body_is_opened() -> None:
    content = ROSTER.encode()
    lines = [binascii.b2a_uu(content[place : place + 45]).decode() for place in range(0, len(content), 45)]

    message = opened(crlf(f"Subject: s\n\nhere it is\n\nbegin 644 list.csv\n{''.join(lines)}`\nend\n\nbye\n"))

    assert part(message, "1/list.csv").media_type == "text/csv"
    assert len(tables(message)[0].rows) == 4


def test_a_base64_block_in_a_body_is_opened() -> None:
    block = base64.encodebytes((ROSTER * 2).encode()).decode()

    assert SSN in words(opened(crlf(f"Subject: s\n\nhere it is\n\n{block}\nbye\n")))


def test_base64_that_is_no_file_of_ours_stays_text() -> None:
    """Keys, certificates and signatures in a body are no attachments; holding them would be a wrong hold."""
    key = base64.encodebytes(bytes.fromhex("99010d04") + bytes(range(256)) * 2).decode()

    message = opened(
        crlf(f"Subject: s\n\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{key}-----END PGP PUBLIC KEY BLOCK-----\n")
    )

    assert clean(message), message.parts


def test_a_yenc_block_is_not_clean() -> None:
    message = opened(crlf("Subject: s\n\n=ybegin line=128 size=10 name=a.csv\nxxxx\n=yend size=10\n"))

    assert obstacle(message.parts[0]) is Obstacle.UNSUPPORTED


# telling types

TYPES = [
    (b"%PDF-1.4\n", "", "x", "application/pdf"),
    (b"junk\n%PDF-1.4\n1 0 obj\n", "text/plain", "x.txt", "application/pdf"),
    (b"{\\rtf1 x}", "text/plain", "x", "application/rtf"),
    (b"<!DOCTYPE html><p>x", "", "x.txt", "text/html"),
    (b"<p>x", "text/html", "", "text/html"),
    (b"hello <b>you</b>", "text/html", "", "text/html"),
    (b"<?xml version='1.0'?><svg/>", "", "", "image/svg+xml"),
    (b"<?xml version='1.0'?><a/>", "", "", "application/xml"),
    (b'{"a": 1}', "", "", "application/json"),
    (b"[note] hello", "", "", "text/plain"),
    (b"a\tb\tc\n1\t2\t3\n4\t5\t6\n", "", "", "text/tab-separated-values"),
    (b"BEGIN:VCALENDAR\r\n", "", "", "text/calendar"),
    (b"\x89PNG\r\n\x1a\n", "text/plain", "", "image/png"),
    (b"From: a@b.example\nMessage-ID: <x>\n\nhello", "", "", "message/rfc822"),
    (b"From: me\nTo: you\nSubject: lunch\n\nnoon?", "text/plain", "", "text/plain"),
    (b"hello", "application/pdf", "x.pdf", "text/plain"),
    (b"MZ\x90\0" + bytes(100), "text/plain", "", "application/octet-stream"),
]


@pytest.mark.parametrize(("content", "declared", "name", "expected"), TYPES)
def test_types_are_told_from_the_content(content: bytes, declared: str, name: str, expected: str) -> None:
    """A name or a declared type is the sender's word, and may be a lie."""
    found = identify(content, declared, name)

    assert found == expected or content.startswith(b"MZ")
    assert not (content.startswith(b"MZ") and found.startswith("text/"))


def test_unknown_content_is_unopened() -> None:
    message = open_attachment(bytes(range(256)) * 8, "x.txt")

    assert isinstance(part(message, "2").outcome, Unopened)


def test_an_empty_file_is_opened() -> None:
    assert clean(open_attachment(b"", "x.dat"))


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.html", "a.json", "a.xml", "a.vcf", "a"]))
def test_any_bytes_under_any_name_give_an_outcome(content: bytes, name: str) -> None:
    message = open_attachment(content, name)

    assert all(isinstance(each.outcome, Opened | Partial | Unopened) for each in message.parts)


@settings(deadline=None)
@given(st.text(max_size=300), st.sampled_from(["<", "<?xml ", "{", "[", "BEGIN:VCARD\n", "From x 2024\nA: b\n"]))
def test_any_text_in_the_clothes_of_a_format_gives_an_outcome(content: str, start: str) -> None:
    message = open_attachment((start + content).encode("utf-8", "replace"), "a")

    assert all(isinstance(each.outcome, Opened | Partial | Unopened) for each in message.parts)
    words(message).encode()


@pytest.mark.parametrize("charset", ["utf-8", "utf-16-le", "iso-8859-1", "shift_jis", "iso-2022-jp", "cp037"])
@pytest.mark.parametrize("before", range(4))
def test_a_large_text_reads_as_a_small_one(charset: str, before: int) -> None:
    """It is decoded in pieces, and a character, or CR and LF, may lie on both sides of a cut."""
    sign = "\u3042" if charset in {"utf-8", "utf-16-le", "shift_jis", "iso-2022-jp"} else "\u00e9"
    line = f"Plan {sign}{sign} of 2026"
    content = ("x" * before + f"{line}\r\n" * 20_000).encode(charset)

    assert decode(content, charset) == "x" * before + f"{line}\n" * 20_000


def test_a_large_text_is_not_in_memory_twice() -> None:
    """A message of 25 MB is to cost four times its size at most."""
    content = b"all of it is text\r\n" * 500_000
    tracemalloc.start()
    try:
        text = decode(content)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert len(text) == 9_000_000
    assert most < 1.2 * len(content)
