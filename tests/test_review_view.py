"""What a reviewer's eyes get of a part: masked, bounded, findings marked, and never "clean" for what was not read."""

import re
import zipfile
from collections.abc import Iterator, Sequence
from email.message import EmailMessage
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

import pytest
from carriers import HEADER, people, save, ssn, write_csv, write_fixed, write_html, write_xlsx
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from review_room import DETECTOR

from gateway.message import Limits
from gateway.review.address import Spot, turns
from gateway.review.places import ROWS
from gateway.review.shown import COLUMNS, table_shown
from gateway.review.view import WHOLE, view_part
from gateway.review.viewed import Look, Segment, ViewedPart, ViewedTable, ViewedText, write
from rules.content import Table
from rules.verdict import Status

LIST = [HEADER, *people(30)]
XLSX = ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet")


def mail(content: bytes, kind: tuple[str, str], filename: str = "list.dat", body: str = "Enclosed.\n") -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "sam@r.example", "b@beta.example", "census"
    message.set_content(body)
    message.add_attachment(content, maintype=kind[0], subtype=kind[1], filename=filename)
    return bytes(message).replace(b"\n", b"\r\n")


def write_workbook(sheets: dict[str, Sequence[Sequence[str]]]) -> bytes:
    book = Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    return save(book)


def view(raw: bytes, section: str = "2", **look: Any) -> ViewedPart:
    return view_part(raw, Look(section=section, **look), Limits(), DETECTOR)


def table_of(part: ViewedPart) -> ViewedTable:
    [found] = [content for content in part.contents if isinstance(content, ViewedTable)]
    return found


def marked(part: ViewedPart) -> Iterator[Segment]:
    for content in part.contents:
        runs = content.rows if isinstance(content, ViewedTable) else content.lines
        for run in runs:
            cells = run.cells if isinstance(content, ViewedTable) else run.segments  # type: ignore[union-attr]
            yield from (cell for cell in cells if cell.marked)


@pytest.mark.parametrize(
    ("content", "kind"), [(write_csv(LIST), ("text", "csv")), (write_xlsx(LIST), XLSX)], ids=["csv", "xlsx"]
)
def test_a_list_is_a_table_with_its_numbers_marked_and_masked(content: bytes, kind: tuple[str, str]) -> None:
    """The reviewer sees at once which column is the trouble, and no number."""
    part = view(mail(content, kind))

    table = table_of(part)
    numbers = [row.cells[0] for row in table.rows[1:]]
    assert [cell.text for cell in table.rows[0].cells] == list(HEADER)
    assert [cell.text for cell in numbers] == [f"***-**-{row[0][-4:]}" for row in LIST[1:]]
    assert all(cell.marked for cell in numbers)
    assert not any(cell.marked for row in table.rows for cell in row.cells[5:7])  # city and state


def test_no_value_of_a_person_comes_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither number nor birth date nor street nor balance: who unmasks must ask for it, and be on record."""
    answer = write(view(mail(write_csv(LIST), ("text", "csv")))).decode()

    values = [row[column] for row in LIST[1:] for column in (0, 3, 4, 8)]
    assert [value for value in values if value in answer] == []
    assert capsys.readouterr() == ("", "")


RECORDS = "\n".join(
    f"Name: {row[1]} {row[2]}\nSSN: {row[0]}\nDOB: {row[3]}\nAddress: {row[4]}, {row[5]}, {row[6]}\n"
    for row in LIST[1:]
)


@pytest.mark.parametrize(
    ("content", "kind"),
    [(write_fixed(LIST), "plain"), (write_html(LIST), "html"), (RECORDS.encode(), "plain")],
    ids=["columns of spaces", "html", "one line each"],
)
def test_a_list_in_a_text_is_masked_as_in_a_table(content: bytes, kind: str) -> None:
    """Copied into a letter, a birth date is still a birth date."""
    answer = write(view(mail(content, ("text", kind)))).decode()

    values = [row[column] for row in LIST[1:] for column in (0, 3, 4)]
    names = [f"{row[1]} {row[2]}" for row in LIST[1:]]
    assert [value for value in values + names if value in answer] == []
    assert f"***-**-{LIST[1][0][-4:]}" in answer


def test_prose_around_a_list_stays_readable() -> None:
    """A reviewer has to read what the message says of itself."""
    letter = f"Dear Dana Brook,\n\nhere are the 2026 figures of Beta Logistics.\n\n{RECORDS}"
    answer = write(view(mail(b"x", ("text", "plain"), body=letter), "1")).decode()

    assert "Dear Dana Brook," in answer
    assert "here are the 2026 figures of Beta Logistics." in answer


def test_a_long_list_is_cut_and_says_so() -> None:
    """A page of five thousand rows helps nobody; a cut that is not told would lie."""
    table = table_of(view(mail(write_csv([HEADER, *people(1000)]), ("text", "csv"))))

    assert (len(table.rows), table.stretch.total) == (ROWS, 1001)


def test_the_window_is_where_the_finding_is() -> None:
    """A hidden list starts on row 700 because somebody hopes that nobody scrolls."""
    rows: list[tuple[str, ...]] = [("Part", "Colour", "Price")] + [(f"Bracket {n}", "red", "4.50") for n in range(700)]
    table = table_of(view(mail(write_csv([*rows, ("",), *LIST]), ("text", "csv"))))

    shown = [row.number for row in table.rows]
    assert shown[0] == 1
    assert 704 in shown
    assert any(cell.marked for row in table.rows for cell in row.cells)
    assert len(shown) <= ROWS


def test_rows_further_down_are_masked_by_the_header_far_above_them() -> None:
    """Page five of a list shows no more of a person than page one."""
    rows = [HEADER, *people(1000)]
    part = view(mail(write_csv(rows), ("text", "csv")), first=801, last=1000)

    shown = table_of(part)
    assert [row.number for row in shown.rows] == [1, *range(801, 1001)]
    assert (shown.stretch.first, shown.stretch.last, shown.stretch.total) == (801, 1000, 1001)
    answer = write(part).decode()
    assert not any(row[column] in answer for row in rows[1:] for column in (0, 3, 4))
    assert not any(f'"{row[1]}"' in answer for row in rows[800:1000])


def test_the_place_of_a_finding_leads_to_its_rows() -> None:
    """And to its sheet, however many others the workbook has; a sheet's name is masked in the verdict."""
    other = [tuple(f"c{n}" for n in range(5))] * 300
    raw = mail(write_workbook({"a": other, "212-48-6397": [*other, *LIST], "c": LIST}), XLSX)
    [hidden] = [table_of(view(raw, where="***-**-6397!A302:A331"))]
    [elsewhere] = [table_of(view(raw, where="c!A2:A31"))]

    assert hidden.rows[-1].number == 331
    assert hidden.stretch.first <= 302
    assert (elsewhere.name, elsewhere.stretch.first) == ("c", 1)
    assert not view(raw, where="nowhere!A1").alone


@pytest.mark.parametrize("total", [1, 200, 201, 650])
@pytest.mark.parametrize("begin", [1, 4])
def test_from_page_to_page_every_row_comes_up(total: int, begin: int) -> None:
    """Onwards from the first and back from the last, without gap or overlap."""
    rows = [("a",)] * total

    def page(first: int, last: int) -> ViewedTable:
        table = Table(part="2", name="s", rows=rows, first_row=begin)
        return table_shown(table, 0, (), Look(section="2", first=first, last=last))

    for way, start in (("Next", (begin, begin + ROWS - 1)), ("Previous", (begin + total - 1, begin + total - 1))):
        seen: list[int] = []
        spot: Spot | None = Spot(rows=start)
        while spot and spot.rows:
            shown = page(*spot.rows)
            seen += range(shown.stretch.first, shown.stretch.last + 1)
            onward = dict(turns(shown, Spot(part="1"))).get(way)
            spot = Spot.of(dict(parse_qsl(onward))) if onward else None
        assert sorted(seen) == list(range(begin, begin + total))


def test_a_finding_in_a_far_column_is_in_sight() -> None:
    rows = [(*(f"c{n}" for n in range(60)), row[0]) for row in LIST]
    table = table_of(view(mail(write_csv(rows), ("text", "csv"))))

    assert any(cell.marked for row in table.rows for cell in row.cells)


def test_values_come_out_when_they_are_asked_for() -> None:
    """Marked as before, so that the eye finds them; in a table as in a line."""
    body = f"Her number is {LIST[1][0]}.\n"
    raw = mail(write_csv(LIST), ("text", "csv"), body=body)

    assert {cell.text for cell in marked(view(raw, clear=True))} >= {row[0] for row in LIST[1:]}
    assert [segment.text for segment in marked(view(raw, "1", clear=True))] == [f"{LIST[1][0]}."]


def test_a_long_line_goes_on_when_its_text_is_asked_for_alone() -> None:
    """A program writes a whole list into one line; wherever that is cut, no number is halved unmasked."""
    unseen = "\u200b" * 401  # folded away after the cut it would move it
    line = unseen + " ".join(f"call {row[0]}" for row in people(300))
    raw = mail(b"x", ("text", "plain"), body=f"{line}\n")
    [usual], [alone] = (view(raw, "1", content=content).contents for content in (None, 0))
    assert isinstance(usual, ViewedText)
    assert isinstance(alone, ViewedText)

    lengths = [sum(len(segment.text) for segment in shown.lines[0].segments) for shown in (usual, alone)]
    assert lengths == [400, 3600]
    assert usual.cut
    assert alone.cut
    assert not re.search(r"\d{3}-", "".join(segment.text for segment in alone.lines[0].segments))


def test_a_wide_sheet_is_cut_and_says_so() -> None:
    table = table_of(view(mail(write_csv([tuple(f"c{n}" for n in range(90))] * 3), ("text", "csv"))))

    assert (len(table.columns), table.columns_total) == (COLUMNS, 90)
    assert all(len(row.cells) == COLUMNS for row in table.rows)


@pytest.mark.parametrize(
    "written",
    ["{}", "SSN:{}.", "ssn {} and more", "\uff33\uff33\uff2e {}"],
    ids=["bare", "label", "inside", "wide label"],
)
def test_a_number_in_a_text_is_masked_and_marked(written: str) -> None:
    number = "212-48-6397"
    part = view(mail(b"x", ("text", "plain"), body=f"Hello,\n\nher SSN is {written.format(number)}\n"), "1")

    assert number not in write(part).decode()
    assert any("6397" in segment.text for segment in marked(part))


DISGUISED = [
    "\uff12\uff11\uff12-\uff14\uff18-\uff16\uff13\uff19\uff17",
    "212\u201348\u20136397",
    "212\u200b-48-\u200b6397",
    "212\u00a048\u00a06397",
]


@pytest.mark.parametrize("number", DISGUISED)
@pytest.mark.parametrize("kind", ["text", "table"])
def test_a_number_in_disguise_is_masked_too(number: str, kind: str) -> None:
    """What the detector unfolds, the mask must unfold: else the page shows what the mail was held for."""
    rows = [HEADER, *[(number, *row[1:]) for row in LIST[1:6]]]
    raw = mail(write_csv(rows), ("text", "csv"), body=f"Her SSN is {number} as asked\n")
    answer = write(view(raw, "1" if kind == "text" else "2")).decode()

    assert number not in answer
    assert "212" not in answer
    assert "\uff12\uff11\uff12" not in answer


def test_what_cannot_be_opened_is_said_not_shown_as_empty() -> None:
    """Unknown is not clean, on the page as in the verdict."""
    part = view(mail(b"PK\x03\x04 not really a zip", ("application", "zip"), "a.zip"))

    assert part.status is not Status.OPENED
    assert part.reason is not None


def test_a_part_that_is_not_there_is_unopened() -> None:
    part = view(mail(b"x", ("text", "plain")), "9/none.csv")

    assert part.status is Status.UNOPENED


def test_a_container_lists_what_is_inside() -> None:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("lists/people.csv", write_csv(LIST))
        archive.writestr("212-48-6397.txt", "hello")
    raw = mail(out.getvalue(), ("application", "zip"), "all.zip")
    part = view(raw)

    sections = [inner.section for inner in part.inner]
    assert any(section.endswith("people.csv") for section in sections)
    assert "212-48-6397" not in write(part).decode()
    assert (
        table_of(view(raw, next(section for section in sections if section.endswith("people.csv")))).stretch.total == 31
    )
    named_by_number = next(section for section in sections if section.endswith("6397.txt"))
    assert view(raw, named_by_number).status is Status.OPENED


def test_the_whole_message_shows_its_subject_and_its_parts() -> None:
    part = view(mail(write_csv(LIST), ("text", "csv")), WHOLE)

    subject = next(
        content for content in part.contents if isinstance(content, ViewedText) and content.where == "subject"
    )
    assert subject.lines[0].segments[0].text == "census"
    assert [inner.section for inner in part.inner] == ["1", "2"]


@given(raw=st.binary(max_size=400), section=st.sampled_from(["", "1", "2", "1/a", "\x00"]))
@settings(max_examples=60, deadline=None)
def test_any_bytes_give_a_view(raw: bytes, section: str) -> None:
    """A reviewer's page never depends on mail being well made."""
    assert view(raw, section).status in set(Status)


@given(number=st.randoms(use_true_random=False).map(ssn), column=st.integers(0, 5), row=st.integers(0, 260))
@settings(max_examples=40, deadline=None)
def test_a_number_anywhere_in_a_table_is_masked(number: str, column: int, row: int) -> None:
    """Header or not, first row or last: the mask does not wait for a finding."""
    rows = [["note"] * 6 for _ in range(261)]
    rows[row][column] = f"call about {number}"
    answer = write(view(mail(write_csv([tuple(line) for line in rows]), ("text", "csv")))).decode()

    assert number not in answer
