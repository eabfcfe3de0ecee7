"""The rules in force: policy and directory, replaced while running. What does not load never replaces what did (law 6).

Files are copied, and the copies loaded, here and by the workers: both go by the same rules, also when a worker's parent
has to be started anew while somebody is writing the original.
"""

import asyncio
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp

import structlog

from gateway.audit.chain import Entry, Event
from gateway.directory import today
from gateway.errors import InspectorError, StoreError
from gateway.inspector import Inspector
from gateway.observe import Metrics
from gateway.settings import Settings
from gateway.store import Store
from rules.clients import Directory
from rules.errors import ConfigurationError
from rules.policy import Policy

LOOK = 5.0  #: seconds between looks at the files

Stamps = tuple[object, ...]

log = structlog.get_logger("countersign.rulebook")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    policy: Policy
    directory: Directory
    settings: Settings  #: for the workers: with paths of the copies
    stamps: Stamps  #: of the originals, taken before they were read
    folder: Path  #: of the copies

    @classmethod
    def load(cls, settings: Settings, copies: Path) -> "Rulebook":
        """Raises ConfigurationError, which names the originals."""
        stamps, folder = look(settings), Path(mkdtemp(dir=copies))
        originals = {"policy": settings.policy_file, "clients": settings.clients_file}
        files = {key: file and _copied(file, folder / f"{key}.yaml") for key, file in originals.items()}
        try:
            policy, directory = Policy.load(files["policy"]), Directory.load(files["clients"], today())
        except ConfigurationError as error:
            shutil.rmtree(folder, ignore_errors=True)
            names = {str(files[key]): str(original) for key, original in originals.items()}
            blamed = [replace(problem, file=names.get(problem.file, problem.file)) for problem in error.problems]
            raise ConfigurationError(blamed) from error
        copied = settings.model_copy(update={"rules": settings.rules.model_copy(update=files)})
        return cls(policy=policy, directory=directory, settings=copied, stamps=stamps, folder=folder)

    @property
    def versions(self) -> Mapping[str, str]:
        return {"policy": self.policy.version, "directory": self.directory.version}

    def forget(self) -> None:
        """Remove the copies."""
        shutil.rmtree(self.folder, ignore_errors=True)


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
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: bool = False

    def __post_init__(self) -> None:
        self._seen = self.book.stamps
        self._proclaim()

    def client_name(self, client: str) -> str:
        return self.book.directory.client_name(client)

    def warnings(self) -> Mapping[str, str]:
        """For /readyz."""
        return {"rules": self.problem} if self.problem else {}

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
            seen = look(self.settings)
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
            book = await asyncio.to_thread(Rulebook.load, self.settings, self.copies)
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
        self.store.versions = self.book.versions
        self.metrics.loaded.set(self.now().timestamp())

    async def _record(self) -> None:
        entry = Entry(event=Event.CONFIGURATION, at=self.now(), detail=dict(self.book.versions))
        await self.store.write(lambda tx: tx.record(entry))


def look(settings: Settings) -> Stamps:
    """What tells each file from its next version (an editor's new file has another number), and the day."""
    files = (settings.policy_file, settings.clients_file, settings.rosters_file)
    return (today(), *(file and _stamp(file) for file in files))


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _copied(file: Path, copy: Path) -> Path:
    """The copy; or the file itself when it cannot be read, so that loading it says why."""
    try:
        shutil.copyfile(file, copy)
    except OSError:
        return file
    return copy
