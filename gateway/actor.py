"""Who does something: a name for the record, and what else its bearer is known by, so that nobody is two people. Pure.

| comes by | its name | known by as well |
|---|---|---|
| browser | the account | - |
| token | the token | the account it belongs to; without one it counts as nobody where several people are needed |
| terminal | the account given with `--as`, else the login | the operating system's login, whatever `--as` says |

Who can read the store's key in a terminal can do anything; so the record tells his login, and it counts once.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    name: str
    login: str | None = None
    account: str | None = None
    nobody: bool = False  #: bears a token of no account

    @property
    def traits(self) -> dict[str, str]:
        """What the audit record says of him beside his name."""
        told = {"login": self.login, "account": self.account}
        return {key: value for key, value in told.items() if value is not None}

    @property
    def names(self) -> tuple[str, ...]:
        """All that he is known by, as written."""
        return (self.name, *self.traits.values())

    @property
    def persons(self) -> frozenset[str]:
        """Every name that he counts under."""
        return frozenset(map(person, self.names))


COUNTERSIGN = Actor("countersign")  #: what is done by no person


def person(name: str) -> str:
    """One name for one person, whether he decides in the browser, by token or in a terminal."""
    return name.strip().casefold().partition("@")[0]
