"""Word lists of `rules/words/`: one word or more per line, `#` begins a comment. Only reads files of this package."""

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "words"


@cache
def words(name: str) -> frozenset[str]:
    """All words of one list."""
    lines = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines for word in line.partition("#")[0].split())


@cache
def ordinary() -> frozenset[str]:
    """Words and people's names that alone tell no company."""
    return words("ordinary_words") | words("common_names")
