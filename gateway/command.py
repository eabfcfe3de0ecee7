"""What the terminal's commands have in common: the settings they read, and how they answer and fail.

Rooms are imported inside the commands, because `scan` of one message has to answer before they would all have loaded.
"""
# ruff: noqa: PLC0415 - see above

import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gateway.settings import PREFIX, Settings, load, usual_file
from rules.errors import ConfigurationError

CONFIG = "COUNTERSIGN_CONFIG"  #: environment variable that stands in for --config
BAD_CONFIGURATION = 78  # sysexits.h EX_CONFIG
TRY_LATER = 75  # sysexits.h EX_TEMPFAIL
COULD_NOT_RUN = 1
BROKEN_CHAIN = 5


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


def everywhere(config: Config = None) -> None:
    """`--config` may stand before a command as well as after it."""
    if config is not None:
        os.environ[CONFIG] = str(config)


def group(about: str) -> typer.Typer:
    """Commands that stand under a name."""
    return typer.Typer(no_args_is_help=True, help=about, callback=everywhere)


def fail(text: str, status: int) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(status)


def settings_of(config: Path | None) -> Settings:
    file = config or usual_file()
    if file is None and not any(name.startswith(PREFIX) and "__" in name for name in os.environ):
        # A store made here and now would say that nothing is held.
        fail("countersign.yaml: there is none here; name your settings file with --config", BAD_CONFIGURATION)
    try:
        return load(file)
    except ConfigurationError as error:
        fail(str(error), BAD_CONFIGURATION)


@contextmanager
def plain_errors(configuration: int = BAD_CONFIGURATION) -> Iterator[None]:
    """Our own errors are sentences; a traceback is for bugs."""
    from gateway.errors import BrokenChainError, GatewayError, StoreUnavailableError

    try:
        yield
    except ConfigurationError as error:
        fail(str(error), configuration)
    except GatewayError as error:
        status = {BrokenChainError: BROKEN_CHAIN, StoreUnavailableError: TRY_LATER}.get(type(error), COULD_NOT_RUN)
        fail(str(error) or type(error).__name__, status)


def secret() -> str:
    """Typed without an echo, or the first line of standard input; never an argument, which others may list."""
    return getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")


def tell(lines: Awaitable[Sequence[str]]) -> None:
    async def printed() -> Sequence[str]:
        return await lines

    with plain_errors():
        for line in asyncio.run(printed()):
            typer.echo(line)
