"""A held message opened once more with a reviewer's password, and judged again, on record. Keeps no password.

The new verdict takes the old one's place, so that people decide on what is known now. Nobody's mail moves by that.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.actor import Actor
from gateway.errors import GatewayError, IllegalTransition, InspectorError
from gateway.hold import Quarantine
from gateway.inspector import Inspector
from rules.verdict import Evidence, Obstacle, Status, Verdict

Judge = Callable[[Sequence[str], Evidence, str], Awaitable[Verdict]]  #: recipients, evidence and sender to a verdict

PATIENCE = 45.0  #: seconds; somebody sits and waits
LONGEST = 1000  #: characters of a password


class WrongPasswordError(GatewayError):
    """It opens nothing that was locked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Whose password it is; it stands in no text of ours, not even in this object's."""

    actor: Actor
    password: str = field(repr=False)


async def look_again(
    quarantine: Quarantine, inspector: Inspector, judge: Judge, hold_id: str, key: Key, now: datetime
) -> Verdict:
    """The new verdict, on the disk. Raises WrongPasswordError, InspectorError, IllegalTransition, NotFoundError."""
    message = await quarantine.get(hold_id)
    if message.verdict is None:
        raise IllegalTransition("it is still being inspected for the first time")
    evidence = await _inspected(inspector, await quarantine.content(hold_id), key)
    opened = _newly_opened(message.verdict, evidence)
    envelope = message.envelope
    verdict = await judge(envelope.rcpt_to, evidence, envelope.mail_from) if opened else None
    if verdict is not None:
        verdict = replace(verdict, hold_id=hold_id)
    await quarantine.judge_again(hold_id, verdict, opened, key.actor, now)
    if verdict is None:
        raise WrongPasswordError("this password opens nothing that is locked in this message")
    return verdict


async def _inspected(inspector: Inspector, raw: bytes, key: Key) -> Evidence:
    if not key.password or len(key.password) > LONGEST:
        raise WrongPasswordError(f"a password has 1 to {LONGEST} characters")
    try:
        async with asyncio.timeout(PATIENCE):
            return await inspector.inspect(raw, (key.password,))
    except TimeoutError:
        raise InspectorError("it takes too long to open") from None


def _newly_opened(before: Verdict, now: Evidence) -> int:
    """How many parts were locked and are not now. A look that failed opens nothing, and replaces no verdict."""
    locked = {part.part for part in before.parts if part.reason is Obstacle.ENCRYPTED}
    readable = {
        part.part for part in now.parts if part.status is not Status.UNOPENED and part.reason is not Obstacle.ENCRYPTED
    }
    return len(locked & readable)
