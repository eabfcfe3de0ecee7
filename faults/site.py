"""One place of trials: a folder with settings and store, a next hop, and the process under test, started again when it dies."""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import rules
from faults.nexthop import NextHop
from faults.shim import Page
from gateway.accounts import Accounts, Role
from gateway.settings import Settings, load
from gateway.store import Store

ROOT = Path(__file__).parent.parent
READY = 60.0  #: seconds until a started service has to answer

SETTINGS = """\
smtp: {{listen: "127.0.0.1:{door}", hostname: gw.recordkeeper.example}}
downstream: {{host: 127.0.0.1, port: {next_hop}, tls: none}}
web: {{listen: "127.0.0.1:{web}"}}
store: {{url: "sqlite:///{store}/countersign.db"}}
rules: {{clients: {clients}, policy: policy.yaml}}
inspection: {{soft: {soft}, timeout: {timeout}}}
"""
POLICY = "rules:\n  recipient-unknown: {action: reject}\n"


class Site:
    """Made by `opened`."""

    def __init__(self, shim: Path | None, *, hurry: bool = True, plant: str | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="faults-"))
        self.next_hop = NextHop()
        self.page = Page(self.folder / "page")
        self.door, self.web = _free_ports(2)
        self.token = ""
        self.pid = 0
        self.starts = 0
        self._greeted = -1  #: the start that has greeted us already
        self.deaths: list[int] = []  #: wait statuses
        self.said: deque[str] = deque(maxlen=400)  #: its log
        self.keep_running = False
        self.on_death: Callable[[], None] | None = None  #: called once, before it is started again
        self._shim, self._hurry, self._plant = shim, hurry, plant
        self._parent: asyncio.subprocess.Process | None = None
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._down.set()
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(
        cls,
        shim: Path | None,
        *,
        hurry: bool = True,
        plant: str | None = None,
        store: Path | None = None,
        downstream: int = 0,
        door: int = 0,
        inspection: tuple[float, float] = (0.5, 3.0),
    ):  # type: ignore[no-untyped-def]
        site = cls(shim, hurry=hurry, plant=plant)
        site.door = door or site.door
        try:
            await site.next_hop.start()
            site.configure(store or site.folder / "store", downstream, inspection)
            await site.launch()
            yield site
        finally:
            await site.close()

    def configure(self, store: Path, downstream: int = 0, inspection: tuple[float, float] = (0.5, 3.0)) -> None:
        (self.folder / "policy.yaml").write_text(POLICY)
        text = SETTINGS.format(
            door=self.door,
            web=self.web,
            next_hop=downstream or self.next_hop.port,
            store=store,
            clients=Path(rules.__path__[0], "clients.yaml"),
            soft=inspection[0],
            timeout=inspection[1],
        )
        (self.folder / "countersign.yaml").write_text(text)

    @property
    def file(self) -> Path:
        return self.folder / "countersign.yaml"

    @property
    def settings(self) -> Settings:
        return load(self.file, {})

    async def launch(self) -> None:
        """The parent of the processes under test, then the first of them."""
        if not self.token:
            async with Store.open(self.settings) as store:
                self.token = await Accounts(store).add_token("robot", Role.REVIEWER, datetime.now(UTC))
        environment = {**os.environ, "FAULTS_PAGE": str(self.folder / "page"), "PYTHONPATH": str(ROOT)}
        if self._shim is not None:
            environment["LD_PRELOAD"] = str(self._shim)
        self._parent = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "faults.victim",
            str(os.getpid()),
            cwd=ROOT,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._parent.stdout is not None
        if not await self._parent.stdout.readline():
            raise RuntimeError(
                "the process under test could not be loaded:\n" + (await self._parent.stderr.read()).decode()
            )  # type: ignore[union-attr]
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._follow())]
        await self.start()

    async def start(self) -> None:
        """Start the service, and keep it running."""
        self.tell_to_start()
        await self.ready()

    def tell_to_start(self) -> None:
        self.keep_running = True
        self._order()

    def _order(self) -> None:
        assert self._parent is not None
        assert self._parent.stdin is not None
        order = {"settings": str(self.file), "hurry": self._hurry, "plant": self._plant}
        self._down.clear()
        self._up.clear()
        self.starts += 1
        self._parent.stdin.write(json.dumps(order).encode() + b"\n")

    async def ready(self) -> None:
        """Until it greets. Raises TimeoutError with its last words."""
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
        raise TimeoutError("the service does not come up:\n" + "\n".join(list(self.said)[-20:]))

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

    async def _follow(self) -> None:
        """Hear of starts and ends; start again what has died, while it is to run."""
        assert self._parent is not None
        assert self._parent.stdout is not None
        while line := await self._parent.stdout.readline():
            self.pid = int(line)
            self._up.set()
            self.deaths.append(int(await self._parent.stdout.readline() or -1))
            self._down.set()
            if self.keep_running:
                self.page.disarm()
                self._on_death()
                self._order()

    def _on_death(self) -> None:
        told, self.on_death = self.on_death, None
        if told is not None:
            told()

    async def _listen(self) -> None:
        assert self._parent is not None
        assert self._parent.stderr is not None
        while line := await self._parent.stderr.readline():
            self.said.append(line.decode(errors="replace").rstrip())

    async def kill(self, number: int = 9) -> None:
        await self._up.wait()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def stop(self, number: int = 9) -> None:
        """End it, and leave it so."""
        self.keep_running = False
        if not self._down.is_set():
            await self.kill(number)
        await asyncio.wait_for(self._down.wait(), 60)

    def children(self) -> list[int]:
        """Processes of the service: the workers' parent, then its workers."""
        found, waiting = [], [self.pid]
        while waiting:
            for task in Path(f"/proc/{waiting.pop(0)}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    numbers = [int(number) for number in task.read_text().split()]
                    found += numbers
                    waiting += numbers
        return found

    async def decide(self, hold_id: str, decision: str) -> int:
        """Ask for release or return over the API; the status, 0 when nothing answers."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.web}/api/v1/held/{hold_id}/{decision}",
            json.dumps({"recipients": None, "note": "looked at"}).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
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
        self.keep_running = False
        if self._parent is not None:
            with contextlib.suppress(ProcessLookupError):
                self._parent.kill()
            await self._parent.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.next_hop.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
