"""State of residence from a state column, a line of an address, or a ZIP code. Says "" when it cannot be told."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, RootModel

from rules.sourced import read, validate

_LONGEST = 60
FILE = Path(__file__).parent / "words" / "states.yaml"

_IN_A_LINE = re.compile(r"(?:^|[,.\s])([A-Za-z]{2})\.?[,\s]+([0-9]{5})(?:-?[0-9]{4})?\s*(?:USA?|United States)?\s*$")
_STATE_AT_END = re.compile(r",\s*([A-Z]{2}|[A-Z][a-z]+(?: [A-Z][a-z]+)?)\s*$")
_ZIP_AT_END = re.compile(r"(?:^|[^0-9])([0-9]{5})(?:-[0-9]{4})?\s*$")
_ZIP = re.compile(r"\s*([0-9]{3,5})(?:\.0+)?(?:-?[0-9]{4})?\s*")


class _State(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    also: tuple[str, ...] = ()
    zips: tuple[Annotated[str, Field(pattern=r"^(?:[0-9]{3}(-[0-9]{3})?|[0-9]{5}(-[0-9]{5})?)$")], ...]


class _States(RootModel[dict[str, _State]]):
    pass


@cache
def _states() -> Mapping[str, _State]:
    return validate(read(FILE), _States).root


@cache
def _by_text() -> dict[str, str]:
    """Code or name in capitals to code."""
    states = _states()
    names = {name.upper(): code for code, state in states.items() for name in (state.name, *state.also)}
    return {code: code for code in states} | names


@cache
def _by_zip() -> dict[str, str]:
    """Three digits or five to code."""
    found: dict[str, str] = {}
    for code, state in _states().items():
        for span in state.zips:
            first, _, last = span.partition("-")
            found |= {f"{number:0{len(first)}d}": code for number in range(int(first), int(last or first) + 1)}
    return found


def named(cell: str) -> str:
    """The state a cell is: 'NC', 'n.c.', 'North Carolina'."""
    if len(cell) > _LONGEST:
        return ""
    if code := _by_text().get(cell):
        return code
    written = cell.strip().upper()
    return _by_text().get(written) or _by_text().get(written.replace(".", ""), "")


def of_zip(cell: str) -> str:
    """The state of a ZIP code; three or four digits have lost their zeros."""
    match = _ZIP.fullmatch(cell)
    if match is None:
        return ""
    digits = match[1] if len(match[1]) == 5 else match[1].zfill(5)
    return _by_zip().get(digits) or _by_zip().get(digits[:3], "")


def of_address(line: str) -> str:
    """The state at the end of an address, by its code before a ZIP, its name after the last comma, or the ZIP alone."""
    line = line[-_LONGEST:]
    if match := _IN_A_LINE.search(line):
        return named(match[1]) or of_zip(match[2])
    if (match := _STATE_AT_END.search(line)) and (state := named(match[1])):
        return state
    if match := _ZIP_AT_END.search(line):
        return of_zip(match[1])
    return ""
