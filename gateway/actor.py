"""Who does something: a name for the record, and what else its bearer is known by, so that nobody is two people.

| comes by | its name | known by as well |
|---|---|---|
| browser | the account | - |
| token | the token | the account it belongs to; without one it counts as nobody where several people are needed |
| terminal | the account given with `--as`, else the login | the operating system's login, whatever `--as` says |

Who can read the store's key in a terminal can do anything; so the record tells his login, and it counts once.
"""

import os
import pwd
from contextlib import suppress
from pathlib import Path
from typing import Self

_LOGIN = Path("/proc/self/loginuid")  #: set when somebody logs in, and kept through sudo and su
_UNSET = 2**32 - 1


class Actor(str):
    """A name like any other; a plain string is somebody who is known by nothing else."""

    __slots__ = ("account", "login", "nobody")
    login: str | None
    account: str | None
    nobody: bool

    def __new__(cls, name: str, *, login: str | None = None, account: str | None = None, nobody: bool = False) -> Self:
        actor = super().__new__(cls, name)
        actor.login, actor.account, actor.nobody = login, account, nobody
        return actor

    @property
    def traits(self) -> dict[str, str]:
        """What the audit record says of him beside his name."""
        told: dict[str, str | None] = {"login": self.login, "account": self.account}
        return {key: value for key, value in told.items() if value is not None}


def traits(actor: str) -> dict[str, str]:
    return actor.traits if isinstance(actor, Actor) else {}


def person(name: str) -> str:
    """One name for one person, whether he decides in the browser, by token or in a terminal."""
    return name.strip().casefold().partition("@")[0]


def persons(actor: str) -> frozenset[str]:
    """Every name that this person counts under."""
    return frozenset(map(person, (actor, *traits(actor).values())))


def login() -> str:
    """Who has logged in to the operating system; not what the environment says, which anybody may set."""
    user = os.getuid()
    with suppress(OSError, ValueError):
        audited = int(_LOGIN.read_text("ascii"))
        user = user if audited == _UNSET else audited
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
