"""Tells a format from the bytes themselves. Names and declared types break ties between kinds of text, no more."""

import re

from gateway.opening import look_in, macos
from gateway.opening.charset import decode, is_text
from gateway.opening.delimited import TYPES as DELIMITED
from gateway.opening.delimited import delimiter_of
from gateway.opening.metafile import is_metafile

UNKNOWN = "application/octet-stream"

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "application/pdf"),
    (b"{\\rt", "application/rtf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"RE~^", "application/vnd.rar"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"\x78\x9f\x3e\x22", "application/vnd.ms-tnef"),
    (b"VCLMTF", "image/x-svm"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (macos.SINGLE, "application/applefile"),
    (macos.DOUBLE, "application/applefile"),
    (macos.STORE, "application/x-apple-ds-store"),
)
_LATER = (  # behind a length
    (8, b"WEBP", "image/webp"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypavis", "image/avif"),
)
_MARKS = (b"PK", b"\xd0\xcf\x11\xe0", b"BM", b"RIFF", b"0", b"\0\0\0")
_SECOND_LOOK = (*(signature for signature, _ in _SIGNATURES), *_MARKS)

_LATE_PDF = re.compile(rb"[\r\n]%PDF-\d")
_HEADER = re.compile(r"(?:(?:>?From |[!-9;-~]+:).*\n(?:[ \t].*\n)*)+(?:\n|\Z)")
_PROOF_OF_MAIL = re.compile(
    r"^(?:message-id|mime-version|received|content-type|return-path|x-[a-z-]+):", re.IGNORECASE | re.MULTILINE
)
_MAIL_FIELD = re.compile(r"^(?:from|to|subject|date|cc|content-type|return-path):", re.IGNORECASE | re.MULTILINE)
_MBOX = re.compile(r"From \S+ .*\d{4}.*\n[!-9;-~]+:")
_HTML = re.compile(
    r"<(?:!doctype\s+html|html|head|body|table|div|p|span|meta|style|script|h[1-6]|br|font|center)[\s>/]",
    re.IGNORECASE,
)
_ROOT = re.compile(r"<([a-z_][\w.:-]*)[\s>/]")
_JSON = re.compile(r"[\[{]\s*(?:[\"{\[\]}\d-]|true|false|null)")
_NAMED = {
    ".htm": "text/html",
    ".html": "text/html",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".xml": "application/xml",
    ".json": "application/json",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
_TIES = frozenset(_NAMED.values()) | {"text/yaml", "text/x-yaml"}


def identify(content: bytes, declared: str = "", filename: str | None = None, charset: str | None = None) -> str:
    """The standard MIME type of what `content` is."""
    return recognised(content, declared, filename, charset) or look_in.by_magic(content) or UNKNOWN


def recognised(
    content: bytes, declared: str = "", filename: str | None = None, charset: str | None = None
) -> str | None:
    """The type by our own marks: a text, or a format that carries some; None where only libmagic may know."""
    if found := (content.startswith(_SECOND_LOOK) and _binary(content)) or _behind(content):
        return found
    if is_metafile(content):
        return "image/emf" if content[40:44] == b" EMF" else "image/wmf"
    if declared.startswith("text/") and b"\0" not in content and content.isascii():
        return _text(decode(content[:65536]), declared, filename)
    if is_text(content) and (head := decode(content[:65536], charset)):
        return _text(head, declared, filename)
    few = content.count(0) < len(content) // 20 + 2
    if few and declared.startswith("text/") and is_text(content[:65536].replace(b"\0", b"")):
        return "text/plain"  # NUL bytes sprinkled over a text: its opener calls that partial
    return look_in.zip_at_end(content) or look_in.pgp(content)


def _behind(content: bytes) -> str | None:
    """Formats whose mark does not stand first; PDF readers accept junk before the header."""
    if content[257:262] == b"ustar" or look_in.old_tar(content):
        return "application/x-tar"
    if content.find(b"%PDF-", 0, 1024) >= 0 and _LATE_PDF.search(content, 0, 1024) and b" obj" in content:
        return "application/pdf"
    return None


def _binary(content: bytes) -> str | None:
    for signature, name in _SIGNATURES:
        if content.startswith(signature):
            return name
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"PK00PK")):
        return look_in.zipped(content)
    if content.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return look_in.ole(content)
    if found := next((name for place, mark, name in _LATER if content.startswith(mark, place)), None):
        return found
    if content.startswith(b"BM") and content[6:10] == b"\0\0\0\0" and len(content) > 26:
        return "image/bmp"
    return look_in.cms(content)


def _text(head: str, declared: str, filename: str | None) -> str:
    start = head.lstrip("\ufeff \t\n\r")
    hint = _hint(declared, filename)
    if start.startswith("<"):
        return _marked_up(start, hint)
    if start[:1] in "[{" and (_JSON.match(start) or hint == "application/json"):
        return "application/rtf" if start.startswith("{\\rt") else "application/json"
    if found := _begun(start):
        return found
    if hint == "text/html":
        return hint
    if found := _mail(head, declared):
        return found
    return hint or _delimited(head)


_OPENINGS = (
    ("BEGIN:VCARD", "text/vcard"),
    ("BEGIN:VCALENDAR", "text/calendar"),
    ("-----BEGIN PKCS7", "application/pkcs7-mime"),
    ("-----BEGIN CMS", "application/pkcs7-mime"),
    ("-----BEGIN PGP MESSAGE", "application/pgp-encrypted"),
    ("-----BEGIN PGP SIGNATURE", "application/pgp-signature"),
    ("(THIS FILE MUST BE CONVERTED WITH BINHEX", "application/mac-binhex40"),
    ("{\\RT", "application/rtf"),
    ("%!PS", "application/postscript"),
)
# Pictures and data that are written with letters: as a text they say nothing, or not all.
_DRAWN = (
    (re.compile(r"P[123]\s+(?:#.*\s+)*\d+\s+\d+\s"), "image/x-portable-anymap"),
    (re.compile(r"(?:/\*.*?\*/\s*)?#define\s+\w+_width\s", re.DOTALL), "image/x-xbitmap"),
    (re.compile(r"ID;P[^\n]*\n(?:ID|P|F|B|C|O|NN|NE|NU|W|E)(?:;|\n)"), "application/x-sylk"),
    (re.compile(r"TABLE\n0,\d+\n"), "application/x-dif"),
    (re.compile(r"/\* XPM \*/"), "image/x-xpixmap"),
    (re.compile(r"[ -~\s]{0,400}SPSS PORT FILE"), "application/x-spss-por"),
)


def _begun(start: str) -> str | None:
    for opening, name in _OPENINGS:
        if start[:40].upper().startswith(opening):
            return name
    return next((name for mark, name in _DRAWN if mark.match(start)), None)


def _hint(declared: str, filename: str | None) -> str | None:
    """What it is called, if that is a kind of text that its characters cannot prove."""
    if declared in DELIMITED:
        return "text/tab-separated-values" if declared == "text/tab-separated-values" else "text/csv"
    if declared in _TIES:
        return "application/yaml" if "yaml" in declared else declared
    name = (filename or "").lower()
    return next((kind for suffix, kind in _NAMED.items() if name.endswith(suffix)), None)


def _marked_up(start: str, hint: str | None) -> str:
    """By the root element; a page without one is HTML where HTML's own elements stand."""
    head = start[:4096].lower()
    root = _ROOT.search(head)
    name = root[1].rpartition(":")[2] if root else ""
    if name in {"html", "svg"}:
        return "text/html" if name == "html" else "image/svg+xml"
    if head.startswith("<!doctype html") or (
        not head.startswith("<?xml") and hint != "application/xml" and _HTML.search(head)
    ):
        return "text/html"
    if head.startswith(("<?xml", "<!doctype")) or hint == "application/xml":
        return "application/xml"
    return hint or ("application/xml" if name else "text/plain")


def _mail(head: str, declared: str) -> str | None:
    if _MBOX.match(head):
        return "application/mbox"
    if declared in {"message/rfc822", "message/global"}:
        return "message/rfc822" if re.match(r"(?:>?From |[!-9;-~]+[ \t]*:)|\n", head) else None
    block = _HEADER.match(head)
    if block and _PROOF_OF_MAIL.search(block[0]) and _MAIL_FIELD.search(block[0]):
        return "message/rfc822"
    return None


def _delimited(head: str) -> str:
    delimiter = delimiter_of(head)
    if delimiter is None:
        return "text/plain"
    return "text/tab-separated-values" if delimiter == "\t" else "text/csv"
