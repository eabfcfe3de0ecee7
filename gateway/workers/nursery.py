"""The service's side of one warm parent and its workers: have them forked, hear of their ends. Never reads mail."""

import asyncio
import json
import logging
import os
import secrets
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from gateway.errors import InspectorError
from gateway.workers.workshop import ANSWER, FORK, KILL, READY, REQUEST, Event, Order, Sign
from rules.errors import ConfigurationError, Problem

START = 60.0  #: seconds for a warm parent to be ready, on a machine that has much else to do
STEP = 15.0  #: seconds for it to fork, or to report an end; past that it counts as dead
BLINK = 0.005  #: seconds between two looks at a process that is about to end
CHUNK = 256 * 1024  #: bytes handed to a worker at a time, so that no second copy of a big message piles up
INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "TESSDATA_PREFIX", "PYTHONUTF8")

log = logging.getLogger("countersign.inspector")


class GarbledError(Exception):
    """A worker does not keep to the protocol."""


class UnaskedError(Exception):
    """A worker said something that is no answer to this request; perhaps a message before it made it do so."""


class Worker:
    """One confined process, seen from the service."""

    def __init__(self, pid: int, ended: asyncio.Future[int | None], kill: Callable[[], None], longest: int) -> None:
        self.pid = pid
        self.ended = ended  #: wait status; None when the parent went first
        self.kill = kill
        self.busy = False
        self.leaving = False  #: gets no further message
        self._longest = longest  #: bytes of an answer
        self._reader = asyncio.StreamReader()
        self._writer: asyncio.StreamWriter | None = None

    async def meet(self, channel: socket.socket) -> None:
        """Wait until it has confined itself."""
        self._reader, self._writer = await asyncio.open_unix_connection(sock=channel)
        try:
            async with asyncio.timeout(STEP):
                await self._reader.readexactly(len(READY))
        except BaseException:
            self.dismiss()
            raise

    @property
    def usable(self) -> bool:
        return not (self.leaving or self.ended.done() or self._reader.at_eof())

    async def perform(self, order: bytes, raw: bytes) -> tuple[Sign, bytes]:
        """One job. Raises EOFError or OSError when the worker ends without an answer, Garbled- or UnaskedError."""
        number = secrets.randbits(64)
        await self._send(REQUEST.pack(number, len(order), len(raw)) + order, raw)
        repeated, sign, length = ANSWER.unpack(await self._reader.readexactly(ANSWER.size))
        if repeated != number:
            raise UnaskedError
        try:
            judged = Sign(sign.decode("latin-1"))
        except ValueError:
            raise GarbledError from None
        if length > self._longest:
            raise GarbledError
        return judged, await self._reader.readexactly(length)

    async def _send(self, head: bytes, raw: bytes) -> None:
        if self._writer is None:
            raise GarbledError
        if len(raw) <= CHUNK:
            self._writer.write(head + raw)
            return
        self._writer.write(head)
        view = memoryview(raw)
        for start in range(0, len(raw), CHUNK):
            self._writer.write(view[start : start + CHUNK])
            await self._writer.drain()

    def dismiss(self) -> None:
        """Let it end by itself: it reads the end of its channel."""
        self.leaving = True
        if self._writer is not None:
            self._writer.transport.abort()


class Nursery:
    """One warm parent. Made by `open`."""

    def __init__(self, order: Order) -> None:
        self._loop = asyncio.get_running_loop()
        self._longest_answer = order.allowance.answer
        self.workers: dict[int, Worker] = {}
        self.gone = self._loop.create_future()  #: done when the parent has ended
        self.missing: tuple[str, ...] = ()  #: barriers that this kernel lacks
        self.on_change: Callable[[], None] = lambda: None  #: a worker ended, or the parent
        self.on_warm: Callable[[], None] = lambda: None
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._orphans: list[int] = []
        self._asked: deque[asyncio.Future[Worker]] = deque()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        try:
            with theirs:
                self._process = _launch(theirs)
        except OSError:
            self._control.close()
            raise
        self._loop.add_reader(self._control, self._hear)
        self._control.send(TypeAdapter(Order).dump_json(order))

    @classmethod
    async def open(cls, order: Order) -> "Nursery":
        """Start a warm parent. Raises ConfigurationError with what it said, or InspectorError."""
        try:
            nursery = cls(order)
        except OSError as error:
            raise InspectorError(f"the workers' parent could not be started: {type(error).__name__}") from None
        try:
            async with asyncio.timeout(START):
                await nursery._ready
        except TimeoutError:
            await nursery.close()
            raise InspectorError(f"the workers' parent was not ready within {START:.0f} s") from None
        except BaseException:
            await nursery.close()
            raise
        return nursery

    @property
    def pid(self) -> int:
        return self._process.pid

    async def fork(self) -> Worker:
        """Have one worker forked and confined. Raises InspectorError."""
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise InspectorError(f"a worker cannot be spoken to: {type(error).__name__}") from None
        try:
            with theirs:
                worker = await self._conceive(theirs)
        except BaseException:
            ours.close()
            raise
        try:
            await worker.meet(ours)
        except (EOFError, OSError, GarbledError) as error:
            worker.kill()
            raise InspectorError(f"a worker did not get ready: {type(error).__name__}") from None
        return worker

    async def _conceive(self, channel: socket.socket) -> Worker:
        asked: asyncio.Future[Worker] = self._loop.create_future()
        try:
            socket.send_fds(self._control, [FORK], [channel.fileno()])
            self._asked.append(asked)
            async with asyncio.timeout(STEP):
                return await asked
        except TimeoutError:  # it hangs, and nobody else could kill its workers
            self._process.kill()
            raise InspectorError("the workers' parent does not answer") from None
        except OSError as error:
            raise InspectorError(f"no worker could be asked for: {type(error).__name__}") from None

    async def close(self) -> None:
        """End the parent, and thereby whatever workers are left; leave no zombie."""
        self._process.kill()
        while self._process.poll() is None:  # noqa: ASYNC110 - the end of a process is no event of the loop
            await asyncio.sleep(BLINK)
        while not self.gone.done():  # its last words count: they may name a worker
            self._hear()
            await asyncio.sleep(0)
        for pid in self._orphans:
            with suppress(ChildProcessError):  # the rule: init buries them; in a container we may be init
                while os.waitpid(pid, os.WNOHANG) == (0, 0):  # noqa: ASYNC110, ASYNC222 - the same, and it does not block
                    await asyncio.sleep(BLINK)

    async def drain(self) -> None:
        """Give no worker another message, wait for those at work, then close."""
        self.discharge()
        try:
            while self.workers:
                await asyncio.wait([worker.ended for worker in self.workers.values()])
        finally:
            await self.close()

    def discharge(self) -> None:
        """The idle leave now, the others after their message."""
        for worker in self.workers.values():
            worker.leaving = True
            if not worker.busy:
                worker.dismiss()

    def _kill(self, pid: int) -> None:
        """The parent kills, because only it knows that the number still means that worker."""
        with suppress(OSError):
            self._control.send(KILL + str(pid).encode())
        self._loop.call_later(STEP, self._check_dead, pid)

    def _check_dead(self, pid: int) -> None:
        if pid in self.workers and not self.gone.done():
            log.error("the workers' parent does not answer, starting another one")
            self._process.kill()

    def _hear(self) -> None:
        try:
            packet = self._control.recv(1 << 17)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if packet:
            report = json.loads(packet)
            self._note(Event(report.pop("event")), report)
        else:
            self._lose()

    def _note(self, event: Event, report: Mapping[str, Any]) -> None:
        match event:
            case Event.READY:
                self.missing = tuple(report["missing"])
                self._ready.set_result(None)
            case Event.MISCONFIGURED:
                problems = [Problem(file=f, line=n, text=t, warning=w) for f, n, t, w in report["problems"]]
                self._fail(ConfigurationError(problems))
            case Event.FAILED:
                log.error("the workers' parent gave up: %s", report["what"])
                self._fail(InspectorError(f"the workers' parent gave up: {report['what']}"))
            case Event.FORKED:
                self._welcome(report["pid"])
            case Event.REFUSED:
                self._answer(InspectorError(f"no worker could be forked: {report['what']}"))
            case Event.ENDED:
                self._bury(report["pid"], report["status"])
            case Event.WARM:
                self.on_warm()

    def _welcome(self, pid: int) -> None:
        ended: asyncio.Future[int | None] = self._loop.create_future()
        worker = self.workers[pid] = Worker(pid, ended, lambda: self._kill(pid), self._longest_answer)
        self._answer(worker)

    def _answer(self, answer: Worker | InspectorError) -> None:
        asked = self._asked.popleft()
        if asked.done():  # whoever asked has gone, and its end of the channel with it
            return
        if isinstance(answer, Worker):
            asked.set_result(answer)
        else:
            asked.set_exception(answer)

    def _bury(self, pid: int, status: int | None) -> None:
        if (worker := self.workers.pop(pid, None)) is not None:
            worker.ended.set_result(status)
            if not worker.busy:  # else its last answer may still be on the way
                worker.dismiss()
            self.on_change()

    def _fail(self, error: Exception) -> None:
        if not self._ready.done():
            self._ready.set_exception(error)

    def _lose(self) -> None:
        """The parent has ended, or is to end: so have all its workers."""
        if self.gone.done():
            return
        self.gone.set_result(None)
        self._loop.remove_reader(self._control)
        self._control.close()
        self._fail(InspectorError("the workers' parent ended before it was ready"))
        while self._asked:
            self._answer(InspectorError("the workers' parent has ended"))
        self._orphans = list(self.workers)
        for pid in self._orphans:
            self._bury(pid, None)
        self.on_change()


def _launch(control: socket.socket) -> subprocess.Popen[bytes]:
    """It imports from where we import, and sees nothing else of our environment: no key, no password, no folder."""
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment |= {"PYTHONPATH": os.pathsep.join(str(Path(path).absolute()) for path in sys.path if path)}
    environment |= {"OMP_THREAD_LIMIT": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    number = control.fileno()
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "gateway.workers.zygote", str(number), str(os.getpid())],
        env=environment,
        pass_fds=[number],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
