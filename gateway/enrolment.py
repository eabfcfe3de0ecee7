"""`roster add`: a client's file becomes keyed hashes inside a confined worker. Nobody else parses the file."""

import base64
import hashlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from pydantic import Base64Bytes, BaseModel, ConfigDict, TypeAdapter

from gateway.directory import load
from gateway.errors import RosterError, UnreadableError
from gateway.inspector import Inspector
from gateway.instalments import blocks, instalments, is_long_text
from gateway.message import Limits, Opened, Partial, Unopened
from gateway.opening.registry import open_message
from gateway.piles import Pile
from gateway.rosters import Enrolment, Roster, Shelf, load_keyring, make_key
from gateway.settings import Settings
from gateway.workers.confine import Allowance
from gateway.workers.workshop import Answer
from rules.detect import Detection, Detector
from rules.headers import NAMES, Meaning
from rules.participants import Roll
from rules.roster import Keyring

#: Rosters are far larger than mail, come from an administrator, and are waited for.
ALLOWANCE = Allowance(seconds=3600, memory=16 << 30, answer=1 << 30)
_TELLING = NAMES | {Meaning.SSN, Meaning.LAST_FOUR, Meaning.BIRTH}


class Workplace(Protocol):
    """What a worker needs for this job."""

    @property
    def limits(self) -> Limits: ...
    @property
    def detector(self) -> Detector: ...
    @property
    def keyring(self) -> Keyring | None: ...


class Answered(BaseModel):
    """What a worker says of a file: hashes and counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: Base64Bytes  #: 8 bytes each, little-endian
    people: Base64Bytes  #: the first key of each person
    unknown: int  #: people with neither number, birth date nor last four
    unread: int  #: rows of lists that could not be read as people
    numbered: bool
    columns: tuple[frozenset[tuple[int, Meaning]], ...]  #: of each table with people: what tells who they are
    obstacles: tuple[str, ...]  #: why the file, or a part of it, could not be read


ANSWERED = TypeAdapter(Answered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """What became of some files."""

    roster: Roster
    unknown: int  #: people whom nothing tells apart
    unread: int


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
    return Answer(body=_answered(detection, tools.keyring, obstacles).model_dump_json().encode(), risky=True)


def _attached(raw: bytes, name: str) -> bytes:
    encoded = "".join(f"%{byte:02X}" for byte in name.encode("utf-8", "replace"))
    head = (
        "MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: attachment; filename*=utf-8''{encoded}\r\n\r\n"
    )
    return head.encode() + base64.encodebytes(raw)


def _answered(detection: Detection, keyring: Keyring, obstacles: set[str]) -> Answered:
    keys, people, unknown, numbered = array("Q"), set[int](), 0, True
    columns = {_telling(roll): None for roll in detection.rolls}
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
    return Answered(
        keys=base64.b64encode(keys.tobytes()),
        people=base64.b64encode(array("Q", people).tobytes()),
        unknown=unknown,
        unread=sum(one.unread_rows for one in detection.people.lists),
        numbered=numbered,
        columns=tuple(columns),
        obstacles=tuple(sorted(obstacles)),
    )


def _telling(roll: Roll) -> frozenset[tuple[int, Meaning]]:
    return frozenset((column.index, column.meaning) for column in roll.columns if column.meaning in _TELLING)


async def enrol(settings: Settings, client: str, files: Sequence[Path], today: date, *, replace_it: bool) -> Enrolled:
    """Put the people of `files` on a client's roster."""
    if client not in {known.id for known in load(settings).clients}:
        raise RosterError(f'"{client}" is no client in the directory')
    make_key(settings.roster_key_file)
    shelf = Shelf(settings.rosters_file, load_keyring(settings.roster_key_file))
    inspector = Inspector(settings, allowance=ALLOWANCE)
    await inspector.start()
    found = Found(settings.rosters_file.parent)
    try:
        for file in files:
            await _read(inspector, file, found)
        new = Enrolment(
            client=client,
            keys=found.keys.sorted(),
            people=len(found.people),
            added=today,
            source=found.digest.hexdigest(),
            numbered=found.numbered,
        )
        return Enrolled(roster=shelf.add(new, replace=replace_it), unknown=found.unknown, unread=found.unread)
    finally:
        found.close()
        await inspector.close()


class Found:
    """The people of some files, piece by piece; as keys on disk, however many they are."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.keys, self.people = Pile(folder), Pile(folder)
        self.digest = hashlib.sha256()
        self.unknown = self.unread = 0
        self.numbered = True

    def take(self, answer: Answered, head: Answered | None = None) -> None:
        """Add what a worker has found; `head` is what it has found before in the same lines."""
        import numpy as np  # noqa: PLC0415 - only who changes rosters needs it

        self.keys.add(np.frombuffer(answer.keys, np.uint64))
        self.people.add(np.frombuffer(answer.people, np.uint64))
        self.unknown += max(0, answer.unknown - (head.unknown if head else 0))
        self.unread += max(0, answer.unread - (head.unread if head else 0))
        self.numbered = self.numbered and answer.numbered

    def close(self) -> None:
        self.keys.close()
        self.people.close()


async def _read(inspector: Inspector, file: Path, found: Found) -> None:
    """Half a roster would call half the people strangers, so a file counts wholly or not at all."""
    try:
        long = is_long_text(file)
        for block in blocks(file):
            found.digest.update(block)
        if not long:
            found.take(await _people_of(inspector, file, b"".join(blocks(file))))
            return
        pieces = instalments(file)
        head = await _people_of(inspector, file, next(pieces))
        found.take(head)
        columns = dict[Meaning, set[int]]()
        for piece in pieces:
            answer = await _people_of(inspector, file, piece)
            _same_columns(file, columns, answer)
            found.take(answer, head)
    except OSError as error:
        raise UnreadableError(f"{file}: cannot be read: {error.strerror}") from error


def _same_columns(file: Path, known: dict[Meaning, set[int]], answer: Answered) -> None:
    """A piece is read under the file's first header, so a second table further down would be read wrongly."""
    for table in answer.columns:
        places: dict[Meaning, set[int]] = {}
        for index, meaning in table:
            places.setdefault(meaning, set()).add(index)
        for meaning, indexes in places.items():
            elsewhere = set().union(*(others for other, others in known.items() if other is not meaning))
            if indexes & elsewhere or not indexes & known.setdefault(meaning, set(indexes)):
                text = f"its {meaning} column does not stand in one place"
                raise RosterError(f"{file}: {text}; give each table as a file of its own; nothing was added")
            known[meaning] |= indexes


async def _people_of(inspector: Inspector, file: Path, raw: bytes) -> Answered:
    outcome = await inspector.ask("enrol", raw, {"name": file.name}, ANSWERED)
    if isinstance(outcome, Unopened):
        raise RosterError(f"{file}: cannot be read: {outcome.obstacle}; nothing was added")
    if outcome.obstacles:
        raise RosterError(f"{file}: cannot be read wholly: {', '.join(outcome.obstacles)}; nothing was added")
    if not outcome.people:
        raise RosterError(f"{file}: nobody in it has a number, or a name with a birth date or last four digits")
    return outcome
