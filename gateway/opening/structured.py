"""XML, JSON and YAML: lists of records become tables, all else becomes lines. Expands no entity, loads nothing."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import replace
from typing import Any

import yaml
from lxml import etree

from gateway.message import Opened, Partial, Unopened
from gateway.opening import html, pasted
from gateway.opening.charset import decode
from gateway.opening.opener import Budget, Leaf, Opening
from gateway.opening.text import as_text, open_text
from rules.content import Content, Table, Text
from rules.headers import speaks_of_ssns, vocabulary
from rules.verdict import Obstacle

_FEWEST_RECORDS = 2
_MOST_LEVELS = 200
_DIGITS = re.compile(r"[0-9][0-9 ./-]{3,40}")
_DRAWN = {"text", "{http://www.w3.org/2000/svg}text"}  #: one line of an SVG; elsewhere `text` may hold a whole document
_DRAWN_PIECES = {"tspan", "textPath", "tref", "a"}
_LARGEST_YAML = 1 << 23  #: characters; some two seconds
_ALIAS = re.compile(r"[\s\[,:-]\*\w")
_FLOW = re.compile(r"[\[\]{}]")
_FEW = 32
_ATTRIBUTES: Callable[[Any], Any] = etree.XPath("@*")
_BLOCKS = re.compile(r"(?:[-?:][ \t]+){200}")
_LINE_END = re.compile(r"(?:\\r)?\\n")
_REMARK = re.compile(r"(?:^|(?<=\s))#.*", re.MULTILINE)


class _Plain(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]
    """Every scalar a string, as it is written."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:
        return _kept(
            (self.construct_object(key, deep=True), self.construct_object(each, deep)) for key, each in node.value
        )


Scalar = str | int | float | bool | None


def open_json(leaf: Leaf, budget: Budget) -> Opening:
    """A document, or one per line; what is neither is plain text."""
    source = decode(leaf.content, leaf.charset)
    try:
        document = _json(source)
        contents = tuple(_json_contents(document, leaf))
    except ValueError:
        return open_text(leaf, budget)
    except RecursionError:
        note = "JSON nested too deep"
        return Opening(outcome=Partial(contents=(as_text(leaf, source),), obstacle=Obstacle.LIMIT, note=note))
    return Opening(outcome=Opened(contents=contents), inner=pasted.blocks(_unescaped(source)))


def _unescaped(source: str) -> str:
    """Line ends and slashes as they are meant, for files that stand in strings."""
    return _LINE_END.sub("\n", source).replace("\\/", "/") if "\\" in source else source


def _json(source: str) -> Any:
    """Numbers stay as they are written: a leading zero or a 30-digit number must not change."""
    decoder = json.JSONDecoder(
        parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_kept, strict=False
    )
    text = source.strip("\ufeff \t\r\n")
    try:
        return decoder.decode(text)
    except ValueError:
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) < _FEWEST_RECORDS:
            raise
        return [decoder.decode(line) for line in lines]


def open_yaml(leaf: Leaf, budget: Budget) -> Opening:
    """As text, but for lists of records. Aliases, which can multiply, and deep nesting stay text."""
    opening = open_text(leaf, budget)
    source = decode(leaf.content, leaf.charset)
    if (
        isinstance(opening.outcome, Unopened)
        or len(source) > _LARGEST_YAML
        or _ALIAS.search(source)
        or _is_deep(source)
    ):
        return opening
    try:
        documents = list(yaml.load_all(source, _Plain))
    except (yaml.YAMLError, ValueError, RecursionError):
        return opening
    contents = tuple(_json_contents(documents[0] if len(documents) == 1 else documents, leaf))
    if not any(isinstance(content, Table) for content in contents):
        return opening
    if remarks := [found[0].strip() for found in _REMARK.finditer(source)]:
        remark = Text(part=leaf.section, where="remarks", role=leaf.role, content="\n".join(remarks))
        contents = (*contents, remark)
    return replace(opening, outcome=replace(opening.outcome, contents=contents))


def _is_deep(source: str) -> bool:
    """Libyaml composes by recursion, on a stack that ends without asking."""
    depth = 0
    for sign in _FLOW.finditer(source):
        depth += 1 if sign[0] in "[{" else -1
        if depth > _MOST_LEVELS:
            return True
    return _BLOCKS.search(source) is not None


def _kept(pairs: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    """Parsers keep the last of two members of one name; the first is there all the same."""
    members: dict[str, Any] = {}
    numbers: Counter[str] = Counter()  # else the how manieth it is would be counted anew each time
    for key, value in pairs:
        name = str(key)
        while name in members:
            numbers[str(key)] += 1
            name = f"{key} {numbers[str(key)] + 1}"
        members[name] = value
    return members


def _json_contents(document: Any, leaf: Leaf) -> Iterator[Content]:
    lines: list[str] = []
    tables: list[Table] = []
    waiting: list[tuple[str, Any]] = [("", document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, list) and (rows := _records(value)):
            tables.append(Table(part=leaf.section, name=_whole(path), rows=rows))
        elif isinstance(value, dict):
            waiting += reversed([(f"{path}.{key}" if path else str(key), each) for key, each in value.items()])
        elif isinstance(value, list):
            waiting += reversed([(path, each) for each in value])
        else:
            lines.append(f"{path}: {value}" if path else f"{value}")
    if lines:
        yield as_text(leaf, _whole("\n".join(lines)))
    yield from tables


def _records(values: Sequence[Any]) -> list[list[str]] | None:
    """Flat objects become rows under the union of their keys; equally long lists become rows as they are."""
    if len(values) < _FEWEST_RECORDS:
        return None
    if all(isinstance(value, Mapping) for value in values):
        flat = [dict(_flat(value)) for value in values]
        keys = list(dict.fromkeys(key for each in flat for key in each))
        if len(keys) < 2 or _is_sparse(keys, flat):
            return None
        return [[_whole(key) for key in keys], *([_whole(each.get(key, "")) for key in keys] for each in flat)]
    if all(
        isinstance(value, list) and value and not any(isinstance(each, list | dict) for each in value)
        for value in values
    ):
        return [["" if each is None else _whole(str(each)) for each in value] for value in values]
    return None


def _is_sparse(columns: Sequence[str], rows: Sequence[Sized]) -> bool:
    """Each record with members of its own: as a table they would take the square of their memory."""
    return len(columns) * len(rows) > 50 * sum(map(len, rows)) + 10_000


def _flat(record: Mapping[str, Any], prefix: str = "", level: int = 0) -> Iterator[tuple[str, str]]:
    """Members of members, and of short lists, become columns of their own."""
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and level < _MOST_LEVELS:
            yield from _flat(value, f"{name}.", level + 1)
        elif isinstance(value, Mapping | list):
            yield name, json.dumps(value, ensure_ascii=False)
        else:
            yield name, "" if value is None else str(value)


def _whole(text: str) -> str:
    """JSON may hold lone surrogates, which no UTF-8 can carry."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def open_xml(leaf: Leaf, budget: Budget) -> Opening:
    """Records as tables, the rest as text, attributes and comments included; broken XML is read as HTML is."""
    source = decode(leaf.content, leaf.charset or _declared(leaf.content))
    if "<!ENTITY" in source:
        note = "declares entities, which are not expanded"
        return Opening(outcome=Partial(contents=(as_text(leaf, source),), obstacle=Obstacle.UNSUPPORTED, note=note))
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    try:
        root = etree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", source.lstrip("\ufeff")), parser)
    except (etree.XMLSyntaxError, ValueError):
        return html.open_html(leaf, budget)
    return Opening(outcome=Opened(contents=tuple(xml_contents(root, leaf))), inner=pasted.blocks(source))


def _declared(content: bytes) -> str | None:
    found = re.match(rb"\s*<\?xml[^>]{0,200}encoding\s*=\s*[\"']([\w.:-]{1,40})", content)
    return found[1].decode("ascii") if found else None


def xml_contents(root: Any, leaf: Leaf) -> Iterator[Content]:
    """Tables of the records, and texts of what stands beside them."""
    words: list[str] = []
    hidden: list[str] = []
    tables: list[Table] = []
    seen: set[Any] = set()
    told: set[Any] = set()
    for element in root.iter():
        if element in seen:
            continue
        if not isinstance(element.tag, str):
            hidden.append(element.text or "")
            words += [] if element in told else [element.tail or ""]
            continue
        if element not in told and (rows := _rows(element)):
            tables.append(Table(part=leaf.section, name=f"{_local(element.tag)} {len(tables) + 1}", rows=rows))
            seen.update(element.iterdescendants())
            hidden += _beside(element)
            words += [
                element.text or "",
                *(piece for child in element for piece in (child.text or "", child.tail or "")),
            ]
            words.append(element.tail or "")
            continue
        hidden += [f"{_local(name)}: {value}" for name, value in attributes(element)]
        if element in told:
            continue
        words += [_named(element), element.tail or ""]
        if _flows(element):
            words[-2] = "".join(element.itertext(tag=etree.Element))
            told.update(element.iterdescendants())
    text = "\n".join(filter(None, (word.strip() for word in words)))
    if text:
        yield as_text(leaf, text)
    if hidden := [each for each in hidden if each.strip()]:
        yield Text(part=leaf.section, where="attributes", role=leaf.role, content="\n".join(hidden))
    yield from tables


def attributes(element: Any) -> Sequence[tuple[str, str]]:
    """Names and values. lxml looks for each value from the first attribute on, so many are asked for at once."""
    if len(element.attrib) > _FEW:
        return [(each.attrname, str(each)) for each in _ATTRIBUTES(element)]
    found: Sequence[tuple[str, str]] = element.attrib.items()
    return found


def _named(element: Any) -> str:
    """What stands in an element; digits that fill it with the name it gives them: `<SSN>212486397</SSN>`."""
    text = (element.text or "").strip()
    if len(element) or not text or not _DIGITS.fullmatch(text):
        return element.text or ""
    name, above = _local(element.tag), element.getparent()
    if above is not None and speaks_of_ssns(_local(above.tag)):  # <SSN><Value>
        return f"{_local(above.tag)}.{name}: {text}"
    return f"{name}: {text}" if vocabulary().meaning(name) else text


def _flows(element: Any) -> bool:
    """Words and elements mixed: a number may run through several of them."""
    if element.tag in _DRAWN and all(_local(str(piece.tag)) in _DRAWN_PIECES for piece in element.iterdescendants()):
        return True
    own = bool(element.text and element.text.strip())
    return len(element) > 0 and (own or any(child.tail and child.tail.strip() for child in element))


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _rows(element: Any) -> list[list[str]] | None:
    """The element's children as rows, when nearly all are records of one name with two fields or more."""
    records = [child for child in element if isinstance(child.tag, str)]
    names = Counter(child.tag for child in records)
    if len(records) < _FEWEST_RECORDS or names.most_common(1)[0][1] < len(records) * 0.6:
        return None
    fields = [list(_fields(child)) for child in records]
    if sum(len(each) > 1 for each in fields) < len(records) * 0.6 or any(_is_list(child) for child in records):
        return None
    columns = list(dict.fromkeys(name for each in fields for name, _ in each))
    if any(len({name for name, _ in each}) < len(each) for each in fields) or _is_sparse(columns, fields):
        return [[value for _, value in each] for each in fields]
    rows = (dict(each) for each in fields)
    return [columns, *([row.get(column, "") for column in columns] for row in rows)]


def _is_list(record: Any) -> bool:
    """Does it hold records in its turn? Then it is no row, but has some."""
    return any(len(child) > 1 and sum(len(each) > 1 for each in child) > 1 for child in record)


def _beside(table: Any) -> Iterator[str]:
    """What the rows do not show: comments, and attributes of the table and of single fields."""
    for element in table.iter():
        if not isinstance(element.tag, str):
            yield element.text or ""
        elif element.getparent() is not table:
            yield from (f"{_local(name)}: {value}" for name, value in attributes(element))


def _fields(record: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Attributes and elements; those of an element that holds several different ones become columns of their own."""
    for name, value in attributes(record):
        yield prefix + _local(name), str(value)
    for child in record:
        if not isinstance(child.tag, str):
            continue
        name = prefix + _local(child.tag)
        if 1 < len(child) == len({piece.tag for piece in child}) and not _flows(child):
            yield from _fields(child, f"{name}.")
        else:
            values = [value for _, value in attributes(child)] if not len(child) else []
            text = " ".join(piece.strip() for piece in child.itertext() if piece and piece.strip())
            yield name, text or " ".join(values)
