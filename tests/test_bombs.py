"""Small files that want gigabytes or for ever, through real confined workers: each answered, none of them clean.

What counts is the next message: it is inspected at once, and the service as a whole stays within its memory.
"""

import asyncio
import os
import struct
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import carriers
import pytest
import pytest_asyncio
from carriers_mail import mail_of, tnef, write_eml, zip_of
from quine import quine
from rar_claims import rar_that_claims

from gateway.inspector import Inspector
from gateway.settings import Settings
from rules.verdict import Obstacle, Status

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECONDS = 60  #: `inspection.timeout` here; the machine may be busy with other tests
GIB = 1 << 30
MOST = 3 * GIB  #: resident, all our processes together: a worker's allowance, and its parent counted twice
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def nested_zips() -> bytes:
    content = zip_of({"list.csv": b"Name,SSN\n"})
    for _ in range(40):
        content = zip_of({"next.zip": content})
    return content


def zip_that_contains_itself() -> bytes:
    return zip_of({"nest.gz": quine()})


def packed_zeros(megabytes: int) -> bytes:
    """One block of a megabyte, packed so that it may follow itself."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * megabytes + b"\x03\0"


def ten_gigabytes_of_zeros() -> bytes:
    packed = packed_zeros(10_240)
    common = struct.pack("<HHHHLLLHH", 0, 8, 0, 0x374D, 0, len(packed), 0xFFFFFFFF, 5, 12)
    extra = struct.pack("<HHQ", 1, 8, 10 * GIB)
    local = b"PK\3\4" + struct.pack("<H", 45) + common + b"zeros" + extra + packed
    central = b"PK\1\2" + struct.pack("<HH", 45, 45) + common + struct.pack("<HHHLL", 0, 0, 0, 0, 0) + b"zeros" + extra
    return local + central + b"PK\5\6" + struct.pack("<HHHHLLH", 0, 0, 1, 1, len(central), len(local), 0)


def workbook_as_wide_as_it_gets() -> bytes:
    cells = '<row r="1"><c r="A1" t="n"><v>1</v></c></row><row r="1048576"><c r="XFD1048576" t="n"><v>1</v></c></row>'
    sheet = f'<worksheet xmlns="{MAIN}"><dimension ref="A1:XFD1048576"/><sheetData>{cells}</sheetData></worksheet>'
    return carriers.repacked(carriers.write_xlsx(carriers.harmless(3)), {"xl/worksheets/sheet1.xml": sheet})


LAUGHS = "".join(f'<!ENTITY l{at} "{f"&l{at - 1};" * 10}">' for at in range(1, 12))
LAUGHTER = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>'


def billion_laughs() -> bytes:
    return f"{LAUGHTER}<x>&l11;</x>".encode()


def laughing_workbook() -> bytes:
    cells = '<row r="1"><c r="A1" t="inlineStr"><is><t>&l11;</t></is></c></row>'
    sheet = f'{LAUGHTER}<worksheet xmlns="{MAIN}"><sheetData>{cells}</sheetData></worksheet>'
    return carriers.repacked(carriers.write_xlsx(carriers.harmless(3)), {"xl/worksheets/sheet1.xml": sheet})


def _pdf(*objects: bytes) -> bytes:
    body = b"".join(b"%d 0 obj %s endobj\n" % (number, content) for number, content in enumerate(objects, start=1))
    return b"%PDF-1.7\n" + body + b"trailer <</Root 1 0 R>>\n"


def pdf_whose_pages_go_round() -> bytes:
    return _pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1000000/Kids[3 0 R]>>",
        b"<</Type/Pages/Parent 2 0 R/Count 1000000/Kids[2 0 R 3 0 R]>>",
    )


def pdf_of_an_endless_stream() -> bytes:
    """An object stream that unpacks twice, to a gigabyte."""
    packed = zlib.compress(b"\x78\x9c" + packed_zeros(1024), 9)
    head = b"<</Type/ObjStm/N 100000/First 10/Filter[/FlateDecode/FlateDecode]/Length %d>>" % len(packed)
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>"
    return _pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        page,
        head + b"stream\n" + packed + b"\nendstream",
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def picture_of_fifty_thousand_pixels_a_side() -> bytes:
    head = struct.pack(">IIBBBBB", 50_000, 50_000, 1, 0, 0, 0, 0)
    rows = b"\x78\x9c" + packed_zeros(299)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def rar_of_ten_gigabytes() -> bytes:
    return rar_that_claims(b"Name,SSN\n", size=10 * GIB)


def rar_that_says_too_little() -> bytes:
    return rar_that_claims(b" " * (16 << 20), size=9)


def rar_with_a_dictionary_of_four_gigabytes() -> bytes:
    return rar_that_claims(b" " * (1 << 20), dictionary=15)


def tnef_of_53_bytes() -> bytes:
    """MAPI properties by the billion: a library once took 23 GB for it."""
    body = struct.pack("<IHHII", 0xFFFFFFFF, 0x101F, 0x37, 0xFFFFFFF0, 0xFFFFFFFF) + bytes(22)
    content = tnef(struct.pack("<BHHI", 1, 0x9003, 6, len(body)) + body)[:53]
    assert len(content) == 53
    return content


def hundred_thousand_parts() -> bytes:
    return mail_of("Content-Type: multipart/mixed; boundary=b", "--b\n\nx\n" * 100_000 + "--b--\n")


def thousand_deep() -> bytes:
    heads = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(1000))
    feet = "".join(f"--b{n}--\n" for n in reversed(range(1000)))
    return mail_of("X-Deep: yes", "").rstrip() + f"\n{heads}\nhello\n{feet}".replace("\n", "\r\n").encode()


FILES: tuple[Callable[[], bytes], ...] = (
    nested_zips,
    zip_that_contains_itself,
    ten_gigabytes_of_zeros,
    workbook_as_wide_as_it_gets,
    billion_laughs,
    laughing_workbook,
    pdf_whose_pages_go_round,
    pdf_of_an_endless_stream,
    picture_of_fifty_thousand_pixels_a_side,
    rar_of_ten_gigabytes,
    rar_that_says_too_little,
    rar_with_a_dictionary_of_four_gigabytes,
    tnef_of_53_bytes,
)
MESSAGES: tuple[Callable[[], bytes], ...] = (hundred_thousand_parts, thousand_deep)
#: Opened wholly, since what it claims is not there: the far cell costs nothing, and the endless stream shows nothing.
HARMLESS = {"workbook_as_wide_as_it_gets", "pdf_of_an_endless_stream"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def inspector() -> AsyncIterator[Inspector]:
    settings = Settings.model_validate({"inspection": {"workers": 1, "timeout": SECONDS}})
    inspector = Inspector(settings)
    await inspector.start()
    yield inspector
    await inspector.close()


@pytest.mark.parametrize("bomb", [*FILES, *MESSAGES], ids=lambda bomb: bomb.__name__)
async def test_a_bomb_is_answered_held_and_gone(inspector: Inspector, bomb: Callable[[], bytes]) -> None:
    raw = bomb() if bomb in MESSAGES else write_eml(bomb(), "file.bin")
    watch = asyncio.create_task(most_resident())

    start = time.monotonic()
    evidence = await inspector.inspect(raw)
    took = time.monotonic() - start
    following = await inspector.inspect(write_eml(carriers.write_csv(carriers.harmless(3)), "prices.csv"))
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch

    assert took < SECONDS
    assert PEAK[-1] < MOST
    assert [part.status for part in following.parts] == [Status.OPENED] * 2
    if bomb.__name__ not in HARMLESS:
        reasons = {part.reason for part in evidence.parts if part.status is not Status.OPENED}
        assert reasons & {Obstacle.LIMIT, Obstacle.CORRUPT, Obstacle.UNSUPPORTED, Obstacle.TIMEOUT}


PEAK: list[int] = []


async def most_resident() -> None:
    """Until cancelled, the most that this process's descendants have had in memory together."""
    PEAK.append(0)
    while True:
        PEAK[-1] = max(PEAK[-1], await asyncio.to_thread(_resident))
        await asyncio.sleep(0.05)


def _resident() -> int:
    family, pages = {str(os.getpid())}, 0
    for status in sorted(Path("/proc").glob("[0-9]*/stat"), key=lambda path: int(path.parent.name)):
        with suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            if fields[1] in family:
                family.add(status.parent.name)
                pages += int(fields[21])
    return pages * 4096
