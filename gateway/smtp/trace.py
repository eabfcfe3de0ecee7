"""Our header fields on top of a message, and the signs of a loop below them. Pure: time and ids come in as arguments.

Incoming X-Countersign-* fields stay where they are, because the bytes leave as they came, and are never read: what
decides lies in the store, not in a header that anybody can write.
"""

import ipaddress
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime

from gateway.message import Envelope

PRODUCT = "Countersign"
MAX_HOPS = 50  #: Received fields; Postfix's hopcount_limit
_HEADER_SEARCH = 1 << 18  #: octets; hops write on top, so what lies deeper tells no more
_RECEIVED = re.compile(rb"(?im)^received[ \t]*:")
_DOMAIN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[A-Za-z0-9:.]+\]")
_NAME = re.compile(r"[A-Za-z0-9-]+")
_VALUE = re.compile(r"[ -~]*")


def received(envelope: Envelope, *, hostname: str, identifier: str, when: datetime) -> bytes:
    """RFC 5321 4.4. Without a FOR clause: recipients are never shown to each other."""
    client = _literal(envelope.client_host)
    helo = envelope.helo if _DOMAIN.fullmatch(envelope.helo) else client
    return (
        f"Received: from {helo} ({client})\r\n"
        f"\tby {hostname} ({PRODUCT}) with {envelope.protocol} id {_printable(identifier)};\r\n"
        f"\t{format_datetime(when)}\r\n"
    ).encode("ascii", "replace")


def fields(values: Mapping[str, str]) -> bytes:
    """`X-Countersign-<name>: value` for each; ValueError for what would not be one line of printable ASCII."""
    lines = []
    for name, value in values.items():
        if not _NAME.fullmatch(name):
            raise ValueError("the name of a header field is letters, digits and dashes")
        lines.append(f"X-{PRODUCT}-{name}: {_printable(value)}\r\n")
    return "".join(lines).encode("ascii")


def loops(raw: bytes, hostname: str) -> bool:
    """More hops than mail needs, or one of them was this very relay."""
    header = _header_block(raw)
    if len(_RECEIVED.findall(header)) > MAX_HOPS:
        return True
    marker = rf"(?im)^received[ \t]*:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*\bby\s+{re.escape(hostname)}\s+\({PRODUCT}\)"
    return re.search(marker.encode(), header) is not None


def _header_block(raw: bytes) -> bytes:
    end = raw.find(b"\r\n\r\n", 0, _HEADER_SEARCH)
    return raw[: _HEADER_SEARCH if end < 0 else end + 2]


def _literal(host: str) -> str:
    """RFC 5321 4.1.3; what is not an address is not printed."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "unknown"
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


def _printable(value: str) -> str:
    if not _VALUE.fullmatch(value):
        raise ValueError("the value of a header field is one line of printable ASCII")
    return value
