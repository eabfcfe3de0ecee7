"""What a reviewer sees instead of a value: the last four digits of a number, never more. Masks; judges nothing."""

import re
from collections.abc import Sequence

from rules.columns import Column
from rules.content import Table
from rules.headers import MONEY, Meaning

_SSN = "***-**-"

# Anything that may be a person's number is masked, whether it was found or not: a reviewer loses nothing.
_SEPARATED = re.compile(r"(?<![0-9])([0-9]{3})([^0-9A-Za-z\n]{1,3})([0-9]{2})([^0-9A-Za-z\n]{1,3})([0-9]{4})(?![0-9])")
_LONG = re.compile(r"(?<![0-9])(?:[0-9][ .\u2010-\u2015\u2212-]?){6,18}[0-9](?![0-9])")
_TWO_PARTS = re.compile(r"(?<![0-9])(?:[0-9]{3}[-\u2010-\u2015 ][0-9]{6}|[0-9]{5}[-\u2010-\u2015 ][0-9]{4})(?![0-9])")
_DATE = re.compile(
    r"(?<![0-9])(?:(?:19|20)[0-9]{2}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:19|20)?[0-9]{2})(?![0-9])"
)
_EMAIL = re.compile(r"([\w.+-])[\w.+-]*(@[\w.-]+)")
_ADDRESS = re.compile(r"(?:lines? [0-9]+(?:-[0-9]+)?|[A-Z]+[0-9]+(?::[A-Z]+[0-9]+)?)$")
_LETTER_OR_DIGIT = re.compile(r"\w")

_INITIALS = frozenset({Meaning.NAME, Meaning.FIRST_NAME, Meaning.LAST_NAME})
_WHOLLY = MONEY | {Meaning.BIRTH, Meaning.HOME, Meaning.ADDRESS, Meaning.PERSON_ID}
_LAST_FOUR = frozenset(
    {
        Meaning.SSN,
        Meaning.TAX_ID,
        Meaning.LAST_FOUR,
        Meaning.BANK,
        Meaning.CARD,
        Meaning.NUMBER,
        Meaning.PASSPORT,
        Meaning.LICENCE,
    }
)


def masked_number(entity: str, value: str) -> str:
    """A sample for a finding: '***-**-6397'; of other things only the last four, or nothing."""
    digits = re.sub(r"\D", "", value)
    if entity in {"US_SSN", "US_ITIN"}:
        return f"{_SSN}{digits[-4:]}"
    if entity in {"DATE_OF_BIRTH", "STREET_ADDRESS", "EMAIL_ADDRESS"} or len(digits) < 8:
        return _LETTER_OR_DIGIT.sub("*", value)[:16]
    return f"****{digits[-4:]}"


def mask_text(text: str) -> str:
    """Text with every number that may be a person's, an account's or a card's masked but for its last four."""
    text = _SEPARATED.sub(lambda match: f"***{match[2]}**{match[4]}{match[5]}", text)
    text = _TWO_PARTS.sub(lambda match: f"***-**-{match[0][-4:]}", text)
    return _LONG.sub(lambda match: match[0] if _DATE.fullmatch(match[0]) else _last_four(match[0]), text)


def _last_four(text: str) -> str:
    """Digits as asterisks, the separators and the last four digits left."""
    left = sum(character.isdigit() for character in text) - 4
    masked = []
    for character in text:
        hide = character.isdigit() and left > 0
        left -= character.isdigit()
        masked.append("*" if hide else character)
    return "".join(masked)


def mask_place(where: str) -> str:
    """A place as a verdict names it: people name sheets, and files in containers, and write numbers into names."""
    address = _ADDRESS.search(where)
    end = address.start() if address else len(where)
    return mask_text(where[:end]) + where[end:]


def mask_filename(name: str | None) -> str | None:
    """'ssn_212-48-6397.pdf' as 'ssn_***-**-6397.pdf'."""
    return None if name is None else mask_text(name)


def mask_address(address: str) -> str:
    """An e-mail address by its first letter and its domain."""
    return _EMAIL.sub(r"\1***\2", address)


def mask_rows(table: Table, rows: Sequence[int]) -> list[Sequence[str]]:
    """Rows as a reviewer sees them: names as initials, numbers by their last four, the rest of a person masked.

    The whole table tells what its columns are, however few of its rows are asked for.
    """
    from rules.sheets import sheet_of  # noqa: PLC0415 - sheets need no masks, masks need sheets
    from rules.strangers import tables_of  # noqa: PLC0415

    masked: dict[int, Sequence[str]] = {row: [mask_text(cell) for cell in table.rows[row]] for row in rows}
    for block, columns, _ in tables_of(sheet_of(table)):
        if inside := [row for row in rows if block.first <= row < block.end]:
            masked |= {row: _masked_row(table.rows[row], masked[row], columns) for row in inside}
    return [masked[row] for row in rows]


def _masked_row(row: Sequence[str], masked: Sequence[str], columns: Sequence[Column]) -> list[str]:
    result = list(masked)
    for column in columns:
        for index in range(column.index, min(column.index + column.width, len(row))):
            if column.width == 3 and index < column.index + 2:
                result[index] = _LETTER_OR_DIGIT.sub("*", row[index])
            else:
                result[index] = _masked_cell(row[index], column.meaning, result[index])
    return result


def _masked_cell(cell: str, meaning: Meaning, masked: str) -> str:
    if meaning in _INITIALS:
        return re.sub(r"(\w)\w*", r"\1.", cell)
    if meaning in _WHOLLY:
        return _LETTER_OR_DIGIT.sub("*", cell)
    if meaning in _LAST_FOUR:
        return _last_four(cell)
    if meaning is Meaning.EMAIL:
        return mask_address(cell)
    return masked
