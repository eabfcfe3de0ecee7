"""Arithmetic that tells a real number from a look-alike. Each check takes the matched text and says yes or no."""

import re
from collections.abc import Callable, Collection, Mapping

_AREAS = 12  #: first three digits of which the largest list of people holds no fewer

_NOT_DIGIT = re.compile(r"[^0-9]")
_ISSUED = re.compile(r"(?!000|666|9)[0-9]{3}(?!00)[0-9]{2}(?!0000)[0-9]{4}")
# IRS Publication 1915: group numbers in use for ITINs.
_ITIN = re.compile(r"9[0-9]{2}(?:5[0-9]|6[0-5]|7[0-9]|8[0-8]|9[0-2]|9[4-9])(?!0000)[0-9]{4}")

#: Printed in advertisements, wallets, manuals and forms; the Social Security Administration lists the first two.
SPECIMENS = frozenset(
    {"078051120", "219099999", "123456789", "111223333", "123121234", "457555462", "123456780"}
    | {f"98765432{digit}" for digit in "0123456789"}
    | {digit * 9 for digit in "0123456789"}
)

# IRS, "How EINs are assigned and valid EIN prefixes": those never assigned.
_NO_EIN = frozenset(
    {"00", "07", "08", "09", "17", "18", "19", "28", "29", "49", "69", "70", "78", "79", "89", "96", "97"}
)


def digits(text: str) -> str:
    return _NOT_DIGIT.sub("", text)


def nine_digits(text: str) -> str:
    """The number as nine digits: without a spreadsheet's ".0", and with the zeros back that a spreadsheet took."""
    number, _, fraction = text.strip().partition(".")
    found = digits(number) if fraction.strip("0 ") == "" else digits(text)
    return found.zfill(9) if len(found) in {7, 8} else found


def is_issued_ssn(number: str) -> bool:
    """Whether nine digits can be an SSN that was ever issued."""
    return _ISSUED.fullmatch(number) is not None and number not in SPECIMENS


def is_issued_itin(number: str) -> bool:
    return _ITIN.fullmatch(number) is not None and number not in SPECIMENS


def are_spread(numbers: Collection[str]) -> bool:
    """Whether numbers begin with different digits, as those of people do; running ones share their first three.

    People of one region share some, too: until 2011 North Carolina had eleven "areas".
    """
    return len({number[:3] for number in numbers}) >= min(0.3 * len(numbers), _AREAS)


def _ssn(text: str) -> bool:
    return is_issued_ssn(nine_digits(text))


def _itin(text: str) -> bool:
    return is_issued_itin(nine_digits(text))


def _ein(text: str) -> bool:
    number = digits(text)
    return len(number) == 9 and number[:2] not in _NO_EIN


def _luhn(text: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    number = digits(text)
    total = 0
    for index, character in enumerate(reversed(number)):
        value = int(character) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return 13 <= len(number) <= 19 and total % 10 == 0 and len(set(number)) > 1


def _aba(text: str) -> bool:
    """American Bankers Association: 3, 7, 1 over nine digits; the first two name a Federal Reserve district."""
    number = digits(text)
    if len(number) != 9 or not (
        1 <= int(number[:2]) <= 12 or 21 <= int(number[:2]) <= 32 or 61 <= int(number[:2]) <= 72
    ):
        return False
    return sum(int(digit) * weight for digit, weight in zip(number, (3, 7, 1) * 3, strict=True)) % 10 == 0


def _birth_year(text: str) -> bool:
    """A date whose year can be a living person's year of birth."""
    year = re.search(r"(?:19|20)[0-9]{2}", text)
    return year is None or 1900 <= int(year[0]) <= 2029


def _telephone(text: str) -> bool:
    """North American Numbering Plan: neither area code nor exchange begins with 0 or 1."""
    number = digits(text).removeprefix("1")
    return len(number) == 10 and number[0] > "1" and number[3] > "1"


def _any(text: str) -> bool:
    return bool(text)


CHECKS: Mapping[str, Callable[[str], bool]] = {
    "any": _any,
    "ssn-issued": _ssn,
    "itin-issued": _itin,
    "ein-prefix": _ein,
    "luhn": _luhn,
    "aba": _aba,
    "birth-year": _birth_year,
    "telephone": _telephone,
}
