"""What a column is: header words first, then the shapes of its values. Judges columns, never single cells."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rules import states
from rules.checks import SPECIMENS, are_spread, is_issued_itin, is_issued_ssn, nine_digits
from rules.headers import MONEY, Meaning, vocabulary, words_of
from rules.normalise import fold
from rules.vocabulary import words

LONGEST = 120  #: characters of a cell that can be a value; what is longer is free text
_MANY = 20  #: rows, from which on plain nine digits beside names are believed by themselves
_SOME_COMMON = 0.2  #: of names that are surely people's, how many have a word that many people are called by
SAMPLE = 200  #: cells of a column that decide its shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    index: int
    header: str
    meaning: Meaning
    width: int = 1  #: 3 for a number split over three columns


_DASHED = re.compile(r"[0-9]{3}[-/. ]{1,3}[0-9]{2}[-/. ]{1,3}[0-9]{4}")
_USUAL = re.compile(r"(?!000|666|9)[0-9]{3}-?(?!00)[0-9]{2}-?(?!0000)[0-9]{4}")
_ALL_USUAL = re.compile(rf"(?:(?:{_USUAL.pattern})?\n)*+(?:{_USUAL.pattern})?")
_PLAIN = re.compile(r"[0-9]{7,9}(?:\.0+)?")
_SSN_CELL = re.compile(r"[0-9]{3}[-/. ]{0,3}[0-9]{2}[-/. ]{0,3}[0-9]{4}(?:\.0+)?|[0-9]{7,8}(?:\.0+)?")
_MASKED = re.compile(r"[Xx*#\u2022]{3}[- ]?[Xx*#\u2022]{2}[- ]?[0-9]{4}")
_LOOSELY_MASKED = re.compile(r"[Xx*#\u2022-]{1,9}[0-9]{4}")  #: only where the header speaks of an SSN
_EIN = re.compile(r"[0-9]{2}-[0-9]{7}")
_FOUR = re.compile(r"[0-9]{3,4}(?:\.0)?")
DATE = re.compile(
    r"(?:(?:0?[1-9]|[12][0-9]|3[01])[/.-](?:0?[1-9]|[12][0-9]|3[01])[/.-](?:19|20)?[0-9]{2}"
    r"|(?:19|20)[0-9]{2}[-/.]?[01][0-9][-/.]?[0-3][0-9]"
    r"|(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:19|20)[0-9]{2}"
    r"|(?:[0-3]?[0-9][ -])?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?[ -]"
    r"(?:[0-3]?[0-9],? )?(?:19|20)?[0-9]{2})"
    r"(?:[ T][0-9:.]+)?",
    re.IGNORECASE,
)
EARLY = re.compile(r"19[2-9][0-9]|(?<!20[0-9]{2}[/.-][0-9]{2})[/.-][3-9][0-9]$")
_COMMA_NAME = re.compile(r"[^\W\d_][\w'\u2019. -]{0,40},\s*[^\W\d_][\w'\u2019.-]*(?:[ ,]+[^\W\d_][\w'\u2019.]*){0,3}")
_WORDS = re.compile(r"[^\W\d_][^\d@$%]{0,60}")
_PARTICLE = r"(?:(?:de|del|der|den|van|von|da|dos|la|le|di|bin|al|el|st\.) +){0,3}"
_WORD_OF_NAME = r"[^\W\d_][\w'\u2019.-]*"
_CAPITAL = r"[^\W\d_a-z][\w'\u2019.-]*"
_PERSON = re.compile(rf"{_PARTICLE}{_CAPITAL}(?:,? +{_PARTICLE}{_CAPITAL}){{1,5}}")
_SOME_PERSON = re.compile(rf"{_WORD_OF_NAME}(?:,? +{_WORD_OF_NAME}){{1,5}}")
_NUMBER_BESIDE = re.compile(r"^[0-9]{3}-?[0-9]{2}-?[0-9]{4}[ ,:;-]+|[ ,:;(-]+[0-9]{3}-?[0-9]{2}-?[0-9]{4}\)?$")
_FOOTNOTE = " *\u2020\u2021\u00a7#0123456789"
_SINGLE_NAME = re.compile(
    r"[^\W\d_a-z](?:[^\W\d_]|['\u2019.]){1,30}(?:[ -][^\W\d_a-z](?:[^\W\d_]|['\u2019.]){0,30}){0,2}"
)
_STREETS = (
    "st|street|ave|avenue|rd|road|blvd|ln|lane|dr|drive|ct|court|way|pl|place|apt|unit|"
    "cir|circle|hwy|ter|terrace|trl|trail"
)
_ADDRESS = re.compile(rf"(?i)(?:.*\W)?[0-9]{{1,6}}\s+\w[\w .]*\b(?:{_STREETS})\b|.*\bP\.?O\.? ?Box\b")
_STREET_ENDS = re.compile(rf"(?i)\w \W{{0,2}}(?:{_STREETS})\.?$")
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


def is_ein(cell: str) -> bool:
    """Whether a tax id is written as companies' are: 04-3391827."""
    return _EIN.fullmatch(cell.strip()) is not None


def ssns_of(cells: Sequence[str]) -> list[str]:
    """The same for a whole column. Most hold nothing but numbers and gaps: those are read at once."""
    whole = "\n".join(cells)
    if _ALL_USUAL.fullmatch(whole):
        numbers = whole.replace("-", "").split("\n")
        if len(numbers) == len(cells) and SPECIMENS.isdisjoint(numbers):  # a cell may have lines of its own
            return numbers
    return list(map(ssn_of, cells))


def _issued_share(cells: Sequence[str]) -> float:
    return sum(bool(ssn_of(cell)) for cell in cells) / len(cells)


def is_name(cells: Sequence[str], person: re.Pattern[str] = _PERSON) -> bool:
    """Whether the cells look like persons and not like companies, funds or places."""
    if sum(map(vocabulary().organisation, cells)) >= 0.25 * len(cells):
        return False
    cells = [_NUMBER_BESIDE.sub("", cell).rstrip(_FOOTNOTE) for cell in cells]
    return (share(cells, person) >= 0.6 or share(cells, _COMMA_NAME) >= 0.6) and not _are_places(cells)


def are_people(names: Sequence[str]) -> bool:
    """Whether names that no header calls names are those of several persons, and not of products in capitals."""
    several = len(set(names)) > 2 or (len(set(names)) == 2 and share_common(names) > 0)
    return several and is_name(names) and sum(map(can_be_a_person, names)) >= 0.8 * len(names)


def surely_people(names: Sequence[str]) -> bool:
    """Whether some of them have a first name that many people have, besides."""
    return are_people(names) and share_common(names) >= _SOME_COMMON


def share_common(names: Sequence[str]) -> float:
    """How many have a word that many people are called by."""
    common = words("common_names")
    return sum(not common.isdisjoint(re.findall(r"\w+", name.casefold())) for name in names) / max(1, len(names))


def can_be_a_person(name: str) -> bool:
    """No company, no state, and no run of words that are in every letter: 'Total Assets'."""
    spoken = re.findall(r"\w+", name.casefold())
    plain = all(word in words("ordinary_words") or vocabulary().is_header_word(word) for word in spoken)
    return not plain and not vocabulary().organisation(name) and not states.named(name)


def _are_places(cells: Sequence[str]) -> bool:
    """'Raleigh, NC' has the shape of 'LAST, FIRST', and so has 'Oak St, Macon GA'."""
    return sum(map(_is_place, cells)) >= 0.5 * len(cells)


def _is_place(cell: str) -> bool:
    before, comma, behind = cell.rpartition(",")
    return comma != "" and (bool(states.named(behind.strip())) or _STREET_ENDS.search(before) is not None)


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

_PLACES = frozenset({Meaning.HOME, Meaning.ADDRESS, Meaning.STATE, Meaning.ZIP})
_SAY_NOTHING = frozenset({"id", "no", "number", "num", "nbr", "identifier", "identification", "unique", "key", "tax"})
_OF_ANYBODY = frozenset(
    {"account", "acct", "customer", "client", "person", "payroll", "subscriber", "worker", "associate"}
)
_PERSON_HEADERS = frozenset(
    {"employee", "participant", "member", "annuitant", "beneficiary", "retiree", "patient", "insured", "ee", "emp"}
)


def settle(header: str, cells: Sequence[str]) -> Meaning | None:
    """What a column is. `cells` are a sample of those that are not empty; `header` may be empty."""
    if not cells:
        return None
    said = vocabulary().meaning(header)
    if said in {Meaning.SSN, Meaning.LAST_FOUR}:
        return _settle_number(said, _folded(cells))
    number = _by_number_shape(said, cells)
    if number or said is None:
        return number or _by_shape(cells)
    if said is Meaning.NAME and _PERSON_HEADERS & set(words_of(header)) and _words_of_people(cells):
        return said  # single words, other scripts: the header has said whose names they are
    believed = _BELIEVED.get(said)
    if believed is None or believed(cells):
        return said
    return (_place_of(cells) if said in _PLACES else None) or _name_of(header, cells)


def _name_of(header: str, cells: Sequence[str]) -> Meaning | None:
    return Meaning.NAME if "name" in words_of(header) and is_name(cells) else None  # "Name / Address"


def _place_of(cells: Sequence[str]) -> Meaning | None:
    """What a column of places is whose header says another: "Home" over states, "ZIP" over "Macon GA 31201"."""
    if _are_states(cells):
        return Meaning.STATE
    if _are_zips(cells):
        return Meaning.ZIP
    return Meaning.CITY_STATE if sum(map(bool, map(states.of_address, cells))) >= 0.5 * len(cells) else None


def _folded(cells: Sequence[str]) -> Sequence[str]:
    if "".join(cells).isascii():
        return cells
    return [cell if cell.isascii() else fold(cell) for cell in cells]


def _settle_number(said: Meaning, cells: Sequence[str]) -> Meaning | None:
    if said is Meaning.SSN and _issued_share(cells) > 0:
        return Meaning.SSN
    if share(cells, _MASKED) + share(cells, _LOOSELY_MASKED) + share(cells, _FOUR) >= 0.5:
        return Meaning.LAST_FOUR
    return None


def _by_number_shape(said: Meaning | None, cells: Sequence[str]) -> Meaning | None:
    folded = _folded(cells)
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
    if share(cells, DATE) >= 0.8 and sum(EARLY.search(cell) is not None for cell in cells) >= 0.6 * len(cells):
        return Meaning.BIRTH
    if _are_states(cells):
        return Meaning.STATE
    return Meaning.NAME if is_name(cells) else None


def can_be_names(header: str, cells: Sequence[str]) -> bool:
    """Whether a column may name people, in a table that has numbers or birth dates of people."""
    said = vocabulary().meaning(header)
    return is_name(cells) if said is None else said is Meaning.NAME and _words_of_people(cells)


def is_number_of_something(header: str, *, companies: bool) -> bool:
    """Whether a header says what it numbers, and that is no person: "Sample ID", but neither "ID" nor "Member ID"."""
    if vocabulary().meaning(header) not in {Meaning.NUMBER, Meaning.PERSON_ID}:
        return False
    said = set(words_of(header))
    return companies or not (said & (_PERSON_HEADERS | _OF_ANYBODY) or said <= _SAY_NOTHING)


def says_nothing(header: str) -> bool:
    """'ID', 'Number': of whom or what, the columns beside it tell."""
    return set(words_of(header)) <= _SAY_NOTHING


def says_person(header: str) -> bool:
    return not _PERSON_HEADERS.isdisjoint(words_of(header))


def last_names_first(cells: Sequence[str]) -> bool:
    """'LUND, ERIK': how payrolls write names, and parcels do not."""
    return share(cells, _COMMA_NAME) >= 0.9


def single_names(cells: Sequence[str]) -> bool:
    """Whether each cell can be a last or a first name: capitalised words of letters, most of them different."""
    if len(cells) < 3 or share(cells, _SINGLE_NAME) < 0.9 or len(set(cells)) < 0.3 * len(cells):
        return False
    return _words_of_people(cells) and not _are_states(cells)


def nine_digits_of_people(cells: Sequence[str], *, sure: bool) -> bool:
    """Whether bare nine digits beside names are SSNs: all can be issued, and they are spread as SSNs are.

    One in nine random nine-digit numbers cannot be an SSN, and running numbers share their first digits. Beside birth
    dates, or last and first names in columns of their own (`sure`), a few rows are enough.
    """
    if len(cells) < (3 if sure else _MANY) or share(cells, _PLAIN) < 0.95:
        return False
    if sum(len(cell) == 9 for cell in cells) < 0.6 * len(cells):
        return False
    spread = are_spread(cells) if len(cells) >= _MANY else len({cell[:3] for cell in cells}) >= max(3, 0.6 * len(cells))
    return spread and _issued_share(cells) >= 0.98
