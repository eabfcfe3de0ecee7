"""YAML that remembers its lines, so that every error of a file of ours names file, line and key.

Scalars come as the text that stands in the file (`"0123"` and `0123` alike), because plan numbers and EINs must keep
their zeros; the pydantic model that receives them decides what is a number.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from rules.errors import ConfigurationError, Problem

Model = TypeVar("Model", bound=BaseModel)
Key = str | int
Steps = tuple[Key, ...]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A YAML file as plain dicts, lists, strings and None, with the line of every key and item."""

    file: str
    content: Any
    lines: dict[Steps, int]

    def line(self, path: Sequence[Key]) -> int | None:
        """Line of `path`, or of the nearest thing around it."""
        for length in range(len(path), -1, -1):
            if (line := self.lines.get(tuple(path[:length]))) is not None:
                return line
        return None

    def problem(self, path: Sequence[Key], text: str, *, warning: bool = False) -> Problem:
        return Problem(file=self.file, line=self.line(path), text=text, warning=warning)


def read(path: Path) -> Document:
    """Parse one file. Raises ConfigurationError for what is not readable, not YAML, or has a key twice."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError([Problem(file=str(path), line=None, text=f"cannot be read: {reason}")]) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError([Problem(file=str(path), line=None, text="is not UTF-8 text")]) from error
    return parse(text, str(path))


def parse(text: str, file: str) -> Document:
    """Like `read`, from a text; `file` is what errors call it."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = None if mark is None else mark.line + 1
        raise ConfigurationError([Problem(file=file, line=line, text=f"not YAML: {error.problem}")]) from error
    except yaml.YAMLError as error:
        raise ConfigurationError(
            [Problem(file=file, line=None, text="not YAML: a character that YAML forbids")]
        ) from error
    reading = _Reading(file)
    content = {} if node is None else reading.value(node, ())
    if reading.problems:
        raise ConfigurationError(reading.problems)
    return Document(file=file, content=content, lines=reading.lines)


class _Reading:
    """One walk over the node tree."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Steps, int] = {}
        self.problems: list[Problem] = []

    def value(self, node: Any, path: Steps) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        plain_null = node.tag == "tag:yaml.org,2002:null"
        return None if plain_null else node.value

    def _mapping(self, node: Any, path: Steps) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if key in result:
                self.problems.append(Problem(file=self.file, line=line, text=f'key "{key}" stands twice'))
            self.lines[(*path, key)] = line
            result[key] = self.value(value_node, (*path, key))
        return result


def validate(document: Document, model: type[Model]) -> Model:
    """Turn a document into `model`. Raises ConfigurationError naming line and key of everything that does not fit."""
    try:
        return model.model_validate(document.content)
    except ValidationError as error:
        raise ConfigurationError(list(problems_of(document, error))) from error


def problems_of(document: Document, error: ValidationError) -> Iterator[Problem]:
    """Pydantic's complaints as ours."""
    for complaint in error.errors(include_url=False, include_context=False):
        path: Steps = complaint["loc"]
        key = ".".join(str(step) for step in path)
        text = complaint["msg"].removeprefix("Value error, ")
        if complaint["type"] == "extra_forbidden":
            text = "unknown key"
        elif complaint["type"] == "missing":
            text = "missing key"
        yield document.problem(path, f"{key}: {text}" if key else text)
