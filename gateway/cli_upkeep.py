"""The terminal's commands around what is kept: backup, restore, and the master key that locks it."""
# ruff: noqa: PLC0415 - as in gateway.command

from pathlib import Path
from typing import Annotated

import typer

from gateway.command import Config, group, settings_of, tell

app = typer.Typer()
key = group("The master key, which locks what is kept of messages.")
app.add_typer(key, name="key")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="A new file; only you may read it.")], config: Config = None
) -> None:
    """Copy the whole store while `serve` runs. The master key is not in the copy."""
    from gateway.upkeep import backup as run

    tell(run(settings_of(config), file))


@app.command()
def restore(
    file: Annotated[
        Path | None, typer.Argument(help="What `countersign backup` made; none when pg_restore has done its part.")
    ] = None,
    config: Config = None,
    *,
    force: Annotated[bool, typer.Option(help="Set the store that is here aside.")] = False,
) -> None:
    """Put a backup in the place of the store. Nothing that may have left since leaves again without a decision."""
    from gateway.upkeep import restore as run

    tell(run(settings_of(config), file, force=force))


@key.command("new")
def key_new() -> None:
    """Print a new key: a line for a key file that you keep yourself."""
    from gateway.store.keys import new_key

    typer.echo(new_key())


@key.command("rotate")
def key_rotate(config: Config = None) -> None:
    """Lock with a new key from now on, while `serve` runs; all that is locked with the old one is locked anew."""
    from gateway.upkeep import rotate

    tell(rotate(settings_of(config)))


@key.command("forget")
def key_forget(config: Config = None) -> None:
    """Take keys that the store no longer needs out of the key file. Older backups can then not be read."""
    from gateway.upkeep import forget

    tell(forget(settings_of(config)))
