"""Numbers broken over lines that no longer stand in order, as in narrow columns. Tells that they are there."""

import re2

_LEAST = 3  #: numbers that begin so: fewer are breaks in prose
_TOGETHER = re2.compile(rb"[0-9]{3}-\s[0-9]{2}-\s?[0-9]{4}|[0-9]{3}-[0-9]{2}-\s[0-9]{4}")  #: found in spite of it
_AREA = re2.compile(rb"(?:^|\s)[0-9]{3}-(?:\s|$)")
_GROUP = re2.compile(rb"(?:^|\s)[0-9]{2}-[0-9]{0,3}(?:\s|$)")
_BOTH = re2.compile(rb"(?:^|\s)[0-9]{3}-[0-9]{2}-[0-9]{0,3}(?:\s|$)")
_LABEL = re2.compile(rb"(?i)\b(?:ssns?|social|soc\.? sec)\b")


def has_broken_numbers(folded: str) -> bool:
    """Whether pieces of SSNs lie apart: `212-48-` here, `6397` there; or `212-` and `48-` in a text that names SSNs."""
    if not any(end in folded for end in ("- ", "-\n")):
        return False
    flat = _TOGETHER.sub(b" ", folded.encode("latin-1", "replace"))
    return _several(_BOTH, flat) or (bool(_LABEL.search(flat)) and _several(_AREA, flat) and _several(_GROUP, flat))


def _several(piece: re2._Regexp, flat: bytes) -> bool:
    return sum(1 for _ in zip(range(_LEAST), piece.finditer(flat), strict=False)) == _LEAST
