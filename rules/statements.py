"""SQL: the rows of INSERT statements, under the names of their columns. Judges nothing, and leaves nothing out."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

_LEAST = 2
_PATIENCE = 10  #: lines that hold no row, between two that do
_LONGEST_TUPLE = 60  #: lines
_TRIES = 3  #: lines that seem to close it

_INSERT = re.compile(
    r"(?i)\s{0,40}(?:insert|replace)\s++(?:ignore\s++)?into\s++(?P<table>[\w.\"`\[\]]{1,200})\s*+"
    r"(?:\((?P<columns>[^()]{1,4000})\)\s*+)?(?:values?+)?+"
)
_WORDS = ("INSERT", "insert", "Insert", "REPLACE", "replace")  #: a glance: as programs write them
_GOES_ON = re.compile(r"(?i)\s*+(?P<comma>,)?+\s*+(?:values?+\b)?+\s*+(?=\()")
_OPENS = re.compile(r"\s*+(?=\()")
_COMMA = re.compile(r"\s*+,")
_END = re.compile(r"\s*+;")
#: What may stand between two statements: comments, GO, COMMIT; and the last clause of the one before.
_HARMLESS = re.compile(r"(?i)\s*+(?:--|#|/\*|on\s++(?:duplicate|conflict)\s)|[^0-9]*+\Z")

_TOKEN = re.compile(r"(?s)'(?:[^'\\]|''|\\.)*+(?:'|\Z)|\"(?:[^\"\\]|\\.)*+(?:\"|\Z)|[(),]")
_TYPE = r"[A-Z_ ]++(?:\([0-9]{1,3}\))?"
#: One string, in nothing but functions and types: 'x', N'x', 'x'::date, UPPER(TRIM('x')), CAST('x' AS varchar(11)).
_ONE_STRING = re.compile(
    rf"(?is)(?:[A-Z_.]++\s*+\(\s*+){{0,5}}(?:{_TYPE}\s*+,\s*+)?[NE]?'(?P<text>(?:[^'\\]|''|\\.)*+)'"
    rf"[\s)]*+(?:(?:::|AS\s){_TYPE})?[\s)]*+"
)
_ESCAPED = re.compile(r"''|\\(?=['\"\\])")


class Statements(NamedTuple):
    """Lines `first` to before `end`, as rows; `lines` says on which each stands. rows[0] has the columns' names.

    The first cell of a row holds what stood on its line around the values: comments, further clauses.
    """

    first: int
    end: int
    rows: list[list[str]]
    lines: list[int]


def statements(lines: Sequence[str], taken: set[int]) -> Iterator[Statements]:
    """Inserts into the same columns of one table. A line outside of them ends the rows, and stays a line of text."""
    content = "\n".join(lines)
    if not any(word in content for word in _WORDS):
        return
    run: _Run | None = None
    for number, line in enumerate(lines):
        match = None if number in taken else _INSERT.match(line)
        if run and (number in taken or not run.takes(number, line, match)):
            yield from run.found()
            run = None
        if match and not run:
            run = _Run(number, *_target(match))
            run.takes(number, line, match)
    if run:
        yield from run.found()


def _target(match: re.Match[str]) -> tuple[str, list[str]]:
    return match["table"], [name.strip(' "`[]') for name in (match["columns"] or "").split(",")]


@dataclass(slots=True)
class _Run:
    """Statements that follow each other, as far as they have been read.

    | a further line | is taken as |
    |---|---|
    | INSERT into the same columns | rows |
    | begins with a tuple, where one may come (`awaits`) or behind a comma | rows |
    | within a tuple that an earlier line has begun (`broken`) | kept, until a line closes it |
    | anything else | kept (`between`): of the statements if rows follow soon, else text again |
    """

    first: int
    table: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    last: int = 0
    awaits: bool = True  #: a tuple may begin the next line
    between: list[str] = field(default_factory=list)  #: lines since the last row, which belong here if one follows
    broken: bool = False  #: they begin with a tuple that its own line does not close
    tries: int = 0  #: lines that seemed to close it

    def takes(self, number: int, line: str, match: re.Match[str] | None) -> bool:
        """Whether a line goes on with the statements; its rows are kept then."""
        goes_on = None if match or self.broken else _GOES_ON.match(line)
        if match:
            if _target(match) != (self.table, self.columns) or len(self.between) > _PATIENCE:
                return False
            self._follow(number, line, match.end())
        elif goes_on and (self.awaits or goes_on["comma"]):
            self._follow(number, line, goes_on.end())
        elif self.broken:
            return self._closes(number, line)
        else:
            self.between.append(line)
            return len(self.between) <= _PATIENCE and (self.awaits or bool(_HARMLESS.match(line)))
        return True

    def found(self) -> Iterator[Statements]:
        if self.broken:
            self._add(self.last, self.between[:1])
        if sum(len(row) > 1 for row in self.rows) >= _LEAST:
            yield Statements(self.first, self.last + 1, [["", *self.columns], *self.rows], [self.first, *self.lines])

    def _follow(self, number: int, line: str, place: int) -> None:
        """Reads a line that has rows, or begins some; what stood before it belongs to the statements, then."""
        if between := "\n".join(filter(None, self.between)):
            self._add(self.last + (not self.broken), [between])
        self.between, self.broken = [], False
        self._read(number, number, line, place)

    def _closes(self, number: int, line: str) -> bool:
        """A line of a tuple on several lines; whether there may be more of them."""
        self.between.append(line)
        if line.rstrip(" \t,;").endswith(")"):
            self.tries += 1
            self._read(self.last, number, "\n".join(self.between), 0)
        return self.tries <= _TRIES and len(self.between) <= _LONGEST_TUPLE

    def _read(self, first: int, last: int, text: str, place: int) -> None:
        """The tuples of a text as rows; the last of them has whatever else stands there."""
        read = _read(text, place, self)
        if self.broken and not read.tuples:
            return
        self.broken = read.tail.startswith("(")
        numbered = self.table if re.search("[0-9]", self.table) else ""
        around = " ".join(filter(None, (numbered, "" if self.broken else read.tail)))
        for cells in read.tuples[:-1]:
            self._add(first, ["", *cells])
        if around or read.tuples:
            self._add(first, [around, *(read.tuples[-1] if read.tuples else ())])
        self.between, self.tries, self.last = [read.tail] if self.broken else [], 0, last
        self.awaits = self.broken or (read.awaits and not text.endswith(";"))

    def _add(self, number: int, row: list[str]) -> None:
        self.rows.append(row)
        self.lines.append(number)

    def goes_on(self, line: str, place: int) -> int:
        """Where the values begin of a further statement of these, which follows on the same line; 0 without one."""
        end = _END.match(line, place)
        match = _INSERT.match(line, end.end()) if end else None
        return match.end() if match and _target(match) == (self.table, self.columns) else 0


class _Line(NamedTuple):
    tuples: list[list[str]]
    tail: str  #: what follows them
    awaits: bool


def _read(line: str, place: int, run: _Run) -> _Line:
    """The tuples that follow each other from a place on."""
    tuples: list[list[str]] = []
    awaits = True
    while awaits and (opens := _OPENS.match(line, place)):
        cells, end = _values(line, opens.end())
        if not end:
            break
        tuples.append(cells)
        comma = _COMMA.match(line, end)
        following = comma.end() if comma else run.goes_on(line, end)
        place, awaits = following or end, following > 0
    return _Line(tuples, line[place:].strip(" \t,;"), awaits)


def _values(line: str, start: int) -> tuple[list[str], int]:
    """The values of the tuple that begins at `start`, and where it ends: 0 when that is not on its line."""
    cells: list[str] = []
    depth, begun = 0, start + 1
    for token in _TOKEN.finditer(line, start):
        depth += (token[0] == "(") - (token[0] == ")")
        if depth == 0 or (depth == 1 and token[0] == ","):
            cells.append(_shown(line[begun : token.start()].strip()))
            begun = token.end()
        if depth == 0:
            return cells, begun
    return [], 0


def _shown(value: str) -> str:
    """A string without its quotes; an expression of several stays as it is: each part may be what it hides."""
    match = _ONE_STRING.fullmatch(value) if "'" in value else None
    return _ESCAPED.sub(_unescaped, match["text"]).strip() if match else value


def _unescaped(match: re.Match[str]) -> str:
    return match[0][1:]
