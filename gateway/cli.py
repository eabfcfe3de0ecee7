"""The terminal: one function per command of CONTRACT section 1. Wiring and printing only.

Rooms are imported inside the commands, because `scan` of one message has to answer before they would all have loaded.
"""
# ruff: noqa: PLC0415 - see above

import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn, TextIO

import typer

from gateway.settings import PREFIX, Settings, load, usual_file
from rules.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.scan import Asked

CONFIG = "COUNTERSIGN_CONFIG"  #: environment variable that stands in for --config
BAD_CONFIGURATION = 78  # sysexits.h EX_CONFIG
TRY_LATER = 75  # sysexits.h EX_TEMPFAIL
COULD_NOT_RUN = 1
BROKEN_CHAIN = 5

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback with local variables would print content
    help="Opens every attachment of outbound mail and holds the wrong file.",
)
held = typer.Typer(no_args_is_help=True, help="The review queue.")
audit = typer.Typer(no_args_is_help=True, help="The audit log.")
clients = typer.Typer(no_args_is_help=True, help="The client directory.")
for name, group in (("held", held), ("audit", audit), ("clients", clients)):
    app.add_typer(group, name=name)


def _reason(note: str) -> str:
    if not note.strip():
        raise typer.BadParameter("a note has to say why")
    return note


def _moment(text: str) -> datetime:
    from gateway.store.moments import of_text

    try:
        return of_text(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Config = Annotated[
    Path | None,
    typer.Option("--config", envvar=CONFIG, help="Settings file; else countersign.yaml here, else in /etc."),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, one value per line.")]
Note = Annotated[str, typer.Option("--note", help="Why; it stands in the audit log.", callback=_reason)]
HoldId = Annotated[str, typer.Argument(metavar="ID", help="As `held list` shows it.")]
Locked = Annotated[
    bool, typer.Option("--password", help="Ask for a password, open with it what is locked, and judge again.")
]
Reviewer = Annotated[
    str | None, typer.Option("--as", help="Your account; else your login. Both are on record, and are one person.")
]
Moment = Annotated[datetime | None, typer.Option(parser=_moment, metavar="TIME", help="ISO 8601; UTC if no zone.")]
Recipients = Annotated[list[str] | None, typer.Option("--rcpt-to", help="Recipient; may be repeated.")]


def main() -> None:
    """Console script."""
    app()


def _fail(text: str, status: int) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(status)


def _version(*, asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"countersign {version('countersign')}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Which release this is.")]


@app.callback()
def program(config: Config = None, *, version: Version = False) -> None:
    """What stands before every command."""
    del version  # its callback has answered
    everywhere(config)


@held.callback()
@audit.callback()
@clients.callback()
def everywhere(config: Config = None) -> None:
    """`--config` may stand before a command as well as after it."""
    if config is not None:
        os.environ[CONFIG] = str(config)


def _settings(config: Path | None) -> Settings:
    file = config or usual_file()
    if file is None and not any(name.startswith(PREFIX) and "__" in name for name in os.environ):
        # A store made here and now would say that nothing is held.
        _fail("countersign.yaml: there is none here; name your settings file with --config", BAD_CONFIGURATION)
    try:
        return load(file)
    except ConfigurationError as error:
        _fail(str(error), BAD_CONFIGURATION)


@contextmanager
def _plain_errors(configuration: int = BAD_CONFIGURATION) -> Iterator[None]:
    """Our own errors are sentences; a traceback is for bugs."""
    from gateway.errors import BrokenChainError, GatewayError, StoreUnavailableError

    try:
        yield
    except ConfigurationError as error:
        _fail(str(error), configuration)
    except GatewayError as error:
        status = {BrokenChainError: BROKEN_CHAIN, StoreUnavailableError: TRY_LATER}.get(type(error), COULD_NOT_RUN)
        _fail(str(error) or type(error).__name__, status)


@app.command()
def demo(*, once: Annotated[bool, typer.Option(help="Stop after printing.")] = False) -> None:
    """The main job on loopback, nothing to configure."""
    from gateway.demo.show import show

    with _plain_errors():
        asyncio.run(show(once=once))


@app.command()
def serve(config: Config = None) -> None:
    """SMTP door, delivery and review web, until SIGTERM."""
    from gateway.serve import serve as run

    settings = _settings(config)
    with _plain_errors():
        asyncio.run(run(settings))


@app.command()
def scan(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Message, folder of *.eml, mbox, or -.")],
    config: Config = None,
    as_json: AsJson = False,
    mail_from: Annotated[str | None, typer.Option(help="Envelope sender.")] = None,
    rcpt_to: Recipients = None,
    *,
    explain: Annotated[bool, typer.Option("--explain", help="Which rules fired, on what, and why not.")] = False,
) -> None:
    """The verdict on messages in files, with no side effect. Status 0 relay, 3 hold, 4 reject."""
    from gateway.scan import Asked

    asked = Asked(recipients=rcpt_to or (), mail_from=mail_from, explain=explain)
    with _plain_errors(configuration=COULD_NOT_RUN):
        status = asyncio.run(_scan(load(config or usual_file()), paths, asked, as_json=as_json))
    raise typer.Exit(status)


async def _scan(settings: Settings, paths: list[str], asked: "Asked", *, as_json: bool) -> int:
    """What cannot be read is said, and the rest is judged all the same."""
    from gateway.scan import EXIT, Unread, as_text, in_force
    from gateway.scan import as_json as to_json
    from gateway.scan import scan as judge

    verdicts, unread = [], 0
    with in_force(settings, warn=partial(typer.echo, err=True)) as book:
        async for scanned in judge(book, paths, asked):
            if isinstance(scanned, Unread):
                unread += 1
                typer.echo(scanned.why, err=True)
                continue
            verdicts.append(scanned.verdict.disposition)
            typer.echo(to_json(scanned) if as_json else as_text(scanned))
    if unread:
        return COULD_NOT_RUN
    return EXIT[verdicts[0]] if len(verdicts) == 1 else 0


@app.command()
def check(config: Config = None) -> None:
    """Validate settings, policy, recognisers and client directory."""
    from gateway.check import problems

    found = problems(config or usual_file())
    for problem in found:
        typer.echo(str(problem), err=not problem.warning)
    if any(not problem.warning for problem in found):
        raise typer.Exit(BAD_CONFIGURATION)
    typer.echo("configuration is good")


# The queue, the log and the accounts: each command opens the store, does one thing, and prints it.


@held.command("list")
def held_list(config: Config = None, as_json: AsJson = False) -> None:
    """Messages that wait, newest first."""
    from gateway.terminal import held_lines

    _print(held_lines(_settings(config), as_json=as_json))


@held.command("show")
def held_show(
    hold_id: HoldId, config: Config = None, as_json: AsJson = False, password: Locked = False, reviewer: Reviewer = None
) -> None:
    """One message: the contradiction, the recipients, what happened to it."""
    from gateway.terminal import held_message

    typed = _secret() if password else None
    _print(held_message(_settings(config), hold_id, as_json=as_json, password=typed, reviewer=reviewer))


@held.command("release")
def held_release(
    hold_id: HoldId, note: Note, config: Config = None, rcpt_to: Recipients = None, reviewer: Reviewer = None
) -> None:
    """Send it on as it is, to all its recipients or to those chosen."""
    from gateway.terminal import release

    _print(release(_settings(config), hold_id, rcpt_to, reviewer, note))


@held.command("withdraw")
def held_withdraw(
    hold_id: HoldId, note: Note, config: Config = None, rcpt_to: Recipients = None, reviewer: Reviewer = None
) -> None:
    """Take back your agreement to a release, while it waits for others."""
    from gateway.terminal import withdraw

    _print(withdraw(_settings(config), hold_id, rcpt_to, reviewer, note))


@held.command("escalate")
def held_escalate(hold_id: HoldId, note: Note, config: Config = None, reviewer: Reviewer = None) -> None:
    """Leave it to another reviewer, with your note: it stays held, and you do not release it."""
    from gateway.terminal import escalate

    _print(escalate(_settings(config), hold_id, reviewer, note))


@held.command("return")
def held_return(
    hold_id: HoldId, note: Note, config: Config = None, rcpt_to: Recipients = None, reviewer: Reviewer = None
) -> None:
    """Give it back to its sender, with your note."""
    from gateway.terminal import give_back

    _print(give_back(_settings(config), hold_id, rcpt_to, reviewer, note))


@app.command("report")
def breach_report(
    hold_id: HoldId,
    config: Config = None,
    form: Annotated[Literal["md", "json", "pdf"], typer.Option("--format", help="md, json or pdf.")] = "md",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File; else standard output.")] = None,
) -> None:
    """The breach worksheet of a message: whose people, how many in each state, who received what."""
    from gateway.terminal import report

    with _plain_errors():
        sheet = asyncio.run(report(_settings(config), hold_id, form))
    if output is None:
        sys.stdout.buffer.write(sheet)
    else:
        output.write_bytes(sheet)


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
    settings = _settings(config)
    with _plain_errors(), _target(output) as target:
        asyncio.run(export(settings, form, (since, until), target))


def _target(file: Path | None) -> AbstractContextManager[TextIO]:
    try:
        return nullcontext(sys.stdout) if file is None else file.open("w", encoding="utf-8", newline="")
    except OSError as error:
        _fail(f"{file}: cannot be written: {error.strerror}", COULD_NOT_RUN)


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

    _print(verify(None if file else _settings(config), file, head))


def _secret() -> str:
    """Typed without an echo, or the first line of standard input; never an argument, which others may list."""
    return getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")


def _print(lines: Awaitable[Sequence[str]]) -> None:
    async def printed() -> Sequence[str]:
        return await lines

    with _plain_errors():
        for line in asyncio.run(printed()):
            typer.echo(line)


from gateway import cli_accounts as _accounts  # noqa: E402, F401 - hangs its commands on `app`
from gateway import cli_proposals as _proposals  # noqa: E402, F401
from gateway import cli_rules as _rules  # noqa: E402, F401
from gateway import cli_upkeep as _upkeep  # noqa: E402, F401
