"""Bad input has one clear outcome each, and none of them is "clean"."""

import io
import json
from pathlib import Path
from zipfile import ZipFile

import pytest
from house import ACME, XLSX, mail
from openpyxl import Workbook
from pydantic_core import to_jsonable_python

import rules
from gateway.inspection import Tools, inspect, prepare
from gateway.settings import load
from rules.decide import decide
from rules.policy import Policy
from rules.verdict import Disposition, Obstacle, Verdict

HEAD = b"From: sam@recordkeeper.example\r\nTo: hr@acme-mfg.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
PARTS = HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
PEOPLE = "{0}\nName,SSN\nLee Ann,{1}-48-6301\nPoe Ben,{1}-48-6302\nRoe Cy,{1}-48-6303\n"
NUMBER = b"SSN 212-48-6397\r\n"

HELD = {
    "a boundary that is never named": HEAD + b"Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\nhello\r\n--x--\r\n",
    "a message that breaks off": PARTS + b"--x\r\n\r\nhello\r\n",
    "two types that contradict each other": HEAD + b"Content-Type: text/plain\r\n" + PARTS[len(HEAD) :] + b"--x--\r\n",
    "base64 that is none": PARTS
    + b"--x\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!@@\r\n--x--\r\n",
    "a workbook that is broken": mail(attachments=(("a.xlsx", XLSX, b"PK\3\4" + bytes(40)),)),
    "a workbook that is something else": mail(attachments=(("a.xlsx", XLSX, b"\x7fELF" + bytes(400)),)),
}


@pytest.fixture(scope="module")
def tools() -> Tools:
    clients = Path(rules.__path__[0], "clients.yaml")
    return prepare(load(None, {"COUNTERSIGN_RULES__CLIENTS": str(clients)}))


def judged(tools: Tools, raw: bytes, *recipients: str) -> Verdict:
    return decide(Policy.load(None), tools.directory, recipients, inspect(raw, tools))


@pytest.mark.parametrize("case", HELD)
def test_what_cannot_be_read_to_the_end_is_held(tools: Tools, case: str) -> None:
    """Two readers could see two messages; nobody has seen this one."""
    verdict = judged(tools, HELD[case], ACME)

    assert verdict.disposition is Disposition.HOLD
    assert {reason.rule for reason in verdict.reasons} == {"not-inspected"}


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"Subject: hello\r\n", HEAD, HEAD + b"\r\n"])
def test_an_empty_message_hides_nothing(tools: Tools, raw: bytes) -> None:
    """Nothing to read is not the same as not read."""
    verdict = judged(tools, raw, ACME)

    assert verdict.disposition is Disposition.RELAY
    assert verdict.parts


@pytest.mark.parametrize("recipients", [(), ("bob",), ("bob@",), ("",)])
def test_without_a_recipient_we_know_nobody_may_have_it(tools: Tools, recipients: tuple[str, ...]) -> None:
    """No address, or none with a domain: as for a stranger."""
    verdict = judged(tools, HEAD + b"\r\n" + NUMBER, *recipients)

    assert verdict.disposition is Disposition.HOLD
    assert "recipient-unknown" in {reason.rule for reason in verdict.reasons}


def test_an_unknown_kind_of_file_is_said_to_be_unsupported(tools: Tools) -> None:
    """Not damaged, not encrypted: we have no reader for it, and the reviewer is told so."""
    verdict = judged(tools, mail(attachments=(("a.bin", "application/octet-stream", bytes(range(10))),)), ACME)

    assert verdict.parts[-1].reason is Obstacle.UNSUPPORTED


def test_numbers_in_names_of_sheets_and_files_are_masked(tools: Tools) -> None:
    """People write numbers into names; a verdict repeats places, never a value."""
    book, archive = Workbook(), io.BytesIO()
    sheet = book.create_sheet("SSN 212-48-6397")
    for row in (("Name", "SSN"), ("Lee, Ann", "212-48-6397"), ("Poe, Ben", "213-48-6398"), ("Roe, Cy", "214-48-6399")):
        sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    with ZipFile(archive, "w") as zipped:
        zipped.writestr("212-48-6397.xlsx", content.getvalue())

    verdict = judged(tools, mail(attachments=(("212486397.zip", "application/zip", archive.getvalue()),)), ACME)

    said = json.dumps(to_jsonable_python(verdict))
    assert verdict.people.count == 3
    assert "212-48-6397" not in said
    assert "212486397" not in said


def test_a_file_without_a_sign_is_not_covered_by_another_that_has_one(tools: Tools) -> None:
    """The right cover letter goes with the wrong file: each part has to say whose it is."""
    signed, unsigned = PEOPLE.format("Acme Manufacturing, Inc.", 212), PEOPLE.format("Census", 312)
    files = (("a.csv", "text/csv", signed.encode()), ("b.csv", "text/csv", unsigned.encode()))

    verdict = judged(tools, mail("Acme Manufacturing", attachments=files), ACME)

    [reason] = verdict.reasons
    assert (reason.rule, reason.parts) == ("owner-unknown", ("3",))
    assert verdict.sentence.endswith("nothing tells whose b.csv is.")


def test_a_remark_on_people_of_a_signed_list_needs_no_sign_of_its_own(tools: Tools) -> None:
    """ "The date of birth of 212-48-6301 is missing" is about the file beside it."""
    signed = ("a.csv", "text/csv", PEOPLE.format("Acme Manufacturing, Inc.", 212).encode())

    verdict = judged(tools, mail("census", "The birth date of 212-48-6301 is missing.\n", (signed,)), ACME)

    assert verdict.disposition is Disposition.RELAY
