"""Texts and tables in; findings, people, and what could not be looked at out. Pure; Presidio confirms every finding."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import re2

from rules.addressed import addressed
from rules.beside import beside
from rules.cells import search_cells
from rules.columns import Column
from rules.confirm import Answers, Confirmer, NoAnswerError
from rules.content import Content, Role, Table, Text
from rules.elements import Categories
from rules.fixedwidth import Carry, Lines, tables, unparted
from rules.normalise import fold
from rules.pages import Page, Run, page_of
from rules.participants import Register, Roll, lists, with_noted
from rules.recognise import CERTAIN, Recogniser, same_number
from rules.recognisers_file import Reports, load
from rules.records import forms, records, turned
from rules.search import Searcher
from rules.sheets import Block, Sheet, blocks, sheet_of
from rules.strangers import parts_of
from rules.supporting import MOST_TEXT, Supporting
from rules.tally import CONFIRMED, Tally, window_of
from rules.typed import joined
from rules.verdict import Finding, Obstacle, People
from rules.wrapped import has_broken_numbers

SHIPPED = Path(__file__).parent / "recognisers"
PARTICIPANT_LIST = "PARTICIPANT_LIST"
_NUMBERS = frozenset({"US_SSN", "US_ITIN"})
_LABELLED = re2.compile(
    rb"(?i)(?:^|[^a-z])(?:ssn|social|soc(?:ial)?[. ]{1,2}sec(?:urity)?)s?[^a-z0-9\n][^0-9\n]{0,20}"
    rb"[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}"
)
_NO_BREAK = "\u00a0"  #: what a page or a mail program writes for a space
MOST_HITS = 2_000_000  #: in the texts and free cells of one message; beyond, the part is `partial`, never clean


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    findings: tuple[Finding, ...] = ()
    people: People = field(default_factory=People)
    unread: tuple[tuple[str | None, Obstacle], ...] = ()  #: parts that were not, or not wholly, looked at
    rolls: tuple[Roll, ...] = ()  #: everybody in tables, for the rosters; holds values, so it never leaves the worker
    numbers: Mapping[str | None, set[str]] = field(default_factory=dict)  #: of people outside of tables, by part


class TooMuchError(Exception):
    """A message holds more candidates than one inspection is allowed."""


class Detector:
    """Built once from the recognisers' folder; then `detect` for every message."""

    def __init__(self, folder: Path = SHIPPED) -> None:
        """Raises ConfigurationError naming file, line and key of what is wrong in the folder."""
        self.recognisers = tuple(Recogniser(file) for file in load(folder))
        self.searcher = Searcher(self.recognisers)
        self.confirmer = Confirmer(self.recognisers)
        self.categories = Categories([recogniser.file for recogniser in self.recognisers])
        self.supporting = Supporting(self.recognisers, self.confirmer)

    def detect(self, contents: Sequence[Content]) -> Detection:
        """Everything found in the contents of one whole message."""
        return _Inspection(self).detect(contents)

    def recognise(self, entity: str, text: str) -> tuple[str, ...]:
        """What one recogniser finds in a text, confirmed: how the cases in its file are tried."""
        [recogniser] = (one for one in self.recognisers if one.entity == entity)
        folded = fold(text)
        if recogniser.file.reports is Reports.ALWAYS:
            hits = [hit for one, hit in self.searcher.search(folded) if one is recogniser]
        else:
            hits = list(recogniser.search(folded))
        if hits and self.confirmer.score(entity, folded) < CERTAIN:
            raise NoAnswerError("Presidio did not confirm what its own recogniser matches")
        return tuple(hit.value for hit in hits)


class _Inspection:
    """One message on its way through detection."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.findings: list[Finding] = []
        self.unread: dict[str | None, Obstacle] = {}
        self.rolls: list[Roll] = []
        self.register = Register()
        self.answers = Answers(detector.confirmer)
        self.carries: dict[str | None, Carry] = {}
        self.run = Run()
        self.leftovers: list[tuple[Text, str]] = []
        self.numbers: dict[str | None, set[str]] = {}
        self.told: dict[tuple[str | None, str], set[str]] = {}  #: numbers found, by part and text or table
        self.where: tuple[str | None, str] = (None, "")  #: what is being looked at
        self.hits = 0

    def detect(self, contents: Sequence[Content]) -> Detection:
        for content in contents:
            self._guarded(content.part, partial(self._content, content))
        self._finish()
        found = lists(self.rolls)
        listed = {entry.part for _, entry, _ in found}
        for part, carry in self.carries.items():
            if carry.doubtful and part not in listed:
                self.unread[part] = Obstacle.UNSUPPORTED
        self.register.enter(self.rolls, [one for one, _, _ in found])
        self.findings.extend(
            Finding(
                entity=PARTICIPANT_LIST,
                part=entry.part,
                where=entry.where,
                count=entry.rows,
                distinct=people,
                confidence=0.9,
                sample=f"{people:,} people",
                categories=self.detector.categories.of_list(entry.elements),
            )
            for _, entry, people in found
        )
        self._supporting()
        people = self.register.people(entry for _, entry, _ in found)
        return Detection(
            findings=tuple(map(self._categorised, self.findings)),
            people=people,
            unread=tuple(self.unread.items()),
            rolls=tuple(self.rolls),
            numbers=self.numbers,
        )

    def _categorised(self, finding: Finding) -> Finding:
        return replace(finding, categories=finding.categories or self.detector.categories.of_entity(finding.entity))

    def _guarded(self, part: str | None, look: Callable[[], None]) -> None:
        """Whatever goes wrong while looking makes the part unread: never clean, and never a lost message."""
        try:
            look()
        except NoAnswerError:
            self.unread[part] = Obstacle.TIMEOUT
        except TooMuchError:
            self.unread[part] = Obstacle.LIMIT
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - unknown is not clean; the text of an exception may quote the message
            self.unread[part] = Obstacle.UNSUPPORTED

    def _content(self, content: Content) -> None:
        if isinstance(content, Table) or content.part != self.where[0]:
            self._finish()  # before a table, for that may hold what a page's text has told already
        before, self.where = len(self.findings), _place_of(content)
        self._look(content)
        told = (
            self.told.get((content.part, content.also), set()) if isinstance(content, Table) and content.also else set()
        )
        if told and told >= self.told.get(self.where, set()):
            self.findings[before:] = [one for one in self.findings[before:] if one.entity not in _NUMBERS]

    def _look(self, content: Content) -> None:
        content = (isinstance(content, Table) and unparted(content)) or content
        if isinstance(content, Text) and _NO_BREAK in content.content:
            content = replace(content, content=content.content.replace(_NO_BREAK, " "))
        if isinstance(content, Table):
            as_it_stands = sheet_of(content)
            rows = joined(as_it_stands.rows)
            self._either_way(replace(as_it_stands, rows=rows) if rows else as_it_stands)
            for part_of_it in filter(None, (forms(as_it_stands), *beside(as_it_stands))):
                self._sheet(part_of_it)
            return
        found = [
            one for one in tables(content, self.carries.setdefault(content.part, Carry())) if self._table(content, one)
        ]
        self._text(content, found)
        if sheet := records(content):
            self._sheet(sheet)
        if sheet := addressed(content, self._numbers):
            self._sheet(sheet)
        if has_broken_numbers(fold(content.content)):
            self.unread[content.part] = Obstacle.UNSUPPORTED  # they cannot be put together, and are no less there

    def _table(self, text: Text, lines: Lines) -> bool:
        """Whether the lines are done with; what has no header and holds nothing is read once more as text."""
        before = len(self.findings)
        if page := page_of(text, lines):
            self._page(page)
        else:
            self._sheet(lines.sheet)
        for sheet in filter(None, (turned(lines.sheet), forms(lines.sheet))):
            self._sheet(sheet)
        return lines.headed or len(self.findings) > before

    def _page(self, page: Page) -> None:
        if not self.run.goes_on(page):
            self._finish()
        self.run.pages.append(page)

    def _finish(self) -> None:
        """Read what went on from page to page."""
        run, self.run = self.run, Run()
        if run.pages:
            here = self.where
            self._guarded(run.pages[0].text.part, partial(self._pages, run))
            self.where = here

    def _pages(self, run: Run) -> None:
        self.where = _place_of(run.pages[0].text)
        self._block(run.block())
        places = dict.fromkeys(_place_of(page.text) for page in run.pages)
        told = set[str]().union(*(self.told.get(place, ()) for place in places))
        self.told.update(dict.fromkeys(places, told))  # one set for all of them
        for text, labelled in run.labelled:
            self.where = _place_of(text)
            self._search(text, labelled, again=True)

    def _text(self, text: Text, covered: Sequence[Lines]) -> None:
        """Running text; the lines of its tables are left blank, for their cells are searched as cells."""
        folded = fold(_without(text.content, covered) if covered else text.content)
        if text.part is not None and text.role in {Role.BODY, Role.CONTENT}:
            self.leftovers.append((text, folded[:MOST_TEXT]))
        self._search(text, folded)
        if covered and (labelled := _labelled(text.content, covered)):
            if self.run.pages:  # their cells have not told theirs yet
                self.run.labelled.append((text, fold(labelled)))
            else:
                self._search(text, fold(labelled), again=True)

    def _search(self, text: Text, folded: str, *, again: bool = False) -> None:
        """The numbers in a text; `again`: those with a label of their own that no cell has told."""
        told = frozenset(self.told.get(self.where, ()))
        tallies: dict[str, Tally] = {}
        line, counted = 1, 0
        for recogniser, hit in self.detector.searcher.search(folded):
            self._count()
            line += folded.count("\n", counted, hit.start) - folded.count("\n", hit.start, counted)
            counted = hit.start
            number = same_number(recogniser.entity, hit.value)
            if again and (number in told or not hit.alone):
                continue
            tally = tallies.setdefault(recogniser.entity, Tally())
            tally.add(number, line, window_of(folded, hit))
        for entity, tally in tallies.items():
            self._report(text.part, entity, _where(text, tally), tally)
            self._enter(text.part, tally.values)

    def _numbers(self, content: str) -> Iterator[tuple[int, str]]:
        """Line and value of every number of a person."""
        folded = fold(content)
        line = counted = 0
        for recogniser, hit in self.detector.searcher.search(folded):
            self._count()
            line += folded.count("\n", counted, hit.start)
            counted = hit.start
            yield line, same_number(recogniser.entity, hit.value)

    def _count(self) -> None:
        self.hits += 1
        if self.hits > MOST_HITS:
            raise TooMuchError

    def _report(self, part: str | None, entity: str, where: str, tally: Tally) -> None:
        self.told.setdefault(self.where, set()).update(tally.values)
        score = self.detector.confirmer.best(entity, tally.windows)
        self.findings.append(tally.finding(score, part, entity, where))

    def _enter(self, part: str | None, numbers: set[str]) -> None:
        self.numbers.setdefault(part, set()).update(numbers)
        for number in numbers:
            self.register.number(number)

    def _either_way(self, sheet: Sheet) -> None:
        """A sheet as it stands, and on its side when that is how it has to be read."""
        self._sheet(sheet)
        if on_its_side := turned(sheet):
            self._sheet(on_its_side)

    def _sheet(self, sheet: Sheet) -> None:
        for block in blocks(sheet):
            self._block(block)

    def _block(self, block: Block) -> None:
        for table, columns, found in parts_of(block):
            noted = self._search_table(table, columns, found)
            self.rolls.extend(one for one in (with_noted(each, noted) for each in found) if one.people)

    def _search_table(
        self, block: Block, columns: Sequence[Column], found: Iterable[Roll]
    ) -> Mapping[int, AbstractSet[str]]:
        """The numbers in a table; those that stand outside of the columns for them by row."""
        numbers = {index: cells for one in found for index, cells in one.numbers.items()}
        told = frozenset[str]() if block.sheet.searched else frozenset(self.told.get(self.where, ()))
        for column in columns:
            if column.index in numbers and not told.issuperset(filter(None, numbers[column.index])):
                self._number_column(block, column, numbers[column.index])
        return self._cells(block, columns, numbers) if block.sheet.searched else {}

    def _number_column(self, block: Block, column: Column, numbers: Sequence[str]) -> None:
        """An SSN column: every cell by arithmetic, the first ones by Presidio."""
        tallies = {"US_SSN": Tally(), "US_ITIN": Tally()}
        for entity, tally in tallies.items():
            itin = entity == "US_ITIN"
            rows = [row for row, number in enumerate(numbers, block.first) if number and (number[0] == "9") is itin]
            if not rows:
                continue
            tally.values = {number for number in numbers if number and (number[0] == "9") is itin}
            tally.count, tally.first, tally.last = len(rows), rows[0], rows[-1]
            first = [numbers[row - block.first] for row in rows[:CONFIRMED]]
            tally.sample, tally.windows = first[0], [f"SSN: {n[:3]}-{n[3:5]}-{n[5:]}" for n in first]
            where = block.sheet.place(tally.first, column.index, tally.last, column.index + column.width - 1)
            self.told.setdefault(self.where, set()).update(tally.values)
            score = self.answers.best(block.sheet.part, column.header, entity, tally.windows)
            self.findings.append(tally.finding(score, block.sheet.part, entity, where))

    def _cells(
        self, block: Block, columns: Sequence[Column], numbers: Mapping[int, Sequence[str]]
    ) -> dict[int, set[str]]:
        """Numbers in other cells, also by row: a note may hold the number of the person whose row it is."""
        tallies: dict[tuple[str, int], Tally] = {}
        noted: dict[int, set[str]] = {}
        for found in search_cells(self.detector.searcher, block, columns, numbers):
            self._count()
            entity = found.recogniser.entity
            tally = tallies.setdefault((entity, found.column), Tally())
            number = same_number(entity, found.hit.value)
            noted.setdefault(found.row, set()).add(number)
            tally.add(number, found.row, found.window)
        for (entity, column), tally in tallies.items():
            where = block.sheet.place(tally.first, column, tally.last, column)
            self._report(block.sheet.part, entity, where, tally)
            self._enter(block.sheet.part, tally.values)
        return noted

    def _supporting(self) -> None:
        """Only the parts that hold people are asked what else they hold."""
        sensitive = {finding.part for finding in self.findings if finding.part is not None}
        for one in self.rolls:
            if one.block.sheet.part in sensitive and one.named:
                self._guarded(one.block.sheet.part, partial(self._columns_of, one))
        for text, folded in self.leftovers:
            if text.part in sensitive:
                self._guarded(text.part, partial(self._around, text, folded))

    def _columns_of(self, one: Roll) -> None:
        self.findings.extend(self.detector.supporting.in_columns(one, self.answers))

    def _around(self, text: Text, folded: str) -> None:
        self.findings.extend(self.detector.supporting.in_text(text.part, text.where, folded))


def _place_of(content: Content) -> tuple[str | None, str]:
    return content.part, content.name if isinstance(content, Table) else content.where


def _without(content: str, covered: Sequence[Lines]) -> str:
    lines = content.split("\n")
    for one in covered:
        lines[one.first : one.end] = [""] * (one.end - one.first)
    return "\n".join(lines)


def _labelled(content: str, covered: Sequence[Lines]) -> str:
    """The lines of tables with a label and its number, which may have come to stand in cells far apart."""
    inside = {number for one in covered for number in range(one.first, one.end)}
    flat = content.encode("latin-1", "replace")
    lines = content.split("\n")
    kept = [""] * len(lines)
    number = counted = 0
    for match in _LABELLED.finditer(flat):
        number += flat.count(b"\n", counted, match.end())
        counted = match.end()
        kept[number] = lines[number] if number in inside else ""
    return "\n".join(kept).rstrip("\n")


def _where(text: Text, tally: Tally) -> str:
    """'body line 3'; what is one line by nature is named without it."""
    one_line = text.part is None or text.role is Role.FILENAME
    if one_line or (text.role is Role.HEADING and "\n" not in text.content.strip()):
        return text.where
    lines = f"line {tally.first}" if tally.first == tally.last else f"lines {tally.first}-{tally.last}"
    return f"{text.where} {lines}"
