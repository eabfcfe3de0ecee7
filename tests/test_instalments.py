"""Rosters too long to be read at once: in pieces they say what they say as a whole, or they are refused."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from carriers import HEADER, Row, people
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gateway import enrolment, instalments
from gateway.cli import app
from gateway.enrolment import ANSWERED, Answered, enrol_job
from gateway.inspection import Tools
from gateway.message import Limits
from rules.clients import Directory
from rules.detect import Detector
from rules.roster import Keyring

HEAD, PIECE = 25, 2500
LINES = {
    "commas": lambda rows: "\n".join(",".join(map(quoted, row)) for row in rows),
    "all quoted": lambda rows: "\r\n".join(",".join('"' + cell + '"' for cell in row) for row in rows),
    "bars": lambda rows: "\n".join("|".join(row) for row in rows),
    "tabs": lambda rows: "\r".join("\t".join(row) for row in rows),
    "fixed width": lambda rows: "\n".join("".join(cell.ljust(20) for cell in row).rstrip() for row in rows),
}


QUOTING = {"commas", "all quoted"}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "cp1252"]
REMARKS = ["", "moved, see file", "Jos\u00e9", "two\nlines"]


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if {",", '"', "\n"} & set(cell) else cell


@pytest.fixture(scope="module")
def tools() -> Tools:
    return Tools(limits=Limits(), detector=Detector(), directory=Directory.load(None), keyring=Keyring(b"k" * 32))


def answer(tools: Tools, raw: bytes, name: str) -> Answered:
    return ANSWERED.validate_json(enrol_job(raw, {"name": name}, tools).body)


def keys(answers: Iterator[Answered] | list[Answered]) -> tuple[set[bytes], set[bytes]]:
    def apart(packed: bytes) -> set[bytes]:
        return {packed[place : place + 8] for place in range(0, len(packed), 8)}

    found = list(answers)
    return set().union(*(apart(one.keys) for one in found)), set().union(*(apart(one.people) for one in found))


def rows_of(count: int, seed: int, *, sparse: bool, remark: str) -> list[Row]:
    chance = random.Random(seed)
    rows = [(*row, remark if chance.random() < 0.1 else "") for row in people(count, seed)]
    if sparse:
        rows = [row if index % 3 else (*row[:3], "", *row[4:]) for index, row in enumerate(rows)]
    return [(*HEADER, "Remark"), *rows]


@st.composite
def rosters(draw: st.DrawFn) -> bytes:
    """A list as some system writes it: separated or in columns, with titles, gaps, accents, cells over two lines."""
    written, encoding = draw(st.sampled_from(sorted(LINES))), draw(st.sampled_from(ENCODINGS))
    remarks = REMARKS if written in QUOTING else REMARKS[:3]
    rows = rows_of(80, draw(st.integers(1, 1000)), sparse=draw(st.booleans()), remark=draw(st.sampled_from(remarks)))
    title = "Acme Manufacturing, Inc.\n\n" if draw(st.booleans()) else ""
    return (title + LINES[written](rows)).encode(encoding)


@given(raw=rosters())
@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pieces_say_what_the_whole_says(raw: bytes, tools: Tools, tmp_path: Path) -> None:
    """The very same people, known by the very same keys, whatever the file looks like."""
    file = tmp_path / "roster.txt"
    file.write_bytes(raw)

    pieces = list(instalments.instalments(file, piece=PIECE, head=HEAD))
    whole, parted = answer(tools, raw, file.name), [answer(tools, piece, file.name) for piece in pieces]

    assert len(pieces) > 2
    assert keys(parted) == keys([whole])
    assert {one.numbered for one in parted} == {whole.numbered}
    assert not any(one.obstacles for one in parted)


def enrolled(tmp_path: Path, text: str) -> str:
    (tmp_path / "clients.yaml").write_text((Path(__file__).parents[1] / "rules" / "clients.yaml").read_text())
    (tmp_path / "countersign.yaml").write_text("rules: {clients: clients.yaml, rosters: rosters}\n")
    (tmp_path / "roster.csv").write_text(text)
    arguments = ["roster", "add", str(tmp_path / "roster.csv"), "--client", "acme"]
    return CliRunner().invoke(app, [*arguments, f"--config={tmp_path / 'countersign.yaml'}"]).output


@pytest.fixture
def _short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrolment, "is_long_text", lambda file: instalments.is_long_text(file, 1000))
    monkeypatch.setattr(enrolment, "instalments", lambda file: instalments.instalments(file, piece=20_000, head=HEAD))


@pytest.mark.usefixtures("_short_pieces")
def test_everybody_is_counted_once(tmp_path: Path) -> None:
    """The lines that every piece begins with are one set of people, and rows that are none are told."""
    rows = rows_of(400, 5, sparse=False, remark="")
    rows[300] = ("", "?", "?", "", "nobody knows", "who this is", "", "", "", "")

    assert enrolled(tmp_path, LINES["commas"](rows)) == "acme: 399 people; 1 rows could not be read as people\n"


@pytest.mark.usefixtures("_short_pieces")
def test_a_second_table_further_down_is_not_read_under_the_first_header(tmp_path: Path) -> None:
    """Half of its names would be looked for where others stand."""
    rows = rows_of(250, 5, sparse=False, remark="")
    turned = [
        ("Remark", *reversed(HEADER)),
        *((row[-1], *reversed(row[:-1])) for row in rows_of(250, 6, sparse=False, remark="")[1:]),
    ]

    said = enrolled(tmp_path, LINES["commas"]([*rows, (), *turned]))

    assert "give each table as a file of its own; nothing was added" in said
    assert not (tmp_path / "rosters").exists()


@pytest.mark.usefixtures("_short_pieces")
def test_a_stretch_in_which_nobody_is_found_is_refused(tmp_path: Path) -> None:
    """Lines with another delimiter are rows of one cell: half a roster would be added, and nobody told."""
    rows = [(row[7], *row[1:4]) for row in rows_of(600, 5, sparse=False, remark="")]
    others = [(row[7], *row[1:4]) for row in rows_of(2000, 6, sparse=False, remark="")[1:]]

    said = enrolled(tmp_path, LINES["commas"](rows) + "\n" + "\n".join(" ^ ".join(row) for row in others))

    assert "nobody in it has a number" in said
    assert not (tmp_path / "rosters").exists()
