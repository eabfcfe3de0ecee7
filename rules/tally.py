"""Hits of one recogniser in one place, and the finding they become once Presidio has confirmed them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from rules.confirm import NoAnswerError
from rules.mask import masked_number
from rules.recognise import AFTER, BEFORE, CERTAIN, Hit
from rules.verdict import Finding

CONFIRMED = 3  #: windows that Presidio is asked about for one finding


@dataclass(slots=True)
class Tally:
    count: int = 0
    values: set[str] = field(default_factory=set)
    windows: list[str] = field(default_factory=list)
    first: int = -1  #: line or row of the first hit
    last: int = -1
    sample: str = ""

    def add(self, value: str, place: int, window: Callable[[], str] | None) -> None:
        """Count a hit. Its window is asked for only while Presidio is to see more of them."""
        self.count += 1
        self.values.add(value)
        if self.first < 0:
            self.first, self.sample = place, value
        self.first, self.last = min(self.first, place), max(self.last, place)
        if window and len(self.windows) < CONFIRMED:
            self.windows.append(window())

    def finding(self, score: float, part: str | None, entity: str, where: str) -> Finding:
        """`score` is Presidio's. Raises NoAnswerError when it does not see what its own recogniser matches."""
        if score < CERTAIN:
            raise NoAnswerError("Presidio did not confirm what its own recogniser matches")
        return Finding(
            entity=entity,
            part=part,
            where=where,
            count=self.count,
            distinct=len(self.values),
            confidence=round(score, 2),
            sample=masked_number(entity, self.sample),
        )


def window_of(text: str, hit: Hit) -> Callable[[], str] | None:
    """What Presidio is to read of a hit; nothing of one that owes its score to the number before."""
    if not hit.alone:
        return None
    return lambda: text[max(0, hit.start - BEFORE - 1) : hit.end + AFTER]
