"""Whether rows can be of one table: words, numbers or nothing in each of their columns. Judges nothing else."""

import re
from collections.abc import Sequence

_SAMPLE = 200
_WORDS = re.compile(r"[^0-9]*[^\W\d_][^0-9]*")


def unlike(some: Sequence[Sequence[str]], others: Sequence[Sequence[str]], *, but: int = -1) -> bool:
    """Whether a column (not `but`) holds words where the other rows hold none, or something where they do not."""
    some, others = _sample(some), _sample(others)
    width = max(map(len, [*some, *others]), default=0)
    return bool(some and others) and any(
        _kinds(some, column).isdisjoint(_kinds(others, column)) for column in range(width) if column != but
    )


def _sample(rows: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    filled = [row for row in rows if any(row)]
    return filled[:: 1 + len(filled) // _SAMPLE]


def _kinds(rows: Sequence[Sequence[str]], column: int) -> set[str]:
    return {_kind(row[column].strip()) if column < len(row) else "" for row in rows}


def _kind(cell: str) -> str:
    if not cell:
        return ""
    return "words" if _WORDS.fullmatch(cell) else "number"
