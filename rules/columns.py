"""What a column is: header words first, then the shapes of its values. Judges columns, never single cells."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, RootModel

from rules import states
from rules.checks import SPECIMENS, is_issued_itin, is_issued_ssn, nine_digits
from rules.normalise import fold
from rules.sourced import read, validate

WORDS = Path(__file__).parent / "words"
LONGEST = 120  #: characters of a cell that can be a value; what is longer is free text
SAMPLE = 200  #: cells of a column that decide its shape


class Meaning(StrEnum):
    """The keys of rules/words/columns.yaml."""

    SSN = "ssn"
    TAX_ID = "tax_id"  #: a person's or a company's: the neighbours decide
    LAST_FOUR = "last_four"
    NAME = "name"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    MIDDLE_NAME = "middle_name"
    BIRTH = "birth"
    HOME = "home"
    ADDRESS = "address"
    CITY = "city"
    STATE = "state"
    ZIP = "zip"
    CITY_STATE = "city_state"
    PAY = "pay"
    BALANCE = "balance"
    CONTRIBUTION = "contribution"
    LOAN = "loan"
    PERSON_ID = "person_id"
    NUMBER = "number"  #: an id that says nothing
    BANK = "bank"
    ROUTING = "routing"
    CARD = "card"
    LICENCE = "licence"
    PASSPORT = "passport"
    MEDICARE = "medicare"
    EMAIL = "email"
    PHONE = "phone"
    DATE = "date"
    WORK = "work"  #: titles, offices, extensions, seats: the mark of a directory
    ORGANISATION = "organisation"
    OTHER = "other"
    OTHER_NUMBER = "other_number"  #: never an SSN, whatever it looks like


MONEY = frozenset({Meaning.PAY, Meaning.BALANCE, Meaning.CONTRIBUTION, Meaning.LOAN})
NAMES = frozenset({Meaning.NAME, Meaning.FIRST_NAME, Meaning.LAST_NAME})


_PARTS_OF_NAMES = frozenset({Meaning.FIRST_NAME, Meaning.LAST_NAME, Meaning.MIDDLE_NAME})


class _Vocabulary(RootModel[dict[Meaning, tuple[str, ...]]]):
    pass


class _Organisations(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    words: tuple[str, ...]


class Vocabulary:
    """Header phrases to meanings."""

    def __init__(self, folder: Path = WORDS) -> None:
        entries = validate(read(folder / "columns.yaml"), _Vocabulary).root
        self._phrases = {tuple(phrase.split()): meaning for meaning, words in entries.items() for phrase in words}
        self._starred = [(phrase[0], meaning) for phrase, meaning in self._phrases.items() if "*" in phrase[0]]
        self._longest = max(map(len, self._phrases))
        self.tokens = frozenset(word for phrase in self._phrases for word in phrase)
        organisations = validate(read(folder / "organisations.yaml"), _Organisations).words
        self._organisations = frozenset(organisations)
        self._known: dict[str, Meaning | None] = {}

    def meaning(self, header: str) -> Meaning | None:
        """What a header says; None when no phrase of the vocabulary is in it."""
        if len(header) > 80:
            return None
        if header not in self._known:
            if len(self._known) > 10_000:
                self._known.clear()
            found = self._look_up(words_of(header))
            if found in _PARTS_OF_NAMES and "(" in header:  # "Employee (Last, First MI)"
                found = self._look_up(words_of(header.partition("(")[0])) or found
            self._known[header] = found
        return self._known[header]

    def _look_up(self, words: list[str]) -> Meaning | None:
        for size in range(min(self._longest, len(words)), 0, -1):
            for start in range(len(words) - size, -1, -1):
                if found := self._phrases.get(tuple(words[start : start + size])):
                    return found
        for word in reversed(words):
            for pattern, meaning in self._starred:
                stem = pattern.strip("*")
                if word.endswith(stem) if pattern.startswith("*") else word.startswith(stem):
                    return meaning
        return None

    def organisation(self, text: str) -> bool:
        """Whether one of the words makes it a company, a fund or a plan. A regex of all takes 20 times longer."""
        return not self._organisations.isdisjoint(_WORD.findall(text.lower()))

    def phrases_in(self, line: str) -> list[tuple[str, Meaning]]:
        """The phrases of a header line whose columns are parted by single spaces, in order."""
        words, found, index = words_of(line), [], 0
        while index < len(words):
            for size in range(min(self._longest, len(words) - index), 0, -1):
                phrase = words[index : index + size]
                meaning = self._phrases.get(tuple(phrase)) or (self._look_up(phrase) if size == 1 else None)
                if meaning:
                    found.append((" ".join(phrase), meaning))
                    index += size
                    break
            else:
                index += 1
        return found


_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W_]+")


def words_of(header: str) -> list[str]:
    """'EmpSSN', 'EMP_SSN' and 'Emp. SSN #' alike are [emp, ssn]."""
    spaced = _CAMEL.sub(" ", header.strip()[:200])
    return _WORD.findall(spaced.replace("'", "").lower())


@cache
def vocabulary() -> Vocabulary:
    return Vocabulary()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    index: int
    header: str
    meaning: Meaning
    width: int = 1  #: 3 for a number split over three columns


_DASHED = re.compile(r"[0-9]{3}[-/. ]{1,3}[0-9]{2}[-/. ]{1,3}[0-9]{4}")
_USUAL = re.compile(r"(?!000|666|9)[0-9]{3}-?(?!00)[0-9]{2}-?(?!0000)[0-9]{4}")
_PLAIN = re.compile(r"[0-9]{7,9}(?:\.0+)?")
_SSN_CELL = re.compile(r"[0-9]{3}[-/. ]{0,3}[0-9]{2}[-/. ]{0,3}[0-9]{4}(?:\.0+)?|[0-9]{7,8}(?:\.0+)?")
_MASKED = re.compile(r"[Xx*#\u2022]{3}[- ]?[Xx*#\u2022]{2}[- ]?[0-9]{4}")
_LOOSELY_MASKED = re.compile(r"[Xx*#\u2022-]{1,9}[0-9]{4}")  #: only where the header speaks of an SSN
_FOUR = re.compile(r"[0-9]{3,4}(?:\.0)?")
DATE = re.compile(
    r"(?:(?:0?[1-9]|[12][0-9]|3[01])[/.-](?:0?[1-9]|[12][0-9]|3[01])[/.-](?:19|20)?[0-9]{2}"
    r"|(?:19|20)[0-9]{2}[-/.]?[01][0-9][-/.]?[0-3][0-9]"
    r"|(?:[0-3]?[0-9][ -])?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?[ -]"
    r"(?:[0-3]?[0-9],? )?(?:19|20)?[0-9]{2})"
    r"(?:[ T][0-9:.]+)?",
    re.IGNORECASE,
)
_EARLY = re.compile(r"19[2-9][0-9]|[/.-][3-9][0-9]$")
_COMMA_NAME = re.compile(r"[^\W\d_][\w'\u2019. -]{0,40},\s*[^\W\d_][\w'\u2019.-]*(?:[ ,]+[^\W\d_][\w'\u2019.]*){0,3}")
_WORDS = re.compile(r"[^\W\d_][^\d@$%]{0,60}")
_PARTICLE = r"(?:(?:de|del|der|den|van|von|da|dos|la|le|di|bin|al|el|st\.) +){0,3}"
_WORD_OF_NAME = r"[^\W\d_][\w'\u2019.-]*"
_CAPITAL = r"[^\W\d_a-z][\w'\u2019.-]*"
_PERSON = re.compile(rf"{_PARTICLE}{_CAPITAL}(?:,? +{_PARTICLE}{_CAPITAL}){{1,5}}")
_SOME_PERSON = re.compile(rf"{_WORD_OF_NAME}(?:,? +{_WORD_OF_NAME}){{1,5}}")
_FOOTNOTE = " *\u2020\u2021\u00a7#0123456789"
_SINGLE_NAME = re.compile(r"[^\W\d_a-z][^\W\d_'\u2019.-]{1,30}(?:[ -][^\W\d_a-z][^\W\d_]{0,30}){0,2}")
_STREETS = (
    "st|street|ave|avenue|rd|road|blvd|ln|lane|dr|drive|ct|court|way|pl|place|apt|unit|"
    "cir|circle|hwy|ter|terrace|trl|trail"
)
_ADDRESS = re.compile(rf"(?i)(?:.*\W)?[0-9]{{1,6}}\s+\w[\w .]*\b(?:{_STREETS})\b|.*\bP\.?O\.? ?Box\b")
_MONEY = re.compile(r"\(?-?\$?\s*-?[0-9][0-9,]*(?:\.[0-9]+)?\s*%?\)?-?")
_HAS_DIGIT = re.compile(r"[^\s]{0,20}[0-9][^\s]{0,20}")
_ONE_WORD = re.compile(r"\S{1,40}")
_HOME_CELL = re.compile(r".*[0-9].*[^\W\d_].*|.*[^\W\d_].*[0-9].*|(?i:p\.?o\.? box).*")


def share(cells: Sequence[str], test: re.Pattern[str]) -> float:
    """The part of the cells that are wholly of this shape."""
    return len(list(filter(test.fullmatch, cells))) / len(cells) if cells else 0.0


def bare(cell: str) -> str:
    """A value without the quotes and formulas that keep its zeros: '021730846 and ="021730846"."""
    return cell.strip(" '\"=\u2019")


def ssn_of(cell: str) -> str:
    """The nine digits of a cell in an SSN column; "" when it holds no number of a person."""
    if _USUAL.fullmatch(cell):  # nearly every cell, at a fifth of the cost
        number = cell.replace("-", "")
        return number if number not in SPECIMENS else ""
    if len(cell) > LONGEST:
        return ""
    cell = bare(cell)
    if not cell.isascii():
        cell = fold(cell).strip()
    if _SSN_CELL.fullmatch(cell) is None:
        return ""
    number = nine_digits(cell)
    return number if is_issued_ssn(number) or is_issued_itin(number) else ""


def _issued_share(cells: Sequence[str]) -> float:
    return sum(bool(ssn_of(cell)) for cell in cells) / len(cells)


def is_name(cells: Sequence[str], person: re.Pattern[str] = _PERSON) -> bool:
    """Whether the cells look like persons and not like companies, funds or places."""
    if sum(map(vocabulary().organisation, cells)) >= 0.25 * len(cells):
        return False
    cells = [cell.rstrip(_FOOTNOTE) for cell in cells]
    return share(cells, person) >= 0.6 or (share(cells, _COMMA_NAME) >= 0.6 and not _are_places(cells))


def _are_places(cells: Sequence[str]) -> bool:
    """'Raleigh, NC' has the shape of 'LAST, FIRST'."""
    return sum(bool(states.named(cell.rpartition(",")[2].strip())) for cell in cells) >= 0.5 * len(cells)


def _words_of_people(cells: Sequence[str]) -> bool:
    company = sum(map(vocabulary().organisation, cells)) >= 0.25 * len(cells)
    return share(cells, _WORDS) >= 0.6 and not company


def _are_states(cells: Sequence[str]) -> bool:
    return sum(bool(states.named(cell)) for cell in cells) >= 0.5 * len(cells)


def _are_zips(cells: Sequence[str]) -> bool:
    return sum(bool(states.of_zip(cell)) for cell in cells) >= 0.5 * len(cells)


def _shape_test(test: re.Pattern[str], least: float) -> Callable[[Sequence[str]], bool]:
    return lambda cells: share(cells, test) >= least


#: What the values must look like for a header to be believed; a meaning that is not here is believed.
_BELIEVED: dict[Meaning, Callable[[Sequence[str]], bool]] = {
    Meaning.NAME: lambda cells: is_name(cells, _SOME_PERSON),
    Meaning.FIRST_NAME: _words_of_people,
    Meaning.LAST_NAME: _words_of_people,
    Meaning.BIRTH: _shape_test(DATE, 0.5),
    Meaning.STATE: _are_states,
    Meaning.ZIP: _are_zips,
    Meaning.HOME: _shape_test(_HOME_CELL, 0.4),
    Meaning.ADDRESS: _shape_test(_HOME_CELL, 0.4),
    Meaning.PERSON_ID: _shape_test(_HAS_DIGIT, 0.6),
    Meaning.OTHER_NUMBER: _shape_test(_ONE_WORD, 0.8),
    **dict.fromkeys(MONEY, _shape_test(_MONEY, 0.5)),
}

_PERSON_HEADERS = frozenset(
    {"employee", "participant", "member", "annuitant", "beneficiary", "retiree", "patient", "insured", "ee", "emp"}
)


def settle(header: str, cells: Sequence[str]) -> Meaning | None:
    """What a column is. `cells` are a sample of those that are not empty; `header` may be empty."""
    if not cells:
        return None
    said = vocabulary().meaning(header)
    if said in {Meaning.SSN, Meaning.LAST_FOUR}:
        return _settle_number(said, [cell if cell.isascii() else fold(cell) for cell in cells])
    number = _by_number_shape(said, cells)
    if number or said is None:
        return number or _by_shape(cells)
    if said is Meaning.NAME and _PERSON_HEADERS & set(words_of(header)) and _words_of_people(cells):
        return said  # single words, other scripts: the header has said whose names they are
    believed = _BELIEVED.get(said)
    if believed is None or believed(cells):
        return said
    return Meaning.NAME if "name" in words_of(header) and is_name(cells) else None  # "Name / Address"


def _settle_number(said: Meaning, cells: Sequence[str]) -> Meaning | None:
    if said is Meaning.SSN and _issued_share(cells) > 0:
        return Meaning.SSN
    if share(cells, _MASKED) + share(cells, _LOOSELY_MASKED) + share(cells, _FOUR) >= 0.5:
        return Meaning.LAST_FOUR
    return None


def _by_number_shape(said: Meaning | None, cells: Sequence[str]) -> Meaning | None:
    folded = [cell if cell.isascii() else fold(cell) for cell in cells]
    if said not in {Meaning.OTHER_NUMBER, Meaning.PHONE, Meaning.ZIP, Meaning.DATE} and share(folded, _DASHED) >= 0.6:
        return Meaning.SSN if "-" in folded[0] and _issued_share(folded) >= 0.8 else None
    if said is not Meaning.CARD and share(cells, _MASKED) >= 0.6:
        return Meaning.LAST_FOUR
    return None


def _by_shape(cells: Sequence[str]) -> Meaning | None:
    if share(cells, _ADDRESS) >= 0.5:
        return Meaning.ADDRESS
    if share(cells, _COMMA_NAME) >= 0.6 and is_name(cells):
        return Meaning.NAME
    return None


def settle_without_header(cells: Sequence[str]) -> Meaning | None:
    """What a column without any header is. Dates are births when half of them lie well back."""
    if meaning := _by_number_shape(None, cells) or _by_shape(cells):
        return meaning
    if share(cells, DATE) >= 0.8 and sum(_EARLY.search(cell) is not None for cell in cells) >= 0.6 * len(cells):
        return Meaning.BIRTH
    if _are_states(cells):
        return Meaning.STATE
    return Meaning.NAME if is_name(cells) else None


def single_names(cells: Sequence[str]) -> bool:
    """Whether each cell can be a last or a first name: capitalised words of letters, most of them different."""
    if len(cells) < 3 or share(cells, _SINGLE_NAME) < 0.9 or len(set(cells)) < 0.3 * len(cells):
        return False
    return _words_of_people(cells) and not _are_states(cells)


def nine_digits_of_people(cells: Sequence[str], *, born: bool) -> bool:
    """Whether bare nine digits beside names are SSNs: all can be issued, and they are spread as SSNs are.

    One in nine random nine-digit numbers cannot be an SSN, and running numbers share their first digits. Beside names
    *and birth dates* a few rows are enough.
    """
    if len(cells) < (3 if born else 20) or share(cells, _PLAIN) < 0.95:
        return False
    if sum(len(cell) == 9 for cell in cells) < 0.6 * len(cells):
        return False
    return _issued_share(cells) >= 0.98 and len({cell[:3] for cell in cells}) >= 0.3 * len(cells)
