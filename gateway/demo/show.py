"""Starts everything on loopback, sends the samples through SMTP, says what happened, and leaves the pages up."""

import asyncio
import secrets
import signal
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import aiosmtplib
import typer
from aiosmtpd.smtp import SMTP, Envelope, Session

import rules
from gateway.accounts import Role
from gateway.demo.sample import Sample, messages
from gateway.observe import configure_logging
from gateway.serve import Service, now, running
from gateway.settings import load

DIRECTORY = Path(rules.__path__[0], "clients.yaml")
SENDER = "sam@recordkeeper.example"
REVIEWER = "rita"
STATES = {"NC": "North Carolina", "MA": "Massachusetts", "CT": "Connecticut", "NH": "New Hampshire"}
SETTINGS = """\
# Written by `countersign demo`; made-up people, loopback only.
smtp: {{listen: 127.0.0.1:{smtp}, hostname: gw.recordkeeper.example}}
downstream: {{host: 127.0.0.1, port: {downstream}}}
web: {{listen: 127.0.0.1:{web}}}
store: {{url: "sqlite:///countersign.db"}}
rules: {{clients: {clients}}}
notices: {{sender: countersign@recordkeeper.example}}
"""


@dataclass
class NextHop:
    """Stands for the secure-email gateway: takes everything, keeps it in memory."""

    taken: list[Envelope] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        del server, session
        self.taken.append(envelope)
        return "250 2.0.0 taken by the demo's next hop"

    def has(self, sample: Sample) -> bool:
        """Whether the sample arrived for its recipient, byte for byte below our own fields."""
        return any(
            sample.recipient in envelope.rcpt_tos and (envelope.original_content or b"").endswith(sample.raw)
            for envelope in self.taken
        )


async def show(*, once: bool) -> None:
    """`countersign demo`. Raises GatewayError."""
    configure_logging("ERROR")
    next_hop = NextHop()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(next_hop, enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0)
    with tempfile.TemporaryDirectory(prefix="countersign-demo-") as folder:
        file = _settings_file(Path(folder), server.sockets[0].getsockname()[1])
        async with running(load(file, {})) as service:
            password = secrets.token_urlsafe(9)
            await service.accounts.add_user(REVIEWER, Role.REVIEWER, password, now())
            for sample in messages(SENDER):
                typer.echo(await _sent(sample, service, next_hop))
            if once:
                typer.echo(f"Review page: http://127.0.0.1:{service.web_port}/ until now; without --once it stays up.")
            else:
                typer.echo(_where(service, file, password))
                await _until_told()
    server.close()


def _settings_file(folder: Path, downstream: int) -> Path:
    file = folder / "countersign.yaml"
    file.write_text(SETTINGS.format(smtp=0, web=0, downstream=downstream, clients=DIRECTORY))
    return file


async def _sent(sample: Sample, service: Service, next_hop: NextHop) -> str:
    """Send one sample as a mail server would, and say in four lines what became of it."""
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=service.door.port, start_tls=False)
    async with client:
        _, reply = await client.sendmail(SENDER, [sample.recipient], sample.raw)
    arrived = next_hop.has(sample)
    lines = [f"■ {sample.title}", f"  to {sample.recipient}: {'relayed, byte for byte' if arrived else 'HELD'}"]
    lines += [f"  reply: 250 {reply}"]
    if not arrived:
        lines += await _why(service)
    return "\n".join(lines) + "\n"


async def _why(service: Service) -> list[str]:
    """The sentence, and the people by state, of the message that was held last."""
    [message] = await service.quarantine.list(limit=1)
    verdict = message.verdict
    if verdict is None:
        return []
    lines = [f"  {verdict.sentence}"]
    if verdict.people.count:
        states = verdict.people.by_state.items()
        lines += [f"  {verdict.people.count:,} people: " + ", ".join(f"{n:,} in {STATES.get(s, s)}" for s, n in states)]
    return lines


def _where(service: Service, file: Path, password: str) -> str:
    return (
        f"Review page: http://127.0.0.1:{service.web_port}/\n"
        f"    user: {REVIEWER}   password: {password}\n"
        f"In a terminal: {sys.argv[0]} held list --config {file}\n"
        f"SMTP: 127.0.0.1:{service.door.port}"
    )


async def _until_told() -> None:
    typer.echo("Ctrl-C ends the demo and deletes all it has made.")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
