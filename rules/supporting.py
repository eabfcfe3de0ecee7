"""What else a part holds that has people in it: birth dates, accounts, addresses. Alone these would be noise."""

from collections.abc import Iterator, Sequence
from itertools import islice

from rules.columns import Column
from rules.confirm import Answers, Confirmer
from rules.mask import masked_number
from rules.normalise import fold
from rules.participants import Roll
from rules.recognise import CERTAIN, Recogniser
from rules.recognisers_file import Reports
from rules.sheets import cells_of
from rules.tally import CONFIRMED, Tally, window_of
from rules.verdict import Finding

MOST_TEXT = 20_000  #: characters of a text in which supporting evidence is looked for
_MOST_HITS = 1_000


class Supporting:
    """The recognisers that report only where people are."""

    def __init__(self, recognisers: Sequence[Recogniser], confirmer: Confirmer) -> None:
        self._recognisers = tuple(one for one in recognisers if one.file.reports is Reports.WITH_PEOPLE)
        self._by_column = {meaning: one for one in self._recognisers for meaning in one.file.columns}
        self._confirmer = confirmer

    def in_columns(self, roll: Roll, answers: Answers) -> Iterator[Finding]:
        """One finding for each column of a list that a recogniser knows."""
        part = roll.block.sheet.part
        rows = [roll.block.sheet.rows[person.row] for person in roll.people]
        for column in roll.columns:
            recogniser = self._by_column.get(column.meaning)
            if recogniser is None:
                continue
            cells = list(filter(None, cells_of(rows, column.index)))
            if not cells:
                continue
            score = answers.best(part, column.header, recogniser.entity, _windows(recogniser, cells))
            if score >= CERTAIN:
                yield Finding(
                    entity=recogniser.entity,
                    part=part,
                    where=_where(roll, column),
                    count=len(cells),
                    distinct=len(set(cells)),
                    confidence=round(score, 2),
                    sample=masked_number(recogniser.entity, cells[0]),
                )

    def in_text(self, part: str | None, where: str, folded: str) -> Iterator[Finding]:
        for recogniser in self._recognisers:
            tally = Tally()
            for hit in islice(recogniser.search(folded), _MOST_HITS):
                line = folded.count("\n", 0, hit.start) + 1
                tally.add(hit.value.casefold(), line, window_of(folded, hit))
            if tally.count:
                lines = f"line {tally.first}" if tally.first == tally.last else f"lines {tally.first}-{tally.last}"
                score = self._confirmer.best(recogniser.entity, tally.windows)
                yield tally.finding(score, part, recogniser.entity, f"{where} {lines}")


def _windows(recogniser: Recogniser, cells: Sequence[str]) -> Iterator[str]:
    """The first cells, each behind the label that its header is."""
    label = next(iter(recogniser.file.context.positive), "")
    return (f"{label}: {fold(cell.strip()[:200])}" for cell in islice(cells, CONFIRMED))


def _where(roll: Roll, column: Column) -> str:
    return roll.block.sheet.place(roll.people[0].row, column.index, roll.people[-1].row, column.index)
