"""Load recognisers from their files and refuse wrong ones, naming file, line and key. Never runs a recogniser."""

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import re2
from pydantic import BaseModel, ConfigDict, Field

from rules.checks import CHECKS
from rules.errors import ConfigurationError, Problem
from rules.headers import Meaning
from rules.sourced import Document, read, validate

MOST_REPEATS = 64  #: a recogniser reads windows of some hundred characters; nothing in it needs more

MOST_OF_A_PHRASE = 0xFF  #: code point: texts are searched for phrases in Latin-1

_parser: Any = re._parser  # type: ignore[attr-defined]  # noqa: SLF001 - the standard library has no public parser
_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})


class Reports(StrEnum):
    """When a recogniser's hits become findings."""

    ALWAYS = "always"  #: a person's number in its own right
    WITH_PEOPLE = "with-people"  #: supporting evidence: only in a part that holds people already
    NEVER = "never"  #: tells what a number is not


class Category(StrEnum):
    """Categories of personal information, California Civil Code 1798.140(v) and 1798.80(e)."""

    IDENTIFIERS = "identifiers"
    CUSTOMER_RECORDS = "customer-records"
    PROTECTED_CHARACTERISTICS = "protected-characteristics"
    NAME = "name"
    SIGNATURE = "signature"
    SOCIAL_SECURITY_NUMBER = "social-security-number"
    ADDRESS = "address"
    TELEPHONE = "telephone"
    PASSPORT = "passport"
    DRIVER_LICENCE = "driver-licence"
    INSURANCE_POLICY = "insurance-policy"
    EDUCATION = "education"
    EMPLOYMENT = "employment"
    BANK_ACCOUNT = "bank-account"
    PAYMENT_CARD = "payment-card"
    MEDICAL = "medical"
    HEALTH_INSURANCE = "health-insurance"
    FINANCIAL = "financial"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PatternEntry(_Section):
    name: str
    regex: str
    score: Annotated[float, Field(gt=0, le=1)]


class Context(_Section):
    """Phrases that say what a number is. `*` at the start lets letters stand before: `*ssn` reads `EmpSSN`."""

    positive: tuple[str, ...]
    negative: tuple[str, ...]
    adjacent: tuple[str, ...] = ()  #: labels only right before the number
    doubtful: tuple[str, ...] = ()  #: labels too, unless a phrase of `veto` stands near
    veto: tuple[str, ...] = ()
    direct: tuple[str, ...] = ()  #: negative only right before the number
    behind: tuple[str, ...] = ()  #: negative only right behind it: units
    bare: tuple[str, ...] = ()  #: negative, but no objection to a shape that counts by itself


class Case(_Section):
    text: str
    finds: tuple[str, ...]
    because: str


class RecogniserFile(_Section):
    """One file of rules/recognisers, as written."""

    id: str
    title: str
    entity: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    reference: str
    reports: Reports
    check: str
    categories: tuple[Category, ...]
    columns: tuple[Meaning, ...]  #: keys of rules/words/columns.yaml
    glance: str = ""  #: RE2, no lookaround: matches wherever a pattern of score 0.5 or more can
    patterns: Annotated[tuple[PatternEntry, ...], Field(min_length=1)]
    context: Context
    cases: tuple[Case, ...]


def load(folder: Path) -> tuple[RecogniserFile, ...]:
    """Every recogniser of a folder, by file name. Raises ConfigurationError with everything that is wrong."""
    problems: list[Problem] = []
    recognisers: list[RecogniserFile] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            document = read(path)
            recogniser = validate(document, RecogniserFile)
        except ConfigurationError as error:
            problems.extend(error.problems)
            continue
        problems.extend(_complaints(document, recogniser, path.stem))
        recognisers.append(recogniser)
    if not recognisers and not problems:
        problems.append(Problem(file=str(folder), line=None, text="holds no recogniser (*.yaml)"))
    if problems:
        raise ConfigurationError(problems)
    return tuple(recognisers)


def _complaints(document: Document, recogniser: RecogniserFile, stem: str) -> Iterator[Problem]:
    if recogniser.id != stem:
        yield document.problem(["id"], f'id: "{recogniser.id}" is not the file\'s name; call it "{stem}"')
    if recogniser.check not in CHECKS:
        known = ", ".join(sorted(CHECKS))
        yield document.problem(["check"], f'check: unknown check "{recogniser.check}"; there are {known}')
    if not any(case.finds for case in recogniser.cases):
        yield document.problem(["cases"], "cases: no positive case; add a text in which something is found")
    if all(case.finds for case in recogniser.cases):
        yield document.problem(["cases"], "cases: no negative case; add a text in which nothing is found")
    for index, pattern in enumerate(recogniser.patterns):
        if complaint := objection(pattern.regex):
            yield document.problem(["patterns", index, "regex"], f"patterns.{index}.regex: {complaint}")
    for key, phrases in recogniser.context:
        for index, phrase in enumerate(phrases):
            if any(ord(character) > MOST_OF_A_PHRASE for character in phrase):
                yield document.problem(
                    ["context", key, index], f'context.{key}: "{phrase}" is not written in Latin-1, and found nowhere'
                )
    yield from _glance_complaints(document, recogniser)


def _glance_complaints(document: Document, recogniser: RecogniserFile) -> Iterator[Problem]:
    alone = any(pattern.score >= 0.5 for pattern in recogniser.patterns)
    if recogniser.reports is Reports.ALWAYS and alone and not recogniser.glance:
        yield document.problem(
            [], "glance: missing; a pattern of score 0.5 or more needs one to be looked for without a label"
        )
    if recogniser.glance:
        try:
            re2.compile(recogniser.glance.encode())
        except re2.error:
            yield document.problem(["glance"], "glance: is not an RE2 expression (RE2 has no lookaround)")


def objection(expression: str) -> str | None:
    """Why a regular expression is refused: it does not compile, or its cost has no bound."""
    try:
        parsed = _parser.parse(expression)
        re.compile(expression)
    except re.error as error:
        return f"does not compile: {error.msg}"
    return _unbounded(parsed, repeated=False)


def _unbounded(parsed: Iterable[Any], *, repeated: bool) -> str | None:
    """Refuse repeats without a bound, and variable repeats inside repeats: both can take for ever."""
    for operation, argument in parsed:
        inside = repeated
        if str(operation) in _REPEATS:
            least, most = argument[0], argument[1]
            if most > MOST_REPEATS:
                return f"catastrophic: a repeat without a bound; write {{0,n}} with n up to {MOST_REPEATS}"
            if repeated and least != most and most > 1:
                return "catastrophic: a repeat of varying length inside another"
            inside = repeated or most > 1
        for inner in _branches(argument):
            if complaint := _unbounded(inner, repeated=inside):
                return complaint
    return None


def _branches(argument: Any) -> Iterator[Sequence[Any]]:
    """The subpatterns in an argument of the standard library's parse tree."""
    if isinstance(argument, _parser.SubPattern):
        yield argument
    elif isinstance(argument, tuple | list):
        for item in argument:
            yield from _branches(item)
