"""What a workbook holds beside its cells: margins, notes, names, caches. People believe that they removed it."""

import re
from html import unescape
from typing import Any

from gateway.opening.ooxml import Package, local, part_word, spoken
from gateway.opening.reading import Reading
from gateway.opening.sheetxml import column_index
from rules.content import Role

_MARGIN = re.compile(rb"<(?:\w+:)?(?:odd|even|first)(?:Header|Footer)[^>]*>([^<]*)<")
_FORMULA = re.compile(rb"<(?:\w+:)?f(?: [^>]*)?>([^<]*)</(?:\w+:)?f>\s*<(?:\w+:)?v>\s*[^<\s]")
_QUOTED = re.compile(rb"<(?:\w+:)?(?:formula\d?|f)(?: [^>]*)?>([^<]*)<")
SHARED = re.compile(rb't="s"[^>]*><(?:\w+:)?v>(\d+)<')
_SHARED_TEXT = re.compile(rb"<(?:\w+:)?si\s*(?:/>|>(.*?)</(?:\w+:)?si>)", re.DOTALL)
_WORDS = re.compile(rb"<(?:\w+:)?t(?: [^>]*)?>([^<]*)<")
_PROMPT = re.compile(rb' (?:prompt|promptTitle|error|errorTitle|display|tooltip|location)="([^"]*)"')
# &L, &C, &R begin a section; &"font", &12 and &P style it or count pages (ECMA-376 part 1, 18.3.1.46)
MARGIN_CODE = re.compile(r'&(?:"[^"]*"|\d+|[A-Z])')


def read_margins(xml: bytes, reading: Reading, sheet: str, *, formulas: bool) -> None:
    """Page header and footer, and the words in calculated formulas, drop-down lists, prompts and link tips."""
    tail = xml[max(xml.rfind(b"</sheetData>"), 0) :]
    margins = [MARGIN_CODE.sub(" ", _plain(found)).strip() for found in _MARGIN.findall(tail)]
    reading.text(f"{sheet}!header", "\n".join(filter(None, margins)), Role.HEADING)
    words = [_plain(found) for found in _QUOTED.findall(tail)] + [_plain(found) for found in _PROMPT.findall(tail)]
    if formulas:
        words += [_plain(found) for found in _FORMULA.findall(xml) if b"&quot;" in found or b'"' in found]
    reading.text(f"{sheet}!formulas", "\n".join(dict.fromkeys(words)))


def _plain(raw: bytes) -> str:
    return unescape(raw.decode("utf-8", "replace"))


def read_unshown(strings: bytes, told: set[bytes], reading: Reading) -> None:
    """Shared texts that no cell shows any more: some programs leave them when cells are deleted."""
    texts = _SHARED_TEXT.findall(strings)
    if len(told) < len(texts):
        left = [text for number, text in enumerate(texts) if b"%d" % number not in told]
        lines = [_plain(b"".join(_WORDS.findall(text))) for text in left]
        reading.text("shared texts that no cell shows", "\n".join(filter(None, lines)))


def read_names(workbook: Any, reading: Reading) -> None:
    """Defined names, their formulas and comments; a constant kept in a name shows in no cell."""
    lines = [
        " ".join(filter(None, (name.get("name"), "".join(name.itertext()), name.get("comment"))))
        for name in workbook.iter()
        if local(name) == "definedName"
    ]
    reading.text("defined names", "\n".join(lines))


def read_attached(package: Package, reading: Reading, member: str, sheet: str) -> None:
    """Notes and threaded comments of one sheet, each at its cell."""
    for kind, target in package.relations(member).values():
        if not target or kind not in {"comments", "threadedComment"}:
            continue
        root = package.tree(target, "the comments")
        for node in root.iter():
            if local(node) in {"comment", "threadedComment"}:
                reading.text(f"comment {sheet}!{node.get('ref', '')}", "".join(node.itertext()))
        authors = [node.text or "" for node in root.iter() if local(node) == "author"]
        reading.text("comment authors", "\n".join(authors))


def read_caches(package: Package, reading: Reading) -> None:
    """Copies of cells that stay when their source is deleted: pivot caches, external books, charts."""
    for name in package.left(r"xl/pivotCache/pivotCacheDefinition[^/]*\.xml$"):
        with reading.attempt("a pivot cache"):
            _read_pivot_cache(package, reading, name)
    for name in package.left(r"xl/externalLinks/externalLink[^/]*\.xml$"):
        with reading.attempt("a copy of another workbook"):
            root = package.tree(name, "a copy of another workbook")
            sheets = [node for node in root.iter() if local(node) == "sheetData"]
            for number, sheet in enumerate(sheets, start=1):
                _read_external(sheet, reading, f"{part_word(name)} sheet {number}")
                sheet.clear()
            reading.text(part_word(name), spoken(root))
    read_charts(package, reading)


def _read_pivot_cache(package: Package, reading: Reading, name: str) -> None:
    relations = package.relations(name)
    fields = [node for node in package.tree(name, "a pivot cache").iter() if local(node) == "cacheField"]
    shared = [_shared_items(field) for field in fields]
    rows = [[field.get("name", "") for field in fields]]
    for kind, member in relations.values():
        if kind != "pivotCacheRecords" or not member:
            continue
        records = package.tree(member, "a pivot cache")
        rows += [[_record_item(item, shared, column) for column, item in enumerate(record)] for record in records]
    if len(rows) == 1:  # no records kept: each field's distinct values are still there
        longest = max(map(len, shared), default=0)
        rows += [[items[row] if row < len(items) else "" for items in shared] for row in range(longest)]
    reading.table(part_word(name).replace("pivotCacheDefinition", "pivot cache"), rows)


def _shared_items(field: Any) -> list[str]:
    items = next((node for node in field if local(node) == "sharedItems"), ())
    return [item.get("v", "") for item in items]


def _record_item(item: Any, shared: list[list[str]], column: int) -> str:
    content: str = item.get("v", "")
    if local(item) != "x":
        return content
    return shared[column][int(content)]


def _read_external(sheet: Any, reading: Reading, name: str) -> None:
    rows = []
    for row in sheet:
        cells = {
            column_index(re.match(r"[A-Z]*", cell.get("r", ""))[0]): "".join(cell.itertext())  # type: ignore[index]
            for cell in row
        }
        # Copies keep only the cells that were referred to; an absurd column is no reason to fill a row up to it.
        width = min(max(cells, default=-1) + 1, 16384)
        rows.append([cells.get(column, "") for column in range(width)])
    reading.table(name, rows)


def read_charts(package: Package, reading: Reading) -> None:
    """Charts keep a copy of what they draw; the copies of one chart stand side by side as columns."""
    for name in package.left(r".*/charts/chart[^/]*\.xml$"):
        with reading.attempt("a chart"):
            root = package.tree(name, "a chart")
            columns = [_chart_column(cache) for cache in root.iter() if local(cache) in {"strCache", "numCache", "lvl"}]
            length = max(map(len, columns), default=0)
            rows = [[column[row] if row < len(column) else "" for column in columns] for row in range(length)]
            reading.table(part_word(name), rows)
            titles = [node.text or "" for node in root.iter() if local(node) in {"t", "f"}]
            reading.text(part_word(name), "\n".join(titles))


def _chart_column(cache: Any) -> list[str]:
    return ["".join(point.itertext()) for point in cache if local(point) == "pt"]


def read_binary(content: bytes, reading: Reading, name: str) -> None:
    """Words of an XLSB part: XLWideString is a length and UTF-16LE (MS-XLSB 2.5.169); runs of them are text."""
    runs = re.findall(rb"(?:[\x20-\x7e\xa0-\xff]\x00){3,}", content)
    reading.text(part_word(name), "\n".join(run.decode("utf-16-le") for run in runs))
