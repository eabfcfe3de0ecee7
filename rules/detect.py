"""Texts and tables in; findings, people, and what could not be looked at out. Pure; Presidio confirms every finding."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from rules.columns import Column, Meaning
from rules.confirm import Confirmer, NoAnswerError
from rules.content import Content, Role, Table, Text
from rules.fixedwidth import Carry, Lines, tables
from rules.mask import masked_number
from rules.normalise import fold
from rules.participants import Register, Roll, lists, roll
from rules.recognise import AFTER, BEFORE, CERTAIN, Hit, Recogniser, same_number
from rules.recognisers_file import Reports, load
from rules.records import records
from rules.search import Searcher
from rules.sheets import Block, Sheet, blocks, profile, sheet_of
from rules.verdict import Finding, Obstacle, People

SHIPPED = Path(__file__).parent / "recognisers"
CONFIRMED = 3  #: windows that Presidio is asked about for one finding
MOST_HITS = 2_000_000  #: in one message; beyond, the part is `partial`, never clean
MOST_SUPPORTING = 20_000  #: characters of a text in which supporting evidence is looked for
PARTICIPANT_LIST = "PARTICIPANT_LIST"
SENSITIVE = frozenset({"US_SSN", "US_ITIN", PARTICIPANT_LIST})

_CELL = "\x1e"  #: parts the cells of a table when they are searched as one text
_ROW = "\x1d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    findings: tuple[Finding, ...] = ()
    people: People = field(default_factory=People)
    unread: tuple[tuple[str | None, Obstacle], ...] = ()  #: parts that were not, or not wholly, looked at


class _TooMuchError(Exception):
    """A part holds more candidates than one message is allowed to."""


class Detector:
    """Built once from the recognisers' folder; then `detect` for every message."""

    def __init__(self, folder: Path = SHIPPED) -> None:
        """Raises ConfigurationError naming file, line and key of what is wrong in the folder."""
        self.recognisers = tuple(Recogniser(file) for file in load(folder))
        self.searcher = Searcher(self.recognisers)
        self.confirmer = Confirmer(self.recognisers)

    def detect(self, contents: Sequence[Content]) -> Detection:
        """Everything found in the contents of one whole message."""
        return _Inspection(self).detect(contents)

    def recognise(self, entity: str, text: str) -> tuple[str, ...]:
        """What one recogniser finds in a text, each hit confirmed: how the cases in its file are tried."""
        [recogniser] = (one for one in self.recognisers if one.entity == entity)
        folded = fold(text)
        if recogniser.file.reports is Reports.ALWAYS:
            hits = [hit for one, hit in self.searcher.search(folded) if one is recogniser]
        else:
            hits = list(recogniser.search(folded))
        if hits and self.confirmer.score(entity, folded) < CERTAIN:
            raise NoAnswerError("Presidio did not confirm what its own recogniser matches")
        return tuple(hit.value for hit in hits)


@dataclass(slots=True)
class _Tally:
    """Hits of one recogniser in one place."""

    count: int = 0
    values: set[str] = field(default_factory=set)
    windows: list[str] = field(default_factory=list)
    places: list[int] = field(default_factory=list)  #: first and last line, or row
    last: str = ""

    def add(self, value: str, place: int, window: Callable[[], str] | None) -> None:
        self.count += 1
        self.values.add(value)
        self.last = self.last or value
        if window and len(self.windows) < CONFIRMED:
            self.windows.append(window())
        self.places = [min([place, *self.places[:1]]), max([place, *self.places[1:]])]


class _Inspection:
    """One message on its way through detection."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.findings: list[Finding] = []
        self.unread: dict[str | None, Obstacle] = {}
        self.rolls: list[Roll] = []
        self.register = Register()
        self.carries: dict[str | None, Carry] = {}
        self.leftovers: list[tuple[Text, str]] = []
        self.hits = 0

    def detect(self, contents: Sequence[Content]) -> Detection:
        for content in contents:
            self._guarded(content.part, lambda content=content: self._content(content))  # type: ignore[misc]
        self.register.enter(self.rolls)
        found = lists(self.rolls)
        self.findings.extend(
            Finding(
                entity=PARTICIPANT_LIST,
                part=entry.part,
                where=entry.where,
                count=entry.rows,
                distinct=people,
                confidence=0.9,
                sample=f"{people:,} people",
            )
            for _, entry, people in found
        )
        self._supporting()
        return Detection(
            findings=tuple(self.findings),
            people=self.register.people(entry for _, entry, _ in found),
            unread=tuple(self.unread.items()),
        )

    def _guarded(self, part: str | None, look: Callable[[], None]) -> None:
        """Whatever goes wrong while looking makes the part unread; never clean, and never a lost message."""
        try:
            look()
        except NoAnswerError:
            self.unread[part] = Obstacle.TIMEOUT
        except _TooMuchError:
            self.unread[part] = Obstacle.LIMIT
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - unknown is not clean; the text of an exception may quote the message
            self.unread[part] = Obstacle.UNSUPPORTED

    def _content(self, content: Content) -> None:
        if isinstance(content, Table):
            self._sheet(sheet_of(content))
            return
        found = tables(content, self.carries.setdefault(content.part, Carry()))
        for one in found:
            self._sheet(one.sheet)
        if sheet := records(content):
            self._sheet(sheet)
        self._text(content, found)

    # -- running text ------------------------------------------------------------------------------------------

    def _text(self, text: Text, covered: Sequence[Lines]) -> None:
        folded = fold(_without(text.content, covered) if covered else text.content)
        if text.part is not None and text.role in {Role.BODY, Role.CONTENT}:
            self.leftovers.append((text, folded[:MOST_SUPPORTING]))
        tallies: dict[str, _Tally] = {}
        line, counted = 1, 0
        for recogniser, hit in self.detector.searcher.search(folded):
            self._count()
            if hit.start >= counted:
                line += folded.count("\n", counted, hit.start)
            else:
                line = 1 + folded.count("\n", 0, hit.start)
            counted = hit.start
            tally = tallies.setdefault(recogniser.entity, _Tally())
            window = (lambda hit=hit: _window(folded, hit)) if hit.alone else None  # type: ignore[misc]
            tally.add(same_number(recogniser.entity, hit.value), line, window)
        for entity, tally in tallies.items():
            self._report(text.part, entity, _where(text, tally), tally)
            for value in tally.values:
                self.register.number(value)

    def _count(self) -> None:
        self.hits += 1
        if self.hits > MOST_HITS:
            raise _TooMuchError

    def _report(self, part: str | None, entity: str, where: str, tally: _Tally) -> None:
        """A finding, once Presidio has confirmed one of its windows."""
        score = max((self.detector.confirmer.score(entity, window) for window in tally.windows), default=0.0)
        if score < CERTAIN:
            raise NoAnswerError("Presidio did not confirm what its own recogniser matches")
        self.findings.append(
            Finding(
                entity=entity,
                part=part,
                where=where,
                count=tally.count,
                distinct=len(tally.values),
                confidence=round(score, 2),
                sample=masked_number(entity, tally.last),
            )
        )

    # -- tables ------------------------------------------------------------------------------------------------

    def _sheet(self, sheet: Sheet) -> None:
        for block in blocks(sheet):
            columns = profile(block)
            if columns:
                one = roll(block, columns)
                if one.people:
                    self.rolls.append(one)
                if sheet.searched:
                    for column in columns:
                        if column.index in one.numbers:
                            self._number_column(block, column, one.numbers[column.index])
            if sheet.searched:
                self._rest(block, columns)

    def _number_column(self, block: Block, column: Column, numbers: Sequence[str]) -> None:
        """An SSN column: every cell by arithmetic, the first ones by Presidio."""
        tallies: dict[str, _Tally] = {}
        for index, number in enumerate(numbers, start=block.first):
            if not number:
                continue
            entity = "US_ITIN" if number[0] == "9" else "US_SSN"
            tally = tallies.get(entity)
            if tally is None:
                tally = tallies[entity] = _Tally(places=[index, index], last=number)
            tally.count += 1
            tally.values.add(number)
            tally.places[1] = index
            if len(tally.windows) < CONFIRMED:
                tally.windows.append(f"SSN: {number[:3]}-{number[3:5]}-{number[5:]}")
        for entity, tally in tallies.items():
            top, bottom = tally.places
            where = block.sheet.place(top, column.index, bottom, column.index + column.width - 1)
            self._report(block.sheet.part, entity, where, tally)

    def _rest(self, block: Block, columns: Sequence[Column]) -> None:
        """All other cells in one pass: a number in the notes of row 4,000 is found, no cell is searched alone."""
        known = {index for c in columns if _settled(c) for index in range(c.index, c.index + c.width)}
        joined = _ROW.join(_CELL.join(_others(row, known)) for row in block.sheet.rows[block.top : block.end])
        folded = fold(joined)
        tallies: dict[tuple[str, int], _Tally] = {}
        row, reached = block.top, 0
        for start, end in self.detector.searcher.zones(folded):
            while reached < end:
                skip = folded.rfind(_ROW, reached, max(reached, start)) + 1
                if skip:
                    row += folded.count(_ROW, reached, skip)
                    reached = skip
                line_end = folded.find(_ROW, reached)
                line_end = len(folded) if line_end < 0 else line_end
                self._row(block, known, row, folded[reached:line_end], tallies)
                reached, row = line_end + 1, row + 1
        for (entity, index), tally in tallies.items():
            top, bottom = tally.places
            self._report(block.sheet.part, entity, block.sheet.place(top, index, bottom, index), tally)
            if entity in SENSITIVE:
                for value in tally.values:
                    self.register.number(value)

    def _row(self, block: Block, known: set[int], row: int, line: str, tallies: dict[tuple[str, int], _Tally]) -> None:
        """Search one row; a label may stand in the cell before or in the header."""
        places = [index for index in range(len(block.sheet.rows[row])) if index not in known]
        before = ""
        for position, cell in enumerate(line.split(_CELL)):
            if any(character.isdigit() for character in cell):
                index = places[position] if position < len(places) else 0
                header = block.header[index] if index < len(block.header) and row >= block.first else ""
                lead = "".join(f"{words}: " for words in (header.rstrip(" .:"), before.rstrip(" .:")) if words)
                for recogniser, hit in self.detector.searcher.search(lead + cell):
                    if hit.start < len(lead):
                        continue
                    self._count()
                    tally = tallies.setdefault((recogniser.entity, index), _Tally())
                    text = lead + cell
                    window = (lambda text=text, hit=hit: _window(text, hit)) if hit.alone else None  # type: ignore[misc]
                    tally.add(same_number(recogniser.entity, hit.value), row, window)
            before = cell[-60:]

    # -- supporting evidence -----------------------------------------------------------------------------------

    def _supporting(self) -> None:
        """What else the parts that hold people hold; alone it would be noise, and is not looked for."""
        sensitive = {finding.part for finding in self.findings if finding.part is not None}
        for one in self.rolls:
            if one.block.sheet.part in sensitive and one.named and len(one.people) >= 1:
                self._guarded(one.block.sheet.part, lambda one=one: self._data_elements(one))  # type: ignore[misc]
        for text, folded in self.leftovers:
            if text.part in sensitive:
                self._guarded(text.part, lambda text=text, folded=folded: self._supporting_text(text, folded))  # type: ignore[misc]

    def _data_elements(self, one: Roll) -> None:
        """One finding for each column of a list that a recogniser knows."""
        rows = [one.block.sheet.rows[person.row] for person in islice(one.people, 200)]
        for column in one.columns:
            recogniser = self._recogniser_of(column.meaning)
            cells = [row[column.index].strip() for row in rows if column.index < len(row)]
            filled = [cell for cell in cells if cell]
            if recogniser is None or not filled:
                continue
            label = recogniser.file.context.positive[0]
            confirmed = [
                s
                for cell in filled[:CONFIRMED]
                if (s := self.detector.confirmer.score(recogniser.entity, f"{label}: {fold(cell)}"))
            ]
            if not confirmed or max(confirmed) < CERTAIN:
                continue
            column_cells = [
                one.block.sheet.rows[person.row][column.index]
                for person in one.people
                if column.index < len(one.block.sheet.rows[person.row])
            ]
            values = [cell for cell in column_cells if cell.strip()]
            where = one.block.sheet.place(one.people[0].row, column.index, one.people[-1].row, column.index)
            self.findings.append(
                Finding(
                    entity=recogniser.entity,
                    part=one.block.sheet.part,
                    where=where,
                    count=len(values),
                    distinct=len(set(values)),
                    confidence=round(max(confirmed), 2),
                    sample=masked_number(recogniser.entity, filled[0]),
                )
            )

    def _recogniser_of(self, meaning: Meaning) -> Recogniser | None:
        for recogniser in self.detector.recognisers:
            if recogniser.file.reports is Reports.WITH_PEOPLE and meaning in recogniser.file.columns:
                return recogniser
        return None

    def _supporting_text(self, text: Text, folded: str) -> None:
        for recogniser in self.detector.recognisers:
            if recogniser.file.reports is not Reports.WITH_PEOPLE:
                continue
            tally = _Tally()
            for hit in islice(recogniser.search(folded), 1_000):
                line = folded.count("\n", 0, hit.start) + 1
                window = (lambda hit=hit: _window(folded, hit)) if hit.alone else None  # type: ignore[misc]
                tally.add(hit.value.casefold(), line, window)
            if tally.count:
                self._report(text.part, recogniser.entity, _where(text, tally), tally)


def _settled(column: Column) -> bool:
    """Whether a column's cells need no search: its numbers are counted already, or are known to be others."""
    return column.meaning in {Meaning.SSN, Meaning.STATE, Meaning.ZIP, Meaning.OTHER_NUMBER}


def _others(row: Sequence[str], known: set[int]) -> Iterable[str]:
    return [cell for index, cell in enumerate(row) if index not in known] if known else row


def _without(content: str, covered: Sequence[Lines]) -> str:
    """The text with the lines of its tables left blank: their cells are searched as cells."""
    lines = content.split("\n")
    for one in covered:
        for number in range(one.first, one.end):
            lines[number] = ""
    return "\n".join(lines)


def _window(text: str, hit: Hit) -> str:
    return text[max(0, hit.start - BEFORE) : hit.end + AFTER]


def _where(text: Text, tally: _Tally) -> str:
    if text.role in {Role.SUBJECT, Role.FILENAME} or ("\n" not in text.content.strip("\n") and text.role is Role.HEADING):
        return text.where
    first, last = tally.places
    return f"{text.where} line {first}" if first == last else f"{text.where} lines {first}-{last}"
