"""Ways to build messages for the tests of MIME and of the openers, and to look at what came out."""

from email.message import EmailMessage

from gateway.message import Limits, Opened, OpenedMessage, Part, Partial, Unopened
from gateway.opening.registry import open_message
from rules.content import Table, Text
from rules.verdict import Obstacle

ROSTER = "Name,SSN,State\nAda Poe,219-09-9999,NC\nBen Roe,457-55-5462,MA\nCy Moe,219-09-9998,NC\n"


def crlf(text: str) -> bytes:
    """A message written with plain line ends, as the wire has it."""
    return text.encode().replace(b"\n", b"\r\n")


def with_attachment(content: bytes, filename: str = "list.bin", subtype: str = "octet-stream") -> bytes:
    message = EmailMessage()
    message["Subject"] = "a file"
    message["Message-ID"] = "<one@sender.example>"
    message.set_content("see attachment\n")
    message.add_attachment(content, maintype="application", subtype=subtype, filename=filename)
    return message.as_bytes().replace(b"\n", b"\r\n")


def opened(raw: bytes, **limits: int) -> OpenedMessage:
    return open_message(raw, Limits(**limits))


def part(message: OpenedMessage, section: str) -> Part:
    return next(each for each in message.parts if each.section == section)


def obstacle(each: Part) -> Obstacle | None:
    return each.outcome.obstacle if isinstance(each.outcome, Partial | Unopened) else None


def words(message: OpenedMessage) -> str:
    """Everything the detectors will be given, as one string."""
    contents = [*message.headings]
    lines = [each.content for each in contents]
    for each in message.parts:
        if not isinstance(each.outcome, Unopened):
            lines += [_flat(content) for content in each.outcome.contents]
    return "\n".join(lines)


def _flat(content: Text | Table) -> str:
    return content.content if isinstance(content, Text) else "\n".join(" | ".join(row) for row in content.rows)


def tables(message: OpenedMessage) -> list[Table]:
    found = [each.outcome.contents for each in message.parts if not isinstance(each.outcome, Unopened)]
    return [content for contents in found for content in contents if isinstance(content, Table)]


def clean(message: OpenedMessage) -> bool:
    return all(isinstance(each.outcome, Opened) for each in message.parts)


def open_attachment(content: bytes, filename: str = "list.bin", **limits: int) -> OpenedMessage:
    return opened(with_attachment(content, filename), **limits)
