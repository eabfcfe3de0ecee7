"""Writes our own mail: notices of a hold, returns, failures. Bytes only; no content, subject or file of a message.

All have the null sender, so that nobody answers a machine with a machine (RFC 5321 4.5.5, RFC 3834).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.charset import QP, Charset
from email.message import EmailMessage, Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP, SMTPUTF8, EmailPolicy
from email.utils import format_datetime
from typing import Self

from gateway.reply import Reply
from gateway.settings import Settings
from rules.mask import mask_text

WIDTH = 2000  #: characters of any one thing that comes from outside
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,200}@[!-;=?-~]{1,200}>")
_MAILBOX = re.compile(r"[^\s<>()\[\]:;,\\\"@]+@[^\s<>()\[\]:;,\\\"@]+")  # RFC 5322 dot-atoms, and RFC 6532's
_HEXCHAR = re.compile(r"\+([0-9A-F]{2})")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_READABLE = Charset("utf-8")
_READABLE.body_encoding = QP


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """Who writes, and where a reviewer looks."""

    sender: str
    hostname: str
    review_url: str
    reviewers: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        hostname = settings.smtp.hostname
        return cls(
            sender=settings.notices.sender or f"countersign@{hostname}",
            hostname=hostname,
            review_url=(settings.web.base_url or f"http://{settings.web.listen}").rstrip("/"),
            reviewers=settings.notices.reviewers,
        )

    @property
    def whom_to_ask(self) -> str:
        return ", ".join(self.reviewers) or self.sender


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a notice is about."""

    hold_id: str
    mail_from: str
    recipients: tuple[str, ...]
    sentence: str
    message_id: str | None
    received_at: datetime
    envid: str = ""  #: xtext, as the sender gave it
    originals: Mapping[str, str] = field(default_factory=dict)  #: by recipient: as first written, type;xtext


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One notice's own particulars."""

    id: str
    at: datetime
    to: tuple[str, ...]


def held(letterhead: Letterhead, case: Case, sheet: Sheet) -> bytes:
    """To the sender: it waits, why, and whom to ask."""
    text = (
        f"Your message of {_when(case.received_at)} has not been sent: it is held until a reviewer has seen it.\n\n"
        f"Why: {_plain(mask_text(case.sentence))}\n\n"
        f"It was addressed to:\n{_listed(case.recipients)}\n\n"
        "You need not do anything. If the message is right, a reviewer will release it as it is; if not, it will\n"
        "come back to you with a note. Please do not send it again another way.\n\n"
        f"Hold id: {case.hold_id}\n"
        f"Questions: {_plain(letterhead.whom_to_ask)}\n"
    )
    return _plain_notice(letterhead, case, sheet, f"Held for review: your message ({case.hold_id})", text)


def to_reviewers(letterhead: Letterhead, case: Case, sheet: Sheet) -> bytes:
    """To the reviewers: what waits for them, and where."""
    text = (
        f"A message of {_when(case.received_at)} is held and waits for a decision.\n\n"
        f"Why: {_plain(mask_text(case.sentence))}\n\n"
        f"From: {_plain(mask_text(case.mail_from)) or 'the null sender'}\n"
        f"To:\n{_listed(case.recipients)}\n\n"
        f"Review it: {letterhead.review_url}/held/{case.hold_id}\n"
    )
    return _plain_notice(letterhead, case, sheet, f"Waiting for review: {case.hold_id}", text)


def escalated(letterhead: Letterhead, case: Case, sheet: Sheet, note: str) -> bytes:
    """To the reviewers: one of them has left it to the others."""
    text = (
        f"A message of {_when(case.received_at)} is held.\n"
        "A reviewer has escalated it, so another one has to decide.\n\n"
        f"Note: {_plain(mask_text(note))}\n\n"
        f"Why it is held: {_plain(mask_text(case.sentence))}\n\n"
        f"Review it: {letterhead.review_url}/held/{case.hold_id}\n"
    )
    return _plain_notice(letterhead, case, sheet, f"Escalated: {case.hold_id}", text)


def returned(letterhead: Letterhead, case: Case, sheet: Sheet, note: str) -> bytes:
    """To the sender, as a delivery status notification: it will not be sent, and why."""
    text = (
        f"Your message of {_when(case.received_at)} was held for review and comes back to you.\n"
        "It has not been sent to:\n"
        f"{_listed(case.recipients)}\n\n"
        f"Why it was held: {_plain(mask_text(case.sentence))}\n\n"
        f"Note: {_plain(mask_text(note))}\n\n"
        f"Hold id: {case.hold_id}\n"
        f"Questions: {_plain(letterhead.whom_to_ask)}\n"
    )
    reply = Reply(550, "5.7.1 returned to the sender after review")
    return _failure_notice(letterhead, case, sheet, text, dict.fromkeys(case.recipients, reply))


def failed(letterhead: Letterhead, case: Case, sheet: Sheet, replies: Mapping[str, Reply]) -> bytes:
    """To the sender, as a delivery status notification: the next server refused these recipients."""
    text = (
        f"Your message of {_when(case.received_at)} could not be delivered to:\n{_listed(case.recipients)}\n\n"
        "The next server refused it, or did not take it for too long. Its replies are attached.\n\n"
        f"Reference: {case.hold_id}\n"
        f"Questions: {_plain(letterhead.whom_to_ask)}\n"
    )
    return _failure_notice(letterhead, case, sheet, text, replies)


def _plain_notice(letterhead: Letterhead, case: Case, sheet: Sheet, subject: str, text: str) -> bytes:
    notice = EmailMessage(policy=_policy(sheet))
    notice["Subject"] = subject
    _address(notice, letterhead, case, sheet)
    notice.set_content(text, cte="quoted-printable")
    return notice.as_bytes()


def _failure_notice(letterhead: Letterhead, case: Case, sheet: Sheet, text: str, replies: Mapping[str, Reply]) -> bytes:
    """RFC 3464. The third part holds the Message-ID alone: a subject is content."""
    report = MIMEMultipart("report", report_type="delivery-status", policy=_policy(sheet))
    report["Subject"] = f"Not delivered: your message ({case.hold_id})"
    _address(report, letterhead, case, sheet)
    report.attach(_quoted(text))
    report.attach(_delivery_status(letterhead, case, replies))
    if message_id := _message_id(case.message_id):
        report.attach(_original_header(message_id))
    return report.as_bytes()


def _delivery_status(letterhead: Letterhead, case: Case, replies: Mapping[str, Reply]) -> Message:
    about_message = Message()
    if case.envid:
        about_message["Original-Envelope-Id"] = _decoded(case.envid)
    about_message["Reporting-MTA"] = f"dns; {letterhead.hostname}"
    about_message["Arrival-Date"] = format_datetime(case.received_at)
    blocks: list[Message | str] = [about_message]
    for address, reply in replies.items():
        block = Message()
        if original := case.originals.get(address):
            kind, _, first_written = original.partition(";")
            block["Original-Recipient"] = f"{kind}; {_decoded(first_written)}"
        block["Final-Recipient"] = _final_recipient(address)
        block["Action"] = "failed"
        block["Status"] = _status(reply)
        block["Diagnostic-Code"] = f"smtp; {reply.code} {_status(reply)}"  # its text may quote the message
        blocks.append(block)
    status = Message()
    status["Content-Type"] = "message/delivery-status"
    status.set_payload(blocks)
    return status


def _quoted(text: str) -> Message:
    part = MIMEText("", "plain", "utf-8")
    del part["Content-Transfer-Encoding"]
    part.set_payload(text, _READABLE)
    return part


def _original_header(message_id: str) -> Message:
    part = Message()
    part["Content-Type"] = "text/rfc822-headers"
    part.set_payload(f"Message-ID: {message_id}\n")
    return part


def _address(notice: Message, letterhead: Letterhead, case: Case, sheet: Sheet) -> None:
    notice["From"] = _mailbox(letterhead.sender) or "undisclosed:;"
    notice["To"] = ", ".join(filter(None, map(_mailbox, sheet.to))) or "undisclosed-recipients:;"
    notice["Date"] = format_datetime(sheet.at)
    notice["Message-ID"] = f"<{sheet.id}@{letterhead.hostname}>"
    notice["Auto-Submitted"] = "auto-generated"
    notice["X-Auto-Response-Suppress"] = "All"
    if message_id := _message_id(case.message_id):
        notice["References"] = message_id


def _policy(sheet: Sheet) -> "EmailPolicy[EmailMessage]":
    """Header fields in UTF-8 (RFC 6532) only when an address asks for it."""
    return SMTP if all(address.isascii() for address in sheet.to) else SMTPUTF8


def _mailbox(address: str) -> str:
    """An address as a header field may hold it; empty when it may not."""
    harmless = _MAILBOX.fullmatch(address) and not _UNPRINTABLE.search(address)
    return address if harmless and len(address) <= 320 else ""


def _message_id(message_id: str | None) -> str | None:
    return message_id if message_id and _MESSAGE_ID.fullmatch(message_id) else None


def _final_recipient(address: str) -> str:
    """RFC 3464 2.3.2; an address outside ASCII in the 7-bit form of RFC 6533, section 3."""
    if address.isascii():
        return f"rfc822; {_plain(address)}"
    return "utf-8; " + "".join(c if "!" <= c <= "~" and c not in "\\+=" else f"\\x{{{ord(c):X}}}" for c in address)


def _decoded(xtext: str) -> str:
    """RFC 3461 4; what would not be one line of printable ASCII stays encoded."""
    plain = _HEXCHAR.sub(lambda found: chr(int(found[1], 16)), xtext)
    return plain if plain.isascii() and plain.isprintable() else xtext


def _status(reply: Reply) -> str:
    """The reply's own enhanced status code (RFC 3463) when it has one; a temporary failure that lasted is 4.4.7."""
    found = re.match(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)", reply.text)
    if reply.transient:
        return "4.4.7"
    return found[0] if found and found[0].startswith("5") else "5.0.0"


def _listed(addresses: Sequence[str]) -> str:
    return "\n".join(f"  {_plain(mask_text(address))}" for address in addresses)


def _plain(text: str) -> str:
    """One line of text, without characters that steer a header, a terminal or the direction of writing."""
    return _UNPRINTABLE.sub(" ", text)[:WIDTH].strip()


def _when(at: datetime) -> str:
    return at.strftime("%d %B %Y, %H:%M %Z")
