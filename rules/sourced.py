"""YAML that remembers its lines, so that every error of a file of ours names file, line and key.

Scalars come as the text that stands in the file (`"0123"` and `0123` alike), because plan numbers and EINs must keep
their zeros; the pydantic model that receives them decides what is a number.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from rules.errors import ConfigurationError, Problem

Model = TypeVar("Model", bound=BaseModel)
Key = str | int
Steps = tuple[Key, ...]

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")  # or, in quotes, the end of a line there
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
    problems: tuple[Problem, ...] = ()  #: what the text alone shows to be wrong; told with all else that is

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
    if isinstance(node, yaml.MappingNode):  # of a key that stands twice, the last is the one that is read
        found = next(((key, value) for key, value in reversed(node.value) if key.value == str(step)), None)
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        found = (node.value[step], node.value[step])
    else:
        found = None
    return None if found is None else (found[0].start_mark.line + 1, found[1])


def read(path: Path) -> Document:
    """Parse one file. Raises ConfigurationError for what is not readable or not YAML."""
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
    return Document(file=file, content=content, root=node, problems=tuple(problems))


def written(content: Any) -> str:
    """What `parse` reads as this content: JSON, which is YAML, and written thirty times as fast."""
    text = json.dumps(content, ensure_ascii=False)
    return _NOT_IN_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


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
        checked = model.model_validate(document.content)
    except ValidationError as error:
        raise ConfigurationError([*document.problems, *problems_of(document, error, model)]) from error
    if document.problems:
        raise ConfigurationError(document.problems)
    return checked


def problems_of(document: Document, error: ValidationError, model: type[BaseModel]) -> Iterator[Problem]:
    """Pydantic's complaints as ours."""
    for complaint in error.errors(include_url=False, include_context=False):
        path: Steps = complaint["loc"]
        text = complaint["msg"].removeprefix("Value error, ")
        if path[-1:] == ("[key]",):  # of a mapping whose keys are named one by one
            path = path[:-1]
            text = _unknown(str(path[-1]), re.findall(r"'([^']*)'", text))
        elif complaint["type"] == "extra_forbidden":
            text = _unknown(str(path[-1]), _keys(model, path[:-1]))
        elif complaint["type"] == "missing":
            text = "missing key"
        key = ".".join(str(step) for step in path)
        yield document.problem(path, f"{key}: {text}" if key else text)


def _unknown(key: str, known: Sequence[str]) -> str:
    near = get_close_matches(key, known, n=1)
    return f'unknown key; did you mean "{near[0]}"?' if near else "unknown key"


def _keys(kind: Any, path: Steps) -> list[str]:
    """The keys that a type knows at the end of `path`, whatever lists and alternatives are on the way."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        names = {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
        return _keys(names.get(str(path[0])), path[1:]) if path else list(names)
    rest = path[1:] if path and isinstance(path[0], int) else path
    return [key for inside in get_args(kind) for key in _keys(inside, rest)]
