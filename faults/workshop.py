"""What workers do in crash trials: the message itself says what is to be found in it, and how its worker fares.

The service, the workers' parent and the confinement are the real ones; only opening and detecting are left out, so that
a start costs half a second. Trials under load and with Postfix use the real openers.
"""

import os
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from gateway.settings import Settings
from gateway.workers.workshop import Answer
from rules.verdict import ClientEvidence, ClientRole, Evidence, Finding, InvolvedClient, PartReport, Status

MARK = re.compile(rb"^X-Faults: ([^\r\n]*)", re.MULTILINE)
EVIDENCE: TypeAdapter[Evidence] = TypeAdapter(Evidence)


def prepare(settings: Settings, /) -> Settings:
    return settings


def inspect(raw: bytes, argument: Mapping[str, Any], shop: Settings) -> Answer:  # noqa: ARG001 - a job's signature
    found = MARK.search(raw)
    words = (found[1] if found else b"").decode().split()
    for word in words:
        name, _, detail = word.partition("=")
        if name in ACTS:
            ACTS[name](detail)
    return Answer(body=EVIDENCE.dump_json(_evidence(raw, sensitive="ssn" in words)), risky=False)


def _evidence(raw: bytes, *, sensitive: bool) -> Evidence:
    part = PartReport(part="1", filename=None, type="text/plain", size=len(raw), status=Status.OPENED, reason=None)
    if not sensitive:
        return Evidence(parts=(part,))
    finding = Finding(
        entity="US_SSN", part="1", where="line 1", count=1, distinct=1, confidence=0.95, sample="***-**-1234"
    )
    owner = InvolvedClient(
        id="acme", role=ClientRole.OWNER, evidence=(ClientEvidence(kind="name", part="1", where="line 1"),)
    )
    return Evidence(parts=(part,), findings=(finding,), clients=(owner,))


def _eat(_: str) -> None:
    eaten = []
    while True:
        eaten.append(bytes(1 << 26))


ACTS: Mapping[str, Callable[[str], object]] = {
    "sleep": lambda detail: time.sleep(float(detail)),
    "eat": _eat,
    "die": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "orphan": lambda _: os.kill(os.getppid(), signal.SIGKILL),
}
JOBS = {"inspect": inspect}
WARM_UP: Sequence[Callable[[], object]] = ()
