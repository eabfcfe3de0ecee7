"""Owner and named client: places, weights, what a sender did not write, and input that means harm."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.clients import Directory
from rules.content import Grid, Role, Table, Text
from rules.reply import Passage, passages
from rules.verdict import ClientRole, InvolvedClient
from rules.whose import involved

DIRECTORY = Directory.load(Path(__file__).parent / "situations" / "clients.yaml")
HEADER = ["Name", "SSN", "Birth date"]
ROWS = [[f"Person {index}", f"21{index:03}", "1/1/1980"] for index in range(20)]


def body(text: str, part: str = "1") -> Text:
    return Text(part=part, where="body", role=Role.BODY, content=text)


def owners(*contents: Text | Table, part: str | None = "2") -> dict[str, list[str]]:
    return signs(ClientRole.OWNER, involved(DIRECTORY, contents, frozenset({part})).clients)


def signs(role: ClientRole, clients: tuple[InvolvedClient, ...]) -> dict[str, list[str]]:
    return {
        client.id: [f"{sign.kind} {sign.where}" for sign in client.evidence]
        for client in clients
        if client.role is role
    }


def test_evidence_says_kind_and_place() -> None:
    """A reviewer wants to see the cell, not to believe."""
    table = Table(
        part="2",
        name="Census",
        rows=[["Acme Manufacturing, Inc.", "", ""], ["Plan Number", "501234", ""], HEADER, *ROWS],
        first_row=3,
        first_column=1,
    )

    assert owners(table) == {"acme": ["name Census!B3", "plan-number Census!C4"]}


def test_a_column_is_named_as_a_whole() -> None:
    """Five thousand cells are one place."""
    rows = [[*HEADER, "Employer"], *([*row, "Beta Logistics"] for row in ROWS)]

    assert owners(Table(part="2", name="", rows=rows)) == {"beta": ["name D2:D21"]}


def test_a_page_is_named_by_its_lines() -> None:
    """A table found on a page has no cells."""
    rows = [["Beta Logistics", "", ""], HEADER, *ROWS]

    assert owners(Table(part="2", name="page 3", rows=rows, grid=Grid.LINES)) == {"beta": ["name page 3 line 1"]}


def test_only_sensitive_parts_have_owners() -> None:
    """A cover letter about one client says nothing about the roster beside it."""
    letter = Text(part="3", where="page 1", role=Role.CONTENT, content="Acme Manufacturing, Inc.\n")
    table = Table(part="2", name="", rows=[HEADER, *ROWS])

    assert owners(letter, table) == {}


def test_a_table_without_header_or_with_ragged_rows() -> None:
    """Exports are not always tidy."""
    ragged = [["Beta Logistics LLC"], [], *(row[: 1 + index % 3] for index, row in enumerate(ROWS))]

    assert owners(Table(part="2", name="", rows=ROWS)) == {}
    assert owners(Table(part="2", name="", rows=[])) == {}
    assert list(owners(Table(part="2", name="", rows=ragged))) == ["beta"]


def test_an_html_table_in_the_body() -> None:
    """A table pasted into the message is the message's own, and a table all the same."""
    table = Table(part="1", name="", rows=[["Beta Logistics LLC", "", ""], HEADER, *ROWS])

    assert list(owners(body("Hi,\nsee below.\n"), table, part="1")) == ["beta"]


def test_evidence_lists_are_bounded_and_clients_are_not() -> None:
    """A cap may shorten a list of places, never the list of clients."""
    sheets = [Table(part="2", name="", rows=[["Acme Mfg", "", ""], HEADER, *ROWS], first_row=n) for n in range(1, 40)]
    last = Table(part="2", name="", rows=[["Kestrel Aerospace", "", ""], HEADER, *ROWS])

    found = owners(*sheets, last)

    assert list(found) == ["acme", "kestrel"]
    assert len(found["acme"]) == 8


def test_the_subject_of_an_attached_message_is_its_title() -> None:
    """A forwarded message is a file with a title."""
    subject = Text(part="2", where="subject", role=Role.HEADING, content="Beta Logistics")
    inner = Text(part="2.1", where="text", role=Role.CONTENT, content="a number\n")

    assert owners(subject, inner, part="2.1") == {"beta": ["name subject"]}


@pytest.mark.parametrize("where", ["page 1", "page 2"])
def test_the_letterhead_of_a_first_page_is_the_title_of_what_is_attached_to_it(where: str) -> None:
    """A cover letter with its list inside; what stands on a later page heads no more than that page."""
    letter = Text(part="2", where=where, role=Role.CONTENT, content="Beta Logistics\n\nPlease see the list.\n")
    attached = Table(part="2/list.csv", name="", rows=[HEADER, *ROWS])

    assert owners(letter, attached, part="2/list.csv") == ({"beta": ["name page 1"]} if where == "page 1" else {})


def test_stale_properties_do_not_outweigh_a_title() -> None:
    """Templates carry the properties of the client that they were first made for."""
    properties = Text(part="2", where="properties", role=Role.HEADING, content="Acme Manufacturing template")
    titled = Table(part="2", name="", rows=[["Beta Logistics LLC", "", ""], HEADER, *ROWS])
    untitled = Table(part="2", name="", rows=[HEADER, *ROWS])

    assert list(owners(properties, titled)) == ["beta"]
    assert list(owners(properties, untitled)) == ["acme"]


def test_a_comment_has_no_letterhead() -> None:
    """A remark about another client is a mention, not a title."""
    remark = Text(part="2", where="comment Census!B7", role=Role.CONTENT, content="same as for Beta Logistics LLC")
    titled = Table(part="2", name="", rows=[["Acme Mfg", "", ""], HEADER, *ROWS])

    assert list(owners(remark, titled)) == ["acme"]
    assert list(owners(remark)) == ["beta"]


def test_a_directory_of_nobody_finds_nobody() -> None:
    """No directory, no guess."""
    assert involved(Directory.load(None), [body("Acme Manufacturing")], frozenset({"1"})).clients == ()


MAIL = """Hi Dana,

here it is.

Best regards,
Sam

PS: call me

This message is confidential and intended only for the intended recipient.

From: Dana
Sent: Monday
Subject: census

please send it
"""


def test_a_body_is_parted() -> None:
    """Only what the sender wrote now says who the message is for."""
    assert [(kind, text.strip().split("\n")[0]) for kind, text in passages(MAIL) if text.strip()] == [
        (Passage.GREETING, "Hi Dana,"),
        (Passage.NEW, "here it is."),
        (Passage.SIGNATURE, "Best regards,"),
        (Passage.NEW, "PS: call me"),
        (Passage.DISCLAIMER, "This message is confidential and intended only for the intended recipient."),
        (Passage.QUOTED, "From: Dana"),
    ]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("-----Original Message-----", Passage.QUOTED),
        ("________________________________\nFrom: Dana\nTo: Sam", Passage.QUOTED),
        ("---------- Forwarded message ---------", Passage.FORWARDED),
        ("Begin forwarded message:", Passage.FORWARDED),
        ("Am Montag schrieb Dana:\n> ja", Passage.QUOTED),
        ("On Monday, 2 March 2026 at 10:11, Dana <dana@x.example>\nwrote:\n\nold words", Passage.QUOTED),
        ("-- \nSam", Passage.SIGNATURE),
        ("Sent from my phone", Passage.SIGNATURE),
        ("Thanks!\nSam", Passage.SIGNATURE),
        ("thanks for the file, more tomorrow", Passage.NEW),
        ("From: now on we use the portal", Passage.NEW),
        ("I wrote: nothing", Passage.NEW),
    ],
)
def test_marks_of_what_is_not_new(line: str, kind: Passage) -> None:
    """Every mail program marks it in its own way."""
    assert passages(f"words\n{line}\n")[-1][0] is kind


@given(st.text(alphabet=st.sampled_from("> -\n:fromsentdatewrote\tAÉ\0"), max_size=300))
def test_no_line_is_lost(text: str) -> None:
    """A line that is in no passage would be a line that nobody looked at."""
    lines = text.splitlines()

    assert [line for _, run in passages(text) for line in run.split("\n")] == lines


CELLS = st.one_of(st.text(max_size=30), st.sampled_from(["Acme Mfg", "Plan", "501234", "04-1234567", "Beta", ""]))


@settings(max_examples=60)
@given(st.lists(st.lists(CELLS, max_size=6), max_size=12), st.text(max_size=300))
def test_no_content_breaks_it(rows: list[list[str]], text: str) -> None:
    """Content is written by strangers."""
    contents = [
        Table(part="2", name=text[:31], rows=rows),
        Text(part="2", where="page 1", role=Role.CONTENT, content=text),
        Text(part="2", where="file name", role=Role.FILENAME, content=text),
        Text(part=None, where="subject", role=Role.SUBJECT, content=text),
        body(text),
    ]

    clients = involved(DIRECTORY, contents, frozenset({None, "1", "2"})).clients

    assert {client.id for client in clients} <= {client.id for client in DIRECTORY.clients}


HOSTILE = {
    "one client a million times": "Acme Mfg " * 110_000,
    "nearly a client a million times": "Acme Mf " * 120_000,
    "spaces": " " * 1_000_000,
    "one word": "a" * 1_000_000,
    "lines": "\n" * 500_000,
    "quotes": ">\n" * 400_000,
    "headers": "From: x\n" * 120_000,
    "disclaimers": "confidential privileged intended recipient " * 25_000,
    "numbers": "plan 501234, " * 80_000,
    "typing errors": "Manufactuirng Logisitcs " * 40_000,
    "accents": "Ácmé Mfg " * 110_000,
    "brackets": "401(k) " * 140_000,
    "ampersands": "& " * 400_000,
}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_megabyte_of_anything_is_read_in_time(text: str) -> None:
    """Linear and bounded: the worker has a deadline, and a sender knows no mercy."""
    content = HOSTILE[text]
    rows = [[content[start : start + 50]] * 8 for start in range(0, 100_000, 50)]
    contents = [
        body(content),
        Text(part="2", where="page 1", role=Role.CONTENT, content=content),
        Text(part="2", where="file name", role=Role.FILENAME, content=content),
        Text(part=None, where="subject", role=Role.SUBJECT, content=content),
        Table(part="2", name="", rows=rows),
    ]
    start = time.process_time()

    involved(DIRECTORY, contents, frozenset({None, "1", "2"}))

    assert time.process_time() - start < 5


def test_thousands_of_clients_load_and_match(tmp_path: Path) -> None:
    """The largest record keepers have twenty thousand clients; a tenth of that keeps the test short."""
    entries = (
        f"  - {{id: c{n}, name: '{_word(n)} {_word(n * 7 + 3)} {n}, Inc.', aliases: [{_word(n)} Plan {n}], "
        f"domains: [c{n}.example], plan_numbers: ['{600000 + n}']}}\n"
        for n in range(2000)
    )
    file = tmp_path / "clients.yaml"
    file.write_text("clients:\n" + "".join(entries), encoding="utf-8")
    start = time.process_time()
    directory = Directory.load(file)
    loaded = time.process_time()

    named = signs(
        ClientRole.NAMED, involved(directory, [body(f"For {_word(77)} {_word(542)} 77")], frozenset()).clients
    )

    assert list(named) == ["c77"]
    assert loaded - start < 2
    assert time.process_time() - loaded < 0.5


def _word(number: int) -> str:
    syllables = ("ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu")
    return "".join(syllables[int(digit)] for digit in f"{number % 10000:04}").capitalize()
