"""Finds clients in text: names, plan numbers, EINs and domains, in one linear pass. Never decides what a find means.

A text is read once into plain lower-case words (accents, punctuation, `&`, `401(k)` evened out); every way of writing a
client is a run of such words in one Aho-Corasick automaton. The longest run wins: "Summit Peak Dental" is not "Summit".
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache

import ahocorasick

from rules.vocabulary import words

_PUNCTUATION = "".join(chr(c) for c in range(1, 128) if not chr(c).isalnum()) + "…·•–—―“”‘’´«»"  # noqa: RUF001 - these
_SEPARATORS = _PUNCTUATION + "".join(chr(c) for c in range(128, 0x3100) if chr(c).isspace())
_TO_SPACE = str.maketrans(dict.fromkeys(_SEPARATORS, " "))
_WORD = re.compile(f"[^{re.escape(_SEPARATORS)}]+")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_PLAN_LETTER = re.compile(r"(?<=\d)[ ]?\(([a-zA-Z])\)")  # 401(k), 403 (b)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-zA-Z])(?=\d{2})|(?<=\d)(?=[A-Z][a-z])")
BREAK = " \0 "  #: stands between texts that no name may run across


class How(StrEnum):
    """What kind of sign a find is; the `kind` of evidence."""

    NAME = "name"
    ALIAS = "alias"
    SHORT = "short-name"  #: the distinctive first word of a name: "Acme"
    PLAN = "plan-number"
    EIN = "ein"
    DOMAIN = "domain"


NAMES = frozenset({How.NAME, How.ALIAS})


class Trust(StrEnum):
    """How much a way of writing tells by itself."""

    PLAIN = "plain"
    COMMON = "common"  #: every word is an ordinary one: tells only when written like a name
    DOUBTFUL = "doubtful"  #: one ordinary word, or three letters: tells only with a second sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """One way of writing a client. `client` is None when it means somebody else, or several clients."""

    client: str | None
    how: How
    trust: Trust = Trust.PLAIN
    exact: str = ""  #: what must stand there but for case, when punctuation matters


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    spelling: Spelling
    client: str
    start: int  #: in `Reading.written`
    end: int


class Reading:
    """A text made ready for finding. `written` keeps case and punctuation, `plain` is what the automaton sees."""

    def __init__(self, text: str) -> None:
        written = _folded(text) if not text.isascii() else text
        if "&" in written:
            written = written.replace("&", " and ")
        if "(" in written:
            written = _PLAN_LETTER.sub(r"\1", written)
        self.written = written
        self.words: list[str] = written.lower().translate(_TO_SPACE).split()

    @cached_property
    def plain(self) -> str:
        return f" {' '.join(self.words)} "

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """Where each word stands in `written`; only asked for when there is a find."""
        return [match.span() for match in _WORD.finditer(self.written)]


def _folded(text: str) -> str:
    """Accents and full-width forms gone, in the foreign runs only: most text has few."""
    return _FOREIGN.sub(_fold_run, text)


def _fold_run(match: re.Match[str]) -> str:
    return _fold(match[0])


@lru_cache(maxsize=4096)
def _fold(run: str) -> str:
    bare = (c for c in unicodedata.normalize("NFKD", run) if unicodedata.category(c) not in {"Mn", "Me", "Cf"})
    return "".join(c if len(c.lower()) == 1 else c.lower() for c in bare)


def spaced(name: str) -> str:
    """A file or sheet name with its words apart: AcmeMfgCensus2026 is Acme Mfg Census 2026."""
    return _CAMEL.sub(" ", name)


@lru_cache(maxsize=1 << 17)  # loading a directory asks for each of its names several times
def plain_words(name: str) -> tuple[str, ...]:
    return tuple(Reading(name).words)


def core(name: Sequence[str]) -> tuple[str, ...]:
    """A name without a leading "the" and without its legal form."""
    inner = tuple(name)
    if len(inner) > 1 and inner[0] == "the":
        inner = inner[1:]
    while len(inner) > 1 and inner[-1] in words("legal_suffixes"):
        inner = inner[:-1]
    return inner


def trust(name: Sequence[str]) -> Trust:
    ordinary = words("ordinary_words")
    if len(name) == 1:
        return Trust.DOUBTFUL if name[0] in ordinary or len(name[0]) <= 3 else Trust.PLAIN
    return Trust.COMMON if all(word in ordinary or word in _LITTLE for word in name) else Trust.PLAIN


_LITTLE = frozenset({"and", "of", "the", "for", "a", "in", "at", "on"})


_INNER_MARK = re.compile(r"(?<=\w)['’.](?=\w)")  # noqa: RUF001 - as people write it


def spellings(name: str) -> set[tuple[str, ...]]:
    """The ways in which people write one name: with and without its legal form, dots, apostrophes, spaces."""
    ways: set[tuple[str, ...]] = set()
    for written in {name, _INNER_MARK.sub("", name)}:
        full = plain_words(written)
        inner = core(full)
        ways |= {full, inner}
        squeezed = "".join(inner)
        if len(inner) > 1 and len(squeezed) >= 6:
            ways.add((squeezed,))
    return ways


class Finder:
    """Every way of writing every client, ready for one pass over a text."""

    def __init__(self, entries: Iterable[tuple[tuple[str, ...], Spelling]]) -> None:
        self._ways: dict[str, Spelling] = {}
        self._vocabulary: set[str] = set()
        for name, spelling in entries:
            self._add(name, spelling)
        self._automaton = ahocorasick.Automaton()
        for plain in self._ways:
            self._automaton.add_word(f" {plain} ", plain)
        self._automaton.make_automaton()

    def _add(self, name: tuple[str, ...], spelling: Spelling) -> None:
        if not name:
            return
        plain = " ".join(name)
        known = self._ways.setdefault(plain, spelling)
        if known.client != spelling.client:
            # Two meanings tell nothing: it still shadows shorter names inside it.
            self._ways[plain] = Spelling(client=None, how=known.how)
        if spelling.how in NAMES:
            self._vocabulary.update(name)

    def finds(self, reading: Reading) -> list[Find]:
        """Every find, longest first where they overlap, in order of the text."""
        if not self._ways:
            return []
        hits = [(end - len(plain) - 1, end, plain) for end, plain in self._automaton.iter(reading.plain)]
        return list(self._placed(reading, _longest(hits))) if hits else []

    def _placed(self, reading: Reading, hits: Iterable[tuple[int, int, str]]) -> Iterator[Find]:
        word = position = 0
        for start, _, plain in hits:
            spelling = self._ways[plain]
            if spelling.client is None:
                continue
            word, position = word + reading.plain.count(" ", position, start), start
            last = word + plain.count(" ")
            spans = reading.spans
            yield Find(spelling=spelling, client=spelling.client, start=spans[word][0], end=spans[last][1])

    def corrected(self, reading: Reading, limit: int = 60) -> Reading | None:
        """The same words with near-certain typing errors in clients' words undone; None when there is none."""
        changed, tried, result = False, 0, list(reading.words)
        for index, word in enumerate(result):
            if len(word) < 5 or not word.isalpha() or word in self._vocabulary or word in words("ordinary_words"):
                continue
            tried += 1
            if tried > limit:
                break
            if (meant := self._meant(word)) is not None:
                result[index], changed = meant, True
        return Reading(" ".join(result)) if changed else None

    @cached_property
    def _near(self) -> Mapping[tuple[str, int], list[str]]:
        buckets: dict[tuple[str, int], list[str]] = defaultdict(list)
        for word in self._vocabulary:
            if len(word) >= 5 and word.isalpha():
                buckets[word[0], len(word)].append(word)
        return buckets

    def _meant(self, word: str) -> str | None:
        """The one known word that is a slip away; first letters are seldom mistyped, and two candidates are none."""
        from rapidfuzz import process  # noqa: PLC0415 - most messages have no near miss
        from rapidfuzz.distance import OSA  # noqa: PLC0415

        slips = 1 if len(word) < 10 else 2
        lengths = range(len(word) - slips, len(word) + slips + 1)
        choices = [known for length in lengths for known in self._near.get((word[0], length), ())]
        near = process.extract(word, choices, scorer=OSA.distance, score_cutoff=slips, limit=2)
        if not near or (len(near) == 2 and near[0][1] == near[1][1]):
            return None
        return str(near[0][0])


def _longest(hits: list[tuple[int, int, str]]) -> Iterator[tuple[int, int, str]]:
    """From overlapping hits the leftmost, and of those the longest."""
    free = 0
    for start, end, plain in sorted(hits, key=lambda hit: (hit[0], -hit[1])):
        if start >= free:
            yield start, end, plain
            free = end
