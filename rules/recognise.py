"""One recogniser at work on folded text: shapes, checks and labels, in linear time. Presidio confirms its hits."""

import heapq
import re
from collections.abc import Iterator
from dataclasses import dataclass

from rules import states
from rules.below import FARTHEST, cell_below
from rules.checks import CHECKS, digits, nine_digits
from rules.fields import is_in_a_name, is_in_another, names_another
from rules.labels import NOWHERE, Labels, Phrases, Place, same_sentence
from rules.recognisers_file import RecogniserFile, Reports

CERTAIN = 0.5  #: a score from here on is a finding
BEFORE, AFTER = 96, FARTHEST + 40  #: characters in which a label may stand
_VETO = 40  #: characters behind a number in which a phrase may object to a doubtful label

_LIST_GOES_ON = re.compile(r"(?: ?\([A-Za-z' ]{1,30}\))?[\s,;/&|]{1,6}(?:and |or |[*\u2022-] |[0-9]{1,3}[.)] )?")
_LISTED_BEFORE = re.compile(
    r"(?<![0-9-])[0-9]{3}-[0-9]{2}-[0-9]{4}(?: ?\([A-Za-z' ]{1,30}\))?(?:, ?| )(?:and |or |& )?\Z"
)
_QUALIFIER = re.compile(r"(?:[\s._]?(?:no|num|number|nbr|id|code|tag|pool)(?![A-Za-z]))?[\s.:#=]{0,3}", re.IGNORECASE)
_LEADS = 400  #: characters of dots between a label and its number
_LEADS_TO = re.compile(
    r"(?:[\s._]?(?:no|num|number|nbr|id)(?![A-Za-z]))?[\s.:#=)_-]{0,6}(?:(?:is|was|are|ends|in) )?[\s.:#=\"'(*_-]{0,4}",
    re.IGNORECASE,
)
_GOES_ON_BEFORE = re.compile(r"(?:[0-9][-.]|[0-9](?<!-[0-9]{2}-[0-9]{4})/|[A-Za-z#]|\+[0-9]{1,3}[ -]{0,2}|[A-Za-z]-)\Z")
_GOES_ON_AFTER = re.compile(r"-[0-9A-Za-z]|/(?![0-9]{3}-[0-9]{2}-)[0-9]|\.[0-9]|[A-Za-z](?![A-Za-z])|[a-z]")
_FIELD = re.compile(r"\w[\"'\]]?[ \t]{0,3}[:=][ \t]{0,3}[\"']?$")
_HEX_BESIDE = re.compile(r"[0-9A-Fa-f-]")
_HEX_BEFORE = re.compile(r"(?:(?<![0-9A-Za-z])|(?<=0[xX]))[0-9A-Fa-f-]{1,64}\Z")
_HEX_BEHIND = re.compile(r"[0-9A-Fa-f-]{1,64}(?![0-9A-Za-z])")
_HEX_LENGTH = 16  #: characters of the shortest
_STATE_BEFORE = re.compile(r"(?<![A-Za-z])([A-Z]{2}),? {1,2}\Z")
_ZIP_PLUS_4 = re.compile(r"[0-9]{5}-[0-9]{4}")
_LEADER = " ._\t\u2026"  #: what leads the eye from a label to its number, as far as it takes
_DATE_LIKE = re.compile(r"0(?:[0-2][0-9]|3[01])-(?:0[1-9]|1[0-2])-(?:19|20)[0-9]{2}")
_OWN_ID = re.compile(r"(?:[\s.:#]{0,3}(?:no|number|id)\b)?[\s.:#]{1,3}[A-Z-]{0,3}[0-9]{1,12}(?![0-9-])")
_LISTED = re.compile(r"[\s.:#]{1,4}(?:[0-9]{9}(?:,|;| ?&| and)? (?:and )?){1,10}")  #: "tickets 212486397, "
_NUMBER = re.compile(r"[0-9]{3}-?[0-9]{2}-?[0-9]{4}(?![0-9])")
_ITEM = re.compile(r"[\s*#\u2022>-]{0,9}(?:[A-Za-z]{1,12} ){0,2}")
_CLAUSE_ENDS = re.compile(r"[^,;)]{0,20}[,;)] {0,2}(?:is|was|are) ")
_MEANS = re.compile(
    r"(?i)(?<![a-z])(?:by|over|on|via) (?:the |a |his |her )?(?:phone|telephone|fax|call)\Z"
)  #: no label
_PERSON = re.compile(
    r"(?i)['\u2019]?s? ?-?(?:holder|owner|participant|member|applicant|borrower|beneficiary|annuitant|claimant|signer)"
    r"(?:s|['\u2019]s|s['\u2019])?(?![a-z])(?! ?(?:id|no|num|number|nbr|code)(?![a-z]))"
)
_BEFORE_LABEL = re.compile(
    r"[\s,;()\[\]<>=_-]{0,4}"
    r"(?:is |(?:was )?(?:entered |listed |given |used |reported )?(?:as |in )|was )?(?:my |his |her |their |the )?"
)
_LABEL_OF_ANOTHER = re.compile(  # of the next number, of what a file or a program has
    r"[^\w\n)]{0,4}(?:[0-9]|is\b|no\b|number\b)|[\s:#.]{0,4}[Xx*#\u2022]{2}|[_-][a-z]|\.[a-z]"
    r"|(?i: (?:mask|column|index|drop|token|lookup))"
)


_OWN_NUMBER = re.compile(r"[\s:#=\"'(]{0,6}[0-9Xx*]{3}[-. ]?[0-9Xx*]{2}[-. ]?[0-9]{4}(?![0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    start: int
    end: int
    score: float
    value: str  #: the matched characters: never leaves the worker
    alone: bool = True  #: judged by what stands near it, not inherited from the number before


class Recogniser:
    """Compiled once from its file, then only read."""

    def __init__(self, file: RecogniserFile) -> None:
        self.file = file
        self.entity = file.entity
        self.check = CHECKS[file.check]
        self._phrases = Phrases(file.context)
        self._shape = re.compile("|".join(f"(?P<p{i}>{p.regex})" for i, p in enumerate(file.patterns)))
        self._scores = {f"p{i}": pattern.score for i, pattern in enumerate(file.patterns)}

    @property
    def phrases(self) -> tuple[str, ...]:
        return self.file.context.positive + self.file.context.adjacent + self.file.context.doubtful

    def search(self, text: str, start: int = 0, end: int | None = None) -> Iterator[Hit]:
        """Hits between `start` and `end`, in order; labels are looked for outside these bounds too."""
        stop = len(text) if end is None else min(end, len(text))
        labels: Labels | None = None
        origin, previous = max(0, _reach(text, start + 1) - 1), -1
        while match := self._shape.search(text, start, stop):
            start = match.start() + 1  # what was no hit must not hide one that begins inside it
            if not self.check(match[0]):
                continue
            if labels is None:
                labels = Labels(self._phrases, text[origin : stop + AFTER])
            base = self._scores[match.lastgroup or "p0"]
            score = self._judge(labels, match.start() - origin, match.end() - origin, base)
            inherited = score < CERTAIN and previous >= 0 and _goes_on(text, previous, match.start())
            if score < CERTAIN and not inherited:
                continue
            previous = start = match.end()
            score = max(score, 0.6) if inherited else score
            yield Hit(start=match.start(), end=match.end(), score=score, value=match[0], alone=not inherited)

    def possible(self, text: str) -> bool:
        """Whether a shape in the text passes the check; its label is not asked for."""
        start = 0
        while match := self._shape.search(text, start):
            if self.check(match[0]):
                return True
            start = match.start() + 1
        return False

    def judge(self, text: str, start: int, end: int, score: float) -> float:
        """The score of a shape once its neighbours are read: the nearest label wins."""
        return self._judge(Labels(self._phrases, text), start, end, score)

    def _judge(self, labels: Labels, start: int, end: int, score: float) -> float:
        if labels.behind.any(end, end + 2) or _inside_hexadecimal(labels.text, start, end):
            return 0.3
        if _ends_an_address(labels.text, start, end):
            return 0.3
        if self._labelled(labels, start, end, score):
            return min(1.0, max(score + 0.35, 0.6))
        if score < CERTAIN:
            return min(score, 0.3)
        if self.file.reports is Reports.ALWAYS and self._doubtful(labels, start, end):
            return 0.3
        return score

    def _labelled(self, labels: Labels, start: int, end: int, score: float) -> bool:
        return self._labelled_before(labels, start, end, score) or self._labelled_behind(labels, start, end)

    def _labelled_before(self, labels: Labels, start: int, end: int, score: float) -> bool:
        reach = _reach(labels.text, start)
        positive = max(labels.positive.last(reach, start), self._adjacent(labels, reach, start))
        doubtful = labels.doubtful.last(reach, start)
        if doubtful > positive and not labels.vetoed(reach, end + _VETO):
            positive = doubtful
        if positive == NOWHERE or _of_an_item_above(labels.text, positive[0], start):
            return False
        if positive < self._objection(labels, reach, start, positive) or _taken(labels.text, positive[0], start):
            return False
        if any(other(labels.text, positive[0], start) for other in (names_another, is_in_another, is_in_a_name)):
            return False
        return score >= CERTAIN or same_sentence(labels.text, positive[0], start)

    @staticmethod
    def _adjacent(labels: Labels, reach: int, start: int) -> Place:
        """A word that is a label only where nothing else stands between it and the number: "Social 212486397"."""
        adjacent = labels.adjacent.last(reach, start)
        return adjacent if adjacent != NOWHERE and _LEADS_TO.fullmatch(labels.text, adjacent[0], start) else NOWHERE

    def _objection(self, labels: Labels, reach: int, start: int, positive: Place) -> Place:
        """The last word before a number that says it is something else, and has no number of its own nor a person."""
        direct = labels.direct.last(reach, start)
        if direct > positive and _QUALIFIER.fullmatch(labels.text, direct[0], start):
            return (start, 0)
        both = (labels.negative.backwards(reach, start), labels.bare.backwards(reach, start))
        for negative in heapq.merge(*both, reverse=True):
            own = _OWN_ID.match(labels.text, negative[0])
            if _CLAUSE_ENDS.match(labels.text, negative[0], start) or negative < positive:
                break
            has_its_own = own is not None and own.end() < start
            has_its_own = has_its_own and not _LISTED.fullmatch(labels.text, negative[0], start)
            if not has_its_own and not _of_a_person(labels.text, negative):
                return negative
        return NOWHERE

    def _labelled_behind(self, labels: Labels, start: int, end: int) -> bool:
        """'212486397 (SSN)', but not '212486397 SSN 312-48-6398': there the label belongs to the next number."""
        gap = _BEFORE_LABEL.match(labels.text, end)
        label_end = labels.positive.beginning(end, gap.end() if gap else end)
        if label_end < 0 and (below := cell_below(labels.text, start, end)):
            return labels.positive.any(*below) and not self._named_otherwise(labels, start)
        if (
            label_end < 0
            or _LABEL_OF_ANOTHER.match(labels.text, label_end)
            or labels.text[start - 1 : start].isalpha()
            or labels.text[label_end : label_end + 1].isalpha()
            or ("\n" in labels.text[end:label_end] and _FIELD.search(labels.text, max(0, start - 8), start))
        ):
            return False
        return not self._named_otherwise(labels, start)

    @staticmethod
    def _named_otherwise(labels: Labels, start: int) -> bool:
        """Whether the words right before say that the number is something else: 'Part No. '."""
        if before := _LISTED_BEFORE.search(labels.text, max(0, start - BEFORE), start):
            start = before.start()  # "parts 212-48-6397 (seal) and 312-48-6398"
        reach = max(0, start - BEFORE)
        words = (labels.negative.last(reach, start), labels.direct.last(reach, start))
        return any(word != NOWHERE and _QUALIFIER.fullmatch(labels.text, word[0], start) for word in words)

    def _doubtful(self, labels: Labels, start: int, end: int) -> bool:
        text = labels.text
        return (
            _GOES_ON_BEFORE.search(text, max(0, start - 8), start) is not None
            or _GOES_ON_AFTER.match(text, end) is not None
            or _DATE_LIKE.fullmatch(text, start, end) is not None
            or self._named_otherwise(labels, start)
        )


def _of_an_item_above(text: str, label_end: int, start: int) -> bool:
    """Whether label and number stand on lines that begin alike, each with a number: "PR 547499170: drop ssn"."""
    line_end = text.find("\n", label_end, start)
    if line_end < 0:
        return False
    item = text[text.rfind("\n", line_end, start) + 1 : start]
    above = text.rfind("\n", max(0, label_end - BEFORE), label_end) + 1
    number = above + len(item)
    return (
        _ITEM.fullmatch(item) is not None
        and text.startswith(item, above)
        and _NUMBER.match(text, number, label_end) is not None
    )


def _of_a_person(text: str, word: Place) -> bool:
    """Whether a word names no number but says whose it is, or how it was told: "plan participant", "by phone"."""
    return _MEANS.search(text, max(0, word[0] - 24), word[0]) is not None or _PERSON.match(text, word[0]) is not None


def _inside_hexadecimal(text: str, start: int, end: int) -> bool:
    """A piece of a UUID or a checksum; a name may look like one ("Ada"), but not so long."""
    if not (_HEX_BESIDE.search(text, max(0, start - 1), start) or _HEX_BESIDE.match(text, end)):
        return False
    before, behind = _HEX_BEFORE.search(text, max(0, start - 64), start), _HEX_BEHIND.match(text, end)
    token = text[before.start() if before else start : behind.end() if behind else end]
    return len(token) >= _HEX_LENGTH and not token.replace("-", "").isdigit()


def _ends_an_address(text: str, start: int, end: int) -> bool:
    """ZIP+4 behind a state: "Baltimore, MD 21235-6401"."""
    state = _STATE_BEFORE.search(text, max(0, start - 6), start)
    if state is None or _ZIP_PLUS_4.fullmatch(text, start, end) is None:
        return False
    return states.named(state[1]) == states.of_zip(text[start:end]) != ""


def _reach(text: str, start: int) -> int:
    """From where on a label may stand before a number; dots and lines that lead to it do not count."""
    led = text[max(0, start - _LEADS) : start]
    return max(0, start - BEFORE - (len(led) - len(led.rstrip(_LEADER))))


def _taken(text: str, label_end: int, start: int) -> bool:
    """Whether a label has its own number already: 'SSN 000-12-3456, size 212486397'."""
    own = _OWN_NUMBER.match(text, label_end)
    return own is not None and own.end() < start


def _goes_on(text: str, previous: int, start: int) -> bool:
    """One label covers a list of numbers."""
    return start - previous < 48 and _LIST_GOES_ON.fullmatch(text, previous, start) is not None


def same_number(entity: str, value: str) -> str:
    """What makes two hits the same: nine digits for a person's number, else its digits."""
    if entity in {"US_SSN", "US_ITIN"}:
        return nine_digits(value)
    return digits(value) or value.casefold()
