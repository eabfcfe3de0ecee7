"""One file, opened in a process of its own: what became of it, what it cost, and which numbers were seen."""

import json
import os
import re
import resource
import select
import signal
import time
from dataclasses import dataclass
from typing import Any

from gateway.inspection import Tools
from gateway.message import Opened, OpenedMessage
from gateway.opening.registry import open_message
from rules.content import Content, Table

NUMBER = re.compile(r"(?<!\d)(\d{3})[-\s]?(\d{2})[-\s]?(\d{4})(?!\d)")
SECONDS = 30.0
MEMORY = 2 << 30  #: a worker's allowance


@dataclass(frozen=True)
class Sight:
    """What we say of a file."""

    wrong: str | None = None  #: an escape, a hang, a death
    opened: bool = False  #: everything was
    numbers: frozenset[str] = frozenset()  #: among all that was read
    people: int = 0
    statuses: tuple[str, ...] = ()


def numbers(text: str) -> frozenset[str]:
    return frozenset("".join(found.groups()) for found in NUMBER.finditer(text))


def look(raw: bytes, tools: Tools) -> Sight:
    """Fork, open and detect there, and wait no longer than a worker may take."""
    ours, theirs = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.close(ours)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            os.write(theirs, json.dumps(_opened(raw, tools)).encode()[:65_000])
        finally:
            os._exit(0)
    os.close(theirs)
    answer = _answer(ours, child)
    os.close(ours)
    _, status = os.waitpid(child, 0)
    if isinstance(answer, str):
        return Sight(wrong=answer or f"died with status {status}")
    return Sight(
        wrong=answer["wrong"],
        opened=answer["opened"],
        numbers=frozenset(answer["numbers"]),
        people=answer["people"],
        statuses=tuple(answer["statuses"]),
    )


def _answer(pipe: int, child: int) -> dict[str, Any] | str:
    """What the child wrote; a word when it wrote nothing in time."""
    end = time.monotonic() + SECONDS
    told = b""
    while (left := end - time.monotonic()) > 0:
        if select.select([pipe], [], [], left)[0]:
            piece = os.read(pipe, 1 << 16)
            told += piece
            if not piece:
                return dict(json.loads(told)) if told else ""
    os.kill(child, signal.SIGKILL)
    return "hangs"


def _opened(raw: bytes, tools: Tools) -> dict[str, Any]:
    try:
        message = open_message(raw, tools.limits)
    except BaseException as error:  # noqa: BLE001 - that is what is looked for
        return {"wrong": f"{type(error).__name__} escapes", "opened": False, "numbers": [], "people": 0, "statuses": []}
    contents = [*message.headings, *(each for part in message.parts for each in getattr(part.outcome, "contents", ()))]
    detection = tools.detector.detect(contents)
    return {
        "wrong": None if message.parts else "no part",
        "opened": all(isinstance(part.outcome, Opened) for part in message.parts),
        "numbers": sorted(numbers("\n".join(map(_words, contents)))),
        "people": detection.people.count,
        "statuses": _statuses(message),
    }


def _words(content: Content) -> str:
    if isinstance(content, Table):
        return "\n".join("\t".join(row) for row in content.rows)
    return content.content


def _statuses(message: OpenedMessage) -> list[str]:
    return [f"{part.section[-40:]} {part.media_type} {type(part.outcome).__name__}" for part in message.parts][:12]
