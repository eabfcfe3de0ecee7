"""The terminal's commands around whose people they are: rosters, the client directory, trying out a policy."""
# ruff: noqa: PLC0415 - as in gateway.command

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.command import AsJson, Config, Moment, group, plain_errors, settings_of, tell

app = typer.Typer()
clients = group("The client directory.")
roster = group("Clients' rosters, for exact data match: keyed hashes only.")
app.add_typer(clients, name="clients")
app.add_typer(roster, name="roster")
Client = Annotated[str, typer.Option("--client", help="Id in the client directory.")]


@clients.command("list")
def clients_list(config: Config = None) -> None:
    """Clients of the directory in use, and what reviewers have added to it."""
    from gateway.terminal_proposals import directory_lines

    tell(directory_lines(settings_of(config)))


@clients.command("import")
def clients_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML, or CSV with a header; ends in .csv.")],
    config: Config = None,
) -> None:
    """Merge a file into the directory, when all of it is right; print what changed. `serve` takes it up by itself."""
    from gateway.directory import take_in

    settings = settings_of(config)
    with plain_errors():
        for line in take_in(settings, file):
            typer.echo(line)


@roster.command("add")
def roster_add(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Any format that attachments are opened in.")],
    client: Client,
    config: Config = None,
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Instead of the roster that the client has.")] = False,
) -> None:
    """Index a client's participants. `serve` looks them up from its next reload on."""
    from gateway.directory import today
    from gateway.enrolment import enrol

    settings = settings_of(config)
    with plain_errors():
        done = asyncio.run(enrol(settings, client, files, today(), replace_it=replace))
    rest = f"; {done.unknown:,} more have nothing to be found by" if done.unknown else ""
    rest += f"; {done.unread:,} rows could not be read as people" if done.unread else ""
    typer.echo(f"{done.roster.client}: {done.roster.people:,} people{rest}")


@roster.command("list")
def roster_list(config: Config = None, as_json: AsJson = False) -> None:
    """Clients, people, date and source of every roster."""
    from gateway.directory import today
    from gateway.rosters import listed_json, listed_lines

    settings = settings_of(config)
    with plain_errors():
        for line in (listed_json if as_json else listed_lines)(settings, today()):
            typer.echo(line)


@roster.command("remove")
def roster_remove(client: Client, config: Config = None) -> None:
    """Take a client's roster out of the index."""
    from gateway.rosters import take_out

    settings = settings_of(config)
    with plain_errors():
        removed = take_out(settings, client)
    typer.echo(f"{removed.client}: {removed.people:,} people removed")


@app.command()
def simulate(
    policy: Annotated[Path, typer.Option("--policy", help="The policy to try.")],
    config: Config = None,
    since: Moment = None,
) -> None:
    """How many holds another policy would have added or removed; from the audit log, without content."""
    from gateway.simulate import simulate as replay

    settings = settings_of(config)
    with plain_errors():
        for line in asyncio.run(replay(settings, policy, since)):
            typer.echo(line)
