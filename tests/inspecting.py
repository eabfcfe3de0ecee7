"""An inspector of faults, and a look at its processes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from gateway.inspector import Inspector
from gateway.settings import Settings
from gateway.workers.confine import Allowance
from rules.verdict import Evidence, Obstacle, PartReport, Status

ANYTHING: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


MIB = 1 << 20


HANG = 60  #: seconds; nothing here takes them


def settings(workers: int = 2, clients: Path | None = None) -> Settings:
    return Settings.model_validate(
        {
            "smtp": {"hostname": "gw.recordkeeper.example"},
            "inspection": {"workers": workers},
            "rules": {"clients": clients},
            "store": {"url": "postgresql://countersign:hunter2@db.example/countersign"},
        }
    )


Start = Callable[..., Awaitable[Inspector]]


async def about(inspector: Inspector, raw: bytes = b"x", *, risky: bool = False) -> dict[str, Any]:
    answer = await inspector.ask("about", raw, {"risky": risky}, ANYTHING)
    assert isinstance(answer, dict)
    return answer


def whole(raw: bytes, obstacle: Obstacle) -> PartReport:
    return PartReport(
        part="1", filename=None, type="message/rfc822", size=len(raw), status=Status.UNOPENED, reason=obstacle
    )


def is_clean(evidence: Evidence) -> bool:
    return [part.status for part in evidence.parts] == [Status.OPENED]


def parents() -> dict[int, tuple[int, str]]:
    """Every process's parent and state."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            found[int(entry.name)] = (int(after_name[1]), after_name[0])
    return found


def children(of: int) -> dict[int, str]:
    return {pid: state for pid, (parent, state) in parents().items() if parent == of}


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG):
        while not true():  # noqa: ASYNC110 - what is waited for is no event of this process
            await asyncio.sleep(0.01)


async def warm(inspector: Inspector) -> None:
    """Wait until the warm-up is over, and with it the exchange of the first workers."""
    async with asyncio.timeout(HANG):
        while not (await about(inspector))["warm"]:  # noqa: ASYNC110 - a worker is asked, no event waited for
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def starting() -> AsyncIterator[Start]:
    """Inspectors as a test asks for them, closed when it is over."""
    running: list[Inspector] = []

    async def begin(workers: int = 1, clients: Path | None = None, **allowance: Any) -> Inspector:
        inspector = Inspector(
            settings(workers, clients),
            workshop="workshop_of_faults",
            allowance=Allowance(**{"seconds": HANG, "memory": 256 * MIB} | allowance),
        )
        await inspector.start()
        running.append(inspector)
        return inspector

    yield begin
    for inspector in running:
        await inspector.close()
