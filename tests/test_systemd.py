"""A service under systemd: sockets that outlive it, and word of how it fares. Played here by the test."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import peers
import pytest
from house import ACME, SENDER, mail, settings_file

from gateway.systemd import inherited, notify

PROGRAM = str(Path(sys.executable).with_name("countersign"))
#: What systemd does between fork and exec: descriptors from 3 on, and whose they are.
LAUNCH = (
    "import os, sys; os.environ['LISTEN_PID'] = str(os.getpid());"
    "os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4);"
    "os.execv(sys.argv[3], sys.argv[3:])"
)


@pytest.fixture
def told(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hearing:
        hearing.bind(str(tmp_path / "notify"))
        hearing.setblocking(False)
        yield hearing


async def hear(told: socket.socket, word: bytes) -> None:
    async with asyncio.timeout(60):
        while not (await asyncio.get_running_loop().sock_recv(told, 100)).startswith(word):
            pass


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "200000", **more}


@asynccontextmanager
async def serving(command: Sequence[str], env: dict[str, str], *sockets: socket.socket) -> AsyncIterator[Process]:
    """Ends with the test, whatever happens in it."""
    process = await asyncio.create_subprocess_exec(
        *command, env=env, pass_fds=[each.fileno() for each in sockets], stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def send(port: int, raw: bytes) -> str:
    """Waits for a greeting as a mail server does."""
    client = await peers.Client.connect(port)
    async with asyncio.timeout(100):
        assert (await client.reader.readline()).startswith(b"220")
    await client.command("EHLO client.example")
    reply = await client.message(SENDER, [ACME], raw)
    await client.close()
    return reply


async def test_a_restart_refuses_nobody(tmp_path: Path, told: socket.socket) -> None:
    """Between two processes clients wait in the socket's queue; the sockets are systemd's, so is the watchdog."""
    with socket.create_server(("127.0.0.1", 0)) as smtp, socket.create_server(("127.0.0.1", 0)) as web:
        async with peers.downstream() as next_hop:
            file, port = settings_file(tmp_path, next_hop.port), smtp.getsockname()[1]
            env = environment(tmp_path, LISTEN_FDS="2", LISTEN_FDNAMES="smtp:web")
            launch = (sys.executable, "-c", LAUNCH, str(smtp.fileno()), str(web.fileno()))
            command = (*launch, PROGRAM, "serve", "--config", str(file))
            async with serving(command, env, smtp, web) as first:
                await hear(told, b"READY=1")
                await hear(told, b"WATCHDOG=1")
                before = await send(port, mail("before"))
                first.send_signal(signal.SIGHUP)
                await hear(told, b"RELOADING=1\nMONOTONIC_USEC=")
                await hear(told, b"READY=1")
                first.terminate()
                await hear(told, b"STOPPING=1")
                ended = await first.wait()
            between = asyncio.create_task(send(port, mail("between")))
            async with serving(command, env, smtp, web):
                await hear(told, b"READY=1")
                replies = [before, await between]

    assert ended == 0
    assert [reply[:16] for reply in replies] == ["250 2.0.0 queued"] * 2


async def test_the_next_process_may_start_before_this_one_stops(tmp_path: Path, told: socket.socket) -> None:
    """Without systemd: both listen on one port, and while the old one drains the new one takes what comes."""
    port, web = free_ports(2)
    async with peers.downstream() as next_hop:
        file = settings_file(tmp_path, next_hop.port)
        text = file.read_text().replace(
            "smtp: {listen: 127.0.0.1:0", f"smtp: {{reuse_port: true, listen: 127.0.0.1:{port}"
        )
        file.write_text(text.replace("web: {listen: 127.0.0.1:0", f"web: {{reuse_port: true, listen: 127.0.0.1:{web}"))
        command, env = (PROGRAM, "serve", "--config", str(file)), environment(tmp_path)
        async with serving(command, env) as first:
            await hear(told, b"READY=1")
            async with serving(command, env):
                await hear(told, b"READY=1")
                first.terminate()
                await first.wait()
                replies = [await send(port, mail(f"number {number}")) for number in range(3)]

    assert [reply[:16] for reply in replies] == ["250 2.0.0 queued"] * 3


def test_without_systemd_nothing_is_taken_over_and_nobody_told() -> None:
    """A stray variable of somebody else's service must not make us close his descriptors."""
    environ = {"LISTEN_PID": "1", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "smtp:web", "NOTIFY_SOCKET": "/nowhere/notify"}

    assert inherited(environ) == {}
    assert set(environ) == {"NOTIFY_SOCKET"}
    notify("READY=1", environ)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports
