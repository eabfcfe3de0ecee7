"""A whole Countersign on loopback for tests: the service as `serve` starts it, and a next hop that records."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import peers

import rules
from gateway.accounts import Role
from gateway.serve import Service, now, running
from gateway.settings import Settings, load

SENDER = "sam@recordkeeper.example"
ACME, BETA = "hr@acme-mfg.example", "benefits@betalogistics.example"
PARTNER, STRANGER = "ops@northwind-tpa.example", "someone@elsewhere.example"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
REVIEWER, PASSWORD = "rita", "a long enough password"


@dataclass(frozen=True)
class House:
    """A running service, its settings file and its next hop."""

    service: Service
    next_hop: peers.Downstream
    file: Path
    token: str

    async def send(self, raw: bytes, *rcpt_to: str, mail_from: str = SENDER) -> str:
        async with peers.client(self.service.door.port) as client:
            return await client.message(mail_from, rcpt_to, raw)

    def arrived(self, raw: bytes) -> list[peers.Accepted]:
        """Copies of a message that the next hop has taken, whatever stands above it."""
        return [accepted for accepted in self.next_hop.accepted if accepted.raw.endswith(raw)]

    def notices(self, about: str) -> list[str]:
        texts = [accepted.raw.decode() for accepted in self.next_hop.accepted if accepted.mail_from == b""]
        return [text for text in texts if about in text]


CLIENTS = Path(rules.__path__[0], "clients.yaml")


IN_A_FILE = '{url: "sqlite:///countersign.db"}'


def settings_file(
    folder: Path, downstream: int, extra: str = "", *, clients: Path = CLIENTS, store: str = IN_A_FILE
) -> Path:
    file = folder / "countersign.yaml"
    file.write_text(
        "smtp: {listen: 127.0.0.1:0, hostname: gw.recordkeeper.example}\n"
        f"downstream: {{host: 127.0.0.1, port: {downstream}}}\nweb: {{listen: 127.0.0.1:0}}\n"
        f"store: {store}\n"
        f"rules: {{clients: {clients}}}\n{extra}"
    )
    return file


@contextlib.asynccontextmanager
async def house(
    folder: Path,
    extra: str = "",
    script: peers.Script | None = None,
    *,
    store: str = IN_A_FILE,
    names: tuple[str, str] = (REVIEWER, "robot"),
) -> AsyncIterator[House]:
    async with peers.downstream(script) as next_hop:
        file = settings_file(folder, next_hop.port, extra, store=store)
        async with running(load(file, {})) as service:
            await service.accounts.add_user(names[0], Role.REVIEWER, PASSWORD, now())
            token = await service.accounts.add_token(names[1], Role.REVIEWER, now())
            yield House(service, next_hop, file, token)


async def eventually(true: Callable[[], bool | Awaitable[bool]], seconds: float = 20) -> None:
    """Wait for what the service does on its own time."""
    end = time.monotonic() + seconds
    while True:
        answer = true()
        if await answer if isinstance(answer, Awaitable) else answer:
            return
        assert time.monotonic() < end, "it did not come true"
        await asyncio.sleep(0.02)


def mail(
    subject: str = "Hello",
    body: str = "As agreed.\n",
    attachments: tuple[tuple[str, str, bytes], ...] = (),
    **fields: str,
) -> bytes:
    """A message as a mail client writes it; attachments are (name, type, content)."""
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = fields.pop("sender", SENDER), fields.pop("to", ACME)
    message["Subject"], message["Message-ID"] = subject, f"<{time.monotonic_ns()}@recordkeeper.example>"
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    message.set_content(body)
    for name, kind, content in attachments:
        maintype, _, subtype = kind.partition("/")
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return message.as_bytes()


def hold_id(reply: str) -> str:
    assert reply.startswith("250 2.0.0 held for review as "), reply
    return reply.rsplit(" ", 1)[1]


def settings(file: Path) -> Settings:
    return load(file, {})
