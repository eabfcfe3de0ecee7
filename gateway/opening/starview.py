"""StarView metafiles (SVM): LibreOffice's previews of tables, charts and objects. Texts drawn and pictures inside."""

import struct
from collections.abc import Iterator

from gateway.opening.opener import Budget, CannotLookError, Inner, Leaf, Opening
from gateway.opening.reading import Reading
from rules.verdict import Obstacle

_MOST = 500_000  #: actions
# Where in an action of text its string stands: behind a point, or behind a rectangle.
_TEXTS = {112: 8, 113: 8, 114: 8, 115: 16}
_PICTURES = range(116, 125)


def open_starview(leaf: Leaf, budget: Budget) -> Opening:
    reading = Reading(leaf)
    with reading.attempt("the metafile"):
        budget.expand(len(leaf.content))
        texts = []
        for kind, body in _actions(leaf.content):
            if kind in _TEXTS:
                texts.append(_string(body, _TEXTS[kind]))
            elif kind in _PICTURES and (start := body.find(b"BM")) >= 0:
                reading.inner.append(Inner(name=None, content=body[start:]))
        reading.text("image", "\n".join(texts))
    return reading.opening()


def _actions(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Each is a number, a version, a size, and so many bytes; before them a header of the same build."""
    if len(content) < 12:
        raise CannotLookError(Obstacle.CORRUPT, "the metafile is cut off")
    position = 12 + struct.unpack_from("<I", content, 8)[0]
    for _ in range(_MOST):
        if position >= len(content):
            return
        if position + 8 > len(content):
            break
        kind, _, size = struct.unpack_from("<HHI", content, position)
        position += 8 + size
        if position > len(content):
            break
        yield kind, content[position - size : position]
    raise CannotLookError(Obstacle.CORRUPT, "the metafile is damaged")


def _string(body: bytes, start: int) -> str:
    """UTF-16 behind a count of four bytes; in files of before 2011, bytes behind a count of two."""
    if len(body) < start + 4:
        raise CannotLookError(Obstacle.CORRUPT, "the metafile is damaged")
    count = struct.unpack_from("<I", body, start)[0]
    end = start + 4 + 2 * count
    if end <= len(body):
        return body[start + 4 : end].decode("utf-16-le", "replace")
    (count,) = struct.unpack_from("<H", body, start)
    return body[start + 2 : start + 2 + count].decode("cp1252", "replace")
