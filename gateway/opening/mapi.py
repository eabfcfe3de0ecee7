"""MAPI properties as MSG and TNEF carry them: subject, bodies, files. Decides nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import compressed_rtf

from gateway.opening.charset import decode
from gateway.opening.opener import Inner
from rules.content import Content, Role, Text

SUBJECT, BODY, HTML, RTF = 0x0037, 0x1000, 0x1013, 0x1009
DATA, MIME_TYPE = 0x3701, 0x370E
LONG_NAME, SHORT_NAME, DISPLAY_NAME, EXTENSION = 0x3707, 0x3704, 0x3001, 0x3703
CODEPAGE, MESSAGE_CODEPAGE = 0x3FDE, 0x3FFD
_NOT_TEXT = frozenset({0x3FDE, 0x3FFD})

Value = str | bytes


@dataclass(slots=True)
class Properties:
    """Property number to value: text, or bytes when it is binary."""

    values: dict[int, Value] = field(default_factory=dict)

    def text(self, number: int) -> str:
        value = self.values.get(number, "")
        return value if isinstance(value, str) else decode(value)

    def binary(self, number: int) -> bytes:
        value = self.values.get(number, b"")
        return value if isinstance(value, bytes) else value.encode("utf-8", "replace")

    def name(self) -> str | None:
        return next(filter(None, map(self.text, (LONG_NAME, SHORT_NAME, DISPLAY_NAME))), None)


def contents(part: str, role: Role, properties: Properties) -> tuple[Content, ...]:
    """Subject, plain body and every other property that is words."""
    texts: list[Content] = []
    if subject := properties.text(SUBJECT):
        texts.append(Text(part=part, where="subject", role=Role.HEADING, content=subject))
    if body := properties.text(BODY):
        texts.append(Text(part=part, where="body", role=role, content=body))
    others = _others(properties.values)
    if others:
        texts.append(Text(part=part, where="properties", role=Role.HEADING, content="\n".join(others)))
    return tuple(texts)


def _others(values: Mapping[int, Value]) -> list[str]:
    known = {SUBJECT, BODY, HTML, RTF}
    found = [value.strip("\0 ") for number, value in values.items() if isinstance(value, str) and number not in known]
    return list(dict.fromkeys(each for each in found if len(each) > 1))


def bodies(properties: Properties) -> Iterator[Inner]:
    """The formatted bodies, as files of their own."""
    if html := properties.binary(HTML):
        yield Inner(name=None, content=html, declared_type="text/html")
    if packed := properties.binary(RTF):
        yield Inner(name=None, content=_rtf(packed), declared_type="application/rtf")


def _rtf(packed: bytes) -> bytes:
    """MS-OXRTFCP; what cannot be unpacked is left as it is, and no opener will know it."""
    if len(packed) > 4 and int.from_bytes(packed[4:8], "little") > 1 << 28:
        return packed
    try:
        return bytes(compressed_rtf.decompress(packed))
    except (ValueError, IndexError, TypeError):
        return packed
