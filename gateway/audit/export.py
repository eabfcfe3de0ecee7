"""One exporter per format: a record in, a line out. Only JSON lines can be verified."""

import csv
import io
import json
from collections.abc import Callable, Mapping

from gateway.audit.cef import cef
from gateway.audit.chain import Record, timestamp
from gateway.audit.ocsf import ocsf

COLUMNS = ("seq", "at", "event", "actor", "hold_id", "detail", "hash")


def jsonl(record: Record) -> str:
    """The very line that was sealed."""
    return record.line + "\n"


def as_csv(record: Record) -> str:
    """RFC 4180, one row; a cell never begins like a formula."""
    detail = json.dumps(record.detail, sort_keys=True, ensure_ascii=False)
    cells = (record.seq, timestamp(record.at), record.event, record.actor, record.hold_id or "", detail, record.hash)
    return _row(cells)


def _row(cells: tuple[object, ...]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([cell if isinstance(cell, int) else _harmless(str(cell)) for cell in cells])
    return buffer.getvalue()


def _harmless(cell: str) -> str:
    """A spreadsheet runs what begins with one of these (OWASP, CSV injection); an apostrophe makes it text."""
    first = cell.lstrip()[:1]
    return f"'{cell}" if cell[:1] in {"\t", "\r", "\n", "\0"} or first in set("=+-@\uff1d\uff0b\uff0d\uff20") else cell


FORMATS: Mapping[str, Callable[[Record], str]] = {"jsonl": jsonl, "csv": as_csv, "cef": cef, "ocsf": ocsf}


def header(name: str) -> str:
    """What stands above the first record in this format."""
    return _row(COLUMNS) if name == "csv" else ""
