"""Lists in running text, one person to a line: `- Lund, Erik, DOB 04/21/1968`, `Erik Lund: $50,210`. Judges nothing."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rules import states
from rules.columns import can_be_a_person
from rules.headers import MONEY, Meaning, vocabulary, words_of
from rules.vocabulary import words

_LEAST = 3
_LEAST_NAMES = 0.8  #: of the lines of a list, how many must begin with what can be a person's name
_LONGEST_LINE = 300
_REPORT = re.compile(r"\S {3,}\S|\S {2}\S.*\S {2,}\S")  #: columns, which others read better
_ABOVE = 3  #: lines over a list in which it is announced: "Salary changes:"

_BULLET = r"[\s>]{0,20}(?:(?:[*#\u2022\u00b7\u25aa\u25e6o-]|\(?[0-9]{1,4}[.)])[ \t]{1,4})?"
_WORD = r"[^\W\d_a-z][\w'\u2019.-]{0,25}"
_NAME = rf"(?P<name>{_WORD},[ ]{_WORD}(?: {_WORD}){{0,2}}|{_WORD}(?:[ ]{_WORD}){{1,4}})"
_NAME_LAST = re.compile(rf"{_BULLET}(?P<rest>.{{0,40}}[0-9])[ ]?[:;,-]+[ ]{_NAME}[ ]?")
_NAME_FIRST = re.compile(
    rf"{_BULLET}{_NAME}"
    r"[ ]?(?:[,;:(=|\t]|[ ]?[-=]+>?(?=[ ])|(?=[ ]))(?P<rest>.*)"
)
_VALUE = re.compile(
    r"(?:(?P<label>[^\W\d_][\w .'/#]{0,40}?)[\s:=]{0,4})?(?<![\w.-])(?:"
    r"(?P<address>[0-9]{1,6} [A-Za-z][\w .,'#/-]{3,80}[A-Z]{2},? [0-9]{5}(?:-[0-9]{4})?)"
    r"|(?P<ssn>[0-9]{3}[- ][0-9]{2}[- ][0-9]{4})|(?P<nine>[0-9]{9})"
    r"|(?P<masked>[Xx*#\u2022]{3}[- ]?[Xx*#\u2022]{2}[- ]?[0-9]{4}|[Xx*#\u2022]{4,5}[0-9]{4})"
    r"|(?P<date>[0-9]{1,2}[/.-][0-9]{1,2}[/.-](?:[0-9]{4}|[0-9]{2})|(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2})"
    r"|(?P<money>\$ ?[0-9][0-9,]*(?:\.[0-9]{2})?|[0-9][0-9,]*\.[0-9]{2}|[0-9]{1,3}(?:,[0-9]{3})+)"
    r"|(?P<percent>[0-9]{1,3}(?:\.[0-9]{1,3})? ?%)"
    r"|(?P<number>[A-Z]{0,2}[0-9]{3,12})"
    r")(?![\w%-]|[.,][0-9])(?: ?\((?P<after>[^\W\d_][A-Za-z .]{1,29})\))?"
)

#: What a value without a label may be, when the words over the list say so.
_MAY_BE = {
    "address": frozenset({Meaning.HOME, Meaning.ADDRESS}),
    "ssn": frozenset({Meaning.SSN, Meaning.TAX_ID}),
    "nine": frozenset({Meaning.SSN, Meaning.TAX_ID}),
    "masked": frozenset({Meaning.LAST_FOUR}),
    "date": frozenset({Meaning.BIRTH}),
    "money": MONEY,
    "percent": frozenset({Meaning.CONTRIBUTION}),
    "number": frozenset({Meaning.LAST_FOUR, Meaning.PERSON_ID}),
}
_SPEAK_FOR_THEMSELVES = frozenset({" ssn", " masked"})

#: Whose addresses one to a line are those of their homes.
_OF_PEOPLE = frozenset({"participants", "members", "retirees", "annuitants", "beneficiaries", "dependents", "patients"})

Key = tuple[str, int]  #: label, or kind of value; and the how manieth of it in the line


class Items(NamedTuple):
    """Lines `first` to before `end`, as rows under a header."""

    first: int
    end: int
    header: list[str]
    rows: list[list[str]]


class _Item(NamedTuple):
    line: int
    name: str
    cells: dict[Key, str]
    rest: str


def items(lines: Sequence[str], taken: set[int]) -> Iterator[Items]:
    """Runs of three lines and more that begin with a name and go on with something that is known of a person."""
    run: list[_Item] = []
    for number in range(len(lines) + 1):
        line = lines[number] if number < len(lines) else "."
        if not line.strip() and run and number - run[-1].line == 1:
            continue  # a blank line may stand between two
        item = _item(number, line) if number not in taken else None
        if item:
            run.append(item)
            continue
        if found := _list(run, lines):
            yield found
        run = []


def _item(number: int, line: str) -> _Item | None:
    match = _NAME_LAST.fullmatch(line) or _NAME_FIRST.match(line) if len(line) <= _LONGEST_LINE else None
    if match is None or _REPORT.search(line):
        return None
    name, rest = _parted(match["name"], match["rest"])
    cells: dict[Key, str] = {}
    for value in _VALUE.finditer(rest):
        label = _label(value)
        key = next(key for order in range(len(rest)) if (key := (label, order)) not in cells)
        cells[key] = value[_kind(value)]
    more = _VALUE.sub(" ", rest).strip(" ,;()-")
    if states.named(more):
        cells["State", 0] = more
    return _Item(number, name, cells, more) if cells else None


def _parted(name: str, rest: str) -> tuple[str, str]:
    """A name without the label that follows it at once: 'Erik Lund SSN' and ': 421-58-3307'."""
    spoken = name.split(" ")
    for place in range(2, len(spoken)):
        if vocabulary().meaning(spoken[place]) in {Meaning.SSN, Meaning.TAX_ID, Meaning.BIRTH, *MONEY}:
            return " ".join(spoken[:place]), f"{' '.join(spoken[place:])} {rest}"
    return name, rest


def _label(value: re.Match[str]) -> str:
    """What is said of a value, before or behind it; else what kind it is."""
    for said in (value["label"], value["after"]):
        if said and vocabulary().meaning(said) not in {None, Meaning.OTHER}:
            return str(said)
    return f" {_kind(value)}"


def _kind(value: re.Match[str]) -> str:
    return next(kind for kind in _MAY_BE if value[kind])


def _list(run: Sequence[_Item], lines: Sequence[str]) -> Items | None:
    if len(run) < _LEAST or sum(can_be_a_person(item.name) for item in run) < _LEAST_NAMES * len(run):
        return None
    announced = announced_in(lines[max(run[0].line - _ABOVE, 0) : run[0].line])
    keys = list(dict.fromkeys(key for item in run for key in item.cells))
    header = [_said(label, announced) for label, _ in keys]
    if not any(header) and _SPEAK_FOR_THEMSELVES.isdisjoint(label for label, _ in keys):
        return None
    rows = [[item.name, *(item.cells.get(key, "") for key in keys), item.rest] for item in run]
    blank = [""] * (len(keys) + 2)
    by_line = dict(zip((item.line for item in run), rows, strict=True))
    first, end = run[0].line, run[-1].line + 1
    return Items(first, end, ["Name", *header, ""], [by_line.get(number, blank) for number in range(first, end)])


def _said(label: str, announced: dict[Meaning, str]) -> str:
    if not label.startswith(" "):
        return label
    return next((announced[meaning] for meaning in announced if meaning in _MAY_BE[label[1:]]), "")


def announced_in(above: Sequence[str]) -> dict[Meaning, str]:
    """What the words over a list say that it holds. Money that people give for something is nobody's pay."""
    short = [line for line in reversed(above) if len(line) <= _LONGEST_LINE]
    said = {word for line in short for word in words_of(line)}
    found = {meaning: phrase for line in short for phrase, meaning in vocabulary().phrases_in(line)}
    if not said.isdisjoint(words("giving")):
        found = {meaning: phrase for meaning, phrase in found.items() if meaning not in MONEY}
    if not said.isdisjoint(_OF_PEOPLE):
        found.setdefault(Meaning.HOME, "home address")
    return found
