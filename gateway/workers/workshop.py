"""What the service, the warm parent and the confined workers agree on: jobs, answers, frames. Does no job itself."""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from gateway.settings import Settings
from gateway.workers.confine import Allowance


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a job found, as JSON. `risky`: a parser written in C, or a complex one, has seen the bytes."""

    body: bytes
    risky: bool  #: the worker then ends, so that the next message never shares a process with this one


Job = Callable[[bytes, Mapping[str, Any], Any], Answer]  #: raw message, argument, and what `prepare` made


class Workshop(Protocol):
    """A module that workers work from. It is imported in the warm parent, never in the service."""

    #: What can be asked for, by name.
    JOBS: Mapping[str, Job]
    #: Slow imports and samples that the parent runs while nobody asks for anything; not one of them starts a thread.
    WARM_UP: Sequence[Callable[[], object]]

    def prepare(self, settings: Settings, /) -> Any:
        """Build once what all jobs need. Raises ConfigurationError, whose text reaches whoever started the service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """First message to the warm parent: what to prepare."""

    workshop: str  #: dotted name of a Workshop
    settings: str  #: JSON, without the sections that are none of a worker's business
    base: str  #: the settings file's folder
    allowance: Allowance


# Between service and warm parent: one packet each way. FORK comes with the worker's end of its channel.
FORK, KILL = b"F", b"K"


class Event(StrEnum):
    """What the warm parent reports."""

    READY = "ready"  #: with the missing barriers
    MISCONFIGURED = "misconfigured"  #: with the problems
    FAILED = "failed"  #: with what went wrong; the parent then ends
    FORKED = "forked"
    REFUSED = "refused"  #: no fork could be had now
    ENDED = "ended"  #: a worker, with its wait status
    WARM = "warm"  #: workers forked from now on start with everything imported


# Between service and worker: READY once, then one request and one answer after another.
READY = b"R"
# The answer repeats the request's random number: what a worker says unasked is never taken for the next one's answer.
REQUEST = struct.Struct("!QIQ")  #: number, length of the order {"job", "argument"}, length of the message; both follow
ANSWER = struct.Struct("!QcI")  #: number, sign, length of what follows


class Sign(StrEnum):
    """How a job ended."""

    STAYING = "S"  #: answered; the worker takes the next message
    LEAVING = "L"  #: answered; the worker has ended
    EXCEEDED = "X"  #: memory, or a longer answer than is allowed
    BROKEN = "B"  #: an exception; its type and place follow, never its text
