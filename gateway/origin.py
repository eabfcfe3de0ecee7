"""What a header says about who wrote a message, and whether a machine may answer it. Parses no MIME.

The stock e-mail parser may not run in this process (a crafted header costs it gigabytes); this reads the first 64 KiB,
in linear time.
"""

import re
from collections.abc import Iterator

GLANCE = 65536  #: bytes of header that are looked at
_BETWEEN_ADDRESSES = re.compile(r'[\s<>",;:()]+')


def authors(mail_from: str, raw: bytes) -> tuple[str, ...]:
    """Addresses of envelope sender, From, Sender and Reply-To, folded: none of these people may release the message."""
    found = {mail_from} if mail_from else set()
    for name, value in _fields(raw):
        if name in {"from", "sender", "reply-to", "resent-from", "resent-sender"}:
            found.update(word for word in _BETWEEN_ADDRESSES.split(value) if "@" in word)
    return tuple(sorted({address.casefold() for address in found}))


def may_be_answered(mail_from: str, raw: bytes) -> bool:
    """RFC 3834, section 2: no automatic answer to the null sender, to a machine or to a list. When in doubt: no."""
    if not mail_from or len(_header(raw)) >= GLANCE:
        return False
    for name, value in _fields(raw):
        word = value.strip().lower()
        if name == "auto-submitted" and word != "no":
            return False
        if name == "precedence" and word in {"bulk", "list", "junk"}:
            return False
        if name in {"list-id", "list-unsubscribe"}:
            return False
    return True


def _header(raw: bytes) -> bytes:
    glance = raw[:GLANCE]
    if glance.startswith(b"\r\n"):
        return b""
    return glance.partition(b"\r\n\r\n")[0]


def _fields(raw: bytes) -> Iterator[tuple[str, str]]:
    unfolded = re.sub(r"\r?\n(?=[ \t])", "", _header(raw).decode("utf-8", "replace"))
    for line in unfolded.split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip().lower(), value
