"""The terminal: the commands of CONTRACT section 1, in the order in which help lists them. Wiring only."""

from typing import Annotated

import typer

from gateway import cli_accounts, cli_proposals, cli_review, cli_rules, cli_service, cli_upkeep
from gateway.command import Config, everywhere

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback with local variables would print content
    help="Opens every attachment of outbound mail and holds the wrong file.",
)
for room in (cli_service, cli_review, cli_proposals, cli_rules, cli_accounts, cli_upkeep):
    app.add_typer(room.app)


def main() -> None:
    """Console script."""
    app()


def _version(*, asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # noqa: PLC0415 - asked for once in a while

        typer.echo(f"countersign {version('countersign')}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Which release this is.")]


@app.callback()
def program(config: Config = None, *, version: Version = False) -> None:
    """What stands before every command."""
    del version  # its callback has answered
    everywhere(config)
