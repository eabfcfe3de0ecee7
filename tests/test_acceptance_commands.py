"""The contract's sections 1 and 2 from outside: what each command prints, and with which status it ends."""

import json
import os
import pty
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from house import ACME, BETA, XLSX, mail, settings_file
from serving import PROGRAM, clean_environment, run, run_anew

from gateway.demo.sample import participants, workbook
from gateway.store.driver import sqlite3

CENSUS = workbook("Acme Manufacturing, Inc.", "501234", participants(12, 3))
WRONG = mail("Beta Logistics: file", attachments=(("participants.xlsx", XLSX, CENSUS),), to=BETA)
PLAIN = mail("Lunch", "Thursday?\n\nFrom here on it is quiet.\n\nFrom noon on: 12:30 is fine, too.\n", to=BETA)
FROM = b"From sam@recordkeeper.example Thu Jan  1 00:00:00 1970"
GOOD = "a long enough password\n"


def unix(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A settings file, messages in every shape that a path may have, and a log with records."""
    place = tmp_path_factory.mktemp("commands")
    settings_file(place, 1)
    (place / "crlf.eml").write_bytes(WRONG)
    (place / "lf.eml").write_bytes(unix(WRONG))
    (place / "plain.eml").write_bytes(PLAIN)
    (place / "box").write_bytes(b"".join(FROM + b"\n" + unix(raw) + b"\n" for raw in (PLAIN, WRONG)))
    (place / "crlf-box").write_bytes(b"".join(FROM + b"\r\n" + raw + b"\r\n" for raw in (PLAIN, WRONG)))
    (place / "nobody.eml").write_bytes(b"From: a@b.example\r\nSubject: x\r\n\r\nHello\r\n")
    (place / "empty.eml").write_bytes(b"")
    (place / "none").mkdir()
    for name in ("ann", "bob", "cid", "dot"):
        assert run("user", "add", name, "--role", "auditor", stdin=GOOD.encode(), cwd=place).status == 0
    return place


SCANS: dict[str, tuple[list[str], int, list[str]]] = {
    "lines end in CRLF": (["crlf.eml"], 3, ["hold"]),
    "lines end in LF": (["lf.eml"], 3, ["hold"]),
    "harmless": (["plain.eml"], 0, ["relay"]),
    "the envelope wins over the header": (["--rcpt-to", ACME, "plain.eml"], 0, ["relay"]),
    "one of two recipients": (["--rcpt-to", ACME, "--rcpt-to", BETA, "crlf.eml"], 3, ["hold"]),
    "an mbox": (["box"], 0, ["relay", "hold"]),
    "an mbox with CRLF": (["crlf-box"], 0, ["relay", "hold"]),
    "several in order": (["crlf.eml", "plain.eml", "lf.eml"], 0, ["hold", "relay", "hold"]),
    "no recipient at all": (["nobody.eml"], 0, ["relay"]),
    "nothing": (["empty.eml"], 0, ["relay"]),
    "one that is not there": (["crlf.eml", "missing.eml", "plain.eml"], 1, ["hold", "relay"]),
    "a folder without messages": (["none"], 1, []),
}


@pytest.mark.parametrize("case", SCANS)
def test_scan_prints_one_verdict_a_line_and_ends_with_its_status(folder: Path, case: str) -> None:
    """Scripts read the lines and act on the status."""
    arguments, status, dispositions = SCANS[case]

    done = run("scan", "--json", *arguments, cwd=folder)

    verdicts = [json.loads(line) for line in done.out.splitlines()]
    assert [verdict["disposition"] for verdict in verdicts] == dispositions, done
    assert all((verdict["schema"], verdict["hold_id"]) == (1, None) for verdict in verdicts)
    assert done.status == status


@pytest.mark.parametrize("command", ["check", "held list", "audit export", "audit verify", "user list", "roster list"])
def test_a_command_brings_all_that_it_needs(folder: Path, command: str) -> None:
    """Started as a shell starts it; the other tests fork commands from a process that has imported everything."""
    done = run_anew(*command.split(), cwd=folder)

    assert (done.status, done.err) == (0, "")


STATUSES: dict[str, tuple[list[str], int, str]] = {
    "settings before the command": (["--config", "countersign.yaml", "held", "list"], 0, ""),
    "settings in the middle": (["held", "--config", "countersign.yaml", "list"], 0, ""),
    "settings in the middle, of rosters": (["roster", "--config", "countersign.yaml", "list"], 0, ""),
    "settings that are not there": (["held", "list", "--config", "no.yaml"], 78, "no.yaml: cannot be read"),
    "an unknown message": (["held", "show", "nothing"], 1, "there is no such message"),
    "no note": (["held", "release", "nothing"], 2, "--note"),
    "an empty note": (["held", "return", "nothing", "--note", " "], 2, "--note"),
    "a role that is none": (["user", "add", "eve", "--role", "boss"], 2, "--role"),
    "a name that is taken": (["user", "add", "ann", "--role", "auditor"], 1, "exists already"),
    "a format that is none": (["audit", "export", "--format", "xml"], 2, "--format"),
    "a time that is none": (["audit", "export", "--since", "yesterday"], 2, "--since"),
    "a folder that is not there": (["audit", "export", "-o", "no/such"], 1, "no/such: cannot be written"),
    "a full disk": (["audit", "export", "-o", "/dev/full"], 1, "/dev/full: cannot be written: No space left"),
    "a log that is not there": (["audit", "verify", "missing.jsonl"], 1, "missing.jsonl: cannot be read"),
    "a log that is none": (["audit", "verify", "countersign.yaml"], 5, "record 1 "),
    "no such command": (["open"], 2, "open"),
}


@pytest.mark.parametrize("case", STATUSES)
def test_a_command_that_fails_says_why(folder: Path, case: str) -> None:
    """A sentence on standard error, never a traceback; 2 is the caller's mistake, 78 the configuration's."""
    arguments, status, said = STATUSES[case]

    done = run(*arguments, stdin=GOOD.encode(), cwd=folder)

    assert done.status == status, done
    assert said in done.err


def test_without_any_settings_no_store_is_made(tmp_path: Path) -> None:
    """In the wrong folder "nothing is held" would be a lie."""
    done = run("held", "list", cwd=tmp_path)

    assert (done.status, "--config" in done.err) == (78, True)
    assert list(tmp_path.iterdir()) == []


def test_the_log_is_exported_in_four_formats_and_in_stretches(folder: Path) -> None:
    """Times as the records have them; a time without a zone is UTC."""
    lines = run("audit", "export", cwd=folder).out.splitlines()
    third = json.loads(lines[2])["at"]

    since = run("audit", "export", "--since", third, cwd=folder).out.splitlines()
    until = run("audit", "export", "--until", third.removesuffix("Z"), cwd=folder).out.splitlines()
    counts = {
        form: run("audit", "export", "--format", form, cwd=folder).out.count("\n")
        for form in ("jsonl", "csv", "cef", "ocsf")
    }

    assert (since, until) == (lines[2:], lines[:2])
    assert counts == {"jsonl": len(lines), "csv": len(lines) + 1, "cef": len(lines), "ocsf": len(lines)}


def _swapped(lines: list[bytes]) -> list[bytes]:
    return [lines[1], lines[0], *lines[2:]]


TAMPERED: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "a byte": (lambda lines: [lines[0], lines[1].replace(b"auditor", b"auditos"), *lines[2:]], "record 2 "),
    "a record gone": (lambda lines: [*lines[:1], *lines[2:]], "record 2 "),
    "two records swapped": (_swapped, "record 1 "),
    "a record twice": (lambda lines: [*lines[:2], *lines[1:]], "record 3 "),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_a_changed_export_is_found_by_its_first_bad_record(folder: Path, tmp_path: Path, case: str) -> None:
    """Status 5, and the record is named."""
    change, said = TAMPERED[case]
    lines = run("audit", "export", cwd=folder).out.encode().splitlines(keepends=True)
    (tmp_path / "log").write_bytes(b"".join(change(lines)))

    done = run("audit", "verify", tmp_path / "log")

    assert (done.status, said in done.err) == (5, True), done


@pytest.mark.parametrize(
    "change",
    [
        """UPDATE audit SET line = replace(line, 'auditor', 'auditos') WHERE seq = 2""",
        """UPDATE audit SET line = replace(line, '"hold_id"', '"held_id"') WHERE seq = 2""",
        """UPDATE audit SET at = at - 1 WHERE seq = 2""",
        """DELETE FROM audit WHERE seq = 2""",
    ],
)
def test_a_changed_store_is_found(folder: Path, tmp_path: Path, change: str) -> None:
    """Who may write to the file may drop the triggers; the chain tells all the same."""
    place = tmp_path / "copy"
    shutil.copytree(folder, place)
    with sqlite3.connect(place / "countersign.db") as store:
        for (trigger,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            store.execute(f"DROP TRIGGER {trigger}")
        store.execute(change)
    store.close()

    verified, exported = run("audit", "verify", cwd=place), run("audit", "export", cwd=place)

    assert verified.status == 5
    assert "record 2 " in verified.err or "record 3 " in verified.err
    assert exported.status in {0, 5}


def test_a_password_is_asked_for_at_a_terminal_and_not_shown(folder: Path) -> None:
    """Nobody reads it over a shoulder, nor from the history of the shell."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execve(PROGRAM, [PROGRAM, "user", "add", "fay", "--role", "reviewer"], clean_environment())  # noqa: S606 - a terminal needs a child of our own
    shown = b""
    while b"assword" not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, GOOD.encode())
    try:
        while piece := os.read(terminal, 1000):
            shown += piece
    except OSError:  # how Linux says that the other side has closed a terminal
        pass
    os.close(terminal)

    assert os.waitpid(child, 0)[1] == 0
    assert GOOD.strip().encode() not in shown


CHECKS = {
    "unknown keys": (
        "smtp: {listn: x}\nfoo: 1\ndownstream: {host: h, prt: 1}\n",
        {},
        [":1: smtp.listn: unknown key", ":3: downstream.prt: unknown key", ":2: foo: unknown key"],
    ),
    "no next hop": ("{}\n", {}, ["countersign.yaml:1: downstream: missing key"]),
    "no certificate": (
        "downstream: {host: 127.0.0.1}\nsmtp:\n  tls:\n    cert: c.pem\n",
        {},
        ["countersign.yaml:4: smtp.tls.cert: "],
    ),
    "a store of another kind": (
        "downstream: {host: 127.0.0.1}\nstore:\n  url: mysql://x\n",
        {},
        ["countersign.yaml:3: store.url: "],
    ),
    "two files that are not there": (
        "downstream: {host: 127.0.0.1}\nrules: {clients: no.yaml, policy: none.yaml}\n",
        {},
        ["no.yaml: cannot be read", "none.yaml: cannot be read"],
    ),
    "a variable": (
        "downstream: {host: 127.0.0.1}\n",
        {"COUNTERSIGN_SMTP__TLS__REQIRED": "true"},
        ["environment COUNTERSIGN_SMTP__TLS__REQIRED: smtp.tls.reqired: unknown key"],
    ),
    "a section by variable": ("{}\n", {"COUNTERSIGN_FOO__BAR": "1"}, ["environment COUNTERSIGN_FOO__BAR: "]),
}


@pytest.mark.parametrize("case", CHECKS)
@pytest.mark.parametrize("command", ["check", "serve"])
def test_what_is_wrong_is_named_with_file_line_and_key(command: str, case: str, tmp_path: Path) -> None:
    """All of it at once, before a start as well as instead of one."""
    text, environment, said = CHECKS[case]
    (tmp_path / "countersign.yaml").write_text(text)

    done = run(command, cwd=tmp_path, environment=environment)

    assert done.status == 78
    found = [line in done.err for line in said]
    assert all(found) if command == "check" else any(found)


VARIABLES = {
    "COUNTERSIGN_SMTP__ALLOW_FROM": "10.0.0.0/8, ::1",
    "COUNTERSIGN_SMTP__TLS": "{required: false}",
    "COUNTERSIGN_WEB__BASE_URL": "null",
    "COUNTERSIGN_DOWNSTREAM__HOST": "127.0.0.1",
    "COUNTERSIGN_INSPECTION__SOFT": "5",
}


def test_the_environment_alone_can_configure(tmp_path: Path) -> None:
    """Lists, mappings and nothing, as containers pass them."""
    assert run("check", cwd=tmp_path, environment=VARIABLES).status == 0


def test_scan_reads_standard_input(folder: Path) -> None:
    """As a filter in somebody else's pipe."""
    done = subprocess.run(
        [PROGRAM, "scan", "-"], input=WRONG, capture_output=True, check=False, cwd=folder, env=clean_environment()
    )

    assert (done.returncode, done.stderr) == (3, b"")
