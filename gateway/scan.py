"""`countersign scan`: the same inspection and verdict as `serve`, for files, with no side effect."""

import asyncio
import json
import re
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from gateway.errors import GatewayError
from gateway.inspector import Inspector
from gateway.rulebook import Rulebook, opened
from gateway.settings import Settings
from rules.additions import Addition
from rules.decide import decide
from rules.errors import ConfigurationError
from rules.explain import Explained, explain
from rules.verdict import Disposition, Verdict

VERDICT = TypeAdapter(Verdict)
# RFC 4155: "From", an address and a time begin a message, after an empty line. A sentence may begin with "From " too.
_ENVELOPE = re.compile(rb"(?:\A|(?<=\n)\r?\n)From \S+ [^\r\n]*\d:\d\d[^\r\n]* \d{4}[^\r\n]*\r?\n|\AFrom ")
_QUOTED = re.compile(rb"(?m)^>(>*From )")
Question = TypeVar("Question")
Answer = TypeVar("Answer")
EXIT = {Disposition.RELAY: 0, Disposition.HOLD: 3, Disposition.REJECT: 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is told on the command line."""

    recipients: Sequence[str] = ()  #: without any, the addresses of To, Cc and Bcc
    mail_from: str | None = None
    explain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """A message of one of the paths, and what is said of it."""

    source: str
    verdict: Verdict
    explained: tuple[Explained, ...] = ()  #: rule by rule, when asked for


@dataclass(frozen=True, slots=True)
class Unread:
    """A path that holds no message, or that cannot be read."""

    why: str


def as_json(scanned: Scanned) -> str:
    """CONTRACT section 4, on one line; `explain` only when asked for."""
    whole = VERDICT.dump_python(scanned.verdict, mode="json")
    if scanned.explained:
        whole["explain"] = [asdict(rule) for rule in scanned.explained]
    return json.dumps(whole, ensure_ascii=False)


def as_text(scanned: Scanned) -> str:
    """One line; with explanations, one more for each rule and recipient."""
    lines = [f"{scanned.source}: {scanned.verdict.disposition}: {scanned.verdict.sentence}"]
    lines += [
        f"  {'*' if rule.fired else '-'} {rule.rule} for {rule.recipient}: {rule.why}" for rule in scanned.explained
    ]
    return "\n".join(lines)


def messages(paths: Sequence[str]) -> Iterator[tuple[str, bytes] | Unread]:
    """Name and bytes of every message of every path, in order."""
    for path in paths:
        if path == "-":
            yield from _split("standard input", sys.stdin.buffer.read())
        elif Path(path).is_dir():
            yield from _of_folder(Path(path))
        else:
            yield from _of_file(Path(path))


def _of_folder(folder: Path) -> Iterator[tuple[str, bytes] | Unread]:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() == ".eml")
    if not files:
        yield Unread(f"{folder}: holds no *.eml")
    for file in files:
        yield from _of_file(file)


def _of_file(file: Path) -> Iterator[tuple[str, bytes] | Unread]:
    try:
        content = file.read_bytes()
    except OSError as error:
        yield Unread(f"{file}: cannot be read: {error.strerror}")
    else:
        yield from _split(str(file), content)


def _split(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """An mbox is many messages; anything else is one."""
    starts = [match.start() for match in _ENVELOPE.finditer(content)]
    if not content.startswith(b"From "):
        yield name, content
        return
    for number, (start, end) in enumerate(pairwise([*starts, len(content)]), start=1):
        _, _, message = content[start:end].lstrip(b"\r\n").partition(b"\n")
        yield f"{name}#{number}", _QUOTED.sub(rb"\1", message)


@contextmanager
def in_force(settings: Settings, warn: Callable[[str], None]) -> Iterator[Rulebook]:
    """The rules that `serve` goes by. Raises ConfigurationError."""
    try:
        additions = _additions(settings)
    except (GatewayError, OSError, ConfigurationError) as error:
        warn(f"warning: what reviewers have added to the directory is not known here, so more is held: {error}")
        additions = ()
    with opened(settings, additions) as book:
        yield book


def _additions(settings: Settings) -> Sequence[Addition]:
    """From the store, where there is one; raises as it does."""
    if settings.store.url.startswith("sqlite:") and not settings.database_file.exists():
        return ()
    from gateway.store.proposals import known  # noqa: PLC0415 - takes its time, and most scans have no store

    return [proposal.addition for proposal in known(settings)]


async def scan(book: Rulebook, paths: Sequence[str], asked: Asked) -> AsyncIterator[Scanned | Unread]:
    """Verdicts in the order of the messages, with as many workers busy as the settings allow."""
    inspector = Inspector(book.settings)
    await inspector.start()

    async def judge(source: str, raw: bytes) -> Scanned:
        evidence = await inspector.inspect(raw)
        recipients = tuple(asked.recipients) or evidence.header_recipients
        verdict = decide(book.policy, book.directory, recipients, evidence, sender=asked.mail_from)
        explained = explain(book.policy, book.directory, verdict, asked.mail_from) if asked.explain else ()
        return Scanned(source=source, verdict=verdict, explained=explained)

    async def answer(item: tuple[str, bytes] | Unread) -> Scanned | Unread:
        return item if isinstance(item, Unread) else await judge(*item)

    try:
        async for scanned in _in_order(answer, messages(paths), book.settings.inspection.workers):
            yield scanned
    finally:
        await inspector.close()


async def _in_order(
    answer: Callable[[Question], Awaitable[Answer]], questions: Iterable[Question], width: int
) -> AsyncIterator[Answer]:
    """Ask `width` questions at a time; give the answers in their order."""
    running: deque[asyncio.Task[Answer]] = deque()
    try:
        for question in questions:
            running.append(asyncio.ensure_future(answer(question)))
            if len(running) >= width:
                yield await running.popleft()
        while running:
            yield await running.popleft()
    finally:
        for task in running:
            task.cancel()
