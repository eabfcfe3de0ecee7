"""When a run of trials ends: after so many, or when its time is spent and every kind has had its turn. Runs nothing."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Trials take turns by kind, so that wherever a run ends, every kind has had its share."""

    most: int | None = None
    until: float | None = None  #: on the monotonic clock
    enough: Callable[[], bool] = lambda: False  #: a control that has been found needs no more trials

    def trials(self, kinds: int = 1) -> Iterator[int]:
        """Numbers of trials, from 0; `kinds` of them however late it is."""
        number = 0
        while number != self.most and not self.enough() and (number < kinds or not self.late):
            yield number
            number += 1

    @property
    def late(self) -> bool:
        return self.until is not None and time.monotonic() >= self.until
