"""The door's own replies, and how any reply looks on the wire: with an enhanced status code. Never quotes a client."""

import re
from functools import lru_cache

from gateway.reply import Reply

GO_AHEAD = "354 end with <CRLF>.<CRLF>"
NO_HELO = Reply(503, "5.5.1 say EHLO first")
NO_MAIL = Reply(503, "5.5.1 MAIL comes first")
NO_RCPT = Reply(503, "5.5.1 no valid recipients")
NESTED = Reply(503, "5.5.1 a transaction is open; RSET ends it")
BAD_HELO = Reply(501, "5.5.4 a host name or address literal is needed")
SENDER_OK = Reply(250, "2.1.0 sender ok")
RECIPIENT_OK = Reply(250, "2.1.5 recipient ok")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3 too many recipients, send the rest in another transaction")
TOO_EARLY = Reply(554, "5.5.0 more was sent before this command was answered")
NOT_IMPLEMENTED = Reply(502, "5.5.1 not implemented")
CANNOT_VERIFY = Reply(252, "2.5.2 cannot verify, send some mail and see")
COMMANDS = Reply(214, "2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP VRFY STARTTLS HELP QUIT")
IDLE = Reply(421, "4.4.2 idle or too slow, closing")
CLOSING = Reply(421, "4.3.2 shutting down, please try again later")
NOT_READ = Reply(421, "4.3.0 message could not be read, please try again later")
HANGING_UP = Reply(221, "2.0.0 bye")
TOO_LONG = Reply(421, "4.4.2 this session has lasted long enough, please connect again")
NOTHING_COMES = Reply(421, "4.7.0 too many commands without a message, closing")
NO_CERTIFICATE = Reply(554, "5.7.1 a client certificate that this server knows is needed to relay here")
SENDER_NOT_OURS = Reply(550, "5.7.1 mail of this sender's domain is not relayed here")
AUTH_NEEDS_TLS = Reply(538, "5.7.11 STARTTLS comes first: a password is never taken in clear")
NO_AUTH_NOW = Reply(503, "5.5.1 authenticated already, or a transaction is open")
NOT_AUTHENTICATED = Reply(530, "5.7.0 authentication is required to relay here")
WRONG_TOO_OFTEN = Reply(421, "4.7.0 too many wrong passwords, closing")
TLS_ALREADY = Reply(503, "5.5.1 TLS is on already")

STARTTLS = "220 Ready to start TLS"  #: as aiosmtpd says it

_UNPRINTABLE = re.compile(r"[^ -~]")
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?: |$)")
# What aiosmtpd says by itself, without enhanced codes, some of it quoting the client.
_PLAIN = {
    "250": "2.0.0 ok",
    "221": "2.0.0 bye",
    "454": "4.7.0 TLS is not available",
    "500": "5.5.2 not a command, or too long a line",
    "501": "5.5.4 syntax error in the argument",
    "502": "5.5.1 not implemented",
    "503": "5.5.1 not now",
    "530": "5.7.0 STARTTLS comes first",
    "554": "5.7.0 refused",
}


def with_status(said: str) -> str:
    """A reply of aiosmtpd's own, with an enhanced status code, and without its echo of what the client said."""
    code, text = said[:3], said[4:]
    if said == STARTTLS:
        return f"220 2.0.0 {text}"
    if code in _PLAIN and not _ENHANCED.match(text):
        return f"{code} {_PLAIN[code]}"
    return said


@lru_cache(maxsize=256)  # the same few are said all day
def wire(reply: Reply) -> bytes:
    """Every line with the code and, as RFC 2034 4 asks, with the enhanced status code; nothing that steers anything."""
    lines = [_UNPRINTABLE.sub("?", line) for line in reply.text.split("\n")]
    status = _ENHANCED.match(lines[0])
    prefix = status[0].strip() + " " if status else ""
    full = [line if _ENHANCED.match(line) else prefix + line for line in lines]
    sent = [f"{reply.code}-{line}" for line in full[:-1]] + [f"{reply.code} {full[-1]}"]
    return ("\r\n".join(sent) + "\r\n").encode("ascii")
