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

_WORD_GOES_ON = re.compile(rb"(?<=[a-z])[a-z]|(?<=[A-Z])(?:[a-z]|[A-Z](?![a-z]))")  #: not the "Value" of "SSNValue"
_BEFORE_IT = re.compile(rb"[^A-Za-z0-9]|[a-z]{2}(?=[A-Z])")  #: what `expression` reads before a phrase
_ACRONYM = 4  #: letters of a word that may be in capitals within a name
_PLURAL = re.compile(rb"[sS](?![A-Za-z])")
_PLAIN = bytes(  #: Latin-1 without accents, a byte for a byte
    base if (base := ord(unicodedata.normalize("NFD", chr(code))[0])) < 128 else code for code in range(256)
)

Place = tuple[int, int]  #: end and length of a phrase; the greater is the nearer, or the longer at the same end
NOWHERE: Place = (-1, 0)


def flat(text: str) -> bytes:
    """One byte for each character, so that offsets stay what they are; accents off: who types fast leaves them out."""
    content = text.encode("latin-1", "replace")
    return content if text.isascii() else content.translate(_PLAIN)  # a large text is not copied once more for nothing


def glance(phrase: str) -> str:
    """A flat phrase as RE2 reads it: anything but letters and digits may stand between its words."""
    words = flat(phrase).decode("latin-1").removeprefix("*").split()
    return r"[\s._-]{0,3}".join(map(re2.escape, words))


def _camel(phrase: str) -> str:
    """The same within a name of a program: the "SocialSecurityNumber" of "employeeSocialSecurityNumber"."""
    words = [(re2.escape(word.capitalize()), word.upper()) for word in phrase.split()]
    return "".join(f"(?:{word}|{capitals})" if len(capitals) <= _ACRONYM else word for word, capitals in words)


def expression(phrases: Sequence[str]) -> str:
    """Phrases as one RE2 expression of flat text in any case; of those that begin at one place, all are in one branch.

    RE2 has no lookaround: a letter before is excluded by reading the character before, one behind by `_cut`.
    """
    either = [f"(?:^|[^A-Za-z])(?:{'|'.join(map(glance, phrases))})"]
    either += [glance(phrase) for phrase in phrases if phrase.startswith("*")]
    if within := [_camel(phrase) for phrase in phrases if phrase.isascii() and phrase.replace(" ", "").isalnum()]:
        either.append(f"(?-i:[a-z]{{2}}(?:{'|'.join(within)}))")  # two: nobody's "McCall" is a call
    return "|".join(either)


def compiled(phrases: Sequence[str]) -> Any:
    return re2.compile(expression(phrases).encode("latin-1"), _OPTIONS) if phrases else _NOTHING


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
        self.bare = compiled(context.bare)


class _Places:
    """Sorted places of one list of phrases."""

    def __init__(self, expression: Any, content: bytes) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []
        position = 0
        while found := expression.search(content, position):
            match = found
            while match and _cut(content, match.end()):  # "SSN no" in "SSN not masked" is an SSN all the same
                match = expression.match(content, match.start(), match.end() - 1)
            position = found.start() + 1  # what was no phrase must not hide one that begins inside it
            if not match:
                continue
            start, end = match.span()
            before = _BEFORE_IT.match(content, start)
            self.starts.append(before.end() if before else start)
            position = end + (_PLURAL.match(content, end) is not None)
            self.ends.append(position)

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
    return _WORD_GOES_ON.match(content, end) is not None and _PLURAL.match(content, end) is None


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
        self.bare = _Places(phrases.bare, content)

    def vetoed(self, start: int, end: int) -> bool:
        return self.veto is not None and self.veto.any(start, end)


_SENTENCE_END = re.compile(
    r"(?:[A-Za-z)]{3}|%)(?<!below)[.!?]\s+(?!(?:Here|It|This)(?: it)?(?: is|'s|\u2019s)[: ])[A-Z]"
)


def same_sentence(text: str, start: int, end: int) -> bool:
    """Whether no other sentence begins between a label and a number; "Here it is" goes on with what was said."""
    return _SENTENCE_END.search(text, start, end) is None
