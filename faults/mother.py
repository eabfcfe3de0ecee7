"""The parent of the processes under test: loaded once, it forks one service after the other. Knows no trial."""
# ruff: noqa: S101 - that a process has the pipes it was given

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self

from faults import shim
from faults.shim import Page

ROOT = Path(__file__).parent.parent


class Mother:
    """Made by `loaded`. One site at a time uses it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="faults-mother-"))
        self.page = Page(self.folder / "page")
        self.said: deque[str] = deque(maxlen=400)  #: the service's log
        self.on_start: Callable[[int], None] = lambda _: None
        self.on_end: Callable[[int], None] = lambda _: None
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    @asynccontextmanager
    async def loaded(cls) -> AsyncIterator[Self]:
        """Raises RuntimeError with its last words when the product cannot be imported."""
        mother = cls()
        try:
            await mother._load()
            yield mother
        finally:
            await mother._end()

    def order(self, settings: Path, *, hurry: bool, plant: str | None) -> None:
        """Have a service started."""
        assert self._process is not None
        assert self._process.stdin is not None
        order = {"settings": str(settings), "hurry": hurry, "plant": plant}
        self._process.stdin.write(json.dumps(order).encode() + b"\n")

    async def _load(self) -> None:
        library = await asyncio.to_thread(shim.build, self.folder)
        environment = {**os.environ, "FAULTS_PAGE": str(self.folder / "page"), "PYTHONPATH": str(ROOT)}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "faults.victim", str(os.getpid())),
            cwd=ROOT,
            env=environment | {"LD_PRELOAD": str(library)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        if not await self._process.stdout.readline():
            words = (await self._process.stderr.read()).decode(errors="replace")
            raise RuntimeError(f"the process under test could not be loaded:\n{words}")
        self._tasks = [
            asyncio.create_task(self._follow(self._process.stdout)),
            asyncio.create_task(self._listen(self._process.stderr)),
        ]

    async def _follow(self, told: asyncio.StreamReader) -> None:
        """A number when a service has started, its wait status when it has ended."""
        while line := await told.readline():
            self.on_start(int(line))
            self.on_end(int(await told.readline() or -1))

    async def _listen(self, log: asyncio.StreamReader) -> None:
        while line := await log.readline():
            self.said.append(line.decode(errors="replace").rstrip())

    async def _end(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        shutil.rmtree(self.folder, ignore_errors=True)
