"""Finds clients in text: names, plan numbers, EINs and domains, in one linear pass. Never decides what a find means.

Every way of writing a client is a run of words in one Aho-Corasick automaton. The longest run wins:
"Summit Peak Dental" is not "Summit".
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

import ahocorasick

from rules.reading import Reading
from rules.vocabulary import ordinary
from rules.wording import Trust


class How(StrEnum):
    """What kind of sign a find is; the `kind` of evidence."""

    NAME = "name"
    ALIAS = "alias"
    SHORT = "short-name"  #: the distinctive first word of a name: "Acme"
    PLAN = "plan-number"
    EIN = "ein"
    DOMAIN = "domain"


NAMES = frozenset({How.NAME, How.ALIAS})


class Spelling(NamedTuple):
    """One way of writing a client. `client` is None when it means somebody else, or several clients."""

    client: str | None
    how: How
    trust: Trust = Trust.PLAIN
    exact: str = ""  #: what must stand there but for case, when punctuation matters
    former: bool = False  #: of a client that is none today: what a client of today has too is that one's


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    spelling: Spelling
    client: str
    start: int  #: in `Reading.written`
    end: int


class Finder:
    """Every way of writing every client, ready for one pass over a text."""

    def __init__(self, entries: Iterable[tuple[tuple[str, ...], Spelling]]) -> None:
        ways: dict[str, Spelling] = {}
        for name, spelling in entries:
            if name:
                known = ways.setdefault(" ".join(name), spelling)
                if known.client != spelling.client and not (spelling.former and not known.former):
                    # Two meanings tell nothing: it still shadows shorter names inside it.
                    ways[" ".join(name)] = Spelling(None, known.how)
        self._ways = ways
        self._automaton = ahocorasick.Automaton()
        for plain in ways:
            self._automaton.add_word(f" {plain} ", plain)
        self._automaton.make_automaton()

    def __bool__(self) -> bool:
        """Whether there is anything to find."""
        return bool(self._ways)

    def hits(self, reading: Reading) -> bool:
        """Whether anything at all is in it: a tenth of the cost of looking closer, and most texts hold nothing."""
        return next(self._automaton.iter(reading.plain), None) is not None

    def finds(self, reading: Reading) -> list[Find]:
        """Every find, longest first where they overlap, in order of the text."""
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
            if len(word) < 5 or not word.isalpha() or word in self._vocabulary or word in ordinary():
                continue
            tried += 1
            if tried > limit:
                break
            if (meant := self._meant(word)) is not None:
                result[index], changed = meant, True
        return Reading(" ".join(result)) if changed else None

    @cached_property
    def _vocabulary(self) -> frozenset[str]:
        """Words of clients' names; only asked for when a word may be mistyped."""
        return frozenset(word for way, meant in self._ways.items() if meant.how in NAMES for word in way.split())

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
        near = [
            found
            for length in lengths
            if (choices := self._near.get((word[0], length)))
            for found in process.extract(word, choices, scorer=OSA.distance, score_cutoff=slips, limit=2)
        ]
        near.sort(key=lambda found: found[1])
        if not near or (len(near) > 1 and near[0][1] == near[1][1]):
            return None
        return str(near[0][0])


def _longest(hits: list[tuple[int, int, str]]) -> Iterator[tuple[int, int, str]]:
    """From overlapping hits the leftmost, and of those the longest."""
    free = 0
    for start, end, plain in sorted(hits, key=lambda hit: (hit[0], -hit[1])):
        if start >= free:
            yield start, end, plain
            free = end
