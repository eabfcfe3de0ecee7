"""`roster add`: a client's file becomes keyed hashes inside a confined worker. Nobody else parses the file."""

import base64
import hashlib
from array import array
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from pydantic import Base64Bytes, BaseModel, ConfigDict, TypeAdapter

from gateway.directory import load
from gateway.errors import RosterError, UnreadableError
from gateway.inspector import Inspector
from gateway.message import Limits, Opened, Partial, Unopened
from gateway.opening.registry import open_message
from gateway.rosters import Enrolment, Roster, Shelf, load_keyring, make_key
from gateway.settings import Settings
from gateway.workers.confine import Allowance
from gateway.workers.workshop import Answer
from rules.detect import Detection, Detector
from rules.roster import Keyring

#: Rosters are far larger than mail, come from an administrator, and are waited for.
ALLOWANCE = Allowance(seconds=3600, memory=16 << 30, answer=1 << 30)


class Workplace(Protocol):
    """What a worker needs for this job."""

    @property
    def limits(self) -> Limits: ...
    @property
    def detector(self) -> Detector: ...
    @property
    def keyring(self) -> Keyring | None: ...


class Enrolled(BaseModel):
    """What a worker says of a file: hashes and counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: Base64Bytes  #: 8 bytes each, little-endian
    people: int
    unknown: int  #: people with neither number, birth date nor last four
    numbered: bool
    obstacles: tuple[str, ...]  #: why the file, or a part of it, could not be read


ENROLLED = TypeAdapter(Enrolled)


def enrol_job(raw: bytes, argument: Mapping[str, Any], tools: Workplace) -> Answer:
    """The people of one file, opened like an attachment of its name."""
    if tools.keyring is None:
        raise RuntimeError("no key of rosters")
    message = open_message(_attached(raw, argument["name"]), tools.limits)
    parts = message.parts
    contents = [
        content for part in parts if isinstance(part.outcome, Opened | Partial) for content in part.outcome.contents
    ]
    detection = tools.detector.detect(contents)
    obstacles = {str(part.outcome.obstacle) for part in parts if isinstance(part.outcome, Partial | Unopened)}
    obstacles |= {str(obstacle) for _, obstacle in detection.unread}
    return Answer(body=_enrolled(detection, tools.keyring, obstacles).model_dump_json().encode(), risky=True)


def _attached(raw: bytes, name: str) -> bytes:
    encoded = "".join(f"%{byte:02X}" for byte in name.encode("utf-8", "replace"))
    head = (
        "MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: attachment; filename*=utf-8''{encoded}\r\n\r\n"
    )
    return head.encode() + base64.encodebytes(raw)


def _enrolled(detection: Detection, keyring: Keyring, obstacles: set[str]) -> Enrolled:
    keys, people, unknown, numbered = array("Q"), set[int](), 0, True
    for roll in detection.rolls:
        for person in roll.people:
            own = keyring.keys(roll, person)
            keys.extend(own)
            people.update(own[:1])
            unknown += not own
            numbered = numbered and bool(person.ssn)
    loose = [keyring.number(ssn) for numbers in detection.numbers.values() for ssn in numbers]
    keys.extend(loose)
    people.update(loose)
    return Enrolled(
        keys=base64.b64encode(keys.tobytes()),
        people=len(people),
        unknown=unknown,
        numbered=numbered,
        obstacles=tuple(sorted(obstacles)),
    )


async def enrol(
    settings: Settings, client: str, files: Sequence[Path], today: date, *, replace_it: bool
) -> tuple[Roster, int]:
    """Put the people of `files` on a client's roster. Returns it, and how many nobody could be told apart by."""
    import numpy as np  # noqa: PLC0415 - only who changes rosters needs it

    if client not in {known.id for known in load(settings).clients}:
        raise RosterError(f'"{client}" is no client in the directory')
    make_key(settings.roster_key_file)
    shelf = Shelf(settings.rosters_file, load_keyring(settings.roster_key_file))
    inspector = Inspector(settings, allowance=ALLOWANCE)
    await inspector.start()
    try:
        digest = hashlib.sha256()
        found = []
        for file in files:
            raw = _read(file)
            digest.update(raw)
            found.append(await _people_of(inspector, file, raw))
    finally:
        await inspector.close()
    keys = np.unique(np.concatenate([np.frombuffer(each.keys, np.uint64) for each in found]))
    new = Enrolment(
        client=client,
        keys=keys,
        people=sum(each.people for each in found),
        added=today,
        source=digest.hexdigest(),
        numbered=all(each.numbered for each in found),
    )
    return shelf.add(new, replace=replace_it), sum(each.unknown for each in found)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UnreadableError(f"{file}: cannot be read: {error.strerror}") from error


async def _people_of(inspector: Inspector, file: Path, raw: bytes) -> Enrolled:
    """Half a roster would call half the people strangers, so a file counts wholly or not at all."""
    outcome = await inspector.ask("enrol", raw, {"name": file.name}, ENROLLED)
    if isinstance(outcome, Unopened):
        raise RosterError(f"{file}: cannot be read: {outcome.obstacle}; nothing was added")
    if outcome.obstacles:
        raise RosterError(f"{file}: cannot be read wholly: {', '.join(outcome.obstacles)}; nothing was added")
    if not outcome.people:
        raise RosterError(f"{file}: nobody in it has a number, or a name with a birth date or last four digits")
    return outcome
