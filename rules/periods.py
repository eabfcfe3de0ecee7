"""When an entry of the client directory counts. The day comes in; nothing here asks a clock."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from rules.clientfile import Dated, DirectoryFile, Internal, Party

_EVER = (date.min, date.max)
Period = tuple[date, date]


def period(item: str | Party) -> Period:
    """First and last day, both included."""
    if type(item) is str or not isinstance(item, (Dated, Party)):  # a hundred thousand plain strings come by
        return _EVER
    return (item.since or date.min, item.until or date.max) if item.since or item.until else _EVER


def counts(item: str | Party, today: date | None) -> bool:
    """Whether it counts today. When nobody says what day it is, what has a period does not."""
    first, last = period(item)
    return (first, last) == _EVER if today is None else first <= today <= last


def counting(items: Iterable[str], today: date | None) -> tuple[str, ...]:
    return tuple([item for item in items if type(item) is str or counts(item, today)])


def meet(one: Period, other: Period) -> bool:
    """Whether two periods have a day in common."""
    return one is other or (one[0] <= other[1] and other[0] <= one[1])


def common(item: Period, owner: Period) -> Period:
    return item if owner is _EVER else (max(item[0], owner[0]), min(item[1], owner[1]))


def next_change(file: DirectoryFile, today: date) -> date | None:
    """The first day after today on which something begins to count or ceases to."""
    return min((day for day in _changes(file) if day > today), default=None)


def _changes(file: DirectoryFile) -> Iterator[date]:
    for item in _items(file):
        first, last = period(item)
        if first != date.min:
            yield first
        if last != date.max:
            yield last + timedelta(days=1)


def _items(file: DirectoryFile) -> Iterator[str | Party]:
    for party in (*file.clients, *file.partners):
        yield party
        yield from (*party.aliases, *party.domains, *party.addresses)
        yield from getattr(party, "plan_numbers", ())
        yield from getattr(party, "eins", ())
        yield from getattr(party, "acts_for", ())
    internal: Internal = file.internal
    yield from (*internal.domains, *internal.addresses)
