"""The one writer: takes units of work from any event loop and commits many of them together.

One commit costs about a millisecond of waiting for the disk, however much stands in it. A unit that fails takes nobody
with it: the group is rolled back and each unit is then committed alone. A caller that goes away tears nothing.
"""

import asyncio
import contextlib
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ClauseElement, Connection, CursorResult, Executable, Table, insert, select

from gateway.audit.chain import Entry, Head, Record, seal
from gateway.errors import StoreError
from gateway.store.backend import Backend
from gateway.store.dialects import Guard, upsert
from gateway.store.moments import to_ms
from gateway.store.prepared import Values, prepared
from gateway.store.schema import audit

Result = TypeVar("Result")
GROUP = 256  #: units in one commit

_LAST = select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)
_APPEND = insert(audit)
_Kind = tuple[Table, tuple[str, ...], Guard | None]


class Transaction:
    """What a unit of work is given: statements, and records for the audit log that are committed with them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name
        self._cursor = connection.connection.cursor()
        self._head: Head | None = None
        self._records: list[Record] = []
        self._late: dict[_Kind, list[Values]] = defaultdict(list)

    @property
    def connection(self) -> Connection:
        return self._connection

    def execute(
        self, statement: Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        return self._connection.execute(statement, values)

    def find(self, statement: ClauseElement, values: Values) -> tuple[Any, ...] | None:
        """The first row of a select that is made once and asked for every message."""
        question = prepared(self._dialect, statement)
        self._cursor.execute(question.text, question.arguments(values))
        row: tuple[Any, ...] | None = self._cursor.fetchone()
        return row

    def change(self, statement: ClauseElement, values: Values) -> int:
        """How many rows were changed by a statement that is made once and run for every message."""
        order = prepared(self._dialect, statement)
        self._cursor.execute(order.text, order.arguments(values))
        return self._cursor.rowcount

    def upsert(self, table: Table, keys: tuple[str, ...], row: Values, guard: Guard | None = None) -> bool:
        """Insert `row`, or put it in the place of the one with the same `keys`. False: `guard` did not let that go."""
        return self.change(upsert(self._dialect, table, keys, guard), row) == 1

    def upsert_late(
        self, table: Table, keys: tuple[str, ...], rows: Iterable[Values], guard: Guard | None = None
    ) -> None:
        """The same, right before the commit: one statement for the rows of all units in it."""
        self._late[table, keys, guard].extend(rows)

    def record(self, entry: Entry) -> Head:
        """Put an entry at the end of the audit log. It is there when the transaction is, or not at all."""
        record = seal(entry, self._head or self._last())
        self._records.append(record)
        self._head = Head(record.seq, record.hash)
        return self._head

    def _last(self) -> Head:
        row = self.find(_LAST, {})
        return Head() if row is None else Head(*row)

    def complete(self) -> None:
        """Called once, before the commit."""
        for (table, keys, guard), late in self._late.items():
            self._run_all(upsert(self._dialect, table, keys, guard), late)
        rows = [
            {"seq": r.seq, "at": to_ms(r.at), "hold_id": r.hold_id, "hash": r.hash, "line": r.line}
            for r in self._records
        ]
        self._run_all(_APPEND, rows)

    def _run_all(self, statement: ClauseElement, rows: Sequence[Values]) -> None:
        if rows:
            order = prepared(self._dialect, statement)
            self._cursor.executemany(order.text, [order.arguments(row) for row in rows])


Work = Callable[[Transaction], Result]


@dataclass(slots=True)
class _Unit:
    work: Work[Any]
    future: "asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop
    result: Any = None
    error: BaseException | None = None


class Writer:
    """A thread with the only connection that writes."""

    def __init__(self, backend: Backend, on_broken: Callable[[StoreError], None]) -> None:
        self._backend = backend
        self._on_broken = on_broken
        self._queue: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._broken: StoreError | None = None
        self._away: StoreError | None = None  # of this group: a database that does not answer is asked once
        self._closed = False
        self._door = threading.Lock()  # nothing is queued behind the last unit
        self._thread.start()

    async def do(self, work: Work[Result]) -> Result:
        """Run `work` in a transaction and return once it is on the disk. Raises what `work` raises, or StoreError."""
        loop = asyncio.get_running_loop()
        unit = _Unit(work, loop.create_future(), loop)
        with self._door:
            if self._closed:
                raise StoreError("the store is closed")
            self._queue.put(unit)
        result: Result = await unit.future
        return result

    def close(self) -> None:
        """Commit what waits, then stop."""
        with self._door:
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        going = True
        while going:
            group = [self._queue.get()]
            with contextlib.suppress(queue.Empty):
                while len(group) < GROUP:
                    group.append(self._queue.get_nowait())
            going = None not in group
            units = [unit for unit in group if unit is not None]
            try:
                self._settle(units)
            except BaseException as error:  # noqa: BLE001 - a dead writer would let every caller wait for ever
                self._give_up(units, error)
            _answer(units)

    def _give_up(self, units: Sequence[_Unit], error: BaseException) -> None:
        """A mistake of ours: what it left behind is unknown, so nothing is confirmed any more."""
        self._broken = StoreError(f"the store's writer failed: {type(error).__name__}")
        self._on_broken(self._broken)
        for unit in units:
            unit.error = self._broken

    def _settle(self, units: list[_Unit]) -> None:
        """Give every unit its result or its error."""
        if not units:
            return
        self._away = None
        if self._broken is None and self._together(units):
            return
        for unit in units:
            if unit.error is None:
                unit.error = self._broken or self._away
            if unit.error is None:
                self._together([unit])

    def _together(self, units: Sequence[_Unit]) -> bool:
        """One commit for all. False: a unit failed, nothing is written, and each must be tried alone."""
        current: _Unit | None = None
        try:
            with self._backend.writing() as connection:
                transaction = Transaction(connection)
                for current in units:
                    current.result = current.work(transaction)
                current = None
                transaction.complete()
        except Exception as error:  # noqa: BLE001 - every error goes to the caller whose unit it was
            culprits = list(units) if current is None else [current]
            reason = self._reason(error)
            if current is None or len(units) == 1:
                for unit in culprits:
                    unit.error = reason
                return True
            return False
        return True

    def _reason(self, error: Exception) -> Exception:
        if not isinstance(error, self._backend.driver_errors):
            return error
        failure = self._backend.translate(error)
        self._away = failure.error if failure.away else None
        if failure.broken:
            # A second try after a failed fsync would "succeed" without the data (ATC'20, CuttleFS): never again.
            self._broken = failure.error
            self._on_broken(failure.error)
        return failure.error


def _answer(units: Sequence[_Unit]) -> None:
    """One wake-up per event loop for the whole group."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Unit]] = defaultdict(list)
    for unit in units:
        by_loop[unit.loop].append(unit)
    for loop, theirs in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(_resolve, theirs)


def _resolve(units: Sequence[_Unit]) -> None:
    for unit in units:
        if unit.future.done():  # its caller went away
            continue
        if unit.error is None:
            unit.future.set_result(unit.result)
        else:
            unit.future.set_exception(unit.error)
