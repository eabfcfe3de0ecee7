"""The client directory's file: imported from YAML or CSV, checked as a whole, then replaced at once or not at all."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml

from gateway.disk import replace_private
from gateway.errors import UnreadableError
from gateway.settings import Settings
from rules.clientcsv import parse_csv
from rules.clients import Directory, checked
from rules.sourced import Document, parse, read

USUAL = Path("rules/clients.yaml")
Content = Mapping[str, Any]


def today() -> date:
    """The day that periods of the directory are compared with."""
    return datetime.now(UTC).date()


def load(settings: Settings) -> Directory:
    """As of today. Raises ConfigurationError."""
    return Directory.load(settings.clients_file, today())


def take_in(settings: Settings, file: Path) -> list[str]:
    """Merge `file` into the directory: its entries replace those of the same id. Returns what changed.

    Raises ConfigurationError with everything wrong in the file, or in the directory with it; then nothing has changed.
    """
    new = _document(file)
    target = settings.clients_file or settings.path(USUAL)
    old = read(target) if target.is_file() else parse("", str(target))
    checked(new, known=checked(old)[0].clients)
    content, changes = _merged(old.content, new.content)
    text = "# Written by `countersign clients import`.\n" + yaml.safe_dump(
        content, allow_unicode=True, sort_keys=False, width=120, default_flow_style=None
    )
    _, problems = checked(parse(text, f"{target} with {file}"))
    if changes:
        _write(target, text)
    return [*(str(problem) for problem in problems), *changes] if changes else ["nothing has changed"]


def _document(file: Path) -> Document:
    if file.suffix.lower() != ".csv":
        return read(file)
    try:
        return parse_csv(file.read_text(encoding="utf-8-sig"), str(file))
    except OSError as error:
        raise UnreadableError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{file}: is not UTF-8 text") from error


def _merged(old: Content, new: Content) -> tuple[dict[str, Any], list[str]]:
    merged: dict[str, Any] = dict(old)
    changes: list[str] = []
    for section in ("clients", "partners"):
        entries = {entry["id"]: entry for entry in old.get(section) or ()}
        for entry in new.get(section) or ():
            changes += _changed(section.removesuffix("s"), entries.get(entry["id"]), entry)
            entries[entry["id"]] = entry
        merged[section] = list(entries.values())
    own = {key: list(items or ()) for key, items in (old.get("internal") or {}).items()}
    for key, items in (new.get("internal") or {}).items():
        added = [item for item in items or () if item not in own.get(key, [])]
        own.setdefault(key, []).extend(added)
        changes += [f"internal: {key} added: {_told(added)}"] if added else []
    merged["internal"] = own
    return {key: value for key, value in merged.items() if value}, changes


def _changed(kind: str, old: Content | None, new: Content) -> Iterator[str]:
    if old is None:
        yield f'{kind} "{new["id"]}" added'
        return
    for key in dict.fromkeys([*old, *new]):
        if (before := old.get(key)) != (after := new.get(key)):
            yield f'{kind} "{new["id"]}": {key}: {_told(before)} -> {_told(after)}'


def _told(value: Any) -> str:
    return (
        "nothing"
        if value in (None, [], "")
        else yaml.safe_dump(value, default_flow_style=True, width=9999).split("\n")[0]
    )


def _write(target: Path, text: str) -> None:
    try:
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()  # as readable as any file that an administrator makes here: the service has another user
        replace_private(target, text.encode())
    except OSError as error:
        raise UnreadableError(f"{target}: cannot be written: {error.strerror}") from error
