"""The rules in force, replaced while running. What does not load never replaces what did (law 6)."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog

from gateway.audit.chain import Entry, Event
from gateway.directory import today
from gateway.errors import InspectorError, StoreError
from gateway.inspector import Inspector
from gateway.observe import Metrics
from gateway.rulebook import Rulebook, Stamps, look
from gateway.settings import Settings
from gateway.store import Store, proposals
from rules.additions import Addition
from rules.errors import ConfigurationError
from rules.phrases import counted

LOOK = 5.0  #: seconds between looks at the files

log = structlog.get_logger("countersign.rulebook")


@dataclass(slots=True, kw_only=True)
class RulesInForce:
    """`book` is what messages are judged by. `run()` watches the files until `stop()`."""

    book: Rulebook
    settings: Settings
    copies: Path
    inspector: Inspector
    store: Store
    metrics: Metrics
    now: Callable[[], datetime]
    problem: str | None = None  #: why the files as they are now are not in force
    _seen: Stamps = ()
    _additions: tuple[Addition, ...] = ()  #: as the store last said
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: bool = False

    def __post_init__(self) -> None:
        self._additions = self.book.additions
        self._seen = (*self.book.stamps, self._additions)
        self._proclaim()

    def warnings(self) -> Mapping[str, str]:
        """For /readyz."""
        told = {"rules": self.problem} if self.problem else {}
        if ignored := len(self.book.ignored):
            more = counted(ignored, "accepted change contradicts", "accepted changes contradict")
            told["directory"] = f"{more} the directory's file, and does not count: see `countersign clients list`"
        return told

    def reload(self) -> None:
        """Load everything anew, whether or not a file has changed."""
        self._seen = ()
        self._wanted.set()

    def stop(self) -> None:
        self._stopping = True
        self._wanted.set()

    async def run(self) -> None:
        recorded = self.book
        while not self._stopping:
            self._wanted.clear()
            with suppress(StoreError):  # what was known last counts on
                self._additions = await self.store.read(proposals.additions)
            seen = (*look(self.settings), self._additions)
            if seen != self._seen or self._outdated():
                self._seen = seen
                await self._replace()
            if recorded is not self.book:
                with suppress(StoreError):  # tried again; each verdict's own record names its versions anyway
                    await self._record()
                    recorded = self.book
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), LOOK)

    def _outdated(self) -> bool:
        """Whether a period of the directory has begun or ended since it was loaded."""
        changes_on = self.book.directory.changes_on
        return changes_on is not None and today() >= changes_on and self.problem is None

    async def _replace(self) -> None:
        try:
            book = await asyncio.to_thread(Rulebook.load, self.settings, self.copies, self._additions)
        except (ConfigurationError, OSError) as error:
            self._keep(error)
            return
        try:
            await self.inspector.reload(book.settings)
        except (ConfigurationError, InspectorError) as error:
            book.forget()
            self._keep(error)
            return
        # Not one step of the loop lies between the workers' change and ours.
        old, self.book, self.problem = self.book, book, None
        self._proclaim()
        log.info("rules replaced", **book.versions)
        old.forget()

    def _keep(self, error: Exception) -> None:
        """Stay with the last good rules, loudly."""
        self.problem = "policy or directory did not load; the last good ones are in force"
        self.metrics.reload_failures.inc()
        problems = [str(each) for each in error.problems] if isinstance(error, ConfigurationError) else []
        log.error("rules not replaced", error=type(error).__name__, problems=problems)

    def _proclaim(self) -> None:
        if self.book.ignored:
            log.error(
                "accepted changes of the directory are ignored; `countersign clients list` says why",
                count=len(self.book.ignored),
            )
        self.store.versions = self.book.versions
        self.metrics.loaded.set(self.now().timestamp())

    async def _record(self) -> None:
        entry = Entry(event=Event.CONFIGURATION, at=self.now(), detail=dict(self.book.versions))
        await self.store.write(lambda tx: tx.record(entry))
