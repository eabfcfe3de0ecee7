"""The message on its way: envelope, parts, and what became of each part. Pure types, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.content import Content, Text
from rules.verdict import Obstacle


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a client asks to be told about one recipient (RFC 3461). Empty: it has not said."""

    notify: str = ""  #: NEVER, or some of SUCCESS,FAILURE,DELAY
    orcpt: str = ""  #: the recipient as first written: type;xtext

    @property
    def wants_failures(self) -> bool:
        return not self.notify or "FAILURE" in self.notify.split(",")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """RFC 5321 envelope: the only recipients there are. The null sender is the empty string."""

    mail_from: str
    rcpt_to: tuple[str, ...]
    smtputf8: bool = False
    body_8bit: bool = False
    client_host: str = ""  #: address of the SMTP client, for Received
    helo: str = ""
    ret: str = ""  #: FULL or HDRS: how much of it a failure notice brings back (RFC 3461)
    envid: str = ""  #: by what name the sender knows it, as xtext
    asked: Mapping[str, Asked] = field(default_factory=dict, hash=False)  #: by recipient, of those for whom it said
    protocol: str = "ESMTP"  #: how it came in, for Received: RFC 3848 and RFC 6531 4.3

    def asked_for(self, address: str) -> Asked:
        return self.asked.get(address, Asked())


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one inspection, across the whole message."""

    max_parts: int = 2000
    max_depth: int = 8  #: containers within containers
    max_expanded: int = 1 << 30  #: bytes that come out of all containers and compressed streams together


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Everything in the part was read."""

    contents: tuple[Content, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """Something was read, and something could not be. Never clean."""

    contents: tuple[Content, ...]
    obstacle: Obstacle
    note: str  #: for people, without content: "page 3 has no text layer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unopened:
    """Nothing was read. Never clean."""

    obstacle: Obstacle
    note: str


Outcome = Opened | Partial | Unopened


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One leaf or container of the message, at every depth.

    `section` is IMAP-style ("2", "2.1"); inside a container the path goes on after "/": "2/inner.zip/list.csv".
    """

    section: str
    filename: str | None  #: as the message gives it, unmasked: never leaves the worker
    media_type: str  #: told from the content
    size: int  #: decoded bytes
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedMessage:
    """A message after opening. Containers come before what they hold."""

    message_id: str | None
    header_recipients: tuple[str, ...]  #: addresses of To, Cc and Bcc: for `scan` only, never for delivery
    headings: tuple[Text, ...]  #: subject and other header fields worth reading
    parts: tuple[Part, ...]
