"""Find a person's numbers in running text: a fast glance, then only what lies near. Never asks Presidio itself."""

import heapq
import re
from collections.abc import Iterator, Sequence

import re2

from rules.labels import expression, flat
from rules.recognise import BEFORE, Hit, Recogniser
from rules.recognisers_file import Reports

_BYTES = re2.Options()
_BYTES.encoding = re2.Options.Encoding.LATIN1  # else nothing but ASCII may follow a label
_SPAN = 80  #: longest shape of a recogniser that reports by itself
_NUMBERS_GO_ON = re.compile(r"[0-9\s,;/&.-]*(?:and |or )?[0-9\s,;/&.-]*")

Zone = tuple[int, int]


class Searcher:
    """The recognisers that report by themselves, and where in a text they have to look at all."""

    def __init__(self, recognisers: Sequence[Recogniser]) -> None:
        self.recognisers = tuple(r for r in recognisers if r.file.reports is Reports.ALWAYS)
        glances = [recogniser.file.glance for recogniser in self.recognisers if recogniser.file.glance]
        phrases = sorted({phrase for recogniser in self.recognisers for phrase in recogniser.phrases})
        # Bytes, one for each character: RE2 passes 700 MB of text a second so, and offsets stay what they are.
        self._glance = re2.compile("|".join(glances).encode() or rb"[^\x00-\xff]", _BYTES)
        # All labels up to the next digit as one match: a text that repeats a label without a number costs nothing.
        label = f"(?i)(?:{expression(phrases)})(?:$|(?:[^A-Z]|(?-i:[A-Z]))[^0-9]*)"
        self._label = re2.compile(label.encode("latin-1"), _BYTES)

    def search(self, text: str) -> Iterator[tuple[Recogniser, Hit]]:
        """Hits in folded text, recogniser by recogniser within each zone."""
        for start, end in self.zones(text):
            for recogniser in self.recognisers:
                for hit in recogniser.search(text, start, end):
                    yield recogniser, hit

    def possible(self, text: str) -> bool:
        """Whether a short text holds a number at all that somebody can have."""
        return any(recogniser.possible(text) for recogniser in self.recognisers)

    def zones(self, text: str) -> Iterator[Zone]:
        """Stretches of folded text that a recogniser has to read, in order and apart from each other."""
        content = flat(text)
        begin = finish = 0
        for start, end in heapq.merge(self._shapes(content), self._labels(content)):
            if start > finish:
                if begin < finish:
                    finish = _while_numbers_go_on(text, finish)
                    yield begin, finish
                begin = finish = max(start, finish)
            finish = max(finish, end)
        if begin < finish:
            yield begin, _while_numbers_go_on(text, finish)

    def _shapes(self, content: bytes) -> Iterator[Zone]:
        for match in self._glance.finditer(content):
            yield match.start() - 1, match.end() + 2

    def _labels(self, content: bytes) -> Iterator[Zone]:
        for match in self._label.finditer(content):
            start, end = match.span()
            yield start - _SPAN, start
            yield end - 1, end + BEFORE + _SPAN


def _while_numbers_go_on(text: str, end: int) -> int:
    """Let a zone go on while numbers do, so that one label covers a long list."""
    longer = _NUMBERS_GO_ON.match(text, min(end, len(text)))
    return longer.end() if longer else end
