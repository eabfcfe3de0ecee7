"""The cases of `tests/detection_cases` as contents, each in every carrier its file names. Reads; judges nothing."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import yaml

from gateway.message import Limits, Unopened
from gateway.opening.registry import open_message
from rules.content import Content, Role, Table, Text

FOLDER = Path(__file__).parents[1] / "tests" / "detection_cases"
ANY = "any"  #: where a list may be seen as one or as single numbers only

Rows = list[list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One file or mail, and what a person says is in it."""

    family: str  #: the file it stands in
    why: str
    carrier: str
    contents: tuple[Content, ...]
    people: int = 0
    numbers: int = 0  #: distinct SSNs and ITINs
    itins: int | None = None  #: how many of them are ITINs, where the case says
    list: bool | str = False
    states: Mapping[str, int] = field(default_factory=dict)

    @property
    def sensitive(self) -> bool:
        return self.people > 0


def cases(folder: Path = FOLDER) -> Iterator[Case]:
    for path in sorted(folder.glob("*.yaml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        match document["kind"]:
            case "lines":
                yield from _lines(path.stem, document["lines"])
            case "rows":
                yield from _tables(path.stem, document)
            case "texts":
                for entry in document["cases"]:
                    yield _case(path.stem, entry, "text", _body(entry["text"]))
            case "files":
                for entry in document["cases"]:
                    yield _case(path.stem, entry, entry["file"], *opened(entry["file"], entry["text"].encode()))


def opened(name: str, content: bytes) -> tuple[Content, ...]:
    """A file as the gateway meets it: in a mail, through the product's own openers."""
    mail = EmailMessage()
    mail["Subject"] = "as discussed"
    mail.set_content("Please find it attached.\n")
    mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    message = open_message(mail.as_bytes().replace(b"\n", b"\r\n"), Limits())
    outcomes = [part.outcome for part in message.parts]
    found = [content for outcome in outcomes if not isinstance(outcome, Unopened) for content in outcome.contents]
    return (*message.headings, *found)


def _lines(family: str, lines: Mapping[int, Sequence[str]]) -> Iterator[Case]:
    for count, texts in lines.items():
        for text in texts:
            entry = {"why": ascii(text), "people": count, "numbers": count, "list": ANY if count > 2 else False}
            yield _case(family, entry, "line", _body(f"Hello,\n\n{text}\n\nThanks\n"))


def _tables(family: str, document: Mapping[str, Any]) -> Iterator[Case]:
    for entry in document["cases"]:
        rows = [[""]] * entry.get("pad", 0) + list(csv.reader(entry["rows"].splitlines()))
        for carrier in entry.get("carriers", document["carriers"]):
            yield _case(family, entry, carrier, _CARRIERS[carrier](rows))


def _case(family: str, entry: Mapping[str, Any], carrier: str, *contents: Content) -> Case:
    people = entry.get("people", 0)
    return Case(
        family=family,
        why=entry["why"],
        carrier=carrier,
        contents=contents,
        people=people,
        numbers=entry.get("numbers", 0),
        itins=entry.get("itins"),
        list=entry.get("list", people > 2),
        states=entry.get("states", {}),
    )


def _body(text: str) -> Text:
    return Text(part="1", where="body", role=Role.BODY, content=text)


def _sheet(rows: Rows) -> Table:
    return Table(part="2", name="Sheet1", rows=rows)


def _csv(rows: Rows) -> Text:
    lines = [",".join(f'"{cell}"' if "," in cell else cell for cell in row) for row in rows]
    return Text(part="2", where="file", role=Role.CONTENT, content="\n".join(lines))


def _tabs(rows: Rows) -> Text:
    return _body("Hello,\n\nas discussed:\n\n" + "\n".join("\t".join(row) for row in rows) + "\n\nRegards\n")


def _padded(rows: Rows) -> Text:
    """As a report prints them: every column as wide as its widest cell."""
    width = max(map(len, rows))
    full = [[*row, *[""] * (width - len(row))] for row in rows]
    widths = [max(len(row[index]) for row in full) + 2 for index in range(width)]
    lines = ["".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in full]
    return Text(part="2", where="page 1", role=Role.CONTENT, content="\n".join(lines))


_CARRIERS: Mapping[str, Callable[[Rows], Content]] = {"sheet": _sheet, "csv": _csv, "tabs": _tabs, "padded": _padded}
