"""What a header says: its words, abbreviated or written together, looked up in `rules/words/columns.yaml`."""

import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, RootModel

from rules.sourced import read, validate

WORDS = Path(__file__).parent / "words"
_SHORT_PARTS = frozenset({"id", "no", "nm", "dt"})
_OF_ANY_MONEY = frozenset({"amount", "ytd", "total"})  #: say nothing of whose or what for
_LEAST_TOGETHER = 6  #: letters of a word that may be several written together


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
#: Personal beside a name in any table.
PERSONAL = MONEY | {
    Meaning.SSN,
    Meaning.LAST_FOUR,
    Meaning.BIRTH,
    Meaning.HOME,
    Meaning.MEDICARE,
    Meaning.PASSPORT,
    Meaning.LICENCE,
    Meaning.BANK,
}
NAMES = frozenset({Meaning.NAME, Meaning.FIRST_NAME, Meaning.LAST_NAME})
_OF_ANY_NUMBER = frozenset({Meaning.PERSON_ID, Meaning.NUMBER})
_NO_ADJECTIVE = "$"  #: marks a word that means this only where it is no adjective: "Social", but not "Social media"
_LINKS = frozenset({"of", "for", "and", "or", "with", "without", "w", "wo", "in", "on", "as", "is"})
_OF_OTHERS = frozenset({None, Meaning.OTHER, Meaning.OTHER_NUMBER, Meaning.ORGANISATION, Meaning.WORK})
_DENIED = frozenset({"not", "non"})


_NAMES_AND_PARTS = NAMES | {Meaning.MIDDLE_NAME}
_WHOSE = re.compile(r"(?i)\(|\s(?:of|for)\s")  #: behind it stands whose, or what of it, a column is


class _Vocabulary(RootModel[dict[Meaning, tuple[str, ...]]]):
    pass


class _Organisations(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    words: tuple[str, ...]


class _Abbreviations(RootModel[dict[str, tuple[str, ...]]]):
    pass


class Vocabulary:
    """Header phrases to meanings. Phrases and headers are compared with their words in full."""

    def __init__(self, folder: Path = WORDS) -> None:
        short = validate(read(folder / "abbreviations.yaml"), _Abbreviations).root
        self._full = {abbreviation: word for word, abbreviations in short.items() for abbreviation in abbreviations}
        entries = validate(read(folder / "columns.yaml"), _Vocabulary).root
        phrases = [
            (_plain(phrase).rstrip(_NO_ADJECTIVE).split(), meaning)
            for meaning, listed in entries.items()
            for phrase in listed
        ]
        marked = (phrase for listed in entries.values() for phrase in listed if phrase.endswith(_NO_ADJECTIVE))
        self._nouns = {phrase.rstrip(_NO_ADJECTIVE) for phrase in marked}
        self._phrases = {tuple(map(self._in_full, words)): meaning for words, meaning in phrases}
        starred = [(words[0], meaning) for words, meaning in phrases if "*" in words[0]]
        self._starred = sorted(starred, key=lambda one: -len(one[0]))  # "*issn" before "*ssn"
        self._longest = max(map(len, self._phrases))
        ends = {phrase.split()[-1] for meaning in NAMES for phrase in entries.get(meaning, ())}
        self.last_words_of_names = frozenset(ends | {word for word, full in self._full.items() if full in ends})
        self.tokens = frozenset(word for phrase in self._phrases for word in phrase)
        self._parts = {word for word in self.tokens | self._full.keys() if len(word) > 2 or word in _SHORT_PARTS}
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
            found = self._look_up(self._words(header))
            if found in _NAMES_AND_PARTS and (of := _WHOSE.search(header)):  # "Employee (Last, First MI)", "SSN (EE)"
                found = self._look_up(self._words(header[: of.start()])) or found
            self._known[header] = found
        return self._known[header]

    def is_header_word(self, word: str) -> bool:
        return self._in_full(word) in self.tokens

    def _in_full(self, word: str) -> str:
        return self._full.get(word, word)

    def _words(self, header: str) -> list[str]:
        written = words_of(header.replace("#", " no "))  # "Employee #"
        return [self._in_full(part) for word in written for part in self._taken_apart(word)]

    def _taken_apart(self, word: str) -> Sequence[str]:
        """'emplname' is [empl, name]: words written together, each of them known."""
        if len(word) < _LEAST_TOGETHER or word in self.tokens:
            return (word,)
        for cut in range(len(word) - 2, 1, -1):  # the longest first word: empl-name, not emp-lname
            head, tail = word[:cut], word[cut:]
            if head not in self._parts:
                continue
            if tail in self._parts:
                return (head, tail)
            for second in range(2, len(tail) - 1):
                if tail[:second] in self._parts and tail[second:] in self._parts:
                    return (head, tail[:second], tail[second:])
        return (word,)

    def _look_up(self, words: Sequence[str]) -> Meaning | None:
        found = self._longest_phrase(words)
        if found in _OF_ANY_NUMBER and "ssn" in words and _DENIED.isdisjoint(words):  # "Subscriber ID (SSN)"
            return Meaning.SSN
        if found is Meaning.OTHER and not _OF_ANY_MONEY.isdisjoint(words):  # "Severance Amount", "YTD 401(k)"
            rest = self._longest_phrase([word for word in words if word not in _OF_ANY_MONEY])
            return rest if rest in MONEY else found
        return found

    def _longest_phrase(self, words: Sequence[str]) -> Meaning | None:
        for size in range(min(self._longest, len(words)), 0, -1):
            for start in range(len(words) - size, -1, -1):
                found = self._phrases.get(tuple(words[start : start + size]))
                if found and not (size == 1 and self._is_adjective(words, start)):
                    return found
        for word in reversed(words):
            for pattern, meaning in self._starred:
                stem = pattern.strip("*")
                if word.endswith(stem) if pattern.startswith("*") else word.startswith(stem):
                    return meaning
        return None

    def _is_adjective(self, words: Sequence[str], place: int) -> bool:
        """Whether a word that may be one belongs to a word of something else behind it."""
        if words[place] not in self._nouns or place + 1 == len(words):
            return False
        noun = words[place + 1]
        return noun.isalpha() and noun not in _LINKS and self._phrases.get((noun,)) in _OF_OTHERS

    def organisation(self, text: str) -> bool:
        """Whether one of the words makes it a company, a fund or a plan. A regex of all takes 20 times longer."""
        return not self._organisations.isdisjoint(_WORD.findall(text.lower()))

    def phrases_in(self, line: str) -> list[tuple[str, Meaning]]:
        """The phrases of a header line whose columns are parted by single spaces, in order, as written."""
        written = words_of(line)
        words = [self._in_full(word) for word in written]
        found, index = [], 0
        while index < len(words):
            for size in range(min(self._longest, len(words) - index), 0, -1):
                phrase = words[index : index + size]
                if size == 1 and self._is_adjective(words, index):
                    continue
                meaning = self._phrases.get(tuple(phrase)) or (self._look_up(phrase) if size == 1 else None)
                if meaning:
                    found.append((" ".join(written[index : index + size]), meaning))
                    index += size
                    break
            else:
                index += 1
        return found


_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])(?![A-Z]s(?![a-z]))")
_WORD = re.compile(r"[^\W_]+")


def words_of(header: str) -> list[str]:
    """'EmpSSN', 'EMP_SSN' and 'Emp. SSN #' alike are [emp, ssn]; 'SSNs' is one word."""
    spaced = _CAMEL.sub(" ", header.strip()[:200])
    return _WORD.findall(_plain(spaced.replace("'", "")))


def _plain(words: str) -> str:
    """Small letters without accents: 'Prénom' is prenom, 'Straße' strasse."""
    if words.isascii():
        return words.lower()
    return "".join(sign for sign in unicodedata.normalize("NFKD", words.casefold()) if not unicodedata.combining(sign))


def speaks_of_ssns(header: str) -> bool:
    return "ssn" in words_of(header) or vocabulary().meaning(header) is Meaning.SSN


@cache
def vocabulary() -> Vocabulary:
    return Vocabulary()
