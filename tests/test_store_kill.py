"""Killed at any moment: what was acknowledged is there whole, and the record holds."""

import asyncio
import os
import random
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from store_kit import settings
from store_under_load import raw_of

from gateway.audit.log import AuditLog
from gateway.hold import Quarantine
from gateway.ledger import Ledger
from gateway.states import State
from gateway.store import Store

HERE = Path(__file__).parent


async def killed_at_random(folder: Path, seed: int) -> list[tuple[str, str]]:
    """What a process had acknowledged when it was killed, at a moment of chance."""
    environment = {**os.environ, "PYTHONPATH": f"{HERE.parent}:{HERE}"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "store_under_load.py"), str(folder), stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    first = await asyncio.wait_for(process.stdout.readline(), 60)
    await asyncio.sleep(random.Random(seed).uniform(0, 0.4))
    process.send_signal(signal.SIGKILL)
    rest = await process.stdout.read()
    await process.wait()
    lines = (first + rest).decode().splitlines(keepends=True)
    return [(kind, name) for kind, name in (line.split() for line in lines if line.endswith("\n"))]


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("seed", range(3))
async def test_what_was_acknowledged_outlives_the_process(tmp_path: Path, seed: int) -> None:
    """250 means ours: not one message may be missing, halved or without its record."""
    there = settings(tmp_path)
    acknowledged = await killed_at_random(tmp_path, seed)

    assert acknowledged
    async with Store.open(there) as store:
        ledger, quarantine, now = Ledger(store), Quarantine(store), datetime.now(UTC)
        assert await AuditLog(store).verify() is None
        assert await ledger.recover(now) <= 3
        for kind, name in acknowledged:
            if kind == "relayed":
                assert await ledger.recall(name, now) is not None
            else:
                assert (await quarantine.get(name)).history[0].event == "held"
        for message in await quarantine.list(set(State), limit=10_000):
            assert await quarantine.content(message.id) == raw_of(message.id)
        assert await AuditLog(store).verify() is None
