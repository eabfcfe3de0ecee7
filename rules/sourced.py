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

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Parser):  # type: ignore[misc]
    """Without resolving what a scalar is, which takes half the time and is the models' business."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        del kind, value, implicit
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A YAML file as plain dicts, lists, strings and None, knowing the line of every key and item."""

    file: str
    content: Any
    root: Any  #: the node tree, asked only when something is wrong

    def line(self, path: Sequence[Key]) -> int | None:
        """Line of `path`, or of the nearest thing around it."""
        node, line = self.root, None if self.root is None else self.root.start_mark.line + 1
        for step in path:
            child = _child(node, step)
            if child is None:
                break
            line, node = child
        return line

    def problem(self, path: Sequence[Key], text: str, *, warning: bool = False) -> Problem:
        return Problem(file=self.file, line=self.line(path), text=text, warning=warning)


def _child(node: Any, step: Key) -> tuple[int, Any] | None:
    """The line of a key or an item, and what stands there."""
    if isinstance(node, yaml.MappingNode):
        found = next(((key, value) for key, value in node.value if key.value == str(step)), None)
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        found = (node.value[step], node.value[step])
    else:
        found = None
    return None if found is None else (found[0].start_mark.line + 1, found[1])


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
    problems: list[Problem] = []
    content = {} if node is None else plain(node, file, problems)
    if problems:
        raise ConfigurationError(problems)
    return Document(file=file, content=content, root=node)


def plain(node: Any, file: str, problems: list[Problem]) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return None if not node.style and node.value in _NULLS else node.value
    if isinstance(node, yaml.SequenceNode):
        return [plain(item, file, problems) for item in node.value]
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        if key in result:
            line = key_node.start_mark.line + 1
            problems.append(Problem(file=file, line=line, text=f'key "{key}" stands twice'))
        result[key] = plain(value_node, file, problems)
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
