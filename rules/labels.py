"""Where in a text the phrases stand that say what a number is. One linear pass for a whole text, then look-ups."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

import re2

from rules.recognisers_file import Context

_NOTHING = re2.compile(rb"[^\x00-\xff]")
_OPTIONS = re2.Options()
_OPTIONS.longest_match = True  # "social security administration" before "social security"
_OPTIONS.encoding = re2.Options.Encoding.LATIN1
_OPTIONS.case_sensitive = False

_PLURAL = re.compile(rb"[sS](?![A-Za-z])")

Place = tuple[int, int]  #: end and length of a phrase; the greater is the nearer, or the longer at the same end
NOWHERE: Place = (-1, 0)


def glance(phrase: str) -> str:
    """A phrase as RE2 reads it: anything but letters and digits may stand between its words."""
    return r"[\s._-]{0,3}".join(re2.escape(word) for word in phrase.removeprefix("*").split())


def compiled(phrases: Sequence[str]) -> Any:
    """RE2 has no lookaround: a letter before is excluded by reading the character before, one behind by `_Places`."""
    if not phrases:
        return _NOTHING
    whole = "|".join(glance(phrase) for phrase in phrases if not phrase.startswith("*"))
    tails = [glance(phrase) for phrase in phrases if phrase.startswith("*")]
    return re2.compile("|".join(([f"(?:^|[^A-Za-z])(?:{whole})"] if whole else []) + tails).encode(), _OPTIONS)


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

    def __init__(self, expression: Any, flat: bytes) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []
        for match in expression.finditer(flat):
            start, end = match.span()
            if flat[end - 1 : end].isalpha() and flat[end : end + 1].isalpha():
                if _PLURAL.match(flat, end) is None:
                    continue
                end += 1
            self.starts.append(start if flat[start : start + 1].isalnum() else start + 1)
            self.ends.append(end)

    def last(self, start: int, end: int) -> Place:
        """The phrase that ends last between two offsets."""
        index = bisect_right(self.ends, end) - 1
        if index < 0 or self.starts[index] < start:
            return NOWHERE
        return self.ends[index], self.ends[index] - self.starts[index]

    def any(self, start: int, end: int) -> bool:
        index = bisect_left(self.starts, start)
        return index < len(self.starts) and self.starts[index] < end

    def beginning(self, start: int, end: int) -> int:
        """Where the phrase ends that begins first between two offsets; -1 when there is none."""
        index = bisect_left(self.starts, start)
        return self.ends[index] if index < len(self.starts) and self.starts[index] <= end else -1


class Labels:
    """A recogniser's phrases in one text."""

    def __init__(self, phrases: Phrases, text: str) -> None:
        flat = text.encode("latin-1", "replace")  # one byte for each character: offsets stay what they are
        self.text = text
        self.positive = _Places(phrases.positive, flat)
        self.adjacent = _Places(phrases.adjacent, flat)
        self.doubtful = _Places(phrases.doubtful, flat)
        self.veto = _Places(phrases.veto, flat) if self.doubtful.ends else None
        self.negative = _Places(phrases.negative, flat)
        self.direct = _Places(phrases.direct, flat)
        self.behind = _Places(phrases.behind, flat)

    def vetoed(self, start: int, end: int) -> bool:
        return self.veto is not None and self.veto.any(start, end)


_SENTENCE_END = re.compile(r"[A-Za-z)]{3}[.!?]\s+[A-Z]")


def same_sentence(text: str, start: int, end: int) -> bool:
    return _SENTENCE_END.search(text, start, end) is None
