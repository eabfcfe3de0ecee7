"""Planted secrets, a talkative service, everything going wrong: none of them is told anywhere but in the message.

Each place is looked at twice: in the product, and in a product with a leak planted there, which has to be found.
"""

import asyncio
import csv
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from io import StringIO
from pathlib import Path

import peers
import pytest
import pytest_asyncio
from house import ACME, BETA, REVIEWER, mail
from leak_site import NUMBER, QUOTING, SECRETS, LeakSite, Said, messages

from gateway.audit.export import FORMATS
from gateway.errors import GatewayError
from gateway.settings import load
from gateway.terminal import export, held_message

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
HONEST, LEAKY = "gateway.cli", str(Path(__file__).with_name("leaky_service.py"))
SINKS = ("log", "metrics", "reply", "notice", "web", "verdict", "temporary file", "store", "store at work", "core")
SINKS += tuple(f"audit {form}" for form in FORMATS)


async def told_by(folder: Path, program: list[str]) -> Said:
    """All that a service says about a day on which everything happens to it."""
    script: peers.Script = {"RCPT refuse@acme-mfg.example": [QUOTING], "RCPT refuse@betalogistics.example": [QUOTING]}
    async with peers.downstream(script) as next_hop:
        site = LeakSite(folder, next_hop)
        async with site.running(program):
            held = [
                (await site.send(raw, BETA, "refuse@betalogistics.example")).rsplit(" ", 1)[1] for raw in messages()
            ]
            await everything_goes_wrong(site)
            await decide(site, held)
            await ask_everything(site, held)
            site.said.texts["store at work"] = [content.decode("latin-1") for _, content in site.files()]
            site.said.add("core", *core_limits(site.pid))
        notices = [copy.raw.decode() for copy in next_hop.accepted if copy.mail_from == b""]
        assert len(notices) > len(held)
        site.said.add("notice", *notices)
        await look_at_what_is_left(site, held)
    return site.said


async def everything_goes_wrong(site: LeakSite) -> None:
    """Refusals that quote the message, malformed mail, a worker that dies at work, wrong passwords and tokens."""
    harmless = mail(SECRETS["subject"], f"{SECRETS['words of a body']}, dear {SECRETS['person']}.\n")
    await site.send(harmless, "refuse@acme-mfg.example")
    await site.send(harmless, ACME, "refuse@acme-mfg.example")
    async with peers.client(site.smtp) as client:
        replies = await client.envelope(f"{SECRETS['person']}@@{NUMBER}", [SECRETS["display name"]])
        replies.append(await client.command(f"VRFY {SECRETS['person']}"))
        replies.append(await client.command(f"AUTH PLAIN {SECRETS['AUTH credentials']}"))
        replies.append(await client.command(f"{SECRETS['words of a body']}"))
        replies += await client.envelope("sam@recordkeeper.example", [ACME])
        replies.append(await client.command("DATA"))
        await client.send(harmless.replace(b"\r\n", b"\n") + b"\r\n.\r\n")
        replies.append(await client.reply())
        site.said.add("reply", *replies)
    sending = asyncio.create_task(site.send(next(iter(messages())) + b"x" * 3_000_000 + b"\r\n", BETA))
    for _ in range(5):
        await asyncio.sleep(0.02)
        kill_workers(site.pid)
    await sending
    await site.ask("web", "/login", form={"name": REVIEWER, "password": SECRETS["password"]})
    await site.ask("web", "/login", form={"name": SECRETS["person"], "password": SECRETS["password"], "after": NUMBER})
    await site.ask("web", "/api/v1/held", token=SECRETS["token"])
    await site.ask("web", f"/api/v1/held/{SECRETS['path']}", token=site.token)
    await site.ask("web", f"/{SECRETS['path']}", token=site.token)


async def decide(site: LeakSite, held: list[str]) -> None:
    released = {"recipients": [BETA], "note": "asked the client"}
    for hold_id, action in zip(held, ("release", "return") * len(held), strict=False):
        form = repr(released if action == "release" else {"recipients": None, "note": "wrong file"})
        body = form.replace("'", '"').replace("None", "null").encode()
        assert await site.ask("verdict", f"/api/v1/held/{hold_id}/{action}", form=body, token=site.token) == 200
    odd = f'{{"recipients": ["{SECRETS["person"]}"], "note": 7, "actor": "{SECRETS["subject"]}"'.encode()
    for body in (odd, odd + b"}", b'{"recipients": ["' + SECRETS["display name"].encode() + b'"], "note": "x"}'):
        await site.ask("web", f"/api/v1/held/{held[0]}/release", form=body, token=site.token)
    both = b'{"recipients": null, "note": "and the other one"}'
    await site.ask("web", f"/api/v1/held/{held[0]}/release", form=both, token=site.token)
    for hold_id in held[1::2]:
        await site.ended(hold_id)


async def ask_everything(site: LeakSite, held: list[str]) -> None:
    await site.ask("metrics", "/metrics")
    await site.ask("verdict", "/api/v1/held", token=site.token)
    for hold_id in held:
        await site.ask("verdict", f"/api/v1/held/{hold_id}", token=site.token)


async def look_at_what_is_left(site: LeakSite, held: list[str]) -> None:
    """The log in every format, the terminal's view, and every octet on the disk."""
    settings = load(site.folder / "countersign.yaml", {})
    password = SECRETS["password of a file"]
    with suppress(GatewayError):
        site.said.add("verdict", *await held_message(settings, held[0], as_json=True, password=password))
    for form in FORMATS:
        text = StringIO()
        await export(settings, form, (None, None), text)
        assert len(list(csv.reader(text.getvalue().splitlines()))) > len(held)
        site.said.add(f"audit {form}", text.getvalue())
    for hold_id in held:
        for as_json in (True, False):
            site.said.add("verdict", *await held_message(settings, hold_id, as_json=as_json))
    site.said.texts |= {"temporary file": [], "store": []}
    for path, content in site.files():
        sink = "temporary file" if path.is_relative_to(site.temporary) else "store"
        site.said.add(sink, content.decode("latin-1"))


def kill_workers(pid: int) -> None:
    for parent in children(pid):
        for worker in children(parent):
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


def children(pid: int) -> list[int]:
    with suppress(OSError):
        lists = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/children")]
        return [int(number) for numbers in lists for number in numbers.split()]
    return []


def core_limits(pid: int) -> list[str]:
    """Told like a leak: a process that may leave a core file has all that it holds to tell."""
    workers = [worker for parent in children(pid) for worker in children(parent)]
    limits = [resource.prlimit(each, resource.RLIMIT_CORE) for each in (pid, *workers)]
    return [SECRETS["subject"] for soft, _ in limits if soft != 0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def honest(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Said]:
    yield await told_by(tmp_path_factory.mktemp("honest"), [sys.executable, "-c", "import gateway.cli as c; c.main()"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def leaky(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Said]:
    raised = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (min(4096, raised[1]) if raised[1] >= 0 else 4096, raised[1]))
    try:
        yield await told_by(tmp_path_factory.mktemp("leaky"), [sys.executable, LEAKY])
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, raised)


@pytest.mark.parametrize("sink", SINKS)
async def test_no_secret_leaves_the_message(honest: Said, sink: str) -> None:
    """A safeguard that keeps numbers of people must not become the next breach."""
    assert honest.leaks(sink) == []


@pytest.mark.parametrize("sink", SINKS)
async def test_a_planted_leak_is_found(leaky: Said, sink: str) -> None:
    """A search that finds nothing proves nothing, unless it finds what is there."""
    assert "subject" in leaky.leaks(sink)
