"""Archives that are locked, cut in volumes or say less than they hold: listed, named and never clean."""

import subprocess
from pathlib import Path

import carriers
import pytest
import rars
from carriers_mail import rar_of, seven_of
from opening_messages import (
    ROSTER,
    obstacle,
    open_attachment,
    part,
)

from rules.content import Role
from rules.verdict import Obstacle

CSV = ROSTER.encode()
LIST = {"list.csv": CSV}


def test_encrypted_zip_entries_are_listed_by_name(tmp_path: Path) -> None:
    """The reviewer sees at least what it is called."""
    (tmp_path / "acme.csv").write_bytes(CSV)
    subprocess.run(["zip", "-q", "-P", "x", "a.zip", "acme.csv"], cwd=tmp_path, check=True)  # noqa: S607

    message = open_attachment((tmp_path / "a.zip").read_bytes(), "a.zip")

    assert obstacle(part(message, "2/acme.csv")) is Obstacle.ENCRYPTED
    assert "acme.csv" in [text.content for text in message.headings if text.role is Role.FILENAME]


def test_encrypted_7z_is_listed_or_said_to_be_sealed() -> None:
    named = open_attachment(seven_of(LIST, "x"), "a.7z")
    hidden = open_attachment(seven_of(LIST, "x", hide=True), "a.7z")

    assert obstacle(part(named, "2/list.csv")) is Obstacle.ENCRYPTED
    assert obstacle(part(hidden, "2")) is Obstacle.ENCRYPTED


@pytest.mark.parametrize("kind", ["rar15", "rar29", "rar50", "rar70"])
@pytest.mark.parametrize("solid", [False, True])
def test_encrypted_rar_is_listed(kind: str, *, solid: bool) -> None:
    message = open_attachment(rar_of(LIST, kind, password="x", solid=solid), "a.rar")

    assert obstacle(part(message, "2/list.csv")) is Obstacle.ENCRYPTED
    assert "list.csv" in [text.content for text in message.headings if text.role is Role.FILENAME]


@pytest.mark.parametrize("kind", ["rar30", "rar50"])
def test_rar_whose_names_are_encrypted_is_said_to_be_sealed(kind: str) -> None:
    message = open_attachment(rar_of(LIST, kind, password="x", encrypt_headers=True), "a.rar")

    assert obstacle(part(message, "2")) is Obstacle.ENCRYPTED


def test_a_volume_of_a_rar_lists_what_it_holds_a_piece_of(tmp_path: Path) -> None:
    """The rest may travel in other messages."""
    archive = rars.RarBuilder("rar50", store=True, volume_size=400)
    archive.add_bytes(carriers.write_csv(carriers.table(20)), "list.csv")
    archive.write_volumes(str(tmp_path / "a.rar"))
    first = min(tmp_path.iterdir())

    message = open_attachment(first.read_bytes(), first.name)

    assert obstacle(part(message, "2/list.csv")) is Obstacle.UNSUPPORTED


def test_a_rar_that_says_less_than_it_holds_is_not_believed() -> None:
    """The sizes in its headers are counted first; what comes out is bounded all the same."""
    message = open_attachment(rar_of({"zeros": bytes(3 << 20)}), "a.rar", max_expanded=1 << 20)

    assert obstacle(part(message, "2")) is Obstacle.LIMIT


@pytest.mark.parametrize("kind", ["rar15", "rar29", "rar50"])
def test_a_changed_byte_in_a_rar_is_noticed(kind: str) -> None:
    content = bytearray(rar_of({"list.csv": carriers.write_csv(carriers.table(20))}, kind))
    content[len(content) // 2] ^= 8

    assert obstacle(part(open_attachment(bytes(content), "a.rar"), "2/list.csv")) is Obstacle.CORRUPT
