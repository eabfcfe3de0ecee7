"""What every session keeps to: limits, who may relay, and what it asks the door. Speaks no SMTP itself."""

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from gateway.message import Envelope
from gateway.reply import Reply
from gateway.smtp.addresses import within
from gateway.smtp.tls import names

if TYPE_CHECKING:
    from gateway.smtp.dialogue import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds that a client has."""

    idle: float = 300.0  #: to say something (RFC 5321 4.5.3.2.7)
    session: float = 1800.0  #: for all it has to say; a message that has begun may take as long again


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is the same for every session."""

    hostname: str
    max_size: int
    max_recipients: int
    tls: ssl.SSLContext | None
    tls_required: bool
    certificate_required: bool
    client_names: frozenset[str]  #: one of them stands in the client's certificate; empty: any certificate will do
    sender_domains: frozenset[str]  #: empty: any
    auth: Literal["none", "optional", "required"]
    patience: Patience

    def knows(self, transport: ssl.SSLObject | None) -> bool:
        """Whether the client may relay. A certificate that is there is verified, or the handshake had failed."""
        if not self.certificate_required:
            return True
        certificate: Mapping[str, Any] | None = transport.getpeercert() if transport else None
        if not certificate:
            return False
        return not self.client_names or not self.client_names.isdisjoint(names(certificate))

    def ours(self, addresses: Iterable[str]) -> bool:
        """Whether one of the addresses is of a domain whose mail is relayed here."""
        return not self.sender_domains or any(within(address, self.sender_domains) for address in addresses)


class Onward(Protocol):
    """The next hop: what it does not do is not offered here either."""

    @property
    def largest(self) -> int | None:
        """Octets of a message; None: it has not said."""

    @property
    def offers_dsn(self) -> bool: ...


class Keeper(Protocol):
    """The door, as a session sees it."""

    draining: bool

    @property
    def crowded(self) -> bool:
        """Strangers are shown out at once."""

    def admit(self, session: "Session") -> Reply | None: ...

    def forget(self, session: "Session") -> None: ...

    def size(self) -> int:
        """Octets of the largest message that makes sense to send."""

    def tells_of_delivery(self) -> bool:
        """Whether the next hop does as RFC 3461 asks."""

    def hold(self, octets: int) -> bool:
        """Account for so many more (or fewer) octets in memory; False when there is no room."""

    async def may_send(self, name: str, password: str) -> bool:
        """Whether an account of that name and password may relay."""

    async def take(self, envelope: Envelope, raw: bytes) -> Reply: ...
