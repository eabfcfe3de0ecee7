"""`countersign scan`: the same inspection and verdict as `serve`, for files, with no side effect."""

import asyncio
import json
import mailbox
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from gateway.errors import UnreadableError
from gateway.inspector import Inspector
from gateway.settings import Settings
from rules.clients import Directory
from rules.decide import decide
from rules.policy import Policy
from rules.verdict import Disposition, Verdict

VERDICT = TypeAdapter(Verdict)
EXIT = {Disposition.RELAY: 0, Disposition.HOLD: 3, Disposition.REJECT: 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """A message of one of the paths, and what is said of it."""

    source: str
    verdict: Verdict


def as_json(verdict: Verdict) -> str:
    """CONTRACT section 4, on one line."""
    return json.dumps(VERDICT.dump_python(verdict, mode="json"), ensure_ascii=False)


def messages(paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every message of every path, in order. Raises UnreadableError."""
    for path in paths:
        if path == "-":
            yield from _split("standard input", sys.stdin.buffer.read())
        elif Path(path).is_dir():
            for file in sorted(Path(path).glob("*.eml")):
                yield str(file), _read(file)
        else:
            yield from _split(path, _read(Path(path)))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UnreadableError(f"{file}: cannot be read: {error.strerror}") from error


def _split(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """An mbox is many messages; anything else is one."""
    if not content.startswith(b"From "):
        yield name, content
        return
    with tempfile.NamedTemporaryFile(prefix="countersign-") as copy:  # mailbox reads files only
        copy.write(content)
        copy.flush()
        box = mailbox.mbox(copy.name, create=False)
        for number, key in enumerate(box.iterkeys(), start=1):
            yield f"{name}#{number}", box.get_bytes(key)


async def scan(settings: Settings, paths: Sequence[str], recipients: Sequence[str]) -> AsyncIterator[Scanned]:
    """Verdicts in the order of the messages, with as many workers busy as the settings allow."""
    directory = Directory.load(settings.clients_file)
    policy = Policy.load(settings.policy_file)
    inspector = Inspector(settings)
    await inspector.start()

    async def judge(source: str, raw: bytes) -> Scanned:
        evidence = await inspector.inspect(raw)
        verdict = decide(policy, directory, tuple(recipients) or evidence.header_recipients, evidence)
        return Scanned(source=source, verdict=verdict)

    try:
        async for scanned in _in_order(judge, messages(paths), settings.inspection.workers):
            yield scanned
    finally:
        await inspector.close()


async def _in_order(
    judge: Callable[[str, bytes], Awaitable[Scanned]], items: Iterable[tuple[str, bytes]], width: int
) -> AsyncIterator[Scanned]:
    """Run `judge` on `width` messages at a time; give the answers in the order of the questions."""
    running: deque[asyncio.Task[Scanned]] = deque()
    try:
        for source, raw in items:
            running.append(asyncio.ensure_future(judge(source, raw)))
            if len(running) >= width:
                yield await running.popleft()
        while running:
            yield await running.popleft()
    finally:
        for task in running:
            task.cancel()
