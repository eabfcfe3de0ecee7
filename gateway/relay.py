"""The next hop: one message out, the outcome for each recipient back. Never raises for the network, never guesses.

When the connection is lost after the final dot nobody can know: that is `unknown`, and never called anything better.
"""

import asyncio
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gateway.message import Envelope
from gateway.reply import NO_DOWNSTREAM, Reply
from gateway.settings import Downstream
from gateway.smtp.addresses import AddressError, checked, path
from gateway.smtp.data import dotted_line
from gateway.smtp.downstream import Connection, Patience, Pool, Route, TlsNotMet
from gateway.smtp.replies import Said, Unreachable
from gateway.smtp.tls import next_hop_context

log = logging.getLogger(__name__)

PIECE = 1 << 18  #: octets handed to the transport at once
MAX_CONNECTIONS = 50  #: Postfix's smtpd_client_connection_count_limit
OUR_FIELDS = 1 << 16  #: octets that may stand on top of a message when it leaves
MAX_REPLY = 8, 400  #: lines of a reply, octets of a line

NO_TLS = Reply(451, "4.4.1 next hop does not offer the TLS that is asked for, nothing was sent")
LOST = Reply(451, "4.4.2 connection to the next hop was lost, please try again later")
LOST_AFTER_DOT = Reply(451, "4.4.2 next hop did not answer to the final dot, please try again later")
CUT_OFF = Reply(451, "4.4.2 the attempt was cut off")
NOT_A_REPLY = Reply(451, "4.4.2 next hop gave no reply that can be understood, please try again later")
BAD_RECIPIENT = Reply(501, "5.1.3 not a mailbox address with a domain")
BAD_SENDER = Reply(501, "5.1.7 sender is not a mailbox address with a domain")
NO_RECIPIENTS = Reply(554, "5.5.1 message has no recipients")
NO_SMTPUTF8 = Reply(550, "5.6.7 next hop does not take addresses or header fields that are not ASCII")
NO_8BITMIME = Reply(554, "5.6.3 next hop does not take 8-bit content, and content is never converted here")

_ENHANCED = re.compile(r"([245])\.\d{1,3}\.\d{1,3}(?: |$)")
_UNPRINTABLE = re.compile(r"[^ -~]")


class Reach(StrEnum):
    """How far a message got."""

    DELIVERED = "delivered"  #: accepted at the final dot, for every recipient whose own reply says so
    REFUSED = "refused"  #: 5xx
    DEFERRED = "deferred"  #: 4xx, not reached, or TLS not met: the next hop has not got it
    UNKNOWN = "unknown"  #: lost after the final dot: the next hop may have it


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of one message at the next hop."""

    reach: Reach
    reply: Reply  #: the next hop's own answer to the message, or ours where it gave none
    replies: Mapping[str, Reply]  #: the answer for each recipient
    tls: bool = False

    def reply_to(self, address: str) -> Reply:
        return self.replies.get(address, CUT_OFF)

    def reach_of(self, address: str) -> Reach:
        """How far the message got for one recipient. After a lost final dot only a refusal is certain."""
        reply = self.reply_to(address)
        if reply.accepted:
            return Reach.DELIVERED
        if not reply.transient:
            return Reach.REFUSED
        return Reach.UNKNOWN if self.reach is Reach.UNKNOWN else Reach.DEFERRED


class NextHop:
    """The one server that mail leaves through, and the connections kept open to it."""

    def __init__(
        self,
        downstream: Downstream,
        hostname: str,
        *,
        base: Path = Path(),
        patience: Patience | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        """`downstream.ca` is relative to `base`. Raises ConfigurationError."""
        route = Route(
            host=downstream.host,
            port=downstream.port,
            hostname=hostname,
            tls=downstream.effective_tls,
            context=next_hop_context(downstream, base),
            patience=patience or Patience(),
        )
        self._pool = Pool(route)
        self._slots = asyncio.Semaphore(max_connections)

    @property
    def largest(self) -> int | None:
        """Octets of the largest message it has said it takes, with our fields on top; None: it has not said."""
        return None if self._pool.size is None else max(1, self._pool.size - OUR_FIELDS)

    @property
    def offers_dsn(self) -> bool:
        """Whether it said so the last time that it was asked (RFC 3461)."""
        return self._pool.dsn

    async def deliver(self, envelope: Envelope, header: bytes, raw: bytes, *, within: float = 300.0) -> Delivery:
        """Send `header` and `raw` as they are. After `within` seconds there is an outcome, `unknown` if need be."""
        if header and not header.endswith(b"\r\n"):
            raise ValueError("header fields end with CRLF")
        transaction = _Transaction(envelope, header, raw)
        try:
            async with asyncio.timeout(within), self._slots:
                reply = await transaction.run(self._pool)
        except TlsNotMet as error:
            log.warning("next hop is not trusted, nothing was sent: %s", error)
            return transaction.delivery(NO_TLS)
        except (Unreachable, TimeoutError) as error:
            delivery = transaction.lost()
            log.warning("next hop: %s, %s", delivery.reach, error or "out of time")
            return delivery
        return transaction.delivery(reply)

    async def close(self) -> None:
        """Say QUIT on idle connections; those in use end with their message."""
        await self._pool.close()


class _Transaction:
    """MAIL, RCPT, DATA and the content, once; at each step what was answered is noted."""

    def __init__(self, envelope: Envelope, header: bytes, raw: bytes) -> None:
        self._envelope = envelope
        self._header = header
        self._raw = raw
        self._connection: Connection | None = None
        self._tls = False
        #: None: the reply to the message will be this recipient's too. Named twice, a recipient gets it once.
        self._replies: dict[str, Reply | None] = dict.fromkeys(envelope.rcpt_to)

    async def run(self, pool: Pool) -> Reply:
        """The reply to the whole message. Raises Unreachable, TlsNotMet."""
        try:
            reply = await self._mail(pool)
            if reply.accepted and self._connection is not None:
                reply = await self._after_mail(self._connection)
        except BaseException:
            if self._connection is not None:
                self._connection.close()
            raise
        if self._connection is not None:
            pool.give_back(self._connection)
        return reply

    def delivery(self, reply: Reply, reach: Reach | None = None) -> Delivery:
        told = Reach.DELIVERED if reply.accepted else Reach.DEFERRED if reply.transient else Reach.REFUSED
        replies = {address: own or reply for address, own in self._replies.items()}
        return Delivery(reach=reach or told, reply=reply, replies=replies, tls=self._tls)

    def lost(self) -> Delivery:
        """The dialogue broke off; whether before or after the final dot is all the difference."""
        if self._connection is None:
            return self.delivery(NO_DOWNSTREAM)
        if self._connection.past_dot:
            return self.delivery(LOST_AFTER_DOT, Reach.UNKNOWN)
        return self.delivery(LOST)

    async def _mail(self, pool: Pool) -> Reply:
        """The answer to MAIL. A connection from the pool may have gone stale: then another is tried."""
        while True:
            self._connection = None
            connection = self._connection = await pool.take()
            line = _mail_line(connection, self._envelope, self._header, self._raw)
            if isinstance(line, Reply):
                return line
            connection.ask(line, *self._rcpt_lines(connection))
            try:
                said = await connection.answer()
            except Unreachable:
                if not connection.used:
                    raise
                continue
            if connection.usable or not connection.used:
                return _reply(said)

    def _rcpt_lines(self, connection: Connection) -> list[bytes]:
        """RCPT for everybody who can be named, and DATA if there is one."""
        lines = []
        for address in self._replies:
            try:
                lines.append(_rcpt_line(connection, address, self._envelope))
            except AddressError:
                self._replies[address] = BAD_RECIPIENT
        return [*lines, b"DATA"] if lines else []

    async def _after_mail(self, connection: Connection) -> Reply:
        self._tls = connection.secure
        for address, refused in self._replies.items():
            if refused is not BAD_RECIPIENT:
                reply = _reply(await connection.answer())
                self._replies[address] = None if reply.accepted else reply
        refusals = [reply for reply in self._replies.values() if reply is not None]
        if len(refusals) == len(self._replies):
            return next((reply for reply in refusals if reply.transient), refusals[0] if refusals else NO_RECIPIENTS)
        said = await connection.answer()
        if said.code != 354:
            return _refusal(said)
        reply = _reply(await connection.content(wire(self._header, self._raw)))
        if connection.past_dot and reply is NOT_A_REPLY:
            raise Unreachable("no reply to the final dot that can be understood")
        return reply if connection.past_dot or not reply.accepted else NOT_A_REPLY


def _rcpt_line(connection: Connection, address: str, envelope: Envelope) -> bytes:
    """Raises AddressError."""
    line = b"RCPT TO:" + path(checked(address, utf8=envelope.smtputf8, recipient=True))
    if connection.offers("dsn"):
        asked = envelope.asked_for(address)
        line += _parameters({"NOTIFY": asked.notify, "ORCPT": asked.orcpt})
    return line


def _mail_line(connection: Connection, envelope: Envelope, header: bytes, raw: bytes) -> bytes | Reply:
    """MAIL and its parameters, as far as the next hop offers them; or why it cannot take the message."""
    try:
        sender = checked(envelope.mail_from, utf8=envelope.smtputf8) if envelope.mail_from else ""
    except AddressError:
        return BAD_SENDER
    parameters = []
    if connection.offers("size"):
        parameters.append(b"SIZE=%d" % (len(header) + len(raw)))
    if connection.offers("8bitmime"):
        parameters.extend([b"BODY=8BITMIME"] if envelope.body_8bit or not raw.isascii() else [])
    elif envelope.body_8bit and not raw.isascii():
        return NO_8BITMIME
    if envelope.smtputf8 and connection.offers("smtputf8"):
        parameters.append(b"SMTPUTF8")
    elif envelope.smtputf8 and _needs_smtputf8(envelope, raw):
        return NO_SMTPUTF8
    line = b" ".join([b"MAIL FROM:" + path(sender), *parameters])
    return line + (_parameters({"RET": envelope.ret, "ENVID": envelope.envid}) if connection.offers("dsn") else b"")


def _parameters(values: Mapping[str, str]) -> bytes:
    """Those that were given, as they were given: the door has checked them (RFC 3461 4)."""
    return "".join(f" {name}={value}" for name, value in values.items() if value).encode("ascii")


def _needs_smtputf8(envelope: Envelope, raw: bytes) -> bool:
    """RFC 6531 3.6: the client asked for it, but where all is ASCII an older server can take the message too."""
    header_end = raw.find(b"\r\n\r\n")
    header = raw if header_end < 0 else raw[:header_end]
    return not (header.isascii() and envelope.mail_from.isascii() and all(map(str.isascii, envelope.rcpt_to)))


def wire(header: bytes, raw: bytes) -> Iterator[bytes]:
    """Header fields and message in large pieces, dots stuffed (RFC 5321 4.5.2), the final dot in the last one."""
    if dotted_line(raw) >= 0:
        raw = raw.replace(b"\r\n.", b"\r\n..")
    first = header + (b"." if raw.startswith(b".") else b"")
    # A message that came through SMTP ends with CRLF; the dot needs one.
    end = b".\r\n" if raw.endswith(b"\r\n") or not raw else b"\r\n.\r\n"
    if len(raw) <= PIECE:
        yield first + raw + end
        return
    yield first
    last = (len(raw) - 1) // PIECE * PIECE
    for start in range(0, last, PIECE):
        yield raw[start : start + PIECE]
    yield raw[last:] + end


def _reply(said: Said) -> Reply:
    """Untrusted text as a reply of ours: printable ASCII, bounded, with an enhanced status code of its own class."""
    status_class = said.code // 100
    if status_class not in {2, 4, 5} or said.code > 599:
        return NOT_A_REPLY
    count, length = MAX_REPLY
    lines = [_UNPRINTABLE.sub("?", line)[:length] for line in said.text.split("\n")[:count]]
    match = _ENHANCED.match(lines[0])
    if match is None or int(match[1]) != status_class:
        lines[0] = f"{status_class}.0.0 {lines[0][match.end() if match else 0 :]}"
    return Reply(said.code, "\n".join(lines).rstrip())


def _refusal(said: Said) -> Reply:
    """A reply where only a refusal makes sense: before the final dot nothing can be accepted."""
    reply = _reply(said)
    return NOT_A_REPLY if reply.accepted else reply
