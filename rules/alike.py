"""One name and one date however they are written. Pure."""

import re

_NAME_WORD = re.compile(r"[^\W\d_]{2,}|[^\W\d_a-zA-Z]")  # an initial tells nobody apart
_PLAIN_DATE = re.compile(r"([0-9]{1,4})[-/. ]([0-9]{1,2})[-/. ]([0-9]{2,4})")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"({'|'.join(_MONTHS)})[a-z]*"
_PACKED_DATE = re.compile(r"((?:19|20)[0-9]{2})(0[1-9]|1[0-2])([0-3][0-9])(?![0-9])")
_DAY_FIRST = re.compile(rf"([0-9]{{1,2}})[-/. ]{_MONTH}[-/., ]+([0-9]{{2,4}})", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"{_MONTH}[-/. ]+([0-9]{{1,2}})[,-/. ]+([0-9]{{2,4}})", re.IGNORECASE)


def same_name(name: str) -> str:
    """'SMITH, JOHN A' and 'John Smith' alike."""
    return " ".join(sorted(_NAME_WORD.findall(name.casefold())))


def same_date(text: str) -> str:
    """'1961-03-14', '3/14/1961', '19610314' and '14-Mar-61 00:00' alike; anything else as it stands."""
    match = _PLAIN_DATE.match(text)
    if match is None:
        return _written_date(text)
    first, second, third = match.groups()
    year, month, day = (first, second, third) if len(first) == 4 else (third, first, second)
    return f"{int(year) % 100:02d}-{int(month)}-{int(day)}"


def _written_date(text: str) -> str:
    if match := _PACKED_DATE.match(text):
        year, month, day = match.groups()
    elif match := _DAY_FIRST.match(text):
        day, name, year = match.groups()
        month = str(1 + _MONTHS.index(name.casefold()))
    elif match := _MONTH_FIRST.match(text):
        name, day, year = match.groups()
        month = str(1 + _MONTHS.index(name.casefold()))
    else:
        return text.casefold()
    return f"{int(year) % 100:02d}-{int(month)}-{int(day)}"
