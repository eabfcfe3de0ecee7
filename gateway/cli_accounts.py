"""The terminal's commands around who may look and decide: users and API tokens, added, listed and removed."""
# ruff: noqa: PLC0415 - as in gateway.command

from typing import Annotated, Literal

import typer

from gateway.command import Config, group, secret, settings_of, tell

app = typer.Typer()
user = group("Local accounts.")
token = group("API tokens.")
app.add_typer(user, name="user")
app.add_typer(token, name="token")

Role = Annotated[Literal["reviewer", "auditor", "admin"], typer.Option("--role", help="What the holder may do.")]
AnyRole = Annotated[
    Literal["reviewer", "auditor", "admin", "sender"],
    typer.Option("--role", help="What the holder may do; a sender is a mail server that has to authenticate."),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="As it stands in the audit log.")]


@user.command("add")
def user_add(name: Name, role: AnyRole, config: Config = None) -> None:
    """A local account; its password comes from standard input, or is asked for."""
    from gateway.terminal import add_user

    settings = settings_of(config)
    tell(add_user(settings, name, role, secret()))


@user.command("password")
def user_password(name: Name, config: Config = None) -> None:
    """Another password, from standard input or asked for; whoever is logged in under the name is logged out."""
    from gateway.terminal import set_password

    settings = settings_of(config)
    tell(set_password(settings, name, secret()))


@user.command("list")
def user_list(config: Config = None) -> None:
    """Every account and its role."""
    from gateway.terminal import user_lines

    tell(user_lines(settings_of(config)))


@user.command("remove")
def user_remove(
    name: Name,
    config: Config = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="The last admin too.")] = False,
) -> None:
    """Take an account away; whoever is logged in under it is logged out at once."""
    from gateway.terminal import remove_user

    tell(remove_user(settings_of(config), name, force=force))


@token.command("add")
def token_add(
    name: Name,
    role: Role,
    config: Config = None,
    account: Annotated[str | None, typer.Option("--account", help="Whose it is; else the user of its name.")] = None,
) -> None:
    """An API token, printed once. One that belongs to a user counts as him, and goes with him."""
    from gateway.terminal import add_token

    tell(add_token(settings_of(config), name, role, account))


@token.command("list")
def token_list(config: Config = None) -> None:
    """Every token's name and role; a token itself is shown only when it is made."""
    from gateway.terminal import token_lines

    tell(token_lines(settings_of(config)))


@token.command("remove")
def token_remove(name: Name, config: Config = None) -> None:
    """Take a token away; from then on it opens nothing."""
    from gateway.terminal import remove_token

    tell(remove_token(settings_of(config), name))
