"""One SMTP session with a client, on aiosmtpd's command loop. Never judges a message: it is handed to the keeper.

aiosmtpd gives the loop, STARTTLS and the order of commands. Ours are the parsing of MAIL and RCPT, the reading of DATA,
every reply's enhanced status code (RFC 2034), and that no error of ours is ever a 500 or keeps an old envelope.
"""

import asyncio
import logging
import re
from collections import defaultdict
from typing import Any, NoReturn

from aiosmtpd.smtp import TLSSetupException

from gateway.message import Envelope
from gateway.origin import authors
from gateway.reply import LOOP, MALFORMED, STORE_FULL, TOO_BIG, TRY_LATER, Reply
from gateway.smtp import arguments, wording
from gateway.smtp.arguments import Offered, Sender
from gateway.smtp.auth import MECHANISMS, Login
from gateway.smtp.data import Content, Fault
from gateway.smtp.draft import Draft
from gateway.smtp.lean import LeanSMTP
from gateway.smtp.stream import PIECE, part, unread
from gateway.smtp.terms import Keeper, Terms
from gateway.smtp.trace import PRODUCT, loops

log = logging.getLogger(__name__)
# At INFO aiosmtpd logs addresses, at DEBUG every line of every message, at WARNING words it took for commands.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)

COMMAND_SIZE = 2048  #: octets
REFUSED_STAY = 30.0  #: seconds that a client which is not allowed may take to say QUIT
LAST_WORD = 10.0  #: seconds to read a last reply
SLOWEST = 1024  #: octets a second of DATA, on average, after `Patience.idle`
READ_ON = 2  #: times the largest size: how much of a message that is refused already is read to its end
IN_VAIN = 1000  #: commands without a message; so many recipients too many may follow one that is taken

_FAULTS = {Fault.TOO_BIG: TOO_BIG, Fault.NO_ROOM: STORE_FULL, Fault.MALFORMED: MALFORMED}
_HELO = re.compile(r"[!-~]{1,255}")


class Session(LeanSMTP):
    """Commands of one connection."""

    line_length_limit = 1 << 16  # of aiosmtpd's stream reader: how much is read ahead
    command_size_limit = COMMAND_SIZE  # RFC 5321 4.5.3.1.4 asks for 512 and room for parameters

    def __init__(self, keeper: Keeper, terms: Terms, *, implicit_tls: bool = False) -> None:
        self._helo = ""
        self._extended = False
        self._offered = Offered()
        self._draft = Draft()
        super().__init__(
            data_size_limit=terms.max_size,
            enable_SMTPUTF8=True,
            hostname=terms.hostname,
            ident=f"ESMTP {PRODUCT}",
            tls_context=terms.tls,
            require_starttls=terms.tls_required,
            timeout=terms.patience.idle,
            loop=asyncio.get_running_loop(),
        )
        self._keeper = keeper
        self._terms = terms
        self._implicit_tls = implicit_tls
        self._in_vain = 0
        self._parting = False
        self._ending: asyncio.TimerHandle | None = None
        self.overdue = False  #: dismissed as soon as no message is on its way
        self.receiving = False  #: between 354 and the final dot
        self.taking = False  #: past the final dot; the reply is due
        # aiosmtpd's is shared by all connections, and it adds to it at every EHLO.
        self.command_size_limits = defaultdict(lambda: COMMAND_SIZE)

    def client(self) -> str:
        """The client's address; empty when the connection is gone already."""
        return str(self.session.peer[0]) if self.session and self.session.peer else ""

    def ending(self) -> "asyncio.Task[None]":
        if self._handler_coroutine is None:
            raise RuntimeError("a session without a connection has no end")
        return self._handler_coroutine

    # Connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """RFC 3207 4.2: called again after STARTTLS, and all that was said before is forgotten."""
        self._helo = ""
        self._extended = False
        self._login = Login()
        super().connection_made(transport)
        self.ending().add_done_callback(_retrieved)

    def connection_lost(self, error: Exception | None) -> None:
        self._keeper.forget(self)
        if self._ending is not None:
            self._ending.cancel()
        super().connection_lost(error)

    async def _handle_client(self) -> None:
        refusal = self._keeper.admit(self)
        if self._implicit_tls and refusal is not None:
            self.cut()  # not worth a handshake, and a word in clear would not be understood
        elif refusal is not None:
            await self._turn_away(refusal)
        elif not self._implicit_tls or await self._shake_hands():
            self._ending = self.loop.call_later(self._terms.patience.session, self._outstay)
            await super()._handle_client()

    async def _shake_hands(self) -> bool:
        """RFC 8314 3.3: TLS from the first octet. `push` keeps the 220 to itself."""
        try:
            await self._start_tls()
        except TLSSetupException as error:
            self.cut()
            self.connection_lost(error)
            return False
        return True

    async def _start_tls(self) -> None:
        """Asyncio has a time limit of its own for handshakes."""
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        await super().smtp_STARTTLS(None)

    def _outstay(self) -> None:
        if self.receiving or self.taking:
            self.overdue = True
        else:
            self.dismiss(wording.TOO_LONG)

    async def _turn_away(self, refusal: Reply) -> None:
        """RFC 5321 3.1: after a 554 greeting the client says QUIT, and hears 503 to anything else."""
        self._reset_timeout(REFUSED_STAY)
        try:
            await self.say(refusal)
            while refusal.code == 554 and not self._keeper.crowded:
                line = await self._reader.readuntil()
                if line.strip().upper() == b"QUIT":
                    break
                await self.say(wording.NO_HELO)
            self.dismiss(wording.HANGING_UP if refusal.code == 554 else None)
        finally:  # it may have hung up, or said more in one line than is read
            self._writer.close()

    def dismiss(self, reply: Reply | None) -> None:
        """Say a last word and close, whatever the client is doing."""
        if self.transport is None or self.transport.is_closing():
            return
        if reply is not None and not self._parting:
            self._writer.write(wording.wire(reply))
        self.transport.close()
        self._reset_timeout(LAST_WORD)

    async def _part(self, reply: Reply) -> NoReturn:
        """The same to a client that is in the middle of sending."""
        self._parting = True
        self._reset_timeout(LAST_WORD)
        await part(self._reader, self._writer, wording.wire(reply))
        self.dismiss(None)
        raise ConnectionResetError

    def cut(self) -> None:
        """Close at once: for a client that does not read its last word."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()

    def silent(self) -> None:
        if self.transport is not None and self.transport.is_closing():
            self.cut()
        else:
            self.dismiss(wording.IDLE)

    async def handle_exception(self, error: Exception) -> str:
        # Only the type: the text of an error may quote the message.
        log.error("SMTP session failed: %s", type(error).__name__)
        self._forget_transaction()
        return str(TRY_LATER)

    # Replies

    async def _still_here(self, *, in_vain: bool = True) -> None:
        """Before each reply. Nothing that came behind a last word is obeyed, and nobody may talk for ever."""
        self._in_vain += in_vain
        if self._in_vain > IN_VAIN:
            await self._part(wording.NOTHING_COMES)
        if self.transport is None or self.transport.is_closing():
            raise ConnectionResetError

    async def say(self, reply: Reply) -> None:
        await self._still_here(in_vain=reply is not wording.RECIPIENT_OK)
        self._writer.write(wording.wire(reply))
        await self._writer.drain()

    async def push(self, status: str | bytes) -> None:
        """Aiosmtpd's own replies, with an enhanced status code, and without its echo of what the client said."""
        said = status if isinstance(status, str) else status.decode("ascii", "replace")
        if self._implicit_tls and said == wording.STARTTLS:
            return
        await self._still_here()
        await super().push(wording.with_status(said))

    # Commands

    async def smtp_HELO(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd finds commands by name
        if await self._greeted(arg, extended=False):
            await super().push(f"250 {self.hostname}")

    async def smtp_EHLO(self, arg: str | None) -> None:  # noqa: N802
        if await self._greeted(arg, extended=True):
            lines = [self.hostname, f"SIZE {self._keeper.size()}", "8BITMIME", "SMTPUTF8", "PIPELINING"]
            if self._offered.dsn:
                lines.append("DSN")
            if self.tls_context and not self._tls_protocol:
                lines.append("STARTTLS")
            if self._tls_protocol and self._terms.auth != "none":
                lines.append(f"AUTH {MECHANISMS}")
            lines.append("ENHANCEDSTATUSCODES")
            await super().push("\r\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"]))

    async def _greeted(self, name: str | None, *, extended: bool) -> bool:
        if not name or not _HELO.fullmatch(name):
            await self.say(wording.BAD_HELO)
            return False
        await self._still_here()
        self._forget_transaction()
        self._helo = name
        self._extended = extended
        self._offered = Offered(dsn=extended and self._keeper.tells_of_delivery(), auth=self._terms.auth != "none")
        return True

    async def smtp_STARTTLS(self, arg: str | None) -> None:  # noqa: N802
        """CVE-2011-0411: what was sent in clear behind STARTTLS must not be taken for sent under TLS."""
        if unread(self._reader):
            await self._part(wording.TOO_EARLY)
        elif self._tls_protocol:
            await self.say(arguments.SYNTAX if arg else wording.TLS_ALREADY)
        elif arg or not self.tls_context:
            await super().smtp_STARTTLS(arg)
        else:
            await self._start_tls()

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        await self.say(self._mail(arg or ""))

    def _mail(self, argument: str) -> Reply:
        if not self._helo:
            return wording.NO_HELO
        if self._draft.sender is not None:
            return wording.NESTED
        sender = arguments.sender(argument, max_size=self._keeper.size(), offered=self._offered)
        if isinstance(sender, Reply):
            return sender
        refusal = self._refusal(sender)
        if refusal is None:
            self._draft.sender = sender
        return refusal or wording.SENDER_OK

    def _refusal(self, sender: Sender) -> Reply | None:
        if self._terms.auth == "required" and not self._login.done:
            return wording.NOT_AUTHENTICATED
        if not self._terms.knows(self.transport.get_extra_info("ssl_object") if self.transport else None):
            return wording.NO_CERTIFICATE
        if sender.address and not self._terms.ours([sender.address]):
            return wording.SENDER_NOT_OURS
        if not self._keeper.hold(sender.size):
            return STORE_FULL
        self._keeper.hold(-sender.size)
        return None

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        await self.say(self._draft.add(arg or "", most=self._terms.max_recipients, offered=self._offered))

    async def smtp_VRFY(self, arg: str | None) -> None:  # noqa: N802
        await self.say(wording.CANNOT_VERIFY if arg else arguments.SYNTAX)

    async def smtp_HELP(self, arg: str | None) -> None:  # noqa: ARG002, N802
        await self.say(wording.COMMANDS)

    async def smtp_AUTH(self, arg: str | None) -> None:  # noqa: N802
        offered = self._terms.auth != "none"
        reply = self._login.refusal(
            offered=offered, secure=bool(self._tls_protocol), open_=self._draft.sender is not None
        )
        reply = reply or await self._login.attempt(arg or "", self._ask, self._keeper.may_send)
        await (self._part if reply.code == 421 else self.say)(reply)

    async def _ask(self, challenge: str) -> bytes:
        await self._still_here()
        await super().push(f"334 {challenge}")
        return (await self._reader.readuntil()).strip()

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        if unread(self._reader):
            # RFC 2920 3.1: DATA is the last of a group. Were it refused, the content would be read as commands.
            await self._part(wording.TOO_EARLY)
        elif self._draft.sender is None:
            await self.say(wording.NO_MAIL)
        elif not self._draft.recipients:
            await self.say(wording.NO_RCPT)
        elif arg:
            await self.say(arguments.SYNTAX)
        else:
            await self._transaction(self._envelope(self._draft.sender))

    # The message

    def _set_post_data_state(self) -> None:
        """Aiosmtpd's own place for it: RSET, EHLO, STARTTLS and a new connection all come through here."""
        super()._set_post_data_state()  # type: ignore[no-untyped-call]
        self._forget_transaction()

    def _forget_transaction(self) -> None:
        self._draft = Draft()

    async def _transaction(self, envelope: Envelope) -> None:
        """From 354 to the reply. The envelope ends here, whatever happens."""
        try:
            await super().push(wording.GO_AHEAD)
            self.receiving = True
            raw = await self._content()
            reply = raw if isinstance(raw, Reply) else await self._take(envelope, raw)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - half-read content must never be read as commands
            log.error("message not read: %s", type(error).__name__)  # noqa: TRY400
            self.dismiss(wording.NOT_READ)
            return
        finally:
            self._forget_transaction()
            self.receiving = self.taking = False
        self._reset_timeout()
        self._in_vain = 0
        await self.say(reply)
        if self._keeper.draining or self.overdue:
            self.dismiss(wording.CLOSING if self._keeper.draining else wording.TOO_LONG)

    async def _content(self) -> bytes | Reply:
        """The message as received, or why it is refused. Bytes behind the final dot are the next command's."""
        content = Content(self._terms.max_size)
        accounted = 0
        begun = self.loop.time()
        rest = None
        try:
            while rest is None:
                piece = await self._reader.read(PIECE)
                taken = self.loop.time() - begun
                if not piece or taken > min(
                    self._terms.patience.idle + content.received / SLOWEST, self._terms.patience.session
                ):
                    self.dismiss(wording.IDLE)
                    raise ConnectionResetError
                if content.fault and content.received > READ_ON * self._terms.max_size + PIECE:
                    await self._part(_FAULTS[content.fault])
                self._reset_timeout()
                rest = content.feed(piece)
                if not self._keeper.hold(content.held - accounted):
                    content.refuse(Fault.NO_ROOM)
                    self._keeper.hold(content.held - accounted)
                accounted = content.held
            unread(self._reader)[:0] = rest
            return _FAULTS[content.fault] if content.fault else content.raw()
        finally:
            self._keeper.hold(-accounted)

    async def _take(self, envelope: Envelope, raw: bytes) -> Reply:
        if loops(raw, self._terms.hostname):
            return LOOP
        if not envelope.mail_from and not self._terms.ours(authors("", raw)):
            return wording.SENDER_NOT_OURS  # anybody may send bounces; ours are written by one of us
        self.taking = True
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()  # from here on it is we who are slow
        return await self._keeper.take(envelope, raw)

    def _envelope(self, sender: Sender) -> Envelope:
        protocol = self._protocol_name(sender)
        return self._draft.envelope(sender, client_host=self.client(), helo=self._helo, protocol=protocol)

    def _protocol_name(self, sender: Sender) -> str:
        """RFC 3848 and RFC 6531 4.3."""
        secure = ("S" if self._tls_protocol else "") + ("A" if self._login.done else "")
        if sender.smtputf8:
            return f"UTF8SMTP{secure}"
        return f"ESMTP{secure}" if self._extended else "SMTP"


def _retrieved(task: "asyncio.Task[Any]") -> None:
    """A connection that is lost ends its task with an error that nobody waits for."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, (ConnectionError, EOFError, TLSSetupException)):
        log.error("SMTP session died: %s", type(error).__name__)
