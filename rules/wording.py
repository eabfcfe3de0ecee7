"""How people write a company's name, and how much each way of writing it tells. Knows no client."""

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from rules.headers import vocabulary
from rules.reading import plain_words
from rules.vocabulary import ordinary, words

_LITTLE = frozenset({"and", "of", "the", "for", "a", "in", "at", "on"})
_TOO_FEW = 3  #: letters
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_INNER_MARK = re.compile(r"(?<=\w)['’.](?=\w)")  # noqa: RUF001 - as people write it


class Trust(StrEnum):
    """How much a way of writing tells by itself."""

    PLAIN = "plain"
    COMMON = "common"  #: every word is an ordinary one: tells only when written like a name
    DOUBTFUL = "doubtful"  #: one word that is ordinary or heads columns, or three letters: needs a second sign


class Wording(NamedTuple):
    """A name taken apart."""

    full: tuple[str, ...]
    core: tuple[str, ...]  #: without a leading "the" and without its legal form
    trust: Trust  #: of the core


@lru_cache(maxsize=1 << 17)  # loading a directory asks for each of its names several times
def wording(name: str) -> Wording:
    full = plain_words(name)
    core = _core(full)
    return Wording(full, core, _trust(core))


def _core(full: tuple[str, ...]) -> tuple[str, ...]:
    first = 1 if len(full) > 1 and full[0] == "the" else 0
    last = len(full)
    while last > first + 1 and full[last - 1] in words("legal_suffixes"):
        last -= 1
    return full[first:last]


def _trust(core: tuple[str, ...]) -> Trust:
    common = ordinary()
    if len("".join(core)) <= _TOO_FEW or (
        len(core) == 1 and (core[0] in common or vocabulary().is_header_word(core[0]))
    ):
        return Trust.DOUBTFUL
    return Trust.COMMON if all(word in common or word in _LITTLE for word in core) else Trust.PLAIN


def spellings(name: str) -> list[tuple[tuple[str, ...], Trust]]:
    """The ways in which people write one name: without its legal form, dots, apostrophes, spaces."""
    ways: list[tuple[tuple[str, ...], Trust]] = []
    others = [_INNER_MARK.sub("", name)] if _INNER_MARK.search(name) else []
    if not name.isascii():
        others.append(name.translate(_UMLAUTS))
    for written in dict.fromkeys((name, *others)):
        full, core, trust = wording(written)
        ways.append((core, trust))
        if trust is Trust.DOUBTFUL and full != core:
            ways.append((full, Trust.PLAIN))  # "Target" alone does not tell, "target corporation" does
        squeezed = "".join(core)
        if 1 < len(core) <= 3 and len(squeezed) >= 6:
            ways.append(((squeezed,), Trust.PLAIN))
    return ways
