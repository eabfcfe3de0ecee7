"""What a client directory file may hold: CONTRACT section 3 as types. Says nothing about whether it makes sense."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

_KEYS = {"value", "from", "until"}


class Dated(str):
    """A domain, name or number that is the client's in a period only; both ends included."""

    __slots__ = ("since", "until")
    since: date | None
    until: date | None

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> "Dated":
        if not isinstance(written.get("value"), str) or not written.keys() <= _KEYS:
            raise ValueError("is neither text nor {value: ..., from: 2026-01-31, until: 2026-12-31}")
        dated = cls(written["value"])
        dated.since, dated.until = _day(written.get("from")), _day(written.get("until"))
        if dated.since and dated.until and dated.until < dated.since:
            raise ValueError("ends before it begins")
        return dated


def _day(written: object) -> date | None:
    if written is None:
        return None
    try:
        return date.fromisoformat(str(written))
    except ValueError:
        raise ValueError(f'"{written}" is not a day like 2026-01-31') from None


def _item(written: object) -> str:
    if type(written) is str:
        return written
    if isinstance(written, Mapping):
        return Dated.of(written)
    raise ValueError("is neither text nor {value: ..., from: 2026-01-31, until: 2026-12-31}")


_DAY_SCHEMA = {"type": ["string", "null"], "format": "date"}
Item = Annotated[
    str,
    PlainValidator(_item),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "properties": {"value": {"type": "string"}, "from": _DAY_SCHEMA, "until": _DAY_SCHEMA},
                    "required": ["value"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
Items = tuple[Item, ...]


class Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Internal(Entry):
    domains: Items = ()
    addresses: Items = ()


class Contact(Entry):
    """Whom to ask at a client. His address receives nothing that the client's domains and addresses do not."""

    name: str
    address: str | None = None
    phone: str | None = None
    role: str | None = None


class Party(Entry):
    """Somebody outside who has mail addresses and names."""

    id: str
    name: str
    aliases: Items = ()
    domains: Items = ()
    addresses: Items = ()
    contacts: tuple[Contact, ...] = ()
    since: date | None = Field(default=None, alias="from")  #: before and after, its addresses are nobody's
    until: date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "Party":
        if self.since and self.until and self.until < self.since:
            raise ValueError("ends before it begins")
        return self


class Client(Party):
    plan_numbers: Items = ()
    eins: Items = ()


class Partner(Party):
    """Acts for several clients and may receive the data of each."""

    acts_for: Items = ()


class DirectoryFile(Entry):
    clients: tuple[Client, ...] = ()
    partners: tuple[Partner, ...] = ()
    internal: Internal = Internal()
