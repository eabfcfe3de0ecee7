"""The terminal's commands around the service and its work: show it, run it, judge files, examine the settings."""
# ruff: noqa: PLC0415 - as in gateway.command

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.command import BAD_CONFIGURATION, COULD_NOT_RUN, AsJson, Config, Recipients, plain_errors, settings_of
from gateway.settings import Settings, load, usual_file

if TYPE_CHECKING:
    from gateway.scan import Asked

app = typer.Typer()


@app.command()
def demo(*, once: Annotated[bool, typer.Option(help="Stop after printing.")] = False) -> None:
    """The main job on loopback, nothing to configure."""
    from gateway.demo.show import show

    with plain_errors():
        asyncio.run(show(once=once))


@app.command()
def serve(config: Config = None) -> None:
    """SMTP door, delivery and review web, until SIGTERM."""
    from gateway.serve import serve as run

    settings = settings_of(config)
    with plain_errors():
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
    with plain_errors(configuration=COULD_NOT_RUN):
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
