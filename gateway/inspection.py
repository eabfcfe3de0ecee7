"""What a confined worker does with a message: open, detect, see whose it is. Tells places and counts, never values."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Any, TypeVar

from pydantic import TypeAdapter

from gateway.directory import load as load_directory
from gateway.message import Limits, Opened, OpenedMessage, Part, Partial
from gateway.opening.registry import open_message
from gateway.rosters import Index, load_keyring, open_index
from gateway.settings import Settings
from gateway.workers.workshop import Answer, Job
from rules.clients import Directory
from rules.content import Content
from rules.detect import Detection, Detector
from rules.mask import mask_filename, mask_place, mask_text
from rules.participants import Roll
from rules.roster import Keyring, Match, matches
from rules.sentence import SENSITIVE
from rules.verdict import (
    ClientEvidence,
    Evidence,
    Finding,
    Obstacle,
    ParticipantList,
    PartReport,
    Status,
    Timing,
)
from rules.whose import involved


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a worker has at hand: built once in the warm parent, shared by all its children."""

    limits: Limits
    detector: Detector
    directory: Directory
    rosters: Index | None = None
    keyring: Keyring | None = None  #: for enrolling: there before the first roster is


def inspect(
    raw: bytes, tools: Tools, clock: Callable[[], float] = time.perf_counter, *, passwords: tuple[str, ...] = ()
) -> Evidence:
    """Judge nothing, miss nothing: all that can be said of a message without knowing its envelope."""
    start = clock()
    message = open_message(raw, tools.limits, passwords)
    contents = [*message.headings, *_contents(message.parts)]
    opened = clock()
    detection = tools.detector.detect(contents)
    detected = clock()
    sensitive = frozenset(finding.part for finding in detection.findings if finding.entity in SENSITIVE)
    whose = involved(tools.directory, contents, sensitive, _rostered(tools.rosters, detection, sensitive))
    end = clock()
    return Evidence(
        message_id=message.message_id,
        header_recipients=message.header_recipients,
        parts=tuple(_reports(message, detection)),
        findings=tuple(map(_masked, detection.findings)),
        people=replace(detection.people, lists=tuple(map(_masked, detection.people.lists))),
        clients=tuple(replace(client, evidence=tuple(map(_masked, client.evidence))) for client in whose.clients),
        ownerless=tuple(part and mask_text(part) for part in _strays(detection, sensitive, whose.ownerless)),
        timing_ms=_timing(start, opened, detected, end),
    )


def _rostered(
    rosters: Index | None, detection: Detection, sensitive: frozenset[str | None]
) -> Mapping[str | None, Sequence[Match]]:
    """Whose rosters the people of each part are on."""
    if rosters is None:
        return {}
    rolls: dict[str | None, list[Roll]] = {part: [] for part in sensitive}
    for roll in detection.rolls:
        if roll.block.sheet.part in rolls:
            rolls[roll.block.sheet.part].append(roll)
    return {part: matches(rosters, found, detection.numbers.get(part, ())) for part, found in rolls.items()}


def _strays(
    detection: Detection, sensitive: frozenset[str | None], ownerless: frozenset[str | None]
) -> Iterator[str | None]:
    """Parts without an owner, but for those whose people all stand in a part that has one, as in a remark on a list."""
    people = {part: set(numbers) for part, numbers in detection.numbers.items()}
    for roll in detection.rolls:
        known = people.setdefault(roll.block.sheet.part, set())
        known.update(person.ssn or f"{roll.block.sheet.part} {person.row}" for person in roll.people)
    owned = set().union(*(people.get(part, set()) for part in sensitive - ownerless))
    for part in sorted(ownerless, key=lambda part: part or ""):
        if not people.get(part) or people[part] - owned:
            yield part


Placed = TypeVar("Placed", Finding, ParticipantList, ClientEvidence)


def _masked(placed: Placed) -> Placed:
    return replace(placed, part=placed.part and mask_text(placed.part), where=mask_place(placed.where))


def _contents(parts: Sequence[Part]) -> Iterable[Content]:
    for part in parts:
        if isinstance(part.outcome, Opened | Partial):
            yield from part.outcome.contents


def _reports(message: OpenedMessage, detection: Detection) -> Iterable[PartReport]:
    unread = dict(detection.unread)
    for part in message.parts:
        report = _report(part)
        if part.section in unread and report.status is Status.OPENED:
            report = replace(report, status=Status.PARTIAL, reason=unread[part.section])
        yield report
    if None in unread:  # the header fields themselves could not be read to the end
        yield _header_report(unread)


def _report(part: Part) -> PartReport:
    match part.outcome:
        case Opened():
            status, reason = Status.OPENED, None
        case Partial(obstacle=obstacle):
            status, reason = Status.PARTIAL, obstacle
        case unopened:
            status, reason = Status.UNOPENED, unopened.obstacle
    filename = None if part.filename is None else mask_filename(part.filename)
    return PartReport(
        part=mask_text(part.section),
        filename=filename,
        type=part.media_type,
        size=part.size,
        status=status,
        reason=reason,
    )


def _header_report(unread: Mapping[str | None, Obstacle]) -> PartReport:
    return PartReport(
        part="0", filename=None, type="message/rfc822-headers", size=0, status=Status.PARTIAL, reason=unread[None]
    )


def _timing(start: float, opened: float, detected: float, end: float) -> Timing:
    def ms(earlier: float, later: float) -> int:
        return round(1000 * (later - earlier))

    return Timing(open=ms(start, opened), detect=ms(opened, detected), match=ms(detected, end), total=ms(start, end))


EVIDENCE = TypeAdapter(Evidence)
HARMLESS = frozenset({"text/plain", "text/csv", "text/tab-separated-values"})  #: read by Python code alone


def inspect_job(raw: bytes, argument: Mapping[str, Any], tools: Tools) -> Answer:
    """`inspect` as the workers' parent knows it; `passwords` come from a reviewer who wants to see more."""
    evidence = inspect(raw, tools, passwords=tuple(argument.get("passwords", ())))
    risky = any(part.type not in HARMLESS and not part.type.startswith("multipart/") for part in evidence.parts)
    return Answer(body=EVIDENCE.dump_json(evidence), risky=risky)


def prepare(settings: Settings) -> Tools:
    """Load rules and directory. Raises ConfigurationError: an unreadable directory stops the start (law 6)."""
    directory, key = load_directory(settings), settings.roster_key_file
    bool(directory.finder)  # built here, for all workers
    return Tools(
        limits=settings.inspection.limits,
        detector=Detector(),
        directory=directory,
        rosters=open_index(settings),
        keyring=load_keyring(key) if key.is_file() else None,
    )


def view_job(raw: bytes, argument: Mapping[str, Any], tools: Tools) -> Answer:
    """One part for a reviewer's eyes."""
    from gateway.review.view import view_job as view  # noqa: PLC0415 - `scan` should not wait for it

    return view(raw, argument, tools)


def picture_job(raw: bytes, argument: Mapping[str, Any], tools: Tools) -> Answer:
    """One page for a reviewer's eyes."""
    from gateway.review.picture import picture_job as picture  # noqa: PLC0415 - `scan` should not wait for it

    return picture(raw, argument, tools)


def enrol_job(raw: bytes, argument: Mapping[str, Any], tools: Tools) -> Answer:
    """One client's file, as keyed hashes of its people."""
    from gateway.enrolment import enrol_job as enrol  # noqa: PLC0415 - `scan` should not wait for it

    return enrol(raw, argument, tools)


def warm() -> None:
    """What no import alone brings in."""
    from gateway.opening.warm import warm as warm_openers  # noqa: PLC0415 - imports every opener

    warm_openers()


JOBS: Mapping[str, Job] = {"inspect": inspect_job, "view": view_job, "picture": picture_job, "enrol": enrol_job}

#: What takes longest to import, in steps, so that a worker can be forked in between.
SLOW = (
    "presidio_analyzer",
    "pypdfium2",
    "python_calamine",
    "lxml.etree",
    "openpyxl",
    "pdfplumber",
    "PIL.Image",
    "py7zr",
    "gateway.review.picture",
)
WARM_UP: Sequence[Callable[[], object]] = (*(partial(import_module, name) for name in SLOW), warm)
