"""Audit records for reading: the latest ones for the page, all of them as JSON lines. Never changes one."""

from collections import deque
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from starlette.responses import StreamingResponse

from gateway.audit.chain import Record
from gateway.review.desk import Desk

LATEST = 200
JSON_LINES = "application/x-ndjson"

#: The log is read forwards; a busy one has its latest records in the first stretch.
STRETCHES = (timedelta(hours=1), timedelta(days=1), timedelta(days=30), None)


async def latest(desk: Desk) -> list[Record]:
    """The newest first."""
    kept: deque[Record] = deque(maxlen=LATEST)
    for stretch in STRETCHES:
        kept.clear()
        async for record in desk.audit.records(since=None if stretch is None else desk.now() - stretch):
            kept.append(record)
        if len(kept) == LATEST:
            break
    return list(kept)[::-1]


def export(desk: Desk, since: datetime | None, until: datetime | None) -> StreamingResponse:
    """Canonical lines as they are stored, so that `countersign audit verify` can check what was downloaded."""
    return StreamingResponse(_lines(desk, since, until), media_type=JSON_LINES)


async def _lines(desk: Desk, since: datetime | None, until: datetime | None) -> AsyncIterator[bytes]:
    async for record in desk.audit.records(since=since, until=until):
        yield record.line.encode() + b"\n"
