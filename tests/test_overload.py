"""Too much, too slow, too long: the right code, bounded memory, a closed connection, and others served meanwhile.

Sizes are for a test of seconds. OVERLOAD_SCALE=10 makes 2,000 connections and 500 MiB of them.
"""

import asyncio
import os
import resource
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from door import Taken, eventually, open_door
from peers import Client, client

from gateway.receive import STRANGERS, Door
from gateway.smtp.dialogue import IN_VAIN, READ_ON
from gateway.smtp.terms import Patience

SCALE = int(os.environ.get("OVERLOAD_SCALE", "1"))
MIB = 1 << 20
RITA = "rita@beta.example"
MESSAGE = b"Subject: hello\r\n\r\nSee you on Friday.\r\n"


def resident() -> int:
    """Octets of memory that this process uses now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@asynccontextmanager
async def modest(door: Door, octets: int = 64 * MIB) -> AsyncIterator[None]:
    """Whatever happens inside: little memory, nothing left of it, and the next client is served."""
    before = resident()
    yield
    async with client(door.port) as other:
        assert (await other.message("", [RITA], MESSAGE)).startswith("250")
    assert resident() - before < octets
    await eventually(lambda: door.octets_in_flight == 0)


class Flood:
    """Writes as fast as it can from a thread of its own; `said` is what the door answered until it hung up."""

    def __init__(self, port: int, opening: bytes, piece: bytes, pieces: int, after: bytes = b"220") -> None:
        self.said = b""
        self.sent = 0
        self._socket = socket.create_connection(("127.0.0.1", port), 30)
        self._parts = (opening, piece, pieces, after)
        self._reader = threading.Thread(target=self._read)
        self._writer = threading.Thread(target=self._write)
        self._reader.start()
        self._writer.start()

    def _write(self) -> None:
        opening, piece, pieces, after = self._parts
        try:
            self._socket.sendall(opening)
            while after not in self.said:
                time.sleep(0.01)
            for _ in range(pieces):
                self._socket.sendall(piece)
                self.sent += len(piece)
        except OSError:
            return

    def _read(self) -> None:
        try:
            while piece := self._socket.recv(1 << 16):
                self.said += piece
        except OSError:
            return

    async def over(self) -> list[str]:
        """The replies, when the door has hung up."""
        for thread in (self._reader, self._writer):
            await asyncio.to_thread(thread.join, 60)
            assert not thread.is_alive(), "the door goes on listening"
        self._socket.close()
        return self.said.decode().splitlines()


ENVELOPE = f"EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<{RITA}>\r\n".encode()


async def test_a_message_without_an_end_is_read_to_twice_the_limit() -> None:
    """500 MiB without a line end: 552, and the line is cut."""
    taken, limit = Taken(), MIB
    async with open_door(taken, max_size=limit) as door, modest(door):
        flood = Flood(door.port, ENVELOPE + b"DATA\r\n", b"x" * MIB, 50 * SCALE, b"354")
        replies = await flood.over()

    assert replies[-1].startswith("552 5.3.4")
    assert READ_ON * limit < flood.sent
    assert len(taken.messages) == 1


async def test_a_command_without_an_end_is_never_kept() -> None:
    """The same outside of DATA: nothing is accumulated, and the client's time runs out."""
    async with open_door(Taken(), patience=Patience(idle=2)) as door, modest(door):
        flood = Flood(door.port, b"EHLO ", b"x" * MIB, 50 * SCALE)
        replies = await flood.over()

    assert replies[-1].startswith("421 4.4.2")


async def test_lines_of_nothing_are_a_message_like_any_other() -> None:
    """Four million empty lines are counted, not looked at one by one."""
    taken = Taken()
    async with open_door(taken, max_size=32 * MIB) as door, modest(door, 128 * MIB), client(door.port) as peer:
        assert (await peer.message("", [RITA], b"\r\n" * (4 * MIB))).startswith("250")

    assert len(taken.messages[0][1]) == 8 * MIB


async def test_more_connections_than_places_hear_421() -> None:
    """Those who have a place keep it; whoever comes too many is told at once and forgotten."""
    many = 200 * SCALE
    async with open_door(Taken(), max_connections=60, max_per_client=50) as door, modest(door):
        crowd = [await Client.connect(door.port) for _ in range(many)]
        greetings = [await each.reply() for each in crowd]
        assert door.sessions == 50
        for each in crowd:
            await each.close()

    assert {greeting[:9] for greeting in greetings} == {"220 gw.ex", "421 4.7.0"}
    assert sum(greeting.startswith("220") for greeting in greetings) == 50


async def test_strangers_take_no_place_of_those_who_may_come_in() -> None:
    """Whoever can reach the port could else shut it to everybody by opening connections."""
    async with open_door(Taken(), max_connections=5, allow_from=(ip_network("::1"),)) as door:
        crowd = [await Client.connect(door.port) for _ in range(3 * STRANGERS)]
        greetings = [await each.reply() for each in crowd]
        await eventually(lambda: len(door._strangers) <= STRANGERS)
        assert door.sessions == 0
        for each in crowd:
            await each.close()
        await eventually(lambda: not door._strangers)

    assert {greeting[:9] for greeting in greetings} == {"554 5.7.1"}


async def test_drips_from_many_are_all_shown_out() -> None:
    """Slow loris: an octet now and then keeps no connection alive, in a command or in a message."""
    async with open_door(Taken(), patience=Patience(idle=1.5)) as door, modest(door):
        crowd = [await Client.connect(door.port) for _ in range(min(20 * SCALE, 100))]
        for number, each in enumerate(crowd):
            await each.reply()
            if number % 2:
                await each.send(ENVELOPE + b"DATA\r\n")
                await each.reader.readuntil(b"354 ")
        while door.sessions:
            for each in crowd:
                if not each.writer.transport.is_closing():
                    each.writer.write(b"x")
            await asyncio.sleep(0.1)
        lasts = {bytes(each.reader._buffer).splitlines()[-1][:9] for each in crowd}  # type: ignore[attr-defined]
        for each in crowd:
            each.writer.transport.abort()

    assert lasts == {b"421 4.4.2"}


async def test_ten_thousand_recipients_are_told_to_come_again() -> None:
    """The first ones are taken, the next ones hear 452, and in the end the connection is cut."""
    async with open_door(Taken(), max_recipients=100) as door, modest(door):
        flood = Flood(door.port, ENVELOPE, f"RCPT TO:<{RITA}>\r\n".encode() * 100, 100)
        replies = await flood.over()

    codes = [reply[:3] for reply in replies if reply[3:4] == " "]
    assert codes.count("250") == 2 + 100
    assert IN_VAIN - 10 < codes.count("452") <= IN_VAIN
    assert replies[-1].startswith("421 4.7.0")


@pytest.mark.parametrize("command", [b"NOOP", b"RSET", b"VRFY x", b"EHLO x", b"MAIL FROM:<"], ids=bytes.decode)
async def test_who_never_sends_a_message_is_shown_out(command: bytes) -> None:
    """A hundred thousand commands that lead nowhere."""
    async with open_door(Taken()) as door, modest(door):
        flood = Flood(door.port, b"EHLO x\r\n", (command + b"\r\n") * 1000, 100)
        replies = await flood.over()

    assert replies[-1].startswith("421 4.7.0")
    assert len([reply for reply in replies if reply[3:4] == " "]) <= IN_VAIN + 2


async def test_a_message_now_and_then_makes_a_long_session_welcome() -> None:
    """Mail servers keep a connection for many messages, with RSET and NOOP in between."""
    taken = Taken()
    async with open_door(taken) as door, client(door.port) as peer:
        for _ in range(3):
            await peer.send(b"NOOP\r\n" * (IN_VAIN - 20))
            for _ in range(IN_VAIN - 20):
                await peer.reply()
            assert (await peer.message("", [RITA], MESSAGE)).startswith("250")

    assert len(taken.messages) == 3


async def test_a_session_ends_when_it_has_lasted_long_enough() -> None:
    """However lively: a place is lent, not given. A message that has begun is finished first."""
    taken = Taken(gate=asyncio.Event())
    lasting = Patience(session=1.0)
    async with open_door(taken, patience=lasting) as door, client(door.port) as idle, client(door.port) as busy:
        await busy.envelope("", [RITA])
        await busy.command("DATA")
        await busy.send(MESSAGE + b".\r\n")
        assert (await idle.reply()).startswith("421 4.4.2 this session")
        assert taken.gate
        taken.gate.set()
        assert (await busy.reply()).startswith("250")
        assert (await busy.reply()).startswith("421 4.4.2 this session")


async def test_a_client_that_never_reads_is_cut() -> None:
    """Its replies would pile up here."""
    async with open_door(Taken(), patience=Patience(idle=1)) as door, modest(door):
        deaf = socket.create_connection(("127.0.0.1", door.port), 10)
        deaf.setblocking(False)
        while True:
            try:
                deaf.send(b"HELP\r\n" * 1000)
            except OSError:
                break
            await asyncio.sleep(0)
        await eventually(lambda: door.sessions == 0)
        deaf.close()


async def test_half_open_connections_are_forgotten() -> None:
    """A client whose machine has gone says nothing, not even that it has."""
    async with open_door(Taken(), patience=Patience(idle=0.5)) as door:
        gone = [await Client.connect(door.port) for _ in range(min(20 * SCALE, 100))]
        await eventually(lambda: door.sessions == len(gone))
        await eventually(lambda: door.sessions == 0)
        for each in gone:
            await each.close()


@pytest.fixture(autouse=True)
def _many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
