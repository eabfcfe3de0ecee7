"""Keeps the queue's figures up to date for /metrics. Looks only; decides nothing."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from gateway.errors import StoreError
from gateway.hold import Quarantine
from gateway.observe import Metrics
from gateway.states import State

LOOK_EVERY = 5.0  #: seconds; Prometheus usually asks every fifteen


class QueueWatch:
    """Keeps the figures of the queue: how many recipients are in each state, and since when the oldest waits."""

    def __init__(self, quarantine: Quarantine, metrics: Metrics, now: Callable[[], datetime]) -> None:
        self._quarantine = quarantine
        self._metrics = metrics
        self._now = now
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        while not self._stopping.is_set():
            with suppress(StoreError):  # the next look will tell; a broken store ends the service elsewhere
                await self._look()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), LOOK_EVERY)

    async def _look(self) -> None:
        counts, oldest = await self._quarantine.counts(), await self._quarantine.oldest_held()
        for state in State:
            self._metrics.held.labels(state).set(counts.get(state, 0))
        self._metrics.oldest.set((self._now() - oldest).total_seconds() if oldest else 0)
