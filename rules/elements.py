"""What the columns of a list hold: the data elements and categories that a breach form asks for. Holds no values."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

from pydantic import RootModel

from rules.columns import Column
from rules.headers import WORDS, Meaning
from rules.recognisers_file import Category, RecogniserFile
from rules.sourced import read, validate

_NAME = frozenset({Meaning.NAME, Meaning.FIRST_NAME, Meaning.LAST_NAME})

#: Columns that say nothing of a person's own.
_NOTHING = frozenset(
    {
        Meaning.TAX_ID,
        Meaning.MIDDLE_NAME,
        Meaning.NUMBER,
        Meaning.DATE,
        Meaning.WORK,
        Meaning.ORGANISATION,
        Meaning.OTHER,
        Meaning.OTHER_NUMBER,
    }
)


class _Categories(RootModel[dict[Meaning, tuple[Category, ...]]]):
    pass


@cache
def _of_columns() -> Mapping[Meaning, tuple[Category, ...]]:
    return validate(read(WORDS / "categories.yaml"), _Categories).root


def elements(columns: Iterable[Column], *, noted: bool = False) -> tuple[str, ...]:
    """The data elements of a list, in the order of its columns: ('name', 'ssn', 'birth').

    `noted`: numbers of its people stand in other columns.
    """
    told = [column.meaning for column in columns if column.meaning not in _NOTHING]
    told += [Meaning.SSN] if noted else []
    return tuple(dict.fromkeys("name" if meaning in _NAME else meaning.value for meaning in told))


class Categories:
    """Categories by entity and by column; built once from the recognisers' files."""

    def __init__(self, files: Sequence[RecogniserFile]) -> None:
        self._by_entity = {file.entity: file.categories for file in files}
        self._by_column = {
            **{meaning: file.categories for file in files for meaning in file.columns},
            **_of_columns(),
        }

    def of_entity(self, entity: str) -> tuple[str, ...]:
        return tuple(category.value for category in self._by_entity.get(entity, ()))

    def of_list(self, names: Iterable[str]) -> tuple[str, ...]:
        """Of the elements of a list."""
        return tuple(dict.fromkeys(self._of_elements(names)))

    def _of_elements(self, names: Iterable[str]) -> Iterator[str]:
        for name in names:
            yield from (category.value for category in self._by_column.get(Meaning(name), ()))
