"""How facts read on a page: ages, sizes, numbers and the names of states. Pure; words only, never markup."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.review.address import turns

ENTITIES = {
    "US_SSN": "Social Security number",
    "US_ITIN": "Individual taxpayer number",
    "US_BANK_NUMBER": "Bank account number",
    "DATE_OF_BIRTH": "Date of birth",
    "CREDIT_CARD": "Card number",
    "PARTICIPANT_LIST": "List of people",
}

OBSTACLES = {
    "encrypted": "encrypted, so nobody has looked inside",
    "corrupt": "damaged, so not all of it could be read",
    "unsupported": "a kind of file that cannot be opened here",
    "limit": "too large or too deep to be opened wholly",
    "timeout": "not read to the end in time",
}


def age(moment: datetime, now: datetime) -> str:
    seconds = max(0, int((now - moment).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return "just now"


def moment(value: datetime) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%S UTC")


def number(value: int) -> str:
    return f"{value:,}"


def counted(value: int, noun: str) -> str:
    """`1 row`, `5,135 rows`."""
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {noun}s"


def size(value: int) -> str:
    for limit, unit in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
        if value >= limit:
            return f"{value / limit:.1f} {unit}"
    return f"{value} bytes"


def several(addresses: Sequence[str]) -> str:
    """The first address and how many more."""
    if not addresses:
        return "nobody"
    return addresses[0] if len(addresses) == 1 else f"{addresses[0]} and {len(addresses) - 1:,} more"


def by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def states(counts: Mapping[str, int]) -> str:
    """`MA 4,940 · NC 195`, the largest first, at most eight."""
    largest = by_count(counts)
    shown = " · ".join(f"{state} {count:,}" for state, count in largest[:8])
    return shown if len(largest) <= 8 else f"{shown} · {len(largest) - 8} more"


def entity(name: str) -> str:
    return ENTITIES.get(name, name.replace("_", " ").capitalize())


def label(word: str) -> str:
    """A word of ours as a person reads it: `plan-number` is `plan number`."""
    return str(word).replace("-", " ").replace("_", " ")


#: Told elsewhere on the page, or for programs only.
UNTOLD = {"fingerprint", "decided", "versions", "clients", "parts", "obstacles", "findings", "people", "size", "sender"}


def details(detail: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What an audit record says, in short."""
    return [
        (name, _flat(value)) for name, value in detail.items() if name not in UNTOLD and value not in ("", None, [])
    ]


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_flat(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_flat(inner) for inner in value)
    return str(value)


FILTERS = {
    "age": age,
    "moment": moment,
    "number": number,
    "counted": counted,
    "size": size,
    "several": several,
    "by_count": by_count,
    "states": states,
    "entity": entity,
    "label": label,
    "details": details,
    "turns": turns,
    "obstacle": lambda reason: OBSTACLES.get(str(reason), str(reason)),
}
