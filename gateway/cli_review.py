"""The terminal's commands around what is held and what was done: each opens the store, does one thing, prints it."""
# ruff: noqa: PLC0415 - as in gateway.command

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, TextIO

import typer

from gateway.command import (
    COULD_NOT_RUN,
    AsJson,
    Config,
    HoldId,
    Locked,
    Moment,
    Note,
    Recipients,
    Reviewer,
    fail,
    group,
    plain_errors,
    secret,
    settings_of,
    tell,
)

app = typer.Typer()
held = group("The review queue.")
audit = group("The audit log.")
app.add_typer(held, name="held")
app.add_typer(audit, name="audit")


@held.command("list")
def held_list(config: Config = None, as_json: AsJson = False) -> None:
    """Messages that wait, newest first."""
    from gateway.terminal import held_lines

    tell(held_lines(settings_of(config), as_json=as_json))


@held.command("show")
def held_show(
    hold_id: HoldId, config: Config = None, as_json: AsJson = False, password: Locked = False, reviewer: Reviewer = None
) -> None:
    """One message: the contradiction, the recipients, what happened to it."""
    from gateway.terminal import held_message

    typed = secret() if password else None
    tell(held_message(settings_of(config), hold_id, as_json=as_json, password=typed, reviewer=reviewer))


@held.command("release")
def held_release(
    hold_id: HoldId, note: Note, config: Config = None, rcpt_to: Recipients = None, reviewer: Reviewer = None
) -> None:
    """Send it on as it is, to all its recipients or to those chosen."""
    from gateway.terminal import release

    tell(release(settings_of(config), hold_id, rcpt_to, reviewer, note))


@held.command("withdraw")
def held_withdraw(
    hold_id: HoldId, note: Note, config: Config = None, rcpt_to: Recipients = None, reviewer: Reviewer = None
) -> None:
    """Take back your agreement to a release, while it waits for others."""
    from gateway.terminal import withdraw

    tell(withdraw(settings_of(config), hold_id, rcpt_to, reviewer, note))


@held.command("escalate")
def held_escalate(hold_id: HoldId, note: Note, config: Config = None, reviewer: Reviewer = None) -> None:
    """Leave it to another reviewer, with your note: it stays held, and you do not release it."""
    from gateway.terminal import escalate

    tell(escalate(settings_of(config), hold_id, reviewer, note))


@held.command("return")
def held_return(
    hold_id: HoldId, note: Note, config: Config = None, rcpt_to: Recipients = None, reviewer: Reviewer = None
) -> None:
    """Give it back to its sender, with your note."""
    from gateway.terminal import give_back

    tell(give_back(settings_of(config), hold_id, rcpt_to, reviewer, note))


@app.command("report")
def breach_report(
    hold_id: HoldId,
    config: Config = None,
    form: Annotated[Literal["md", "json", "pdf"], typer.Option("--format", help="md, json or pdf.")] = "md",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File; else standard output.")] = None,
) -> None:
    """The breach worksheet of a message: whose people, how many in each state, who received what."""
    from gateway.terminal import report

    with plain_errors():
        sheet = asyncio.run(report(settings_of(config), hold_id, form))
    with _target(output) as target:
        target.buffer.write(sheet)


@audit.command("export")
def audit_export(
    config: Config = None,
    form: Annotated[str, typer.Option("--format", help="jsonl, csv, cef or ocsf.")] = "jsonl",
    since: Moment = None,
    until: Moment = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File; else standard output.")] = None,
) -> None:
    """The log, or a stretch of it."""
    from gateway.audit.export import FORMATS
    from gateway.terminal import export

    if form not in FORMATS:
        raise typer.BadParameter(f"choose among {', '.join(FORMATS)}", param_hint="--format")
    settings = settings_of(config)
    with plain_errors(), _target(output) as target:
        asyncio.run(export(settings, form, (since, until), target))


@contextmanager
def _target(file: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file whose trouble is told with its name."""
    if file is None:
        yield sys.stdout
        return
    try:
        with file.open("w", encoding="utf-8", newline="") as target:
            yield target
    except OSError as error:
        fail(f"{file}: cannot be written: {error.strerror}", COULD_NOT_RUN)


@audit.command("verify")
def audit_verify(
    file: Annotated[Path | None, typer.Argument(help="A JSON lines export; else the log in the store.")] = None,
    config: Config = None,
    head: Annotated[
        str | None, typer.Option(help="number:hash noted earlier; then a cut-off end is found too.")
    ] = None,
) -> None:
    """Check the chain. Status 5 names the first bad record."""
    from gateway.terminal import verify

    tell(verify(None if file else settings_of(config), file, head))
