"""Outlook's MSG files: subject, bodies, recipients, attachments, messages within. Every read is bounded by its file."""

import io
import re
from collections.abc import Iterator
from typing import Any

import olefile

from gateway.message import Opened, Partial, Unopened
from gateway.opening import mapi
from gateway.opening.charset import decode
from gateway.opening.mapi import Properties
from gateway.opening.opener import Budget, CannotLookError, Inner, Leaf, Opening
from rules.content import Content, Role, Text
from rules.verdict import Obstacle

_STREAM = re.compile(r"__substg1\.0_([0-9a-f]{4})([0-9a-f]{4})", re.IGNORECASE)
_ATTACHMENT = "__attach_version1.0_"
_RECIPIENT = "__recip_version1.0_"
_EMBEDDED = "__substg1.0_3701000d"
_MOST_LEVELS = 8

Path = tuple[str, ...]


def open_msg(leaf: Leaf, budget: Budget) -> Opening:
    file = olefile.OleFileIO(io.BytesIO(leaf.content))
    paths = [tuple(path) for path in file.listdir()]
    if len(paths) > 50 * budget.limits.max_parts:
        raise CannotLookError(Obstacle.LIMIT, "too many streams")
    contents: list[Content] = []
    inner: list[Iterator[Inner]] = []
    deeper = _message(_Msg(file, paths, leaf), (), contents, inner)
    files = (each for found in inner for each in found)
    if deeper:
        note = f"messages nested deeper than {_MOST_LEVELS}"
        return Opening(outcome=Partial(contents=tuple(contents), obstacle=Obstacle.LIMIT, note=note), inner=files)
    if file.parsing_issues:
        outcome = Partial(contents=tuple(contents), obstacle=Obstacle.CORRUPT, note="the file's directory is damaged")
        return Opening(outcome=outcome, inner=files)
    return Opening(outcome=Opened(contents=tuple(contents)), inner=files)


class _Msg:
    """The streams of the file, by the storage they stand in."""

    def __init__(self, file: Any, paths: list[Path], leaf: Leaf) -> None:
        self.file, self.leaf = file, leaf
        self.streams: dict[Path, list[str]] = {}
        self.storages: dict[Path, dict[str, None]] = {}
        for path in paths:
            self.streams.setdefault(path[:-1], []).append(path[-1])
            for depth in range(len(path) - 1):
                self.storages.setdefault(path[:depth], {})[path[depth]] = None

    def properties(self, place: Path) -> Properties:
        found = Properties()
        for name in self.streams.get(place, []):
            if stream := _STREAM.fullmatch(name):
                number, kind = int(stream[1], 16), stream[2].lower()
                content = self.file.openstream([*place, name]).read()
                if kind == "001f":
                    found.values[number] = content.decode("utf-16-le", "replace")
                elif kind == "001e":
                    found.values[number] = decode(content)
                elif kind == "0102":
                    found.values[number] = content
        return found


def _message(msg: _Msg, place: Path, contents: list[Content], inner: list[Iterator[Inner]], level: int = 0) -> bool:
    """Read the message in one storage and those within; tells whether some lie deeper than is read."""
    if level > _MOST_LEVELS:
        return True
    properties = msg.properties(place)
    contents += mapi.contents(msg.leaf.section, msg.leaf.role, properties)
    inner.append(mapi.bodies(properties))
    deeper = False
    for storage in msg.storages.get(place, {}):
        lower = storage.lower()
        if lower.startswith(_RECIPIENT):
            names = [value for value in msg.properties((*place, storage)).values.values() if isinstance(value, str)]
            text = " ".join(dict.fromkeys(names))
            contents.append(Text(part=msg.leaf.section, where="recipients", role=Role.HEADING, content=text))
        elif lower.startswith(_ATTACHMENT):
            deeper |= _attachment(msg, (*place, storage), contents, inner, level)
    return deeper


def _attachment(msg: _Msg, place: Path, contents: list[Content], inner: list[Iterator[Inner]], level: int) -> bool:
    embedded = next((each for each in msg.storages.get(place, {}) if each.lower() == _EMBEDDED), None)
    attached = msg.properties(place)
    if embedded is None:
        inner.append(iter([_file(attached)]))
        return False
    within = (*place, embedded)
    if any(each.lower().startswith("__properties") for each in msg.streams.get(within, [])):
        return _message(msg, within, contents, inner, level + 1)
    streams = [msg.file.openstream([*within, each]).read() for each in msg.streams.get(within, [])]
    inner.append(Inner(name=attached.name(), content=content) for content in streams)
    return False


def _file(attached: Properties) -> Inner:
    missing = Unopened(obstacle=Obstacle.UNSUPPORTED, note="an attachment that is only a link")
    content = attached.binary(mapi.DATA) if mapi.DATA in attached.values else missing
    return Inner(name=attached.name(), content=content, declared_type=attached.text(mapi.MIME_TYPE).lower())
