"""vCard and iCalendar: folded lines joined, values decoded, pictures and attachments handed on."""

import binascii
import re
from collections.abc import Iterator

from gateway.message import Opened
from gateway.opening.charset import decode
from gateway.opening.opener import Budget, Inner, Leaf, Opening
from rules.content import Text

_ENCODED = re.compile(
    r"^[^\n:]*;(?:ENCODING=)?(?:BASE64|B)(?:;[^\n:]*)?:(.*(?:\n[A-Za-z0-9+/=]+$)*)", re.IGNORECASE | re.MULTILINE
)
_QUOTED = re.compile(r"^([^\n:]*;(?:ENCODING=)?QUOTED-PRINTABLE[^\n:]*:)((?:.*=\n)*.*)$", re.IGNORECASE | re.MULTILINE)


def open_card(leaf: Leaf, budget: Budget) -> Opening:
    """Every property as a line (RFC 6350 3.2, RFC 5545 3.1)."""
    del budget
    text = re.sub(r"\n[ \t]", "", decode(leaf.content, leaf.charset))
    text = _QUOTED.sub(_unquoted, text)
    files = [found[1] for found in _ENCODED.finditer(text)]
    shown = _ENCODED.sub("", text)
    shown = re.sub(r"\\([,;\\])", r"\1", re.sub(r"\\[nN]", "\n", shown))
    content = Text(part=leaf.section, where="card", role=leaf.role, content=shown)
    return Opening(outcome=Opened(contents=(content,)), inner=_inner(files))


def _unquoted(found: re.Match[str]) -> str:
    return found[1] + decode(binascii.a2b_qp(found[2].encode("utf-8")))


def _inner(files: list[str]) -> Iterator[Inner]:
    for encoded in files:
        letters = re.sub(r"[^A-Za-z0-9+/]", "", encoded)
        letters = letters[: len(letters) - (len(letters) % 4 == 1)]
        yield Inner(name=None, content=binascii.a2b_base64(letters + "=" * (-len(letters) % 4)))
