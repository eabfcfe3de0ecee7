"""One place of trials: settings, store, next hop, and the process under test, which is started again when it dies."""

import asyncio
import json
import os
import shutil
import socket
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import rules
from faults.keeping import InFile, Keeping
from faults.mother import Haste, Mother
from faults.nexthop import NextHop
from gateway.accounts import Accounts, Role
from gateway.settings import Settings, load
from gateway.store import Store

READY = 60.0  #: seconds until a started service has to answer

SETTINGS = """\
smtp: {{listen: "127.0.0.1:{door}", hostname: gw.recordkeeper.example}}
downstream: {{host: 127.0.0.1, port: {next_hop}, tls: none}}
web: {{listen: "127.0.0.1:{web}"}}
store: {store}
rules: {{clients: {clients}, policy: policy.yaml}}
inspection: {{soft: {soft}, timeout: {timeout}}}
retention: {{held: {days}, content: {days}}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """Ports of other servers that the service stands between."""

    door: int  #: where the first one sends to
    downstream: int
    end: int  #: where the last one sends to


class NotUpError(Exception):
    """The service does not come up: a finding, whatever had been done to it."""


class Site:
    """Made by `opened`."""

    policy = "rules:\n  recipient-unknown: {action: reject}\n"
    days = 30  #: until what is held is given back, and until content is destroyed

    def __init__(self, mother: Mother, *, haste: Haste = Haste.TRIAL, plant: str | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="faults-"))
        self.next_hop = NextHop()
        self.page = mother.page
        self.said = mother.said
        self.door, self.web = free_ports(2)
        self.way_in = 0  #: where clients connect to instead of the door, if anywhere
        self.keeping: Keeping = InFile(self.folder / "store")
        self.token = ""
        self.pid = 0
        self.starts = 0
        self.keep_running = False
        self.on_death: Callable[[], None] | None = None  #: called once, before it is started again
        self._greeted = -1  #: the start that has greeted us already
        self._mother, self._haste, self._plant = mother, haste, plant
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._down.set()

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        mother: Mother,
        *,
        haste: Haste = Haste.TRIAL,
        plant: str | None = None,
        keeping: Keeping | None = None,
        inspection: tuple[float, float] = (0.5, 20.0),
        between: Between | None = None,
    ) -> AsyncIterator[Self]:
        """Running, with its next hop; `inspection`: soft and whole deadline."""
        site = cls(mother, haste=haste, plant=plant)
        site.keeping = keeping or site.keeping
        if between is not None:
            site.door, site.next_hop.port = between.door, between.end
        try:
            await site.next_hop.start()
            site.configure(between.downstream if between else 0, inspection)
            await site.launch()
            yield site
        finally:
            await site.close()

    @asynccontextmanager
    async def another(self) -> AsyncIterator["Site"]:
        """A second node, like this one, on the same store and with the same next hop."""
        node = Site(self._mother, haste=self._haste, plant=self._plant)
        node.keeping, node.next_hop = self.keeping, self.next_hop
        inspection = self.settings.inspection
        try:
            node.configure(0, (inspection.soft, inspection.timeout))
            await node.launch()
            yield node
        finally:
            await node.close()

    def configure(self, downstream: int, inspection: tuple[float, float]) -> None:
        (self.folder / "policy.yaml").write_text(self.policy)
        text = SETTINGS.format(
            door=self.door,
            web=self.web,
            next_hop=downstream or self.next_hop.port,
            store=self.keeping.section,
            clients=Path(rules.__path__[0], "clients.yaml"),
            soft=inspection[0],
            timeout=inspection[1],
            days=self.days,
        )
        (self.folder / "countersign.yaml").write_text(text)

    @property
    def file(self) -> Path:
        return self.folder / "countersign.yaml"

    @property
    def settings(self) -> Settings:
        return load(self.file, {})

    async def launch(self) -> None:
        """An API token, then the service."""
        async with await asyncio.to_thread(Store.open, self.settings) as store:
            self.token = await self.hire(store, f"robot{self.door}")
        self.page.disarm()
        self.page.set("clock", 0)
        await self.start()

    async def hire(self, store: Store, name: str) -> str:
        """A reviewer's token."""
        return await Accounts(store).add_token(name, Role.REVIEWER, self.now())

    async def start(self) -> None:
        """Start the service, and keep it running."""
        self.tell_to_start()
        await self.ready()

    def tell_to_start(self) -> None:
        self.keep_running = True
        self._order()

    def _order(self) -> None:
        self._down.clear()
        self._up.clear()
        self.starts += 1
        self._mother.order(self.file, self, haste=self._haste, plant=self._plant)

    async def ready(self) -> None:
        """Until it greets. Raises NotUpError with its last words."""
        if self._greeted == self.starts and not self._down.is_set():
            return
        end = time.monotonic() + READY
        first = self.starts
        while time.monotonic() < end and self.starts < first + 5:
            started = self.starts
            if await self._greets():
                self._greeted = started
                return
            await asyncio.sleep(0.02)
        raise NotUpError("the service does not come up:\n" + "\n".join(list(self.said)[-20:]))

    async def greets_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if await self._greets():
                return True
            await asyncio.sleep(0.1)
        return False

    async def _greets(self) -> bool:
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.door)
                try:
                    return (await reader.readline()).startswith(b"220")
                finally:
                    writer.transport.abort()
        except (OSError, TimeoutError):
            return False

    def started(self, pid: int) -> None:
        self.pid = pid
        self._up.set()

    def ended(self, status: int) -> None:
        """Start again what has died, while it is to run."""
        del status
        self._down.set()
        if not self.keep_running:
            return
        self.page.disarm()
        told, self.on_death = self.on_death, None
        if told is not None:
            told()
        self._order()

    async def kill(self, number: int = 9) -> None:
        await self._up.wait()
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def again(self) -> None:
        """After a kill: until the next start has greeted."""
        starts = self.starts
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                while self.starts == starts:  # noqa: ASYNC110 - the death of a process is no event of ours
                    await asyncio.sleep(0.01)
        await self.ready()

    async def stop(self, number: int = 9) -> None:
        """End it, and leave it so."""
        self.keep_running = False
        if not self._down.is_set():
            await self.kill(number)
        await asyncio.wait_for(self._down.wait(), 60)

    def now(self) -> datetime:
        """By the clock of the service."""
        return datetime.now(UTC) + timedelta(seconds=self.page.get("clock"))

    def way(self) -> int:
        """The port that the next attempt of a client goes to."""
        return self.way_in or self.door

    async def ask(self, question: str, *values: object) -> list[Any]:
        return await self.keeping.ask(question, *values)

    async def count_records(self, event: str) -> int:
        return sum(json.loads(line)["event"] == event for (line,) in await self.ask("select line from audit"))

    def children(self) -> list[int]:
        """Processes of the service: the workers' parent, then its workers."""
        found, waiting = [], [self.pid]
        while waiting:
            for task in Path(f"/proc/{waiting.pop(0)}/task").glob("*/children"):
                with suppress(OSError):
                    numbers = [int(number) for number in task.read_text().split()]
                    found += numbers
                    waiting += numbers
        return found

    async def decide(self, hold_id: str, decision: str, token: str | None = None) -> int:
        """Ask for release or return over the API; the status, 0 when nothing answers."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.web}/api/v1/held/{hold_id}/{decision}",
            json.dumps({"recipients": None, "note": "looked at"}).encode(),
            {"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/json"},
        )

        def ask() -> int:
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
                    return int(answer.status)
            except urllib.error.HTTPError as error:
                return error.code
            except OSError:
                return 0

        return await asyncio.to_thread(ask)

    async def close(self) -> None:
        if self.starts:
            await self.stop()
        await self.next_hop.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
