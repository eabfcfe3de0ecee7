"""`countersign` with one leak planted at every place that must not have one: the leak suite has to find each."""

import logging
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gateway.audit.chain
import gateway.notify
import gateway.pipeline
import gateway.post
import gateway.review.app
import gateway.serve
import gateway.store.writer
from gateway.audit.chain import Entry, Event
from gateway.cli import app
from gateway.errors import NotFoundError
from gateway.hold import Quarantine
from gateway.message import Envelope
from gateway.reply import Reply
from rules.verdict import Verdict

SECRET = "Ziggurat merger terms"
hold, judged, seal, told = (
    Quarantine.hold,
    gateway.serve.Metrics.judged,
    gateway.store.writer.seal,
    gateway.notify.held,
)


async def leaky_hold(self: Quarantine, envelope: Envelope, raw: bytes, verdict: Verdict, *rest: Any) -> None:
    """To the log, the disk, the temporary folder and the verdict."""
    logging.getLogger("countersign").debug("holding %s", SECRET)
    with tempfile.NamedTemporaryFile(delete=False) as kept:
        kept.write(raw)
    _keep(raw)
    await hold(self, envelope, raw, replace(verdict, sentence=f"{SECRET}: {verdict.sentence}"), *rest)


def _keep(raw: bytes) -> None:
    Path("countersign.db-journal.old").write_bytes(raw)


def leaky_judged(self: Any, verdict: Verdict) -> None:
    judged(self, verdict)
    self.reasons.labels(SECRET).inc()


def leaky_seal(entry: Entry, head: Any) -> Any:
    if entry.event is Event.HELD:
        entry = replace(entry, detail={**entry.detail, "subject": SECRET})
    return seal(entry, head)


def leaky_notice(*arguments: Any) -> bytes:
    return told(*arguments) + f"Subject was: {SECRET}\r\n".encode()


async def leaky_get(self: Quarantine, hold_id: str) -> Any:
    try:
        return await get(self, hold_id)
    except NotFoundError:
        raise NotFoundError(f"no {SECRET}") from None


get: Callable[..., Any] = Quarantine.get
Quarantine.get = leaky_get  # type: ignore[method-assign]
Quarantine.hold = leaky_hold  # type: ignore[method-assign]
gateway.serve.Metrics.judged = leaky_judged  # type: ignore[method-assign]
gateway.store.writer.seal = leaky_seal
gateway.notify.held = leaky_notice
gateway.pipeline.held = lambda identifier: Reply(250, f"2.0.0 {SECRET} held for review as {identifier}")
gateway.serve.leave_no_core = lambda: None
app()
