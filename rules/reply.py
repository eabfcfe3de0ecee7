"""Parts a message body into what is new and what is not: greeting, quotations, forwards, signature, disclaimer.

Line by line, each line looked at once: linear on any input. When in doubt a line is new, because new words weigh more.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from rules.sourced import read, validate
from rules.vocabulary import FOLDER

_FRAME = "-_=* >:"
_ON = ("on ", "am ", "le ", "el ")
_LOOK = 400  #: characters of a line that are looked at for marks


class Passage(StrEnum):
    """What a run of lines is to its message; the `where` of evidence."""

    GREETING = "greeting"
    NEW = "body"
    QUOTED = "quoted text"
    FORWARDED = "forwarded message"
    SIGNATURE = "signature"
    DISCLAIMER = "disclaimer"


FRESH = frozenset({Passage.GREETING, Passage.NEW})


class Marks(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    wrote: tuple[str, ...]
    original: tuple[str, ...]
    forwarded: tuple[str, ...]
    headers: tuple[str, ...]
    farewells: frozenset[str]
    devices: tuple[str, ...]
    postscripts: tuple[str, ...]
    greetings: tuple[str, ...]
    disclaimers: tuple[str, ...]


@cache
def marks() -> Marks:
    return validate(read(FOLDER / "reply.yaml"), Marks)


@cache
def _begins() -> re.Pattern[str]:
    """How lines begin that may change what follows. Nearly none does, so nothing else is asked of a line."""
    known = marks()
    framed = "|".join(map(re.escape, (*known.forwarded, *known.original, *known.headers)))
    bare = "|".join(map(re.escape, (*_ON, *known.devices, *known.postscripts, *sorted(known.farewells))))
    return re.compile(rf"[{re.escape(_FRAME)}]*(?:{framed})|{bare}|--$")


class _Line(NamedTuple):
    text: str
    bare: str  #: lower case, no space around, cut to what is looked at

    @property
    def unframed(self) -> str:
        """Without the dashes of "----- Original Message -----"."""
        return self.bare.strip(_FRAME) if self.bare[:1] in _FRAME else self.bare


def passages(body: str) -> list[tuple[Passage, str]]:
    """The body's runs of lines, in order; every line is in one of them."""
    lines = [_Line(line, line[:_LOOK].strip().lower()) for line in body.splitlines()]
    result: list[tuple[Passage, list[str]]] = []
    for passage, line in zip(_disclaimed(lines, _walk(lines)), lines, strict=True):
        if not result or result[-1][0] is not passage:
            result.append((passage, []))
        result[-1][1].append(line.text)
    return [(passage, "\n".join(run)) for passage, run in result]


def _walk(lines: list[_Line]) -> list[Passage]:
    """What each line is, but for disclaimers."""
    state, result, begun = Passage.NEW, [], False
    begins, wrote = _begins().match, marks().wrote
    for index, line in enumerate(lines):
        if line.bare.startswith(">"):
            result.append(Passage.QUOTED)
            continue
        if line.bare and (begins(line.bare) or line.bare.endswith(wrote)):
            state = _next(state, lines, index)
        greeting = not begun and state is Passage.NEW and _greets(line)
        begun = begun or bool(line.bare)
        result.append(Passage.GREETING if greeting else state)
    return result


def _next(state: Passage, lines: list[_Line], index: int) -> Passage:
    line, known = lines[index], marks()
    if state in {Passage.QUOTED, Passage.FORWARDED}:
        return state
    if line.unframed.startswith(known.forwarded):
        return Passage.FORWARDED
    if line.unframed.startswith(known.original) or _header_block(lines, index):
        return Passage.QUOTED
    if _introduces(lines, index):
        return state if _marked(lines, index) else Passage.QUOTED
    if state is Passage.SIGNATURE:
        return Passage.NEW if line.bare.startswith(known.postscripts) else state
    signs_off = line.text.rstrip("\r\n") in {"-- ", "--"} or line.bare.startswith(known.devices)
    return Passage.SIGNATURE if signs_off or line.bare.rstrip(" ,.!-") in known.farewells else state


def _greets(line: _Line) -> bool:
    return 0 < len(line.bare) < 100 and line.bare.startswith(tuple(f"{word} " for word in marks().greetings))


def _introduces(lines: list[_Line], index: int) -> bool:
    """As in "On Monday Pat wrote:", perhaps broken over two lines."""
    line, known = lines[index].bare, marks()
    if line.endswith(known.wrote):
        return True
    following = lines[index + 1].bare if index + 1 < len(lines) else ""
    return line.startswith(_ON) and following.endswith(known.wrote)


def _marked(lines: list[_Line], index: int) -> bool:
    """Whether the quotation that begins here has `>` before its lines, so that new words may follow it."""
    following = (line.bare for line in lines[index + 1 : index + 5] if line.bare)
    return any(bare.startswith(">") for bare in following)


def _header_block(lines: list[_Line], index: int) -> bool:
    """From:, Sent:, To: on successive lines, as Outlook quotes."""
    known = marks().headers
    if ":" not in lines[index].bare[:20] or not lines[index].bare.lstrip("*").startswith(known):
        return False
    near = [line.bare.lstrip("*") for line in lines[index : index + 3]]
    return sum(bare.startswith(known) for bare in near) > 1


def _disclaimed(lines: list[_Line], kinds: list[Passage]) -> Iterator[Passage]:
    """The same kinds, with paragraphs that disclaim marked as such; a paragraph ends with its blank line."""
    start = 0
    for index in range(len(lines) + 1):
        if index < len(lines) and lines[index].bare:
            continue
        paragraph = lines[start : index + 1]
        disclaims = bool(paragraph and paragraph[0].bare) and _disclaims(paragraph)
        for line, kind in zip(paragraph, kinds[start : index + 1], strict=True):
            yield Passage.DISCLAIMER if disclaims and kind in _OURS and line.bare else kind
        start = index + 1


_OURS = frozenset({Passage.NEW, Passage.SIGNATURE})


def _disclaims(paragraph: list[_Line]) -> bool:
    text = " ".join(line.bare for line in paragraph[:40])
    return sum(phrase in text for phrase in marks().disclaimers) > 2
