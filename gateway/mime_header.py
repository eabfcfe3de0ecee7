"""Header fields as the wire has them: blocks, parameters, file names, encoded words, addresses. No guess."""

import binascii
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from gateway.opening.charset import decode

LARGEST_BLOCK = 1 << 20  #: bytes; the largest of real mail are some 100 KiB of recipients
MOST_FIELDS = 5_000

_BLANK_LINE = re.compile(rb"\n\r?\n")
_FIELD = re.compile(rb"([!-9;-~]+)([ \t]*):[ \t]*([^\n]*(?:\n[ \t][^\n]*)*)(?:\n|\Z)")
_LINE = re.compile(rb"[^\n]*(?:\n|\Z)")
_PIECE = re.compile(r'((?:[^;"(]|"(?:[^"\\]|\\.)*"?|\((?:[^()\\]|\\.)*\)?)*)(?:;|\Z)', re.DOTALL)
_COMMENT = re.compile(r"\((?:[^()\\]|\\.)*\)?", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)("?)(.*)', re.DOTALL)
_MEDIA_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+")
_WORD = re.compile(r"=\?([^?\s]{1,64})\?([bBqQ])\?(.*?)\?=", re.DOTALL)
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(?==\?[^?\s]{1,64}\?[bBqQ]\?)")
_ADDRESS = re.compile(
    r'((?:[^,;"<(:\[]|"(?:[^"\\]|\\.)*"?|<[^>]*>?|\[[^\]]*\]?|\((?:[^()\\]|\\.)*\)?)*)([,;:]|\Z)', re.DOTALL
)
_MIME_FIELDS = frozenset({b"content-type", b"content-transfer-encoding", b"content-disposition"})
_NAMING = frozenset({b"content-type", b"content-disposition"})
_NO_DIGITS = bytes(set(range(256)).difference(b"0123456789"))
_FEWEST_DIGITS = 9  #: of the number of a person
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The fields of one header, names in lower case, values as they came; and what is odd about it."""

    fields: tuple[tuple[bytes, bytes], ...]
    body: int  #: offset where the body begins
    odd: str | None = None  #: why readers may disagree
    over: bool = False  #: more than is read
    other_body: int | None = None  #: where the body begins for readers that stop at a line which is no field

    def every(self, name: bytes) -> list[str]:
        return [text_of(value) for field, value in self.fields if field == name]


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    value: str
    readings: tuple[str, ...]  #: more than one when readers may disagree


def block(raw: bytes, start: int, end: int) -> Block:
    """Read the header that begins at `start`. RFC 5322 2.1: it ends at the first empty line."""
    if raw.startswith((b"\n", b"\r\n"), start, end):
        return Block(fields=(), body=raw.index(b"\n", start) + 1)
    blank = _BLANK_LINE.search(raw, start, end)
    stop, body = (blank.start() + 1, blank.end()) if blank else (end, end)
    over = stop - start > LARGEST_BLOCK
    lines = raw[start : min(stop, start + LARGEST_BLOCK)]
    fields, stray, odd = _fields(lines)
    return Block(
        fields=tuple(fields[:MOST_FIELDS]),
        body=body,
        odd=odd or _line_ends(lines),
        over=over or len(fields) > MOST_FIELDS,
        other_body=None if stray is None else start + stray,
    )


def _fields(lines: bytes) -> tuple[list[tuple[bytes, bytes]], int | None, str | None]:
    fields: list[tuple[bytes, bytes]] = []
    stray, odd, place = None, None, 0
    if lines.startswith((b"From ", b">From ")):  # the envelope line of an mbox
        place = lines.find(b"\n") + 1 or len(lines)
    while place < len(lines) and len(fields) <= MOST_FIELDS:
        if found := _FIELD.match(lines, place):
            name = found[1].lower()
            fields.append((name, found[3]))
            if found[2] and name in _MIME_FIELDS:
                odd = "a space before the colon of a MIME field"
        elif stray is None:
            stray, odd = place, "a line of the header is no field"
        place = found.end() if found else _end_of_line(lines, place)
    return fields, stray, odd


def _end_of_line(lines: bytes, place: int) -> int:
    found = _LINE.match(lines, place)
    return found.end() if found else len(lines)


def _line_ends(lines: bytes) -> str | None:
    pairs, feeds, returns = lines.count(b"\r\n"), lines.count(b"\n"), lines.count(b"\r")
    if returns != pairs and lines.rstrip(b"\r").count(b"\r") != pairs:
        return "a bare CR in the header"
    if 0 < pairs < feeds:
        return "CRLF and bare LF mixed in the header"
    return "a NUL in the header" if b"\0" in lines else None


def text_of(value: bytes) -> str:
    """A field's value as characters, folding kept as line feeds. Raw 8-bit values are UTF-8 or else Western."""
    return (decode(value) if not value.isascii() else value.decode("ascii").replace("\r", "")).strip()


def unfolded(value: str) -> str:
    return value.replace("\n", "")


def spoken(head: Block, apart: Collection[bytes]) -> Iterator[tuple[str, str]]:
    """Name and words of the fields that could hold a number of a person, but for those that are read on their own."""
    for name, value in head.fields:
        if name not in apart:
            text = f"{name.decode('ascii')}: {_said(name, text_of(value))}"
            if not text.isascii() or len(text.encode("ascii").translate(None, _NO_DIGITS)) >= _FEWEST_DIGITS:
                yield name.decode("ascii")[:_LONGEST_NAME], text


def _said(name: bytes, value: str) -> str:
    """A field's words; where parameters may name a file, the others, for file names are read as such."""
    if name not in _NAMING or ";" not in value:
        return words(value)
    others = [each for each in parameters(value) if each.name not in {"name", "filename"}]
    said = [f"{each.name}={words(reading)}" for each in others for reading in each.readings]
    return "; ".join([words(next(_pieces(value), "")), *said])


def media_type(value: str) -> tuple[str, str, bool]:
    """The type a Content-Type field names ("" for none), as a strict reader has it, and if readers may disagree."""
    head = next(_pieces(value), "")
    token = _COMMENT.sub("", head).strip().lower()
    if _MEDIA_TYPE.fullmatch(token):
        return token, token, "(" in head and token.startswith(("multipart/", "message/"))
    compact = re.sub(r'[\s",]', "", token)
    if compact.startswith(("multipart", "message")):
        found = _MEDIA_TYPE.match(compact)
        return (found[0] if found else "multipart/mixed"), token, True
    found = _MEDIA_TYPE.match(token)
    return (found[0] if found else ""), token, False


def token(value: str) -> tuple[str, bool]:
    """A one-word field like Content-Transfer-Encoding, and whether readers may disagree on it."""
    bare = _COMMENT.sub(" ", value.lower()).strip().rstrip(";").strip().strip('"')
    words = bare.split(None, 1)
    if len(words) < 2:
        return bare, False
    return re.sub(r"\s", "", bare) if "\n" in bare else re.split(r"[\s;,]", bare, maxsplit=1)[0], True


def parameters(value: str) -> list[Parameter]:
    """Parameters in order, duplicates kept, RFC 2231 pieces joined under the bare name behind the plain ones."""
    plain: list[Parameter] = []
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    for piece in list(_pieces(value))[1:200]:
        name, separator, raw = piece.partition("=")
        name = _COMMENT.sub("", name).strip().lower()
        if not separator or not name:
            continue
        readings = _values(raw)
        base, star, rest = name.partition("*")
        if not star:
            plain.append(Parameter(name, readings[0], readings))
        else:
            number = rest.rstrip("*")
            pieces.setdefault(base, []).append(
                (int(number) if number.isdecimal() else 0, name.endswith("*"), readings[0])
            )
    return plain + [_joined(name, found) for name, found in pieces.items()]


def _pieces(value: str) -> Iterator[str]:
    place = 0
    while place < len(value) and (found := _PIECE.match(value, place)):
        yield found[1]
        place = max(found.end(), place + 1)


def _values(raw: str) -> tuple[str, ...]:
    """What readers may take a parameter's value for; one reading when the syntax leaves no doubt."""
    value = raw.strip()
    quoted = _QUOTED.match(value)
    if not quoted:
        whole, first = unfolded(value), re.split(r"[\s(]", value, maxsplit=1)[0]
        return _distinct((whole, first))
    inside = re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL)
    after = _COMMENT.sub("", quoted[3]).strip()
    readings = [unfolded(inside)]
    if "\n" in inside:
        readings.append(re.sub(r"\n\s*", "", inside))
        readings.append(re.sub(r"\n\s*", " ", inside))
    if after:
        readings.append(unfolded(inside + after))
    return _distinct(readings)


def _distinct(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _joined(name: str, pieces: list[tuple[int, bool, str]]) -> Parameter:
    """RFC 2231 3 and 4: pieces by number; those with a star are percent-encoded, the first names the charset."""
    charset, content = "utf-8", b""
    for place, (_, encoded, value) in enumerate(sorted(pieces, key=lambda piece: piece[0])):
        parts = value.split("'", 2)
        if not encoded:
            content += value.encode("utf-8", "replace")
        elif place == 0 and len(parts) == 3:
            charset = parts[0] or charset
            content += unquote_to_bytes(parts[2])
        else:
            content += unquote_to_bytes(value)
    joined = decode(content, charset)
    return Parameter(name, joined, (joined,))


def words(value: str) -> str:
    """RFC 2047, and the ways it is broken: words in quotes, spaces within, split characters, no padding."""
    text = unfolded(value)
    last = text.rfind("?=") + 2
    if last < 2 or "=?" not in text:
        return text
    head = _BETWEEN_WORDS.sub(r"\1", text[:last])
    decoded: list[str] = []
    pending: tuple[str, bytes] = ("", b"")
    place = 0
    for word in _WORD.finditer(head):
        charset, content = word[1].partition("*")[0].lower(), _word(word[2], word[3])
        if word.start() != place or charset != pending[0]:
            decoded += [decode(pending[1], pending[0]), head[place : word.start()]]
            pending = (charset, b"")
        pending = (charset, pending[1] + content)
        place = word.end()
    return "".join([*decoded, decode(pending[1], pending[0]), head[place:], text[last:]])


def _word(encoding: str, value: str) -> bytes:
    content = value.encode("utf-8", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(content, header=True)
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", content)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def addresses(value: str) -> list[str]:
    """The addresses of To, Cc or Bcc: groups opened, broken ones as they stand."""
    found: list[str] = []
    text, place = unfolded(value), 0
    while place < len(text):
        piece = _ADDRESS.match(text, place)
        if piece is None:
            break
        place = max(piece.end(), place + 1)
        if (address := _address(piece[1])) and (piece[2] != ":" or "@" in address):
            found.append(address)
    return found


def _address(piece: str) -> str:
    angles = re.findall(r"<([^<>]*)>?", piece)
    inside = next((each for each in reversed(angles) if "@" in each), angles[-1] if angles else None)
    if inside is not None:
        return str(inside).rpartition(":")[2].strip()  # RFC 5322 4.4: a source route ends with a colon
    return _COMMENT.sub("", piece).strip()
