"""Has messages looked at by confined workers. Never parses a byte of them itself, and never calls silence clean.

What goes wrong because of the message is an outcome (`Unopened`); what goes wrong because of us is an InspectorError.
"""

import asyncio
import json
import logging
import os
import re
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AfterValidator, TypeAdapter, ValidationError

from gateway.errors import InspectorError
from gateway.message import Unopened
from gateway.settings import Settings
from gateway.workers.confine import Allowance
from gateway.workers.nursery import GarbledError, Nursery, UnaskedError, Worker
from gateway.workers.workshop import Order, Sign
from rules.errors import ConfigurationError
from rules.verdict import Evidence, Obstacle, PartReport, Status

if TYPE_CHECKING:
    from gateway.review.viewed import Look, ViewedPart, ViewedPicture

PATIENCE = 30.0  #: seconds to wait for a worker when it is our turn, before it counts as our failure
QUIET = 60.0  #: seconds without a message until workers beyond the one ahead are sent home
LAST_BREATH = 2.0  #: seconds between a worker's silence and its end; then it is made to end
UNHEALTHY = 3  #: failures in a row
BACK_OFF = (0.1, 0.5, 2.0, 10.0)  #: seconds after so many failures
NONSENSE = "the worker's answer makes no sense"
PRIVATE = {"store", "web", "downstream", "notices"}  #: sections of the settings that no worker needs

_EXCEPTION = re.compile(r"[A-Za-z_.]{1,60}( at [a-z_/]{1,60}\.py:\d{1,5})?")

Shape = TypeVar("Shape")

log = logging.getLogger("countersign.inspector")


def _with_parts(evidence: Evidence) -> Evidence:
    """A message has one part at least; evidence without any would pass for clean."""
    if not evidence.parts:
        raise ValueError("no parts")
    return evidence


EVIDENCE: TypeAdapter[Evidence] = TypeAdapter(Annotated[Evidence, AfterValidator(_with_parts)])


@cache
def _viewed() -> "TypeAdapter[ViewedPart]":
    from gateway.review.viewed import ViewedPart  # noqa: PLC0415 - takes long to build, and `scan` needs none of it

    return TypeAdapter(ViewedPart)


@cache
def _pictured() -> "TypeAdapter[ViewedPicture]":
    from gateway.review.viewed import ViewedPicture  # noqa: PLC0415 - as above

    return TypeAdapter(ViewedPicture)


class DoubtError(Exception):
    """A worker failed, and perhaps not for its message's sake: the one before it, or the system, may be why."""

    def __init__(self, obstacle: Obstacle, note: str) -> None:
        super().__init__(note)
        self.outcome = Unopened(obstacle=obstacle, note=note)


class Inspector:
    """Workers: as many at work as `inspection.workers` says, one ahead of need, and after a quiet minute only that."""

    def __init__(
        self, settings: Settings, *, workshop: str = "gateway.inspection", allowance: Allowance | None = None
    ) -> None:
        self._settings = settings
        self._workshop = workshop
        self._allowance = allowance or Allowance(seconds=settings.inspection.timeout)
        self._places = asyncio.Semaphore(settings.inspection.workers)
        self._idle: list[Worker] = []  # the last one used goes first: its memory is at hand
        self._arrival = asyncio.Event()
        self._wanted = asyncio.Event()
        self._busy = 0
        self._failures = 0
        self._nursery: Nursery | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._farewells: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Come up with one worker at least. Raises ConfigurationError with every problem, or InspectorError."""
        nursery = await self._open()
        if nursery.missing:
            log.warning(
                "workers are confined without %s, which this kernel lacks; resource limits hold",
                " and ".join(nursery.missing),
            )
        try:
            self._welcome(await nursery.fork())
        except BaseException:
            await nursery.close()
            raise
        self._adopt(nursery)
        self._keeper = asyncio.create_task(self._keep_stock(), name="inspector")
        self._keeper.add_done_callback(_tell)

    async def close(self) -> None:
        """End every process of ours; messages still at work end with InspectorError."""
        keeper, self._keeper = self._keeper, None
        for task in [*self._farewells, *([keeper] if keeper else [])]:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        nursery, self._nursery = self._nursery, None
        if nursery is not None:
            await nursery.close()
        self._arrival.set()

    async def reload(self, settings: Settings | None = None) -> None:
        """Read rules and directory anew, in a second parent; the first one serves until that one stands."""
        nursery = await self._open(settings)
        self._settings = settings or self._settings
        old = self._nursery
        self._adopt(nursery)
        self._wanted.set()
        if old is not None:
            old.discharge()  # at once: from here on nobody is inspected by the old rules
            farewell = asyncio.create_task(old.drain(), name="inspector-farewell")
            self._farewells.add(farewell)
            farewell.add_done_callback(self._farewells.discard)

    @property
    def healthy(self) -> bool:
        """Whether messages can be inspected: for /readyz."""
        return self._keeper is not None and not self._keeper.done() and self._failures < UNHEALTHY

    async def inspect(self, raw: bytes, passwords: Sequence[str] = ()) -> Evidence:
        """All that can be said of a message. Raises InspectorError when no worker could be had for it.

        `passwords` are a reviewer's, for this one look; neither here nor in the worker are they kept.
        """
        outcome = await self.ask("inspect", raw, {"passwords": list(passwords)}, EVIDENCE)
        return outcome if isinstance(outcome, Evidence) else unread(raw, outcome.obstacle)

    async def view(self, raw: bytes, look: "Look") -> "ViewedPart":
        """One part of a message for a reviewer's eyes. Raises InspectorError like `inspect`."""
        outcome = await self.ask("view", raw, asdict(look), _viewed())
        if not isinstance(outcome, Unopened):
            return outcome
        part = {"section": look.section, "status": Status.UNOPENED, "reason": outcome.obstacle, "note": outcome.note}
        return _viewed().validate_python(part)

    async def picture(self, raw: bytes, look: "Look") -> "ViewedPicture":
        """The page that a text stands on, as pixels, masked. Raises InspectorError like `inspect`."""
        outcome = await self.ask("picture", raw, asdict(look), _pictured())
        if not isinstance(outcome, Unopened):
            return outcome
        return _pictured().validate_python({"note": outcome.note or str(outcome.obstacle)})

    async def ask(
        self, job: str, raw: bytes, argument: Mapping[str, Any], shape: TypeAdapter[Shape]
    ) -> Shape | Unopened:
        """Have one job of the workshop done. Its answer is not trusted: it fits `shape`, or it counts as a crash."""
        order = json.dumps({"job": job, "argument": dict(argument)}).encode()
        async with self._places:
            try:
                outcome = await self._employ(order, raw, shape)
            except DoubtError:
                outcome = await self._again(order, raw, shape)
        if isinstance(outcome, Unopened):
            log.warning("a message of %d bytes was not inspected: %s (%s)", len(raw), outcome.obstacle, outcome.note)
        return outcome

    async def _again(self, order: bytes, raw: bytes, shape: TypeAdapter[Shape]) -> Shape | Unopened:
        """With another worker; after that no doubt is left."""
        try:
            return await self._employ(order, raw, shape)
        except DoubtError as doubt:
            return doubt.outcome

    async def _employ(self, order: bytes, raw: bytes, shape: TypeAdapter[Shape]) -> Shape | Unopened:
        worker = await self._take()
        worker.busy, self._busy = True, self._busy + 1
        if not self._idle:
            self._wanted.set()
        try:
            return await self._attempt(worker, order, raw, shape)
        except BaseException:  # the caller has gone, or the answer is none: what it does now is for nobody
            worker.leaving = True
            worker.kill()
            raise
        finally:
            worker.busy, self._busy = False, self._busy - 1
            self._welcome(worker)

    async def _attempt(self, worker: Worker, order: bytes, raw: bytes, shape: TypeAdapter[Shape]) -> Shape | Unopened:
        """Send the message in; whatever does not come back as it should is the message's fault."""
        try:
            async with asyncio.timeout(self._allowance.seconds):
                sign, body = await worker.perform(order, raw)
        except TimeoutError:
            worker.leaving = True
            worker.kill()
            return Unopened(obstacle=Obstacle.TIMEOUT, note=f"more than {self._allowance.seconds:g} s")
        except (EOFError, OSError):
            return await self._autopsy(worker)
        except UnaskedError:
            raise DoubtError(Obstacle.CORRUPT, NONSENSE) from None
        except GarbledError:
            return self._distrust(worker)
        worker.leaving = worker.leaving or sign is not Sign.STAYING
        return self._accept(worker, sign, body, shape)

    def _accept(self, worker: Worker, sign: Sign, body: bytes, shape: TypeAdapter[Shape]) -> Shape | Unopened:
        if sign is Sign.EXCEEDED:
            return Unopened(obstacle=Obstacle.LIMIT, note="memory, or the length of the answer")
        if sign is Sign.BROKEN:
            return Unopened(obstacle=Obstacle.CORRUPT, note=_type_and_place(body))
        try:
            return shape.validate_json(body)
        except ValidationError:
            return self._distrust(worker)

    def _distrust(self, worker: Worker) -> Unopened:
        worker.leaving = True
        worker.kill()
        return Unopened(obstacle=Obstacle.CORRUPT, note=NONSENSE)

    async def _autopsy(self, worker: Worker) -> Unopened:
        """The channel ended without an answer: how did the worker?"""
        worker.leaving = True
        done, _ = await asyncio.wait([worker.ended], timeout=LAST_BREATH)
        if not done:
            return self._distrust(worker)
        status = worker.ended.result()
        if status is None:
            raise InspectorError("the workers' parent ended while a message was being inspected")
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        match number:
            case signal.SIGXCPU:
                return Unopened(obstacle=Obstacle.TIMEOUT, note=f"more than {self._allowance.seconds:g} s of CPU")
            case signal.SIGKILL:  # not by us: the kernel, for memory, which somebody else may have taken
                raise DoubtError(Obstacle.LIMIT, "killed by the system")
            case 0:
                return Unopened(obstacle=Obstacle.CORRUPT, note="the worker ended without an answer")
        return Unopened(obstacle=Obstacle.CORRUPT, note=f"the worker crashed: {signal.Signals(number).name}")

    async def _take(self) -> Worker:
        if (worker := self._first_idle()) is not None:
            return worker
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self.healthy:
                    self._arrival.clear()
                    await self._arrival.wait()
                    if (worker := self._first_idle()) is not None:
                        return worker
        raise InspectorError("no worker can be had")

    def _first_idle(self) -> Worker | None:
        while self._idle:
            worker = self._idle.pop()
            if worker.usable:
                return worker
            worker.leaving = True
            worker.kill()  # it may have closed its channel and still be there
            self._wanted.set()
        return None

    def _welcome(self, worker: Worker) -> None:
        if worker.leaving:
            worker.dismiss()
            self._wanted.set()
        else:
            self._idle.append(worker)
            self._arrival.set()

    async def _open(self, settings: Settings | None = None) -> Nursery:
        chosen = settings or self._settings
        order = Order(
            workshop=self._workshop,
            settings=chosen.model_dump_json(exclude=PRIVATE),
            base=str(chosen.base),
            allowance=self._allowance,
        )
        return await Nursery.open(order)

    def _adopt(self, nursery: Nursery) -> None:
        def refresh() -> None:
            nursery.discharge()
            self._wanted.set()

        self._nursery = nursery
        nursery.on_change = self._wanted.set
        nursery.on_warm = refresh

    async def _keep_stock(self) -> None:
        """A worker more than are busy, and a parent to fork them: as long as we live."""
        while True:
            self._wanted.clear()
            try:
                await self._restock()
            except (InspectorError, ConfigurationError, OSError) as error:
                self._failures += 1
                self._arrival.set()  # whoever waits looks whether waiting has a point
                log.error("no workers (failure %d): %s", self._failures, type(error).__name__)  # noqa: TRY400 - type only
                await asyncio.sleep(BACK_OFF[min(self._failures, len(BACK_OFF)) - 1])
                continue
            try:
                async with asyncio.timeout(QUIET):
                    await self._wanted.wait()
            except TimeoutError:
                self._send_home()

    def _send_home(self) -> None:
        """Nothing has happened for a while: give memory back."""
        while self._busy == 0 and len(self._idle) > 1:
            self._idle.pop(0).dismiss()

    async def _restock(self) -> None:
        if self._nursery is None or self._nursery.gone.done():
            if self._nursery is not None:
                await self._nursery.close()
                log.error("the workers' parent ended, starting another one")
            self._adopt(await self._open())
        self._idle = [worker for worker in self._idle if not worker.ended.done()]
        while (nursery := self._nursery) and self._wanting(nursery):
            self._welcome(await nursery.fork())
            self._failures = 0

    def _wanting(self, nursery: Nursery) -> bool:
        """Whether those who live are all busy."""
        living = sum(not worker.leaving for worker in nursery.workers.values())
        return living <= self._busy


def _tell(keeper: asyncio.Task[None]) -> None:
    """No background task of ours ends in silence; from here on `healthy` is false."""
    if not keeper.cancelled() and (error := keeper.exception()) is not None:
        log.critical("workers are no longer replaced: %s", type(error).__name__)


def unread(raw: bytes, obstacle: Obstacle) -> Evidence:
    """What is known of a message that ended its worker: that it could not be looked at."""
    whole = PartReport(
        part="1", filename=None, type="message/rfc822", size=len(raw), status=Status.UNOPENED, reason=obstacle
    )
    return Evidence(parts=(whole,))


def _type_and_place(untrusted_note: bytes) -> str:
    """`ValueError at gateway/opening/text.py:88`, or nothing: what else a worker may say here could be content."""
    note = untrusted_note.decode("ascii", "replace")
    return note if _EXCEPTION.fullmatch(note) else "an exception"
