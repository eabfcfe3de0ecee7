"""The commands of the contract as a shell sees them: what they print, and with which status they end."""

import json
import mailbox
from importlib.metadata import version
from pathlib import Path

import pytest
from house import ACME, BETA, SENDER, XLSX, hold_id, house, mail, settings_file
from serving import run, run_anew
from typer.testing import CliRunner

from gateway.cli import app
from gateway.demo.sample import participants, workbook
from gateway.login import login

CENSUS = workbook("Acme Manufacturing, Inc.", "501234", participants(12, 3))
WRONG = mail("Beta Logistics: file", attachments=(("participants.xlsx", XLSX, CENSUS),), to=BETA)
RIGHT = mail("Acme Manufacturing: file", attachments=(("participants.xlsx", XLSX, CENSUS),), to=ACME)
PLAIN = mail("Lunch", to=BETA)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return settings_file(tmp_path, 1)


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    folder = tmp_path / "letters"
    folder.mkdir()
    for name, raw in (("a-wrong", WRONG), ("b-right", RIGHT), ("c-plain", PLAIN)):
        (folder / f"{name}.eml").write_bytes(raw)
    return folder


@pytest.mark.parametrize(("name", "status"), [("a-wrong", 3), ("b-right", 0), ("c-plain", 0)])
def test_scan_of_one_message_ends_with_its_disposition(config: Path, letters: Path, name: str, status: int) -> None:
    """A script in front of another mail system acts on the status alone."""
    done = run_anew("scan", "--config", config, letters / f"{name}.eml")

    assert (done.status, done.err) == (status, "")


def test_scan_prints_the_verdict_of_the_contract(config: Path, letters: Path) -> None:
    """Keys and names that others have built upon."""
    done = run("scan", "--config", config, "--json", "--mail-from", SENDER, "--rcpt-to", BETA, letters / "b-right.eml")

    verdict = json.loads(done.out)
    assert done.status == 3
    assert list(verdict) == [
        *("schema", "message_id", "hold_id", "disposition", "sentence", "reasons", "recipients", "clients", "parts"),
        *("findings", "people", "timing_ms", "versions"),
    ]
    assert verdict["recipients"] == [
        {"address": BETA, "kind": "client", "clients": ["beta"], "disposition": "hold"},
    ]
    assert verdict["people"]["count"] == 12
    assert verdict["people"]["by_state"]["NC"] == 3
    [ssn] = [finding for finding in verdict["findings"] if finding["entity"] == "US_SSN"]
    assert (ssn["where"], ssn["count"], ssn["sample"][:7]) == ("Census!B5:B16", 12, "***-**-")
    assert {(client["id"], client["role"]) for client in verdict["clients"]} == {("acme", "owner"), ("acme", "named")}


def test_scan_of_many_is_one_line_each_in_order_and_status_0(config: Path, letters: Path, tmp_path: Path) -> None:
    """A folder, an mbox and standard input, mixed."""
    box = mailbox.mbox(tmp_path / "box")
    for raw in (PLAIN, WRONG):
        box.add(raw)
    box.close()

    done = run("scan", "--config", config, "--json", letters, tmp_path / "box", "-", stdin=RIGHT)

    dispositions = [json.loads(line)["disposition"] for line in done.out.splitlines()]
    assert dispositions == ["hold", "relay", "relay", "relay", "hold", "relay"]
    assert done.status == 0


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("scan", "no-such-file.eml"), 1, "no-such-file.eml: cannot be read"),
        (("scan",), 2, "Missing argument"),
        (("scan", "--bogus", "x"), 2, "No such option"),
        (("serve", "--config", "missing.yaml"), 78, "missing.yaml: cannot be read"),
        (("check", "--config", "missing.yaml"), 78, "missing.yaml: cannot be read"),
    ],
)
def test_what_cannot_run_says_why(arguments: tuple[str, ...], status: int, said: str, tmp_path: Path) -> None:
    """A sentence and a status, never a traceback."""
    done = run(*arguments, cwd=tmp_path)

    assert done.status == status
    assert said in done.err


BROKEN = {
    "settings": ("countersign.yaml", "smtp: {listen: x}\n", 'countersign.yaml:1: smtp.listen: "x" is not host:port'),
    "directory": (
        "clients.yaml",
        (
            "clients:\n"
            "  - {id: a, name: Alpha Pumps Inc, domains: [alpha.example]}\n"
            "  - {id: b, name: Bravo Tools Inc, domains: [alpha.example]}\n"
        ),
        "clients.yaml:3:",
    ),
    "policy": ("policy.yaml", "rules:\n  owner-not-recipent: hold\n", "policy.yaml:2:"),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_broken_file_stops_the_start_with_file_and_line(case: str, command: str, tmp_path: Path) -> None:
    """Law 6: no mail passes by a directory or policy that nobody could read."""
    config = tmp_path / "countersign.yaml"
    config.write_text("downstream: {host: 127.0.0.1}\nrules: {clients: clients.yaml, policy: policy.yaml}\n")
    (tmp_path / "clients.yaml").write_text("clients: []\n")
    (tmp_path / "policy.yaml").write_text("{}\n")
    name, text, said = BROKEN[case]
    (tmp_path / name).write_text(text)

    done = run(command, "--config", config)

    assert done.status == 78
    assert said in done.err


def test_check_of_a_good_configuration_says_so(config: Path) -> None:
    """The last thing before a restart."""
    done = run("check", "--config", config)

    assert (done.status, done.err) == (0, "")


def test_a_next_hop_is_the_one_thing_that_must_be_named(tmp_path: Path) -> None:
    """Everything else has a default."""
    (tmp_path / "countersign.yaml").write_text("{}\n")

    done = run("serve", "--config", tmp_path / "countersign.yaml")

    assert done.status == 78
    assert "downstream: missing key" in done.err


async def test_the_queue_is_worked_from_a_terminal(tmp_path: Path) -> None:
    """Reviewers on call have a shell and no browser."""
    async with house(tmp_path) as place:
        first, second = hold_id(await place.send(WRONG, BETA)), hold_id(await place.send(RIGHT, BETA))
        at = ("--config", place.file)

        listed = json.loads(run("held", "list", "--json", *at).out)
        shown = json.loads(run("held", "show", first, "--json", *at).out)
        released = run("held", "release", first, "--note", "as agreed", *at)
        returned = run("held", "return", second, "--note", "please\x1b[2J\ncheck", *at)
        again = run("held", "release", second, "--note", "after all", *at)
        read = run("held", "show", second, *at).out

        assert [item["id"] for item in listed] == [second, first]
        assert shown["verdict"]["hold_id"] == first
        assert (released.status, returned.status) == (0, 0)
        assert again.status == 1
        assert "cannot release a message that is return" in again.err
        assert run("held", "show", "nothing", *at).status == 1
        found = shown["verdict"]["findings"][0]
        assert f"found  {found['entity']}  {found['where']} in part 2  {found['count']}  {found['sample']}\n" in read
        assert f"return  {login()}: please [2J check\n" in read


async def test_the_log_is_exported_and_proved(tmp_path: Path) -> None:
    """An auditor takes the file away, and one changed byte is found by its record."""
    async with house(tmp_path) as place:
        await place.send(WRONG, BETA)
    at, file = ("--config", place.file), tmp_path / "audit.jsonl"

    exported = run("audit", "export", "--format", "jsonl", "-o", file, *at)
    whole, stored = run("audit", "verify", file), run("audit", "verify", *at)
    lines = file.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"event"', b'"evemt"')
    file.write_bytes(b"".join(lines))
    broken = run("audit", "verify", file)

    assert (exported.status, whole.status, stored.status) == (0, 0, 0)
    assert broken.status == 5
    assert "record 3 " in broken.err
    assert run("audit", "export", "--format", "csv", *at).out.startswith("seq,at,event,")


async def test_an_auditor_proves_the_log_without_the_key(tmp_path: Path) -> None:
    """Who checks the record need not be able to read the mail."""
    async with house(tmp_path) as place:
        await place.send(WRONG, BETA)
    for key in tmp_path.glob("*.key*"):
        key.unlink()

    proved, exported = (run("audit", verb, "--config", place.file) for verb in ("verify", "export"))

    assert (proved.status, exported.status) == (0, 0)
    assert exported.out.count("\n") > 2
    assert not list(tmp_path.glob("*.key*"))


def test_accounts_are_made_with_a_password_from_standard_input(config: Path) -> None:
    """Scripts set up a first reviewer; a second try says that he exists."""
    add = ("user", "add", "rita", "--role", "reviewer", "--config", config)

    first, second = run(*add, stdin=b"a long enough password\n"), run(*add, stdin=b"a long enough password\n")

    assert first.status == 0
    assert (second.status, "exists already" in second.err) == (1, True)


def test_accounts_and_tokens_are_listed_and_removed(config: Path) -> None:
    """Whoever leaves is taken off the list in the terminal, and what was never there is said to be so."""

    def says(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, [*words, "--config", str(config)], input="a long enough password\n")
        return done.exit_code, done.output

    for name, role in (("rita", "reviewer"), ("ada", "admin")):
        assert says("user", "add", name, "--role", role) == (0, f"{name} may log in as {role}\n")
    assert says("token", "add", "siem", "--role", "auditor")[0] == 0

    assert says("user", "list") == (0, "ada  admin\nrita  reviewer\n")
    assert says("token", "list") == (0, "siem  auditor  of no account\n")
    for words in (("user", "password", "rita"), ("user", "remove", "rita"), ("token", "remove", "siem")):
        assert says(*words)[0] == 0
    assert says("user", "remove", "rita") == (1, "there is no such user\n")
    assert says("token", "remove", "siem") == (1, "there is no such token\n")
    assert "last admin" in says("user", "remove", "ada")[1]
    assert says("user", "remove", "ada", "--force")[0] == 0
    assert says("user", "list") == (0, "there are no accounts\n")
    assert says("token", "list") == (0, "there are no tokens\n")


def test_demo_shows_the_main_job_and_ends() -> None:
    """What `make demo ARGS=--once` prints is what the README promises."""
    done = run_anew("demo", "--once")

    assert (done.status, done.err) == (0, "")
    assert done.out.count("HELD") == 2
    assert done.out.count("relayed, byte for byte") == 3
    assert "5,135 people" in done.out
    assert "195 in North Carolina" in done.out
    assert "without --once it stays up" in done.out
    assert "password:" not in done.out


def test_the_program_says_which_release_it_is() -> None:
    """The first question of anybody who is asked for help."""
    done = run_anew("--version")

    assert (done.status, done.out) == (0, f"countersign {version('countersign')}\n")
