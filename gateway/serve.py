"""`countersign serve`: opens every room in order, closes them in reverse. Wiring only.

A background task that dies ends the service: its supervisor starts it anew, and nothing stays undecided unseen.
"""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

from gateway.accounts import Accounts
from gateway.audit.chain import Entry, Event
from gateway.audit.log import AuditLog
from gateway.check import of_settings
from gateway.deliver import Courier
from gateway.errors import ServiceError
from gateway.hold import Quarantine
from gateway.housekeeping import Housekeeper
from gateway.inspector import Inspector
from gateway.ledger import Ledger
from gateway.listening import listen_everywhere
from gateway.message import Envelope
from gateway.observe import Metrics, configure_logging
from gateway.pipeline import Pipeline
from gateway.proposals import Proposals
from gateway.receive import Door
from gateway.relay import NextHop
from gateway.review.app import create_app
from gateway.review.desk import Desk
from gateway.rulebook import Rulebook
from gateway.rules_in_force import RulesInForce
from gateway.settings import Settings
from gateway.smtp import trace
from gateway.states import State
from gateway.store import Store, proposals
from gateway.store.mail import OwnMessage
from gateway.systemd import inherited, keep_alive, notify, reloading
from gateway.watch import QueueWatch
from gateway.workers.confine import keep_no_large_memory, leave_no_core
from rules.errors import ConfigurationError

YOUNG = 10_000  #: objects more than have gone until the collector looks; 50 messages under way are as many
DRAIN = 25.0  #: seconds for messages past their final dot, when the service is told to stop

log = structlog.get_logger("countersign.serve")


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running node."""

    door: Door
    web_port: int
    accounts: Accounts
    quarantine: Quarantine
    rules: RulesInForce
    ended: asyncio.Future[None]  #: done, with the reason, when the service cannot go on


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reloads rules and certificate. Raises ConfigurationError, GatewayError."""
    configure_logging(settings.log.level)
    leave_no_core()
    keep_no_large_memory()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings) as service:
        _spare_the_collector()
        loop.add_signal_handler(signal.SIGHUP, _reload, service)
        watchdog = asyncio.create_task(keep_alive(lambda: not service.ended.done()))
        notify("READY=1")
        smtp, web = settings.smtp.listen, settings.web.listen
        log.info("ready", smtp=f"{smtp.host}:{service.door.port}", web=f"{web.host}:{service.web_port}")
        told: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
        await asyncio.wait({told, service.ended}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        notify("STOPPING=1")
        log.info("stopping")
        watchdog.cancel()
        if service.ended.done():
            service.ended.result()


def _spare_the_collector() -> None:
    """What the start has built stays: looking through it for garbage all the time cost a tenth of a small message."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)


def _reload(service: Service) -> None:
    notify(reloading())
    service.rules.reload()
    try:
        service.door.renew_certificate()
    except ConfigurationError as error:
        log.error("certificate not renewed", problem=str(error))  # noqa: TRY400 - no traceback
    notify("READY=1")


async def _with_additions(book: Rulebook, settings: Settings, copies: Path, store: Store) -> Rulebook:
    """What two people have added to the directory stands in the store."""
    additions = await store.read(proposals.additions)
    if not additions:
        return book
    book.forget()
    return Rulebook.load(settings, copies, additions)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    """Everything of one node. Raises ConfigurationError for what is missing, GatewayError when it cannot start."""
    next_hop = _next_hop(settings)
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    async with AsyncExitStack() as rooms:
        # First of all: a second service by mistake must not touch the store of the one that runs.
        sockets = listen_everywhere(settings, inherited())
        rooms.callback(sockets.close)
        copies = Path(rooms.enter_context(TemporaryDirectory(prefix="countersign-")))
        book = Rulebook.load(settings, copies)  # before the store, which opening it may bring up to this version
        store = await rooms.enter_async_context(Store.open(settings))
        book = await _with_additions(book, settings, copies, store)
        inspector = Inspector(book.settings)
        await inspector.start()
        rooms.push_async_callback(inspector.close)
        rooms.push_async_callback(next_hop.close)
        metrics, ledger, quarantine = Metrics(), Ledger(store), Quarantine(store)
        rules = RulesInForce(
            book=book, settings=settings, copies=copies, inspector=inspector, store=store, metrics=metrics, now=now
        )
        pipeline = Pipeline(
            inspector=inspector,
            rules=rules,
            store=store,
            ledger=ledger,
            quarantine=quarantine,
            next_hop=next_hop,
            metrics=metrics,
            hostname=settings.smtp.hostname,
            soft=settings.inspection.soft,
            now=now,
            fault=ended,
        )
        rooms.push_async_callback(pipeline.close)
        await AuditLog(store).append(Entry(event=Event.STARTED, at=now(), detail=dict(store.versions)))
        await ledger.recover(now())
        await pipeline.resume(now())
        if store.shared:
            await rooms.enter_async_context(_kept_running(pipeline.run(), pipeline.stop, ended))
        courier = Courier(store, next_hop, _header_of(settings.smtp.hostname), now)
        await rooms.enter_async_context(_kept_running(courier.run(), courier.stop, ended))
        keeper = Housekeeper(store, now)
        await rooms.enter_async_context(_kept_running(keeper.run(), keeper.stop, ended))
        watch = QueueWatch(quarantine, metrics, now)
        await rooms.enter_async_context(_kept_running(watch.run(), watch.stop, ended))
        web = _Web(_pages(settings, pipeline, rules))
        await rooms.enter_async_context(_kept_running(web.serve([sockets.web]), web.stop, ended))
        await rooms.enter_async_context(_kept_running(rules.run(), rules.stop, ended))
        accounts = Accounts(store)
        door = _door(settings, pipeline, accounts)
        await door.start(sockets.door, sockets.tls_door)
        rooms.push_async_callback(door.close, DRAIN)
        yield Service(
            door=door,
            web_port=sockets.web.getsockname()[1],
            accounts=accounts,
            quarantine=quarantine,
            rules=rules,
            ended=ended,
        )


def _door(settings: Settings, pipeline: Pipeline, accounts: Accounts) -> Door:
    async def check(name: str, password: str) -> bool:
        return await accounts.may_send(name, password, now())

    return Door(settings.smtp, pipeline.accept, base=settings.base, onward=pipeline.next_hop, check=check)


def _pages(settings: Settings, pipeline: Pipeline, rules: RulesInForce) -> FastAPI:
    """The review room, beside the same rooms as the pipeline."""
    store, inspector = pipeline.store, pipeline.inspector
    desk = Desk(
        settings=settings,
        quarantine=pipeline.quarantine,
        accounts=Accounts(store),
        audit=AuditLog(store),
        inspector=inspector,
        ready=lambda: _not_ready(store, inspector),
        metrics=pipeline.metrics.text,
        now=now,
        proposals=Proposals(store),
        book=lambda: rules.book,
        warnings=rules.warnings,
        judge=pipeline.judge,
    )
    return create_app(desk)


def _next_hop(settings: Settings) -> NextHop:
    problems = [problem for problem in of_settings(settings) if not problem.warning]
    if problems or settings.downstream is None:
        raise ConfigurationError(problems)
    return NextHop(settings.downstream, settings.smtp.hostname, base=settings.base)


def _header_of(hostname: str) -> Callable[[OwnMessage, Envelope], bytes]:
    """Our fields on top of what leaves from the store."""

    def header(message: OwnMessage, envelope: Envelope) -> bytes:
        received = trace.received(envelope, hostname=hostname, identifier=message.id, when=message.received_at)
        states = {recipient.state for recipient in message.recipients if recipient.address in envelope.rcpt_to}
        disposition = "released" if State.RELEASING in states else "relay"
        return received + trace.fields({"ID": message.id, "Disposition": disposition})

    return header


def _not_ready(store: Store, inspector: Inspector) -> Mapping[str, str]:
    """What /readyz names; empty when mail can be taken."""
    reasons = {}
    if store.broken:
        reasons["store"] = "the disk has failed"
    elif store.away:
        reasons["store"] = "the database cannot be reached"
    elif not store.has_room(0):
        reasons["store"] = "no room"
    if not inspector.healthy:
        reasons["inspector"] = "no worker can be had"
    return reasons


class _Web(uvicorn.Server):
    """uvicorn without its own signal handlers: the service decides when to stop."""

    def __init__(self, application: FastAPI) -> None:
        super().__init__(
            uvicorn.Config(
                application, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=5
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        self.should_exit = True


@asynccontextmanager
async def _kept_running(
    work: Coroutine[Any, Any, None], stop: Callable[[], None], ended: asyncio.Future[None]
) -> AsyncIterator[None]:
    """Run `work` beside the rest; when it ends unasked, the service does."""
    stopping = False

    def over(task: asyncio.Task[None]) -> None:
        if stopping or ended.done():
            return
        name = task.get_name()
        error = None if task.cancelled() else task.exception()
        ended.set_exception(ServiceError(f"{name} ended: {type(error).__name__ if error else 'without a reason'}"))

    task = asyncio.create_task(work, name=getattr(work, "__qualname__", None))
    task.add_done_callback(over)
    try:
        yield
    finally:
        stopping = True
        stop()
        await asyncio.gather(task, return_exceptions=True)
