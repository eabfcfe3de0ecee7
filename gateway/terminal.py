"""The review queue, the log and the accounts in a terminal: each function opens the store and does one thing."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TextIO

from pydantic import TypeAdapter

from gateway.accounts import Accounts, Role
from gateway.actor import Actor
from gateway.audit.export import FORMATS, header
from gateway.audit.log import AuditLog
from gateway.audit.verify import Anchor, Fault
from gateway.audit.verify import verify as verify_lines
from gateway.directory import load as load_directory
from gateway.errors import BrokenChainError, UnreadableError
from gateway.hold import HeldMessage, Quarantine
from gateway.inspector import Inspector
from gateway.judging import judge
from gateway.login import login, operator
from gateway.report import as_mapping, markdown, worksheet
from gateway.review.message import summary, whole
from gateway.review.shapes import HeldShape, RecipientShape, RecordShape, SummaryShape
from gateway.rulebook import opened
from gateway.second_look import Key, look_again
from gateway.settings import Settings
from gateway.states import State
from gateway.store import Store, proposals
from rules.phrases import counted
from rules.verdict import Finding, InvolvedClient, PartReport, Status, Verdict

FINDINGS = 40  #: as many as a page shows
SUMMARIES = TypeAdapter(list[SummaryShape])
Lines = Sequence[str]


def _now() -> datetime:
    return datetime.now(UTC)


async def held_lines(settings: Settings, *, as_json: bool) -> Lines:
    """What waits for a decision, newest first; a JSON array on one line, or two lines each, escalated ones first."""
    async with Store.open(settings) as store:
        found = [summary(message) for message in await _all_held(Quarantine(store))]
    if as_json:
        return [SUMMARIES.dump_json(found).decode()]
    found.sort(key=lambda item: not item.escalated)
    lines = [line for item in found for line in (_headline(item), f"    {item.sentence}")]
    return lines or ["nothing is held"]


def _headline(item: SummaryShape) -> str:
    mark = f"  escalated by {', '.join(item.escalated)}" if item.escalated else ""
    return f"{item.id}  {item.held_at:%Y-%m-%d %H:%M}Z{mark}"


async def _all_held(quarantine: Quarantine) -> list[HeldMessage]:
    """The whole queue, page by page."""
    found: list[HeldMessage] = []
    while page := await quarantine.list(limit=500, before=found[-1].id if found else None):
        found += page
    return found


async def held_message(
    settings: Settings, hold_id: str, *, as_json: bool, password: str | None = None, reviewer: str | None = None
) -> Lines:
    """One message, opened with a password first if there is one. Raises NotFoundError, WrongPasswordError."""
    async with Store.open(settings) as store:
        quarantine = Quarantine(store)
        if password is not None:
            key = Key(actor=await _decider(store, reviewer), password=password)
            await _look_again(store, quarantine, hold_id, key)
        message = whole(await quarantine.get(hold_id))
    return [message.model_dump_json()] if as_json else _described(message)


async def _decider(store: Store, reviewer: str | None) -> Actor:
    """Raises AccountError for a name that may not decide."""
    return await Accounts(store).decider(reviewer, login())


async def _look_again(store: Store, quarantine: Quarantine, hold_id: str, key: Key) -> None:
    with opened(store.settings, await store.read(proposals.additions)) as book:
        inspector = Inspector(book.settings)
        await inspector.start()
        try:
            judging = partial(judge, store, book.policy, book.directory)
            await look_again(quarantine, inspector, judging, hold_id, key, _now())
        finally:
            await inspector.close()


def _described(message: HeldShape) -> Lines:
    """The contradiction first."""
    verdict = message.verdict
    unjudged = "still being inspected" if message.state is State.PENDING else "no verdict: its history tells why"
    lines = [verdict.sentence if verdict else unjudged, ""]
    lines += [f"from  {message.envelope.mail_from or '<>'}   {message.held_at:%Y-%m-%d %H:%M}Z   {message.size} bytes"]
    lines += [
        f"to    {to.address}   {to.state}   {', '.join(to.clients) or to.kind or ''}{_agreed(to)}"
        for to in message.recipients
    ]
    if verdict:
        lines += [f"{involved.role}  {involved.id}  ({_places(involved)})" for involved in verdict.clients]
        lines += [f"rule  {reason.rule}: {reason.text}" for reason in verdict.reasons]
        lines += [f"part  {_part(part)}" for part in verdict.parts]
        lines += [f"found  {_finding(finding)}" for finding in verdict.findings[:FINDINGS]]
        if (more := len(verdict.findings) - FINDINGS) > 0:
            lines.append(f"found  and {more} more: `held show --json` has them all")
        lines += _people(verdict)
    if message.escalated and message.open:
        lines.append(f"escalated by {', '.join(message.escalated)}: somebody else has to release it")
    if message.content_destroyed_at:
        lines.append(f"content  destroyed {message.content_destroyed_at:%Y-%m-%d}")
    return [*lines, *map(_happened, message.history)]


def _people(verdict: Verdict) -> Lines:
    """Where something was not read there may be more of them."""
    if not verdict.people.count:
        return []
    least = "" if all(part.status is Status.OPENED for part in verdict.parts) else "at least "
    states = ", ".join(f"{state} {count}" for state, count in verdict.people.by_state.items())
    return [f"people  {least}{verdict.people.count}  {states}"]


def _finding(finding: Finding) -> str:
    part = f" in part {finding.part}" if finding.part else ""
    return f"{finding.entity}  {finding.where}{part}  {finding.count}  {finding.sample}"


def _happened(record: RecordShape) -> str:
    """With the note, on the same line: who decides next wants to know why another one left it to him."""
    told = "".join(sign if sign.isprintable() else " " for sign in str(record.detail.get("note") or ""))
    note = f": {told}" if told else ""
    return f"{record.at:%Y-%m-%d %H:%M:%S}Z  {record.event}  {record.actor}{note}"


def _agreed(to: RecipientShape) -> str:
    if not to.open or to.approvers == 1:
        return ""
    names = f" ({', '.join(to.agreed)})" if to.agreed else ""
    return f"   {len(to.agreed)} of {to.approvers} people have agreed{names}"


def _places(involved: InvolvedClient) -> str:
    return "; ".join(f"{evidence.kind} {evidence.where}" for evidence in involved.evidence[:5])


def _part(part: PartReport) -> str:
    reason = f" ({part.reason})" if part.reason else ""
    return f"{part.part}  {part.filename or ''}  {part.type}  {part.size} bytes  {part.status}{reason}"


async def release(settings: Settings, hold_id: str, to: Sequence[str] | None, reviewer: str | None, note: str) -> Lines:
    """Raises NotFoundError, IllegalTransition. `serve` delivers it; when it is not running, once it is."""
    async with Store.open(settings) as store:
        quarantine = Quarantine(store)
        await quarantine.release(hold_id, to or None, await _decider(store, reviewer), note, _now())
        message = whole(await quarantine.get(hold_id))
    if not message.agreed:
        return [f"{hold_id} is being released"]
    more = counted(message.missing, "more person has", "more people have")
    return [f"{hold_id} is held until {more} agreed; agreed so far: {', '.join(message.agreed)}"]


async def withdraw(
    settings: Settings, hold_id: str, to: Sequence[str] | None, reviewer: str | None, note: str
) -> Lines:
    """Raises NotFoundError, IllegalTransition."""
    async with Store.open(settings) as store:
        await Quarantine(store).withdraw(hold_id, await _decider(store, reviewer), note, _now(), to or None)
    return [f"{hold_id}: what you agreed to is withdrawn"]


async def escalate(settings: Settings, hold_id: str, reviewer: str | None, note: str) -> Lines:
    """Raises NotFoundError, IllegalTransition."""
    async with Store.open(settings) as store:
        await Quarantine(store).escalate(hold_id, await _decider(store, reviewer), note, _now())
    return [f"{hold_id} is escalated, and stays held: somebody else has to release it"]


async def give_back(
    settings: Settings, hold_id: str, to: Sequence[str] | None, reviewer: str | None, note: str
) -> Lines:
    """Raises NotFoundError, IllegalTransition."""
    async with Store.open(settings) as store:
        await Quarantine(store).return_(hold_id, await _decider(store, reviewer), note, _now(), to or None)
    return [f"{hold_id} is being returned to its sender"]


async def export(
    settings: Settings, form: str, between: tuple[datetime | None, datetime | None], target: TextIO
) -> None:
    """Write the log, or the stretch between two times, in one of `FORMATS`."""
    since, until = between
    line = FORMATS[form]
    target.write(header(form))
    async with Store.open(settings, with_keys=False) as store:
        async for record in AuditLog(store).records(since=since, until=until):
            target.write(line(record))


async def verify(settings: Settings | None, file: Path | None, head: str | None) -> Lines:
    """Check a file (JSON lines) or the store's log. Raises BrokenChainError naming the first bad record."""
    anchor = None if head is None else _anchor(head)
    if file is not None:
        fault, end = _verify_file(file, anchor), ""
    elif settings is not None:
        async with Store.open(settings, with_keys=False) as store:
            log = AuditLog(store)
            fault, end = await log.verify(anchor), f", head {await log.head()}"
    if fault is not None:
        raise BrokenChainError(f"the audit log is broken: {fault}")
    return [f"the audit log is whole{end}"]


def _anchor(text: str) -> Anchor:
    try:
        return Anchor.parse(text)
    except ValueError as error:
        raise UnreadableError(f"--head: {error}") from error


def _verify_file(file: Path, anchor: Anchor | None) -> Fault | None:
    try:
        with file.open("rb") as lines:
            return verify_lines(lines, head=anchor)
    except OSError as error:
        raise UnreadableError(f"{file}: cannot be read: {error.strerror}") from error


async def add_user(settings: Settings, name: str, role: str, password: str) -> Lines:
    """Raises GatewayError for a name that is taken, a role that is none, a password that is too short."""
    async with Store.open(settings) as store:
        await Accounts(store).add_user(name, role, password, _now(), actor=operator())
    return [f"{name} may relay through the door" if role == Role.SENDER else f"{name} may log in as {role}"]


async def set_password(settings: Settings, name: str, password: str) -> Lines:
    """Raises NotFoundError; AccountError for a password that is too short."""
    async with Store.open(settings, with_keys=False) as store:
        await Accounts(store).set_password(name, password, _now(), actor=operator())
    return [f"{name} has another password, and is logged out everywhere"]


async def user_lines(settings: Settings) -> Lines:
    async with Store.open(settings, with_keys=False) as store:
        users = await Accounts(store).users()
    return [f"{user.name}  {user.role}" for user in users] or ["there are no accounts"]


async def remove_user(settings: Settings, name: str, *, force: bool) -> Lines:
    """Raises NotFoundError; AccountError for the last admin, unless it is forced."""
    async with Store.open(settings, with_keys=False) as store:
        await Accounts(store).remove_user(name, _now(), operator(), force=force)
    return [f"{name} is removed, with its API tokens, and logged out everywhere"]


async def token_lines(settings: Settings) -> Lines:
    async with Store.open(settings, with_keys=False) as store:
        tokens = await Accounts(store).tokens()
    return [
        f"{token.name}  {token.role}  {f'of {token.account}' if token.account else 'of no account'}" for token in tokens
    ] or ["there are no tokens"]


async def remove_token(settings: Settings, name: str) -> Lines:
    """Raises NotFoundError."""
    async with Store.open(settings, with_keys=False) as store:
        await Accounts(store).revoke_token(name, _now(), operator())
    return [f"the token {name} opens nothing any more"]


async def add_token(settings: Settings, name: str, role: str, account: str | None) -> Lines:
    """The token alone on its line, so that a script can take it. It is shown this once."""
    async with Store.open(settings) as store:
        return [await Accounts(store).add_token(name, role, _now(), operator(), account)]


async def report(settings: Settings, hold_id: str, form: str) -> bytes:
    """The breach worksheet of one message: Markdown, JSON or PDF. Raises NotFoundError."""
    directory = load_directory(settings)
    async with Store.open(settings) as store:
        message = await Quarantine(store).get(hold_id)
    sheet = worksheet(message, directory.client_name, _now())
    if form == "pdf":
        from gateway.report_pdf import pdf  # noqa: PLC0415 - half a second that only this format needs

        return pdf(sheet)
    text = json.dumps(as_mapping(sheet), ensure_ascii=False, indent=2) + "\n" if form == "json" else markdown(sheet)
    return text.encode()
