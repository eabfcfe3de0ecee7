"""Where in a text the phrases stand that say what a number is. One linear pass for a whole text, then look-ups."""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

import re2

from rules.recognisers_file import Context

_NOTHING = re2.compile(rb"[^\x00-\xff]")
_OPTIONS = re2.Options()
_OPTIONS.longest_match = True  # "social security administration" before "social security"
_OPTIONS.encoding = re2.Options.Encoding.LATIN1
_OPTIONS.case_sensitive = False

_PLURAL = re.compile(rb"[sS](?![A-Za-z])")
_PLAIN = bytes(  #: Latin-1 without accents, a byte for a byte
    base if (base := ord(unicodedata.normalize("NFD", chr(code))[0])) < 128 else code for code in range(256)
)

Place = tuple[int, int]  #: end and length of a phrase; the greater is the nearer, or the longer at the same end
NOWHERE: Place = (-1, 0)


def flat(text: str) -> bytes:
    """One byte for each character, so that offsets stay what they are; accents off: who types fast leaves them out."""
    return text.encode("latin-1", "replace").translate(_PLAIN)


def glance(phrase: str) -> str:
    """A flat phrase as RE2 reads it: anything but letters and digits may stand between its words."""
    words = flat(phrase).decode("latin-1").removeprefix("*").split()
    return r"[\s._-]{0,3}".join(map(re2.escape, words))


def compiled(phrases: Sequence[str]) -> Any:
    """RE2 has no lookaround: a letter before is excluded by reading the character before, one behind by `_Places`."""
    if not phrases:
        return _NOTHING
    whole = "|".join(glance(phrase) for phrase in phrases if not phrase.startswith("*"))
    tails = [glance(phrase) for phrase in phrases if phrase.startswith("*")]
    return re2.compile("|".join(([f"(?:^|[^A-Za-z])(?:{whole})"] if whole else []) + tails).encode("latin-1"), _OPTIONS)


class Phrases:
    """The lists of a recogniser's context, compiled once."""

    def __init__(self, context: Context) -> None:
        self.positive = compiled(context.positive)
        self.adjacent = compiled(context.adjacent)
        self.doubtful = compiled(context.doubtful)
        self.veto = compiled(context.veto)
        self.negative = compiled(context.negative)
        self.direct = compiled(context.direct)
        self.behind = compiled(context.behind)


class _Places:
    """Sorted places of one list of phrases."""

    def __init__(self, expression: Any, content: bytes) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []
        for found in expression.finditer(content):
            match = found
            while match and _cut(content, match.end()):  # "SSN no" in "SSN not masked" is an SSN all the same
                match = expression.match(content, match.start(), match.end() - 1)
            if not match:
                continue
            start, end = match.span()
            self.starts.append(start if content[start : start + 1].isalnum() else start + 1)
            self.ends.append(end + (_PLURAL.match(content, end) is not None))

    def last(self, start: int, end: int) -> Place:
        """The phrase that ends last between two offsets."""
        index = bisect_right(self.ends, end) - 1
        if index < 0 or self.starts[index] < start:
            return NOWHERE
        return self.ends[index], self.ends[index] - self.starts[index]

    def backwards(self, start: int, end: int) -> Iterator[Place]:
        """All of them, the last one first."""
        while (place := self.last(start, end)) != NOWHERE:
            yield place
            end = place[0] - 1

    def any(self, start: int, end: int) -> bool:
        index = bisect_left(self.starts, start)
        return index < len(self.starts) and self.starts[index] < end

    def beginning(self, start: int, end: int) -> int:
        """Where the phrase ends that begins first between two offsets; -1 when there is none."""
        index = bisect_left(self.starts, start)
        return self.ends[index] if index < len(self.starts) and self.starts[index] <= end else -1


def _cut(content: bytes, end: int) -> bool:
    """Whether a phrase ends within a word, which is another then; a plural is none."""
    letters = content[end - 1 : end + 1]
    return len(letters) == 2 and letters.isalpha() and _PLURAL.match(content, end) is None


class Labels:
    """A recogniser's phrases in one text."""

    def __init__(self, phrases: Phrases, text: str) -> None:
        content = flat(text)
        self.text = text
        self.positive = _Places(phrases.positive, content)
        self.adjacent = _Places(phrases.adjacent, content)
        self.doubtful = _Places(phrases.doubtful, content)
        self.veto = _Places(phrases.veto, content) if self.doubtful.ends else None
        self.negative = _Places(phrases.negative, content)
        self.direct = _Places(phrases.direct, content)
        self.behind = _Places(phrases.behind, content)

    def vetoed(self, start: int, end: int) -> bool:
        return self.veto is not None and self.veto.any(start, end)


_SENTENCE_END = re.compile(r"[A-Za-z)]{3}[.!?]\s+[A-Z]")


def same_sentence(text: str, start: int, end: int) -> bool:
    return _SENTENCE_END.search(text, start, end) is None
