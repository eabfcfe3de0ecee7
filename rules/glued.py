"""Fixed-width records without gaps: `SMITH JOHN418627753NC`. Reads what stands around nine digits."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rules import states
from rules.checks import is_issued_itin, is_issued_ssn
from rules.headers import vocabulary

HEADER = ["Name", "SSN", "State", "DOB"]
_LEAST = 3
_LONGEST_LINE = 1_000

# Nine digits, alone or with a birth date glued behind them, and a letter glued to one side.
_NUMBER = re.compile(
    r"(?<![0-9-])(?P<ssn>[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{9})(?P<date>(?:19|20)[0-9]{2}[01][0-9][0-3][0-9])?(?![0-9-])"
)
_GLANCE = re.compile(
    r"[^\W\d_](?:[0-9]{9}|[0-9]{3}-[0-9]{2}-[0-9]{4})|(?:[0-9]{9}|-[0-9]{4})[^\W\d_]|(?<![0-9])[0-9]{9}(?:19|20)[0-9]{6}(?![0-9])"
)
_HEAD = re.compile(r"[0-9]{1,20}(?=[0-9]{9}[^\W\d_])")
_POSTAL_ITEM = re.compile(r"(?<![A-Z])[A-Z]{2}[0-9]{9}[A-Z]{2}(?![A-Z])")  # Universal Postal Union, S10
_UP_TO_A_DIGIT = re.compile(r"[^0-9]*")
_WORD = re.compile(r"[^\W\d_][^\W\d_'.-]*")
_DATE = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}[01][0-9][0-3][0-9]")


class Glued(NamedTuple):
    """Lines `first` to before `end`, as rows under HEADER."""

    first: int
    end: int
    rows: list[list[str]]


def glued(lines: Sequence[str], taken: set[int]) -> Iterator[Glued]:
    """Runs of three lines and more that are such records of people."""
    run: list[list[str]] = []
    for number in range(len(lines) + 1):
        row = _record(_bare(lines, number)) if number < len(lines) and number not in taken else None
        if row:
            run.append(row)
            continue
        if len(run) >= _LEAST and _are_people(run):
            yield Glued(number - len(run), number, run)
        run = []


def _bare(lines: Sequence[str], number: int) -> str:
    """A record without the digits that it begins with as its neighbour does: its type, the number of the plan."""
    line = lines[number]
    head = _HEAD.match(line)
    neighbours = [*lines[max(number - 1, 0) : number], *lines[number + 1 : number + 2]]
    if head and any(other.startswith(head[0]) for other in neighbours):
        return line[head.end() :]
    return line


def _record(line: str) -> list[str] | None:
    if len(line) > _LONGEST_LINE or _GLANCE.search(line) is None or _POSTAL_ITEM.search(line):
        return None
    match = _NUMBER.search(line)
    if match is None:
        return None
    before, behind = _words(line[: match.start()]), _words(line[match.end() :])
    name, state = before, next((word for word in behind[:1] if states.named(word)), "")
    if not any(len(word) > 2 for word in before):
        state = next((word for word in reversed(behind) if len(word) == 2 and states.named(word)), "")
        name = _words(_UP_TO_A_DIGIT.match(line, match.end())[0])  # type: ignore[index]  # it matches "" too
        name = name[: name.index(state)] if state in name else name
    birth = match["date"] or (found[0] if (found := _DATE.search(line, match.end())) else "")
    return [" ".join(name), match["ssn"], state, birth] if 0 < len(name) <= 4 else None


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _are_people(rows: Sequence[Sequence[str]]) -> bool:
    """Names of two words, of no company, beside numbers that were issued and do not run."""
    names = [row[0] for row in rows]
    numbers = [row[1].replace("-", "") for row in rows]
    whole = sum(" " in name for name in names) >= 0.6 * len(names)
    distinct = len(set(names)) >= 0.5 * len(names) and len({number[:3] for number in numbers}) >= 0.3 * len(numbers)
    issued = sum(is_issued_ssn(number) or is_issued_itin(number) for number in numbers) >= 0.98 * len(numbers)
    return whole and distinct and issued and sum(map(vocabulary().organisation, names)) < 0.25 * len(names)
