"""Common readers of each kind of file, as the recipient has them: each gives the text that it shows, or nothing."""

import email
import email.policy
import io
import json
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import openpyxl
import pypdfium2
import python_calamine
from lxml import etree, html

Reader = Callable[[bytes, str], str]
SLOW = frozenset({"office"})
SECONDS = 40


def shown(content: bytes, suffix: str, *, patient: bool) -> Iterator[tuple[str, str]]:
    """What each reader of the file shows; the slow ones are asked when there is time."""
    names = [*BY_SUFFIX.get(suffix, ("text",)), *ANYWHERE]
    names += ["pdfium"] if b"%PDF" in content[:4096] else []
    for name in dict.fromkeys(names):
        if patient or name not in SLOW:
            try:
                yield name, READERS[name](content, suffix)
            except Exception:  # noqa: BLE001, S112 - this reader shows nothing of it
                continue


def _text(content: bytes, suffix: str) -> str:
    """As an editor opens it."""
    for mark, name in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if content.startswith(mark):
            return content.decode(name, "replace")
    return content.decode("utf-8", "replace")


def _pdfium(content: bytes, suffix: str) -> str:
    document = pypdfium2.PdfDocument(content)
    return "\n".join(page.get_textpage().get_text_bounded() for page in document)


def _openpyxl(content: bytes, suffix: str) -> str:
    book = openpyxl.load_workbook(io.BytesIO(content), data_only=True)
    return "\n".join(
        str(cell) for sheet in book.worksheets for row in sheet.iter_rows(values_only=True) for cell in row
    )


def _calamine(content: bytes, suffix: str) -> str:
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
    rows = (row for name in book.sheet_names for row in book.get_sheet_by_name(name).to_python())
    return "\n".join(str(cell) for row in rows for cell in row)


def _html(content: bytes, suffix: str) -> str:
    return "\n".join(map(str, html.fromstring(content).itertext()))


def _xml(content: bytes, suffix: str) -> str:
    root = etree.fromstring(content, etree.XMLParser(resolve_entities=True, no_network=True))
    return "\n".join(map(str, root.itertext()))


def _json(content: bytes, suffix: str) -> str:
    return json.dumps(json.loads(content), indent=0)


def _zipfile(content: bytes, suffix: str) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return "\n".join(archive.read(each).decode("utf-8", "replace") for each in archive.infolist())


def _mail(content: bytes, suffix: str) -> str:
    words = []
    for policy in (email.policy.compat32, email.policy.default):
        parts = email.message_from_bytes(content, policy=policy).walk()
        words += [_text(bytes(part.get_payload(decode=True) or b""), "") for part in parts]
    return "\n".join(words)


def _program(*command: str) -> Reader:
    """A program that prints; FILE stands for the file."""

    def read(content: bytes, suffix: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"file{suffix}"
            path.write_bytes(content)
            line = [str(path) if word == "FILE" else word for word in command]
            done = subprocess.run(
                line, capture_output=True, timeout=SECONDS, check=False, cwd=folder, stdin=subprocess.DEVNULL
            )
            return done.stdout.decode("utf-8", "replace")

    return read


def _office(content: bytes, suffix: str) -> str:
    """LibreOffice: every sheet of a book, the text of a letter, the pages of anything else."""
    kind = {**dict.fromkeys((".xlsx", ".xlsm", ".xltx", ".xlsb", ".xls", ".ods", ".fods", ".csv"), _EVERY_SHEET)}.get(
        suffix
    )
    kind = kind or ("pdf" if suffix in {".ppt", ".pptx", ".odp"} else "txt:Text (encoded):UTF8")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        path.write_bytes(content)
        line = [
            "soffice",
            f"-env:UserInstallation=file://{folder}/home",
            "--headless",
            "--convert-to",
            kind,
            "--outdir",
        ]
        subprocess.run([*line, f"{folder}/out", str(path)], capture_output=True, timeout=SECONDS * 2, check=False)
        found = sorted(Path(folder, "out").glob("*"))
        return "\n".join(
            _pdfium(each.read_bytes(), "") if each.suffix == ".pdf" else each.read_text("utf-8", "replace")
            for each in found
        )


_EVERY_SHEET = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"
_PROGRAMS: Mapping[str, Reader] = {
    "pdftotext": _program("pdftotext", "-layout", "FILE", "-"),
    "unzip": _program("unzip", "-p", "FILE"),
    "7z": _program("7z", "e", "-so", "-y", "FILE"),
    "bsdtar": _program("bsdtar", "-xOf", "FILE"),
    "tar": _program("tar", "-xOf", "FILE"),
    "unar": _program("unar", "-q", "-o", "out", "FILE"),
    "gzip": _program("gzip", "-dc", "FILE"),
    "bzip2": _program("bzip2", "-dc", "FILE"),
    "xz": _program("xz", "-dc", "FILE"),
    "zstd": _program("zstd", "-dcq", "FILE"),
    "antiword": _program("antiword", "FILE"),
    "catdoc": _program("catdoc", "FILE"),
    "catppt": _program("catppt", "FILE"),
    "xls2csv": _program("xls2csv", "FILE"),
    "unrtf": _program("unrtf", "--text", "FILE"),
}
READERS: Mapping[str, Reader] = {
    "text": _text,
    "pdfium": _pdfium,
    "openpyxl": _openpyxl,
    "calamine": _calamine,
    "html": _html,
    "xml": _xml,
    "json": _json,
    "zipfile": _zipfile,
    "mail": _mail,
    "office": _office,
    **_PROGRAMS,
}
ANYWHERE = ("unzip", "7z", "bsdtar")  #: they look for their own marks in any file
_BOOKS = dict.fromkeys((".xlsx", ".xlsm", ".xltx", ".xlsb"), ("openpyxl", "calamine", "office"))
BY_SUFFIX: Mapping[str, tuple[str, ...]] = {
    **_BOOKS,
    **dict.fromkeys((".docx", ".odt", ".odp", ".pptx"), ("office",)),
    ".ods": ("calamine", "office"),
    ".fods": ("xml", "office"),
    ".xls": ("calamine", "xls2csv", "office"),
    ".doc": ("antiword", "catdoc", "office"),
    ".ppt": ("catppt", "office"),
    ".rtf": ("unrtf", "office"),
    ".pdf": ("pdfium", "pdftotext"),
    ".html": ("html",),
    ".xml": ("xml",),
    ".json": ("json",),
    ".zip": ("zipfile",),
    ".eml": ("mail",),
    ".gz": ("gzip",),
    ".tgz": ("tar",),
    ".bz2": ("bzip2",),
    ".xz": ("xz",),
    ".zst": ("zstd",),
    ".7z": (),
    ".rar": (),
    ".tar": ("tar",),
    ".msg": (),
    ".dat": (),
}


def missing() -> list[str]:
    """Programs that are not installed: their formats are hunted without them."""
    wanted = ["soffice", "pdftotext", "unzip", "7z", "bsdtar", "antiword", "catdoc", "unrtf"]
    return [name for name in wanted if shutil.which(name) is None]
