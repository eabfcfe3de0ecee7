"""A client directory written as CSV, one row for each client, partner or set of one's own addresses. Reads text only.

    kind,id,name,aliases,domains,addresses,plan_numbers,eins,acts_for,contacts,from,until
    client,acme,"Acme Mfg, Inc.",Acme,acme.example; old.example [..2025-06-30],,501234,04-1234567,,Jo <d@acme.example>,,

`kind` is client (also when empty), partner or internal. Several values of a cell stand between semicolons; a period
follows its value in brackets, open at either end. Every error names the row's line.
"""

import csv
import io
import re
from collections.abc import Mapping
from typing import Any

import yaml

from rules.errors import ConfigurationError, Problem
from rules.sourced import Document, plain

_SECTIONS = {"": "clients", "client": "clients", "partner": "partners", "internal": "internal"}
_SINGLE = {"id", "name", "from", "until"}
_SEVERAL = {"aliases", "domains", "addresses", "plan_numbers", "eins", "acts_for", "contacts"}
_PERIOD = re.compile(r"(.*\S)\s*\[\s*([0-9-]*)\s*\.\.\s*([0-9-]*)\s*\]")
_CONTACT = re.compile(r"([^<>]*\S)\s*<([^<>]*)>")


def parse_csv(text: str, file: str) -> Document:
    """The same document as a YAML file would give. Raises ConfigurationError."""
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True, restkey="")
    problems: list[Problem] = []
    sections: dict[str, list[yaml.Node]] = {"clients": [], "partners": [], "internal": []}
    line = 1
    try:
        unknown = sorted({*(rows.fieldnames or ())} - _SINGLE - _SEVERAL - {"kind"})
        problems += [Problem(file=file, line=1, text=f'column "{name}" is unknown') for name in unknown]
        line = rows.line_num + 1
        for row in rows:
            section = _SECTIONS.get((row.get("kind") or "").strip().lower())
            if section is None or "" in row:
                text = "has more cells than there are columns" if "" in row else "kind: client, partner or internal"
                problems.append(Problem(file=file, line=line, text=text))
            else:
                sections[section].append(_entry(row, line))
            line = rows.line_num + 1
    except csv.Error as error:
        problems.append(Problem(file=file, line=line, text=f"not CSV: {error}"))
    if problems:
        raise ConfigurationError(problems)
    root = _whole(sections)
    return Document(file=file, content=plain(root, file, problems), root=root)


def _whole(sections: Mapping[str, list[yaml.Node]]) -> yaml.Node:
    own: dict[str, list[yaml.Node]] = {}
    for entry in sections["internal"]:
        for key, value in entry.value:
            own.setdefault(key.value, []).extend(value.value)
    internal = _mapping({key: _sequence(items, 1) for key, items in own.items()}, 1)
    listed = {name: _sequence(sections[name], 1) for name in ("clients", "partners") if sections[name]}
    return _mapping({**listed, **({"internal": internal} if own else {})}, 1)


def _entry(row: Mapping[str, Any], line: int) -> yaml.Node:
    entry: dict[str, yaml.Node] = {}
    for key, cell in row.items():
        written = (cell or "").strip()
        if key in _SEVERAL and written:
            items = [item.strip() for item in written.split(";") if item.strip()]
            entry[key] = _sequence(
                [_contact(item, line) if key == "contacts" else _item(item, line) for item in items], line
            )
        elif key in _SINGLE and written:
            entry[key] = _scalar(written, line)
    return _mapping(entry, line)


def _item(written: str, line: int) -> yaml.Node:
    match = _PERIOD.fullmatch(written)
    if match is None:
        return _scalar(written, line)
    keys = zip(("value", "from", "until"), match.groups(), strict=True)
    return _mapping({key: _scalar(value, line) for key, value in keys if value}, line)


def _contact(written: str, line: int) -> yaml.Node:
    match = _CONTACT.fullmatch(written)
    keys = zip(("name", "address"), match.groups() if match else (written,), strict=False)
    return _mapping({key: _scalar(value, line) for key, value in keys}, line)


def _mark(line: int) -> yaml.Mark:
    return yaml.Mark("", 0, line - 1, 0, None, 0)


def _scalar(written: str, line: int) -> yaml.Node:
    return yaml.ScalarNode("", written, _mark(line), _mark(line), style="'")


def _sequence(items: list[yaml.Node], line: int) -> yaml.Node:
    return yaml.SequenceNode("", items, _mark(line), _mark(line))


def _mapping(entries: Mapping[str, yaml.Node], line: int) -> yaml.Node:
    return yaml.MappingNode(
        "", [(_scalar(key, line), value) for key, value in entries.items()], _mark(line), _mark(line)
    )
