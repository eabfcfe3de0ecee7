"""A reviewer's password opens what it fits, for one look; a wrong one changes nothing, and none is ever guessed."""

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import carriers
import carriers_mail
import carriers_pages
import odf_locker
import pytest
from msoffcrypto.format.ooxml import OOXMLFile
from opening_messages import obstacle, tables, with_attachment
from reportlab.lib.pdfencrypt import StandardEncryption
from ziplocker import aes_zip

from gateway.demo.locked_zip import locked_zip
from gateway.message import Limits
from gateway.opening.registry import open_message
from rules.verdict import Obstacle

SECRET = "a wörd of two"
ROWS = carriers.table(12)
CSV = carriers.write_csv(ROWS)


def classic_zip(password: str, folder: Path) -> bytes:
    """By Info-ZIP: deflated, the time of the file in place of its checksum."""
    (folder / "list.csv").write_bytes(CSV)
    subprocess.run(["zip", "-q", "-P", password, "a.zip", "list.csv"], cwd=folder, check=True)  # noqa: S607
    return (folder / "a.zip").read_bytes()


def locked_workbook(password: str) -> bytes:
    out = io.BytesIO()
    OOXMLFile(io.BytesIO(carriers.write_xlsx(ROWS))).encrypt(password, out)
    return out.getvalue()


LOCKED: dict[str, Callable[[str, Path], bytes]] = {
    "ZIP, classic cipher": classic_zip,
    "ZIP, classic cipher, stored": lambda password, _: locked_zip("list.csv", CSV, password.encode()),
    "ZIP, AES-256": lambda password, _: aes_zip("list.csv", CSV, password.encode()),
    "ZIP, AES-128": lambda password, _: aes_zip("list.csv", CSV, password.encode(), strength=1),
    "7z": lambda password, _: carriers_mail.seven_of({"list.csv": CSV}, password),
    "OpenDocument, Blowfish": lambda password, _: odf_locker.blowfish(carriers.write_ods(ROWS), password),
    "OpenDocument, AES-GCM": lambda password, _: odf_locker.wholesome(carriers.write_ods(ROWS), password),
    "7z, names sealed too": lambda password, _: carriers_mail.seven_of({"list.csv": CSV}, password, hide=True),
    **{
        f"RAR, {name}": lambda password, _, options=options: carriers_mail.rar_of(
            {"list.csv": CSV}, password=password, **options
        )
        for name, options in {
            "1.5": {"kind": "rar15"},
            "2": {"kind": "rar20"},
            "3": {"kind": "rar30"},
            "3, names sealed too": {"kind": "rar30", "encrypt_headers": True},
            "5": {"kind": "rar50"},
            "5, names sealed too": {"kind": "rar50", "encrypt_headers": True},
            "5, solid": {"kind": "rar50", "solid": True},
        }.items()
    },
    "XLSX": lambda password, _: locked_workbook(password),
    "PDF": lambda password, _: carriers_pages.write_pdf(ROWS, encrypt=StandardEncryption(password, strength=128)),
    "ZIP in a ZIP": lambda password, _: carriers_mail.zip_of(
        {"inner.zip": aes_zip("list.csv", CSV, password.encode())}
    ),
}


def obstacles(content: bytes, *passwords: str) -> set[Obstacle | None]:
    message = open_message(with_attachment(content, "file.bin"), Limits(), passwords)
    return {obstacle(part) for part in message.parts}


@pytest.mark.parametrize("name", LOCKED)
def test_the_right_password_opens_it_and_no_other_does(name: str, tmp_path: Path) -> None:
    """Without it nobody can look; with a wrong one neither, and nothing is called damaged for that."""
    password = "secret" if "PDF" in name else SECRET
    content = LOCKED[name](password, tmp_path)

    assert Obstacle.ENCRYPTED in obstacles(content)
    assert obstacles(content, "wrong", "also wrong") == obstacles(content)
    assert obstacles(content, "wrong", password) == {None}


@pytest.mark.parametrize("name", LOCKED)
def test_what_it_opens_is_read_like_any_other_file(name: str, tmp_path: Path) -> None:
    password = "secret" if "PDF" in name else SECRET

    message = open_message(with_attachment(LOCKED[name](password, tmp_path), "file.bin"), Limits(), (password,))

    read = [len(table.rows) for table in tables(message)]
    assert read == [13] or "PDF" in name


def test_a_changed_byte_under_aes_is_noticed() -> None:
    """The MAC covers every byte: what was tampered with is not shown as if it were the file."""
    content = bytearray(aes_zip("list.csv", CSV, b"secret"))
    content[200] ^= 1

    assert obstacles(bytes(content), "secret") == {None, Obstacle.ENCRYPTED}


def test_what_is_unpacked_counts_as_always() -> None:
    """A password is no way around the limits."""
    content = aes_zip("zeros", bytes(3 << 20), b"secret")
    message = open_message(with_attachment(content), Limits(max_expanded=1 << 20), ("secret",))

    assert Obstacle.LIMIT in {obstacle(part) for part in message.parts}
