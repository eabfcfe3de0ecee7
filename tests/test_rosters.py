"""Exact data match: hashes of clients' participants say whose people a list is of, and say nothing else."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from house import XLSX, mail
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gateway import rosters as rosters_module
from gateway.cli import app
from gateway.demo.sample import HEADER, participants, workbook
from gateway.errors import RosterError
from gateway.rosters import BLOCK, Enrolment, Index, Shelf, load_keyring, make_key
from rules.content import Table
from rules.detect import Detection, Detector
from rules.errors import ConfigurationError
from rules.roster import Keyring, Match, matches

KEYRING = Keyring(b"k" * 32)
TODAY = date(2026, 3, 1)
DETECTOR = Detector()
PEOPLE = [
    (f"Person{chr(97 + i)}, Pat", f"21{i:03}-4567"[:3] + f"-45-{6000 + i}", f"{1 + i % 12}/2/19{60 + i % 30}")
    for i in range(20)
]
Row = tuple[str, ...]


def enrolment(client: str, keys: list[int], *, numbered: bool = True) -> Enrolment:
    return Enrolment(
        client=client,
        keys=[np.unique(np.array(keys, np.uint64))],
        people=len(keys),
        added=TODAY,
        source="0" * 64,
        numbered=numbered,
    )


def detected(rows: list[Row], header: Row = ("Name", "SSN", "Birth date")) -> Detection:
    return DETECTOR.detect([Table(part="2", name="", rows=[header, *rows])])


def index_of(folder: Path, *rosters: tuple[str, list[Row], Row]) -> Index:
    shelf = Shelf(folder / "index", KEYRING)
    for client, rows, header in rosters:
        detection = detected(rows, header)
        keys = [key for roll in detection.rolls for person in roll.people for key in KEYRING.keys(roll, person)]
        numbered = all(person.ssn for roll in detection.rolls for person in roll.people)
        shelf.add(enrolment(client, keys, numbered=numbered), replace=False)
    return Index(folder / "index", KEYRING)


def found(index: Index, rows: list[Row], header: Row = ("Name", "SSN", "Birth date")) -> list[Match]:
    detection = detected(rows, header)
    return matches(index, detection.rolls, detection.numbers.get("2", ()))


def told(matched: list[Match]) -> list[tuple[str, int, int, bool]]:
    return [(match.client, match.people, match.out_of, match.shared) for match in matched]


WHOLE = ("Name", "SSN", "Birth date")


def test_people_are_found_by_number(tmp_path: Path) -> None:
    """The count is exact: it stands in the sentence that stops a breach."""
    index = index_of(tmp_path, ("acme", PEOPLE[:18], WHOLE))

    assert told(found(index, PEOPLE)) == [("acme", 18, 20, False)]


def test_people_are_found_by_name_and_birth_date_however_written(tmp_path: Path) -> None:
    """A list without numbers is still somebody's, and nobody writes names and dates as the roster does."""
    index = index_of(tmp_path, ("acme", PEOPLE, WHOLE))
    rows = [("Pat Q. " + name.split(",")[0].upper(), _iso(birth), "9,100.00") for name, _, birth in PEOPLE[:5]]

    assert told(found(index, rows, ("Participant", "DOB", "Balance"))) == [("acme", 5, 5, False)]


def _iso(birth: str) -> str:
    month, day, year = birth.split("/")
    return f"{year}-{month:>02}-{day:>02}"


def test_people_are_found_by_name_and_last_four(tmp_path: Path) -> None:
    """Masking the number does not make a list another client's."""
    index = index_of(tmp_path, ("acme", PEOPLE, WHOLE))
    rows = [(name, f"***-**-{ssn[-4:]}", "9,100.00") for name, ssn, _ in PEOPLE[:5]]

    assert told(found(index, rows, ("Participant", "SSN", "Balance"))) == [("acme", 5, 5, False)]


def test_a_roster_without_numbers_is_asked_too(tmp_path: Path) -> None:
    """One client sends numbers, the next one birth dates only."""
    without = [(name, birth, "1.00") for name, _, birth in PEOPLE]
    index = index_of(tmp_path, ("acme", PEOPLE[:10], WHOLE), ("beta", without, ("Name", "DOB", "Balance")))

    assert told(found(index, PEOPLE)) == [("beta", 20, 20, False)]


def test_a_stray_match_is_no_owner(tmp_path: Path) -> None:
    """Of twenty people one or two have worked somewhere else."""
    index = index_of(tmp_path, ("acme", PEOPLE[:18], WHOLE), ("beta", PEOPLE[17:], WHOLE))

    assert [match.client for match in found(index, PEOPLE)] == ["acme"]


def test_rows_of_two_clients_have_two_owners(tmp_path: Path) -> None:
    """Three rows too many are three people's data in the wrong mail."""
    index = index_of(tmp_path, ("acme", PEOPLE[:17], WHOLE), ("beta", PEOPLE[17:], WHOLE))

    assert told(found(index, PEOPLE)) == [("acme", 17, 20, False), ("beta", 3, 20, False)]


def test_one_person_is_enough_when_it_is_all_there_is(tmp_path: Path) -> None:
    """A letter about one person is somebody's."""
    index = index_of(tmp_path, ("acme", PEOPLE, WHOLE))
    detection = DETECTOR.detect([Table(part="2", name="", rows=[["SSN:", PEOPLE[0][1]]])])

    assert told(matches(index, detection.rolls, detection.numbers.get("2", ()))) == [("acme", 1, 1, False)]


def test_whom_two_clients_list_is_either_ones(tmp_path: Path) -> None:
    """A leaver moved to another client is no contradiction when both list him."""
    index = index_of(tmp_path, ("acme", PEOPLE, WHOLE), ("beta", PEOPLE[:1], WHOLE))

    assert told(found(index, PEOPLE[:1])) == [("acme", 1, 1, True), ("beta", 1, 1, True)]
    assert told(found(index, PEOPLE[:3])) == [("acme", 3, 3, False)]


def test_replace_and_remove(tmp_path: Path) -> None:
    """Who has left a roster is on it no longer, and a second roster does not slip in unseen."""
    shelf = Shelf(tmp_path / "index", KEYRING)
    shelf.add(enrolment("acme", [1, 2, 3]), replace=False)
    shelf.add(enrolment("beta", [3, 4]), replace=False)
    with pytest.raises(RosterError, match="has a roster already"):
        shelf.add(enrolment("acme", [9]), replace=False)
    shelf.add(enrolment("acme", [2, 9]), replace=True)
    index = Index(tmp_path / "index", KEYRING)

    assert [list(index.clients(key)) for key in (1, 2, 3, 4, 9)] == [[], ["acme"], ["beta"], ["beta"], ["acme"]]
    shelf.remove("beta")
    assert [roster.client for roster in Index(tmp_path / "index", KEYRING).rosters] == ["acme"]
    assert list(Index(tmp_path / "index", KEYRING).keys) == [2, 9]
    with pytest.raises(RosterError, match="has no roster"):
        shelf.remove("beta")


@pytest.fixture
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(rosters_module, "BLOCK", 3)
    yield
    assert BLOCK > 3


KEYS = st.lists(st.integers(min_value=0, max_value=2**64 - 1) | st.integers(min_value=0, max_value=9), max_size=12)


@pytest.mark.usefixtures("_small_blocks")
@given(changes=st.lists(st.tuples(st.sampled_from("abc"), KEYS), min_size=1, max_size=6))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_index_is_what_was_put_in(
    changes: list[tuple[str, list[int]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the order of changes and the borders of blocks: each key has exactly its clients."""
    file = tmp_path_factory.mktemp("rosters") / "index"
    shelf, expected = Shelf(file, KEYRING), dict[str, set[int]]()
    for client, keys in changes:
        shelf.add(enrolment(client, keys), replace=True)
        expected[client] = set(keys)
    index = Index(file, KEYRING)

    for key in {0, *range(10), *(key for keys in expected.values() for key in keys)}:
        assert sorted(index.clients(key)) == sorted(client for client, keys in expected.items() if key in keys)
    assert list(index.keys) == sorted(index.keys)


@pytest.mark.parametrize("damage", [b"", b"CSROSTR1", lambda whole: whole[:-9], lambda whole: b"X" + whole[1:]])
def test_a_damaged_index_stops_the_start(tmp_path: Path, damage: object) -> None:
    """With rosters that cannot be read nobody knows whose people they are."""
    file = tmp_path / "index"
    Shelf(file, KEYRING).add(enrolment("acme", [1, 2]), replace=False)
    file.write_bytes(damage(file.read_bytes()) if callable(damage) else damage)

    with pytest.raises(ConfigurationError, match="index"):
        Index(file, KEYRING)


def test_another_key_stops_the_start(tmp_path: Path) -> None:
    """It would find nobody, and say so."""
    Shelf(tmp_path / "index", KEYRING).add(enrolment("acme", [1]), replace=False)

    with pytest.raises(ConfigurationError, match="another key"):
        Index(tmp_path / "index", Keyring(b"j" * 32))


def test_the_key_is_its_owners_and_not_in_the_index(tmp_path: Path) -> None:
    """Nine digits are guessed in a minute by whoever has both."""
    make_key(tmp_path / "key")
    keyring = load_keyring(tmp_path / "key")
    Shelf(tmp_path / "index", keyring).add(enrolment("acme", [keyring.number("212486397")]), replace=False)
    secret = (tmp_path / "key").read_text().strip()

    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    assert (tmp_path / "index").stat().st_mode & 0o077 == 0
    content = (tmp_path / "index").read_bytes()
    assert secret.encode() not in content
    assert bytes.fromhex(secret) not in content
    (tmp_path / "key").write_text("short\n")
    with pytest.raises(ConfigurationError, match="no key of rosters"):
        load_keyring(tmp_path / "key")


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code in {0, 3}, result.output
    return result.output


def test_from_a_clients_file_to_a_verdict(tmp_path: Path) -> None:
    """A bare list with no name on it anywhere is known for whose it is."""
    config = tmp_path / "countersign.yaml"
    (tmp_path / "clients.yaml").write_text((Path(__file__).parents[1] / "rules" / "clients.yaml").read_text())
    config.write_text("rules: {clients: clients.yaml, rosters: rosters}\n")
    people = participants(30, 3)
    (tmp_path / "a.xlsx").write_bytes(workbook("", "", people))
    message = tmp_path / "m.eml"
    message.write_bytes(mail(subject="the list", attachments=(("list.xlsx", XLSX, workbook("", "", people[:12])),)))
    option = f"--config={config}"

    assert run("roster", "add", str(tmp_path / "a.xlsx"), "--client", "acme", option) == "acme: 30 people\n"
    listed = json.loads(run("roster", "list", "--json", option))
    assert (listed["client"], listed["people"], listed["stale"]) == ("acme", 30, False)
    addresses = ["--rcpt-to", "benefits@betalogistics.example", "--rcpt-to", "hr@acme-mfg.example"]
    verdict = json.loads(run("scan", "--json", option, *addresses, str(message)))
    assert "lists 12 people of Acme Manufacturing, Inc. (on its roster: 12 of 12 people)" in verdict["sentence"]
    assert [recipient["disposition"] for recipient in verdict["recipients"]] == ["hold", "relay"]
    run("roster", "remove", "--client", "acme", option)
    assert run("roster", "list", option) == "there are no rosters\n"


def test_half_a_file_is_no_roster(tmp_path: Path) -> None:
    """What is missing from a roster is a stranger for ever after."""
    config = tmp_path / "countersign.yaml"
    (tmp_path / "clients.yaml").write_text((Path(__file__).parents[1] / "rules" / "clients.yaml").read_text())
    config.write_text("rules: {clients: clients.yaml, rosters: rosters}\n")
    (tmp_path / "a.xlsx").write_bytes(workbook("", "", participants(30, 3))[:3000])

    result = CliRunner().invoke(
        app, ["roster", "add", str(tmp_path / "a.xlsx"), "--client", "acme", f"--config={config}"]
    )

    assert result.exit_code == 1
    assert "nothing was added" in result.output
    assert not (tmp_path / "rosters").exists()
    assert HEADER[1] not in result.output
