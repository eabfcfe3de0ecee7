"""The same list in the binary formats of old, record by record: XLS, XLSB, DOC, PPT, OLE objects."""

import struct
from collections.abc import Sequence

from carriers import PACKAGE, R, Row, package, zipped

from gateway.opening.compound import compound


def biff(kind: int, body: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def write_xls(rows: Sequence[Row], *, sheet: str = "Census", hidden: int = 0, more: bytes = b"") -> bytes:
    """BIFF8: a globals stream with one style of 000-00-0000, and one sheet of LABEL records and `more`."""

    def begin(kind: int) -> bytes:
        return biff(0x809, struct.pack("<HHHHII", 0x600, kind, 0x0DBB, 0x07CC, 0, 6))

    def label(row: int, column: int, text: str) -> bytes:
        return biff(0x204, struct.pack("<HHHHB", row, column, 15, len(text), 0) + text.encode("latin-1"))

    cells = b"".join(label(row, column, text) for row, line in enumerate(rows) for column, text in enumerate(line))
    body = begin(0x10) + biff(0x200, struct.pack("<IIHHH", 0, len(rows), 0, 9, 0)) + cells + more + biff(0x0A)
    code = b"000-00-0000"
    styles = biff(0x41E, struct.pack("<HHB", 164, len(code), 0) + code) + biff(0xE0, struct.pack("<HH16x", 0, 164))
    head = begin(5) + biff(0x42, struct.pack("<H", 1200)) + styles
    name = struct.pack("<BBBB", hidden, 0, len(sheet), 0) + sheet.encode("latin-1")
    offset = len(head) + 4 + 4 + len(name) + 4
    return compound({"Workbook": head + biff(0x85, struct.pack("<I", offset) + name) + biff(0x0A) + body})


def _brt(kind: int, body: bytes = b"") -> bytes:
    number = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size, length = b"", len(body)
    while True:
        size += bytes([length & 0x7F | (0x80 if length > 127 else 0)])
        length >>= 7
        if not length:
            return number + size + body


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def xlsb_numbers(*numbers: float) -> bytes:
    """Cells under the format 000-00-0000, the last one packed (MS-XLSB 2.5.122)."""
    *plain, packed = numbers
    cells = b"".join(_brt(5, struct.pack("<IId", column, 1, number)) for column, number in enumerate(plain))
    return cells + _brt(2, struct.pack("<III", len(plain), 1, int(packed) << 2 | 2))


def write_xlsb(rows: Sequence[Row], *, sheet: str = "Census", far: bool = False, numbers: bytes = b"") -> bytes:
    """`far` puts one more cell into the last row and column there are; `numbers` are records for a row of their own."""
    cells = b""
    for number, line in enumerate(rows):
        cells += _brt(0, struct.pack("<I", number) + bytes(13))
        for column, text in enumerate(line):
            cells += _brt(6, struct.pack("<II", column, 0) + _wide(text))
    if far:
        cells += _brt(0, struct.pack("<I", 1_048_575) + bytes(13)) + _brt(6, struct.pack("<II", 16_383, 0) + _wide("x"))
    if numbers:
        cells += _brt(0, struct.pack("<I", len(rows)) + bytes(13)) + numbers
    code = struct.pack("<H", 164) + _wide("000-00-0000")
    style, masked = (struct.pack("<HH12x", 0xFFFF, number) for number in (0, 164))
    styles = _brt(44, code) + _brt(617, struct.pack("<I", 2)) + _brt(47, style) + _brt(47, masked) + _brt(618)
    size = struct.pack("<IIII", 0, len(rows) - 1, 0, len(rows[0]) - 1)
    page = _brt(129) + _brt(148, size) + _brt(145) + cells + _brt(146) + _brt(130)
    bundle = struct.pack("<II", 0, 1) + _wide("rId1") + _wide(sheet)
    book = _brt(131) + _brt(143) + _brt(156, bundle) + _brt(144) + _brt(132)

    def relations(*targets: tuple[str, str]) -> str:
        numbered = enumerate(targets, start=1)
        found = (f'<Relationship Id="rId{at}" Type="{R}/{kind}" Target="{to}"/>' for at, (kind, to) in numbered)
        return f'<Relationships xmlns="{PACKAGE}/relationships">{"".join(found)}</Relationships>'

    kind = "application/vnd.ms-excel.sheet.binary.macroEnabled.main"
    types = f'<Override PartName="/xl/workbook.bin" ContentType="{kind}"/>'
    return zipped(
        {
            "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">{types}</Types>',
            "_rels/.rels": relations(("officeDocument", "xl/workbook.bin")),
            "xl/workbook.bin": book,
            "xl/_rels/workbook.bin.rels": relations(("worksheet", "worksheets/sheet1.bin"), ("styles", "styles.bin")),
            "xl/styles.bin": _brt(278) + styles + _brt(279),
            "xl/worksheets/sheet1.bin": page,
        }
    )


def write_doc(rows: Sequence[Row], *, locked: bool = False, wide: bool = False) -> bytes:
    """Word 97: the text in one piece, cells ended by BEL, rows by one more."""
    table = "".join("".join(f"{cell}\x07" for cell in row) + "\x07" for row in rows)
    text = f"Dear trustee,\r{table}Sincerely\r"
    encoded = text.encode("utf-16-le" if wide else "cp1252")
    place = 2048 if wide else 2048 * 2 | 0x40000000
    pieces = struct.pack("<II", 0, len(text)) + struct.pack("<HIH", 0, place, 0)
    clx = b"\x02" + struct.pack("<I", len(pieces)) + pieces
    fib = struct.pack("<HH6xH20x", 0xA5EC, 0xC1, 0x200 | (0x100 if locked else 0))
    pairs = bytearray(0x5D * 8)
    pairs[33 * 8 : 34 * 8] = struct.pack("<II", 0, len(clx))
    fib += struct.pack("<H28xH88xH", 14, 22, 0x5D) + bytes(pairs)
    return compound({"WordDocument": fib.ljust(2048, b"\0") + encoded, "1Table": clx})


def write_ppt(lines: Sequence[str]) -> bytes:
    def record(kind: int, body: bytes, version: int = 0) -> bytes:
        return struct.pack("<HHI", version, kind, len(body)) + body

    atoms = b"".join(record(0xFA0, line.encode("utf-16-le")) for line in lines[::2])
    atoms += b"".join(record(0xFA8, line.encode("cp1252")) for line in lines[1::2])
    return compound({"PowerPoint Document": record(0x3EE, record(0xF00D, atoms, 0xF), 0xF)})


def write_ole_package(content: bytes, label: str) -> bytes:
    """What `oleObject1.bin` is when a file was dragged into a document."""
    native = package(content, label)
    return compound({"\x01Ole10Native": len(native).to_bytes(4, "little") + native, "\x03ObjInfo": b"\0"})
