"""The envelope that a session is about to write: what MAIL and RCPT have said so far. Pure; judges grammar only."""

from dataclasses import dataclass, field

from gateway.message import Asked, Envelope
from gateway.reply import Reply
from gateway.smtp import arguments, wording
from gateway.smtp.arguments import Offered, Sender


@dataclass(slots=True, kw_only=True)
class Draft:
    """Ends with the transaction, whatever became of it: a new one is begun for the next."""

    sender: Sender | None = None
    recipients: list[str] = field(default_factory=list)
    asked: dict[str, Asked] = field(default_factory=dict)

    def add(self, argument: str, *, most: int, offered: Offered) -> Reply:
        """RCPT. One that is named again is asked about as the last time."""
        if self.sender is None:
            return wording.NO_MAIL
        recipient = arguments.recipient(argument, smtputf8=self.sender.smtputf8, offered=offered)
        if isinstance(recipient, Reply):
            return recipient
        if len(self.recipients) >= most:
            return wording.TOO_MANY_RECIPIENTS
        address, asked = recipient
        self.recipients.append(address)
        if asked != Asked():
            self.asked[address] = asked
        return wording.RECIPIENT_OK

    def envelope(self, sender: Sender, *, client_host: str, helo: str, protocol: str) -> Envelope:
        return Envelope(
            mail_from=sender.address,
            rcpt_to=tuple(self.recipients),
            smtputf8=sender.smtputf8,
            body_8bit=sender.body_8bit,
            client_host=client_host,
            helo=helo,
            ret=sender.ret,
            envid=sender.envid,
            asked=self.asked,
            protocol=protocol,
        )
