"""Tables whose narrow columns break numbers over lines that no longer stand in order. Tells that they are there."""

import re2

_LEAST = 3  #: numbers that begin so: fewer are breaks in prose
_AREA = re2.compile(rb"(?:^|\s)[0-9]{3}-(?:\s|$)")
_GROUP = re2.compile(rb"(?:^|\s)[0-9]{2}-[0-9]{0,3}(?:\s|$)")
_LABEL = re2.compile(rb"(?i)\b(?:ssns?|social|soc\.? sec)\b")


def has_broken_numbers(folded: str) -> bool:
    """Whether pieces of SSNs lie apart in a text that speaks of SSNs: `212-` here, `48-` there."""
    flat = folded.encode("latin-1", "replace")
    return bool(_LABEL.search(flat)) and all(
        sum(1 for _ in zip(range(_LEAST), piece.finditer(flat), strict=False)) == _LEAST for piece in (_AREA, _GROUP)
    )
