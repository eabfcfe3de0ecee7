"""Archives, mailboxes and Outlook's own formats: what is inside is opened, what is sealed is said to be."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable

import inflate64
import pytest
from backports import zstd
from carriers_mail import mapi, seven_of, tar_of, tnef, tnef_record, wide, zip_of
from hypothesis import given, settings
from hypothesis import strategies as st
from metafiles import emf, emf_text, wmf, wmf_text
from ole_writer import ole_file
from opening_messages import (
    ROSTER,
    clean,
    obstacle,
    open_attachment,
    part,
    tables,
    with_attachment,
    words,
)

from gateway.message import Opened, Partial, Unopened
from rules.verdict import Obstacle

CSV = ROSTER.encode()
SSN = "219-09-9999"


LIST = {"list.csv": CSV}
CONTAINERS = {
    "zip, stored": (zip_of(LIST, zipfile.ZIP_STORED), "a.zip", "2/list.csv"),
    "zip, deflated": (zip_of(LIST), "a.zip", "2/list.csv"),
    "zip, bzip2": (zip_of(LIST, zipfile.ZIP_BZIP2), "a.zip", "2/list.csv"),
    "zip, LZMA": (zip_of(LIST, zipfile.ZIP_LZMA), "a.zip", "2/list.csv"),
    "zip in a zip": (zip_of({"inner.zip": zip_of(LIST)}), "a.zip", "2/inner.zip/list.csv"),
    "zip with a folder": (zip_of({"x/list.csv": CSV}), "a.zip", "2/x/list.csv"),
    "zip under another name": (zip_of(LIST), "picture.png", "2/list.csv"),
    "tar": (tar_of(LIST), "a.tar", "2/list.csv"),
    "tar, gzipped": (tar_of(LIST, "w:gz"), "a.tar.gz", "2/a.tar/list.csv"),
    "gzip": (gzip.compress(CSV), "list.csv.gz", "2/list.csv"),
    "gzip of two members": (gzip.compress(CSV[:40]) + gzip.compress(CSV[40:]), "list.csv.gz", "2/list.csv"),
    "bzip2": (bz2.compress(CSV), "list.csv.bz2", "2/list.csv"),
    "xz": (lzma.compress(CSV), "list.csv.xz", "2/list.csv"),
    "zstd": (zstd.compress(CSV), "list.csv.zst", "2/list.csv"),
    "7z": (seven_of(LIST), "a.7z", "2/list.csv"),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_list_in_a_container_is_opened_as_its_table(name: str) -> None:
    """One layer of packing must not hide the rows."""
    content, filename, section = CONTAINERS[name]

    message = open_attachment(content, filename)

    assert clean(message), message.parts
    assert part(message, section).media_type == "text/csv"
    assert [len(table.rows) for table in tables(message)] == [4]


def test_containers_come_before_what_they_hold() -> None:
    message = open_attachment(zip_of({"inner.zip": zip_of(LIST)}), "a.zip")

    assert [each.section for each in message.parts] == ["1", "2", "2/inner.zip", "2/inner.zip/list.csv"]


def test_a_file_in_binhex_is_no_text() -> None:
    content = b"(This file must be converted with BinHex 4.0)\r\n:$f*TEQKPH#jdH&4V:\r\n"

    assert obstacle(part(open_attachment(content, "list.hqx"), "2")) is Obstacle.UNSUPPORTED


def test_files_of_one_name_keep_apart() -> None:
    content = zip_of({"a.txt": b"one", "b.txt": b"two"}).replace(b"b.txt", b"a.txt")

    message = open_attachment(content)

    assert [each.section for each in message.parts] == ["1", "2", "2/a.txt", "2/a.txt~2"]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "C:\\x\\y.txt", "a\nb.txt", "\u202egpj.exe", "x" * 5000]
)
def test_names_that_lead_elsewhere_become_plain_sections(name: str) -> None:
    """A section is shown, logged and looked up: it must not be a weapon."""
    message = open_attachment(tar_of({name: b"hello"}), "a.tar")
    section = message.parts[-1].section

    assert section.startswith("2/")
    assert ".." not in section
    assert section.isprintable()
    assert len(section) < 300


def test_an_entry_that_only_its_local_header_knows_is_read_and_is_not_clean() -> None:
    """Readers that go from front to back show it; those that use the directory do not."""
    hidden = zip_of({"hidden.csv": CSV})
    shown = zip_of({"shown.txt": b"hello"})

    message = open_attachment(hidden[: hidden.find(b"PK\x01\x02")] + shown, "a.zip")

    assert obstacle(part(message, "2/before")) is Obstacle.CORRUPT
    assert SSN in words(message)


def test_a_zip_without_its_directory_is_read_and_partial() -> None:
    message = open_attachment(zip_of(LIST)[:-60], "a.zip")

    assert obstacle(part(message, "2")) is Obstacle.CORRUPT
    assert SSN in words(message)


def test_empty_entries_of_a_zip_without_its_directory_are_empty() -> None:
    """Each one was taken for all that follows it, and that again for a zip: parts grew with the square and more."""
    whole = zip_of({f"{number}/": b"" for number in range(12)} | LIST, zipfile.ZIP_STORED)

    message = open_attachment(whole[: whole.find(b"PK\x01\x02")], "a.zip")

    assert len(message.parts) == 2 + 12 + len(LIST)


def test_a_zip_behind_a_picture_is_opened_too() -> None:
    """Two files in one: a picture to viewers, an archive to unzippers."""
    pixel = bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
        "0000000c4944415408d763f8ffff3f0005fe02fe0def46b80000000049454e44ae426082"
    )

    message = open_attachment(pixel + zip_of(LIST), "x.png")

    assert part(message, "2").media_type == "image/png"
    assert part(message, "2/behind/list.csv").media_type == "text/csv"


def test_a_size_that_lies_is_not_believed() -> None:
    """A reader that trusts the directory would show five bytes of it."""
    content = bytearray(zip_of(LIST))
    entry = content.find(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", 5)
    content[entry + 16 : entry + 20] = struct.pack("<I", zlib.crc32(CSV[:5]))

    message = open_attachment(bytes(content), "a.zip")

    assert obstacle(part(message, "2/list.csv")) is Obstacle.CORRUPT


@pytest.mark.parametrize(
    "content",
    [gzip.compress(CSV, mtime=0)[:-9], gzip.compress(CSV, mtime=0) + b"and more", bz2.compress(CSV)[:-4]],
    ids=["cut", "followed", "cut bzip2"],
)
def test_a_stream_that_breaks_off_or_goes_on_is_partial(content: bytes) -> None:
    message = open_attachment(content, "list.csv.gz")

    assert obstacle(part(message, "2")) is Obstacle.CORRUPT


def test_an_mbox_gives_each_message() -> None:
    box = "From a@b.example Mon Jan  1 00:00:00 2024\nFrom: a@b.example\nSubject: one\n\nAda " + SSN + "\n\n"
    box += "From a@b.example Mon Jan  1 00:00:00 2024\nFrom: a@b.example\nSubject: two\n\n>From here\n"

    message = open_attachment(box.encode(), "old.mbox")

    assert clean(message), message.parts
    assert [each.section for each in message.parts] == ["1", "2", "2/1", "2/1/1", "2/2", "2/2/1"]
    assert SSN in words(message)


def test_an_eml_file_is_opened_whatever_it_is_called() -> None:
    inner = with_attachment(CSV, "list.csv")

    message = open_attachment(inner, "x.dat")

    assert [each.section for each in message.parts] == ["1", "2", "2.1", "2.2"]
    assert [len(table.rows) for table in tables(message)] == [4]


# Outlook


def test_winmail_dat_gives_body_and_attachments() -> None:
    """Exchange wraps a whole message in it; what is attached hides in there."""
    content = tnef(
        tnef_record(1, 0x9003, mapi((0x001F, 0x0037, "Acme census\0".encode("utf-16-le")))),
        tnef_record(1, 0x800C, b"see the list\0"),
        tnef_record(2, 0x9002, bytes(14)),
        tnef_record(2, 0x8010, b"LIST~1.CSV\0"),
        tnef_record(2, 0x800F, CSV),
        tnef_record(2, 0x9005, mapi((0x001F, 0x3707, "list.csv\0".encode("utf-16-le")))),
    )

    message = open_attachment(content, "winmail.dat")

    assert clean(message), message.parts
    assert part(message, "2/list.csv").media_type == "text/csv"
    assert "Acme census" in words(message)
    assert "see the list" in words(message)


@pytest.mark.parametrize(
    "content",
    [
        tnef(tnef_record(1, 0x9003, struct.pack("<IHHI", 1, 0x101F, 0x0037, 0xFFFFFFF0))),
        tnef(struct.pack("<BHHI", 1, 0x9003, 6, 0xFFFFFFF0)),
        tnef(tnef_record(1, 0x9003, struct.pack("<IHHII", 0xFFFFFFFF, 0x001F, 0x0037, 1, 0xFFFFFFFF))),
    ],
)
def test_a_tnef_that_claims_gigabytes_costs_nothing(content: bytes) -> None:
    """53 bytes of it once took a library 23 GB."""
    message = open_attachment(content, "winmail.dat")

    assert obstacle(part(message, "2")) is Obstacle.CORRUPT


def test_a_msg_file_gives_its_bodies_recipients_and_attachments() -> None:
    inner = {"__properties_version1.0": bytes(24), "__substg1.0_1000001F": wide("inner body " + SSN)}
    content = ole_file(
        {
            "__properties_version1.0": bytes(32),
            "__substg1.0_0037001F": wide("Acme census"),
            "__substg1.0_1000001F": wide("see the list"),
            "__substg1.0_10130102": b"<p>see the <b>page</b></p>",
            "__recip_version1.0_#00000000": {"__substg1.0_39FE001F": wide("b@client.example")},
            "__attach_version1.0_#00000000": {"__substg1.0_3707001F": wide("list.csv"), "__substg1.0_37010102": CSV},
            "__attach_version1.0_#00000001": {"__substg1.0_3701000D": inner},
        }
    )

    message = open_attachment(content, "mail.msg")

    assert clean(message), message.parts
    assert part(message, "2").media_type == "application/vnd.ms-outlook"
    assert part(message, "2/list.csv").media_type == "text/csv"
    for expected in ("Acme census", "see the list", "see the page", "b@client.example", "inner body " + SSN):
        assert expected in words(message)


# bombs


def zeros() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("zeros", "w") as target:
        for _ in range(600):
            target.write(bytes(1 << 20))
    return buffer.getvalue()


def lying_zeros() -> bytes:
    content = bytearray(zip_of({"zeros": bytes(300 << 20)}))
    entry = content.find(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", 10)
    return bytes(content)


def nested_zips() -> bytes:
    content = zip_of(LIST)
    for _ in range(20):
        content = zip_of({"next.zip": content})
    return content


def many_entries() -> bytes:
    return zip_of({str(number): b"" for number in range(10_000)}, zipfile.ZIP_STORED)


def many_zips() -> bytes:
    level = zip_of({f"{number}.txt": b"x" for number in range(50)})
    for _ in range(3):
        level = zip_of({f"{number}.zip": level for number in range(50)})
    return level


def gzip_of_zeros() -> bytes:
    return gzip.compress(gzip.compress(bytes(300 << 20), 6), 9)


def sparse_tar() -> bytes:
    entry = tarfile.TarInfo("sparse")
    entry.size = 10 << 30
    return entry.tobuf(tarfile.GNU_FORMAT) + bytes(1024)


BOMBS = [zeros, lying_zeros, nested_zips, many_entries, many_zips, gzip_of_zeros, sparse_tar]


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.__name__)
def test_bombs_are_answered_fast_and_held(bomb: object) -> None:
    """A few kilobytes must not cost gigabytes or minutes."""
    content = bomb()  # type: ignore[operator]
    start = time.process_time()

    message = open_attachment(content, max_expanded=256 << 20)

    assert time.process_time() - start < 5
    assert not clean(message)


@settings(deadline=None)
@given(st.data())
def test_a_damaged_container_never_raises(data: st.DataObject) -> None:
    """A flipped byte or a cut is an outcome, not an exception."""
    content, filename, _ = CONTAINERS[data.draw(st.sampled_from(sorted(CONTAINERS)))]
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))

    message = open_attachment(bytes(damaged[: data.draw(st.integers(1, len(damaged)))]), filename)

    assert all(isinstance(each.outcome, Opened | Partial | Unopened) for each in message.parts)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_tnef_gives_an_outcome(content: bytes) -> None:
    message = open_attachment(tnef(content), "winmail.dat")

    assert all(isinstance(each.outcome, Opened | Partial | Unopened) for each in message.parts)


def deflate64_zip(content: bytes) -> bytes:
    """As Windows packs what is larger than 2 GB, and some archivers whatever they get."""
    packer = inflate64.Deflater()
    packed = packer.deflate(content) + packer.flush()
    common = struct.pack("<HHHHLLLHH", 0, 9, 0, 0x374D, zlib.crc32(content), len(packed), len(content), 8, 0)
    local = b"PK\3\4" + struct.pack("<H", 21) + common + b"list.csv" + packed
    central = b"PK\1\2" + struct.pack("<HH", 21, 21) + common + struct.pack("<HHHLL", 0, 0, 0, 0, 0) + b"list.csv"
    return local + central + b"PK\5\6" + struct.pack("<HHHHLLH", 0, 0, 1, 1, len(central), len(local), 0)


def test_a_zip_packed_with_deflate64_is_opened() -> None:
    message = open_attachment(deflate64_zip(CSV), "a.zip")

    assert clean(message), message.parts
    assert [len(table.rows) for table in tables(message)] == [4]


def test_deflate64_is_bounded_like_every_other_method() -> None:
    """One byte of it can stand for three thousand."""
    message = open_attachment(deflate64_zip(bytes(20 << 20)), "a.zip", max_expanded=1 << 20)

    assert obstacle(part(message, "2")) is Obstacle.LIMIT


@pytest.mark.parametrize("content", [emf(emf_text(SSN)), wmf(wmf_text(SSN))], ids=["EMF", "WMF"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "compressed"])
def test_a_metafile_of_its_own_is_opened(content: bytes, pack: Callable[[bytes], bytes]) -> None:
    """.emz and .wmz are what Office saves a pasted table as."""
    message = open_attachment(pack(content), "picture.emz")

    assert clean(message), message.parts
    assert SSN in words(message)
