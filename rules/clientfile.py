"""What a client directory file may hold: CONTRACT section 3 as types. Says nothing about whether it makes sense."""

from pydantic import BaseModel, ConfigDict


class Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Internal(Entry):
    domains: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


class Party(Entry):
    """Somebody outside who has mail addresses and names."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


class Client(Party):
    plan_numbers: tuple[str, ...] = ()
    eins: tuple[str, ...] = ()


class Partner(Party):
    """Acts for several clients and may receive the data of each."""

    acts_for: tuple[str, ...] = ()


class DirectoryFile(Entry):
    clients: tuple[Client, ...] = ()
    partners: tuple[Partner, ...] = ()
    internal: Internal = Internal()
