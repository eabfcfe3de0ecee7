"""What a find needs before it counts as a sign of its client: a border, a label, capitals, a legal form.

| find | counts |
|---|---|
| name or alias of its own | everywhere; of one word in the cells of a table: no, it may be a person's |
| name of ordinary words only | in prose only when written with capitals |
| one word that is ordinary or heads columns, or up to three letters | with a legal form after it or under a label such
|             | as "Employer"; as a whole title when the client shows elsewhere too, but no word that heads columns |
| first word of a name ("Acme") | in titles and prose, unless it begins another company's name or a version ("beta
|             | test"); as a whole title when the client shows elsewhere too |
| plan number | under a label, also with a division behind it (501234-01); in titles and file names also alone,
|             | when it is no date, ZIP code or the like, and under no label of something else, as "Invoice" |
| EIN | written 04-1234567; nine digits in a row only under a label |
| domain | as written |
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import NamedTuple

from rules.headers import vocabulary
from rules.names import NAMES, Find, Finder, How, Spelling
from rules.places import Place, Zone
from rules.reading import Reading
from rules.vocabulary import words
from rules.wording import Trust

_PLAN_LABEL = re.compile(
    r"\b(plans?|contract|group|case|client|employer|sponsor|er|trust)\b[^\n\d]{0,24}$", re.IGNORECASE
)
_OTHER_LABEL = re.compile(
    r"\b(invoice|order|p\W?o|ticket|ref(erence)?|control|batch|check|cheque|confirmation|tracking|voucher|receipt|phone|fax|tel|ext)\b"
    r"[^\n\d]{0,24}$",
    re.IGNORECASE,
)
_EIN_LABEL = re.compile(r"\b(f?ein|tin|tax(payer)?\W?id\w*|employer\W?id\w*)\b[^\n\d]{0,24}$", re.IGNORECASE)
_EMPLOYER_LABEL = re.compile(
    r"\b(employer|company|client|sponsor|plan|group|entity|organi[sz]ation|prepared for)( name)?\W{0,4}$", re.IGNORECASE
)
_DATE = re.compile(r"(19|20)\d\d(0\d|1[0-2])([0-2]\d|3[01])?|(0\d|1[0-2])([0-2]\d|3[01])(19|20)?\d\d")
_JOINED_BEFORE = re.compile(r"(\d[-./,:]|[$€£]\s?|\w)$")
_JOINED_AFTER = re.compile(r"[-./,:]\d|%|\w")
_DIVISION = re.compile(r" ?[-/] ?\d{1,3}(?![-./,:]?\w)")  #: of a plan, behind its number
_TRIES = 1_000  #: of one spelling in one place: what does not count a thousand times is no sign
_TYPED = 300  #: words; longer texts are not typed, and have too many unknown words
_VERSION = re.compile(r"[ _)-]{0,2}(version|release|test|testing|tester|build|draft|phase|v ?\d)\b", re.IGNORECASE)
_FLOAT = re.compile(r"\.0+$")


class Counts(IntEnum):
    """How much a find is worth."""

    NOTHING = 0
    CONFIRMED = 1  #: a sign when the client shows elsewhere in the message too
    ALONE = 2


class Found(NamedTuple):
    """A client's sign in one place."""

    client: str
    how: How
    counts: Counts


ClientsIn = Callable[[Finder, Place, Reading], Iterator[Found]]


def clients_in(finder: Finder, place: Place, reading: Reading) -> Iterator[Found]:
    """Clients with a sign in this place, each way of writing once."""
    tries = Counter[Spelling]()
    for find in finder.finds(reading):
        spelling = find.spelling
        tries[spelling] += 1
        if tries[spelling] <= _TRIES and (counts := _counts(find, place, reading)):
            tries[spelling] = _TRIES
            yield Found(find.client, spelling.how, counts)


def corrected_clients_in(finder: Finder, place: Place, reading: Reading) -> Iterator[Found]:
    """The same after undoing typing errors: long names only, and only where people type them."""
    if place.zone in {Zone.CELLS, Zone.COLUMN} or reading.plain.count(" ") > _TYPED:
        return
    corrected = finder.corrected(reading)
    if corrected is None:
        return
    for find in finder.finds(corrected):
        long_enough = find.end - find.start >= 8 and find.spelling.trust is Trust.PLAIN
        if find.spelling.how in NAMES and long_enough:
            yield Found(find.client, find.spelling.how, Counts.ALONE)


def _counts(find: Find, place: Place, reading: Reading) -> Counts:
    match find.spelling.how:
        case How.PLAN:
            known = _plan_number(find, place, reading)
        case How.EIN:
            known = _stands_alone(find, place, reading) and _ein(find, place, reading)
        case How.DOMAIN:
            known = reading.written[find.start : find.end].lower() == find.spelling.exact
        case How.SHORT:
            known = place.zone not in {Zone.CELLS, Zone.COLUMN} and not _means_something_else(find, reading)
            if known and _a_whole_title(find, place, reading):
                return Counts.CONFIRMED
        case _:
            known = _name(find, place, reading)
            if not known and find.spelling.trust is Trust.DOUBTFUL and _a_whole_title(find, place, reading):
                return Counts.NOTHING if _heads_columns(find, reading) else Counts.CONFIRMED
    return Counts.ALONE if known else Counts.NOTHING


def _a_whole_title(find: Find, place: Place, reading: Reading) -> bool:
    return place.zone is Zone.TITLE and _whole(find, reading)


def _heads_columns(find: Find, reading: Reading) -> bool:
    """As "Roth" or "Match" over the columns of contributions."""
    return vocabulary().is_header_word(reading.written[find.start : find.end].lower())


def _before(find: Find, place: Place, reading: Reading) -> str:
    """What leads up to the find: a neighbouring cell, then the same text."""
    return f"{place.label} {reading.written[max(0, find.start - 48) : find.start]}"


def _whole(find: Find, reading: Reading) -> bool:
    """Nothing else stands in the text but the find and punctuation."""
    rest = reading.written[: find.start] + _FLOAT.sub("", reading.written[find.end :])
    return len(rest) < 40 and not any(c.isalnum() or c in "$€£" for c in rest)


def _stands_alone(find: Find, place: Place, reading: Reading) -> bool:
    """A number that is not a piece of a longer one, of an amount or of a word."""
    if _whole(find, reading):
        return True
    before, after = reading.written[max(0, find.start - 3) : find.start], reading.written[find.end : find.end + 2]
    if place.zone is Zone.FILE_NAME:
        return not (before[-1:].isdigit() or after[:1].isdigit())
    return not (_JOINED_BEFORE.search(before) or _JOINED_AFTER.match(after))


def _plan_number(find: Find, place: Place, reading: Reading) -> bool:
    before = _before(find, place, reading)
    labelled = place.zone is Zone.LABELLED or (place.zone is not Zone.CELLS and bool(_PLAN_LABEL.search(before)))
    if not _stands_alone(find, place, reading):
        return labelled and _with_division(find, reading)
    written = reading.written[find.start : find.end]
    telling = not written.isdigit() or (len(written) >= 6 and not _DATE.fullmatch(written))
    if place.zone is Zone.COLUMN:
        return telling and _whole(find, reading)
    standing = place.zone in {Zone.TITLE, Zone.SHEET, Zone.HEADER, Zone.FILE_NAME} and not _OTHER_LABEL.search(before)
    return labelled or (telling and standing)


def _with_division(find: Find, reading: Reading) -> bool:
    """As "501234-01", the first division of plan 501234."""
    joined = _JOINED_BEFORE.search(reading.written[max(0, find.start - 3) : find.start])
    return not joined and bool(_DIVISION.match(reading.written[find.end : find.end + 8]))


def _ein(find: Find, place: Place, reading: Reading) -> bool:
    dashed = "-" in reading.written[find.start : find.end]
    return dashed or bool(_EIN_LABEL.search(_before(find, place, reading)))


def _name(find: Find, place: Place, reading: Reading) -> bool:
    written = reading.written[find.start : find.end]
    alone = " " not in written.strip()
    if place.zone is Zone.COLUMN and not (_whole(find, reading) or _legal_form_follows(find, reading)):
        return False
    if find.spelling.trust is Trust.DOUBTFUL or (alone and place.zone in {Zone.CELLS, Zone.COLUMN}):
        return _has_second_sign(find, place, reading)
    if find.spelling.trust is Trust.COMMON and place.zone in {Zone.PROSE, Zone.CELLS}:
        return _capitalised(written)
    return True


def _has_second_sign(find: Find, place: Place, reading: Reading) -> bool:
    labelled = _EMPLOYER_LABEL.search(_before(find, place, reading)) if place.zone is not Zone.CELLS else None
    return bool(labelled) or _legal_form_follows(find, reading)


def _legal_form_follows(find: Find, reading: Reading) -> bool:
    following = reading.written[find.end : find.end + 24].replace(".", "").split()
    return bool(following) and _is_legal_form(following[0] if following[0] != "," else following[-1])


def _is_legal_form(word: str) -> bool:
    bare = word.strip(",;:()'\"")
    return bare[:1].isupper() and bare.lower() in words("legal_suffixes")


def _means_something_else(find: Find, reading: Reading) -> bool:
    """As "beta test", or "Acme Brick, Inc.", which is not Acme Manufacturing: capitals up to a legal form."""
    if _VERSION.match(reading.written, find.end):
        return True
    following = reading.written[find.end : find.end + 48].partition("\n")[0].replace(".", "").split()[:4]
    for index, word in enumerate(following):
        if _is_legal_form(word):
            return index > 0
        if not word[:1].isupper():
            return False
    return False


def _capitalised(written: str) -> bool:
    return all(word[:1].isupper() or word in {"and", "of", "the", "for"} for word in written.replace("-", " ").split())
