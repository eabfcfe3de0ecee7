"""One confined worker: takes messages from its channel, one after another. Never says what it read."""

import json
import os
import resource
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import gateway
from gateway.workers.confine import Allowance, Walls, allow_cpu, die_with
from gateway.workers.workshop import ANSWER, READY, REQUEST, Answer, Job, Sign

_HOUSE = Path(gateway.__file__ or "").parent.parent


def step_in(channel: int, parent: int, walls: Walls, allowance: Allowance) -> int:
    """In a fresh fork: keep nothing of the parent but its memory and `channel`; returns the channel's new number."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    die_with(parent)
    with suppress(OSError):  # when memory runs out for all, the kernel is to take a worker, not the service
        Path("/proc/self/oom_score_adj").write_text("500")
    walls.confine(allowance)
    os.dup2(channel, 3, inheritable=False)
    os.closerange(4, 1 << 16)
    return 3


def serve(channel: int, jobs: Mapping[str, Job], shop: Any, allowance: Allowance) -> None:
    """Until the channel closes, a message was risky, or enough is enough."""
    resident = _most_resident()
    with open(channel, "rb", closefd=False) as requests, open(channel, "wb", closefd=False) as answers:
        _say(answers, READY)
        for served in count(1):
            head = requests.read(REQUEST.size)
            if len(head) < REQUEST.size:
                return
            number, order, size = REQUEST.unpack(head)
            task = json.loads(requests.read(order))
            allow_cpu(allowance.seconds)
            sign, body = _perform(jobs[task["job"]], requests.read(size), task["argument"], shop)
            if len(body) > allowance.answer:
                sign, body = Sign.EXCEEDED, b"answer too long"
            tired = served >= allowance.messages or _most_resident() - resident > allowance.growth
            if sign is Sign.STAYING and (tired or threading.active_count() > 1):
                sign = Sign.LEAVING
            _say(answers, ANSWER.pack(number, sign.encode(), len(body)) + body)
            if sign is not Sign.STAYING:
                return


def _perform(job: Job, raw: bytes, argument: Mapping[str, Any], shop: Any) -> tuple[Sign, bytes]:
    try:
        answer: Answer = job(raw, argument, shop)
    except MemoryError:
        return Sign.EXCEEDED, b"out of memory"
    except BaseException as error:  # noqa: BLE001 - a Rust panic is no Exception, and SystemExit is no answer
        return Sign.BROKEN, _name(error).encode()
    return Sign.LEAVING if answer.risky else Sign.STAYING, answer.body


def _say(answers: BinaryIO, what: bytes) -> None:
    answers.write(what)
    answers.flush()


def _most_resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _name(error: BaseException) -> str:
    """Type and last line of ours on the way to it: text of an exception may be text of the message."""
    place = ""
    step: TracebackType | None = error.__traceback__
    while step is not None:
        file = Path(step.tb_frame.f_code.co_filename)
        if file.is_relative_to(_HOUSE):
            place = f" at {file.relative_to(_HOUSE)}:{step.tb_lineno}"
        step = step.tb_next
    return type(error).__name__ + place
