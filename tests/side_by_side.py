"""The same said to a real Postfix and to our door, and what each answered and passed on. Judges nothing."""

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import yaml
from door import settings
from peers import Accepted, Client, Downstream
from postfix_instance import Postfix, running

from gateway.message import Envelope
from gateway.receive import Door
from gateway.relay import NextHop
from gateway.reply import Reply
from gateway.settings import Address
from gateway.settings import Downstream as NextHopSettings

MOVES = Path(__file__).parent / "postfix_says" / "moves.yaml"  #: how to read it stands there
MAX_SIZE, MAX_RECIPIENTS = 10_000, 100
#: Defaults of Postfix 3.9 and later, what the recipe of deploy/ has, our limits, and no pauses for clients that err.
MAIN = f"""\
smtpd_forbid_bare_newline = normalize
smtpd_forbid_bare_newline_exclusions =
smtpd_forbid_unauth_pipelining = yes
smtpd_discard_ehlo_keywords = dsn,chunking,etrn
message_size_limit = {MAX_SIZE}
smtpd_recipient_limit = {MAX_RECIPIENTS}
smtpd_recipient_overshoot_limit = 1
smtpd_error_sleep_time = 0
smtpd_helo_required = yes
smtpd_hard_error_limit = 10000
smtpd_junk_command_limit = 10000
smtp_line_length_limit = 998
"""
OURS = b"X-Top: ours\r\n"


@dataclass(frozen=True, slots=True)
class Burst:
    """What is sent at one go. The content of a message is left out to whoever did not ask for it."""

    said: bytes
    replies: int = 1
    content: str = ""  #: its kind

    def __str__(self) -> str:
        return f"content {self.content}" if self.content else repr(self.said.removesuffix(b"\r\n"))[2:-1][:150]


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """In the answers to the same words, by their first digit; or in who hung up after them."""

    said: str
    postfix: str
    ours: str


@dataclass(frozen=True, slots=True, order=True)
class Passed:
    """A message that came out at the other end, without what was written above it."""

    sender: bytes
    recipients: tuple[bytes, ...]
    raw: bytes


def octets(text: str) -> bytes:
    r"""`\r`, `\n`, `\0`, `\xNN` are octets, {x*600} is repetition, the rest is UTF-8."""
    spread = re.sub(r"\{(.+?)\*(\d+)\}", lambda match: match[1] * int(match[2]), text)
    return spread.encode().decode("unicode_escape").encode("latin-1")


def line(text: str) -> Burst:
    """CRLF at its end, unless it has an end."""
    said = octets(text)
    return Burst(said if said.endswith(b"\n") else said + b"\r\n")


@dataclass
class Talk:
    """One dialogue with both, step by step. Where they part, both are brought back to where they agreed."""

    postfix: Client
    ours: Client
    differences: list[Difference] = field(default_factory=list)
    last: tuple[str, str] = ("", "")  #: codes
    transaction: list[Burst] = field(default_factory=list)  #: what both have taken of it
    before: Burst = Burst(b"")

    @classmethod
    @contextlib.asynccontextmanager
    async def begin(cls, postfix: int, ours: int) -> AsyncIterator[Self]:
        talk = cls(await Client.connect(postfix), await Client.connect(ours))
        try:
            await talk._answers()
            yield talk
        finally:
            await talk.postfix.close()
            await talk.ours.close()

    async def say(self, burst: Burst) -> bool:
        """Whether both are still there, in the same place."""
        if burst.content and "354" not in self.last:
            return True
        await self._send(burst.said, burst.said)
        for _ in range(burst.replies):
            if not await self._answers():
                return False
            if self.last[0][0] != self.last[1][0]:
                self.differences.append(Difference(str(burst), *(code[0] for code in self.last)))
                return await self._back(burst)
        self._note(burst)
        return True

    async def end(self) -> None:
        """All that is still said, to the end: one answer too many would be one to something smuggled."""
        await self._send(b"QUIT\r\n", b"QUIT\r\n")
        while await self._answers():
            if self.last[0][0] != self.last[1][0]:
                self.differences.append(Difference(f"QUIT after {self.before}", *self.last))

    def _note(self, burst: Burst) -> None:
        self.before = burst
        verb = burst.said[:4].upper()
        if verb in {b"MAIL", b"RCPT"} and self.last == ("250", "250"):
            self.transaction.append(burst)
        elif burst.content or burst.replies > 1 or verb in {b"RSET", b"EHLO", b"HELO"}:
            self.transaction.clear()

    async def _back(self, burst: Burst) -> bool:
        """Out of what the last words led into, to where both agreed."""
        self._note(burst)
        in_data = [code == "354" for code in self.last]
        await self._send(*(b".\r\n" if data else b"" for data in in_data))
        for client in (client for client, data in zip((self.postfix, self.ours), in_data, strict=True) if data):
            await code_of(client)
        for again in [Burst(b"RSET\r\n"), *self.transaction]:
            await self._send(again.said, again.said)
            if not await self._answers():
                return False
        return self.last == ("250", "250")

    async def _send(self, to_postfix: bytes, to_ours: bytes) -> None:
        for client, said in ((self.postfix, to_postfix), (self.ours, to_ours)):
            with contextlib.suppress(ConnectionError):
                await client.send(said)

    async def _answers(self) -> bool:
        """A reply of each. Whether both are there; one that has hung up did so after what was said before."""
        self.last = await code_of(self.postfix), await code_of(self.ours)
        gone = [code == "EOF" for code in self.last]
        if any(gone) and not all(gone):
            self.differences.append(Difference(f"after {self.before}", *("gone" if each else "there" for each in gone)))
        return not any(gone)


async def code_of(client: Client) -> str:
    try:
        return (await client.reply())[:3] or "EOF"
    except ConnectionError:
        return "EOF"


@dataclass
class Both:
    """A Postfix and a door, each with a next hop that records."""

    postfix: Postfix
    door: Door
    behind_postfix: Downstream
    behind_ours: Downstream

    def talk(self) -> contextlib.AbstractAsyncContextManager[Talk]:
        return Talk.begin(self.postfix.back, self.door.port)

    async def passed(self) -> tuple[list[Passed], list[Passed]]:
        """All that has come through Postfix and through us, once Postfix has nothing left to send."""
        queues = [self.postfix.home / "queue" / name for name in ("incoming", "active", "deferred")]
        async with asyncio.timeout(60):
            while any(file.is_file() for queue in queues for file in queue.rglob("*")):  # noqa: ASYNC110 - Postfix has no event for it
                await asyncio.sleep(0.05)
        ours = [passed([each], each.raw.removeprefix(OURS)) for each in self.behind_ours.accepted]
        return list(as_one(self.behind_postfix.accepted)), ours


def as_one(deliveries: Sequence[Accepted]) -> Iterator[Passed]:
    """Postfix sends a message in several transactions, and a recipient that was named twice once."""
    messages: dict[bytes, list[Accepted]] = {}
    for each in deliveries:
        queue_id = re.search(rb"\tby \S+ \(Postfix\) with \w+ id (\w+)", each.raw)
        assert queue_id, each.raw
        messages.setdefault(queue_id[1], []).append(each)
    for parts in messages.values():
        yield passed(parts, below_received(parts[0].raw))


def passed(parts: Sequence[Accepted], raw: bytes) -> Passed:
    """Whoever was named twice, in one case of letters or another, is one recipient: Postfix leaves the second out."""
    recipients = {address.lower() for part in parts for address in part.rcpt_to}
    return Passed(parts[0].mail_from, tuple(sorted(recipients)), raw)


def below_received(raw: bytes) -> bytes:
    """Postfix writes one field above what it was given."""
    field = re.match(rb"Received: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", raw)
    assert field, raw
    return raw[field.end() :]


@contextlib.asynccontextmanager
async def both() -> AsyncIterator[Both]:
    with running(MAIN) as postfix:
        behind_postfix, behind_ours = await Downstream().start(postfix.peer), await Downstream().start()
        hop = NextHop(NextHopSettings(host="127.0.0.1", port=behind_ours.port), "gw.example")

        async def relay(envelope: Envelope, raw: bytes) -> Reply:
            return (await hop.deliver(envelope, OURS, raw)).reply

        here = settings(listen=Address(host="127.0.0.1", port=0), max_size=MAX_SIZE, max_recipients=MAX_RECIPIENTS)
        door = Door(here, relay)
        await door.start()
        try:
            yield Both(postfix, door, behind_postfix, behind_ours)
        finally:
            await door.close(1)
            await hop.close()
            await behind_ours.close()
            await behind_postfix.close()


@dataclass(frozen=True)
class Moves:
    """What may be said, by where it belongs."""

    hello: tuple[Burst, ...]
    mail: tuple[Burst, ...]
    rcpt: tuple[Burst, ...]
    other: tuple[Burst, ...]
    alone: tuple[Burst, ...]
    content: tuple[Burst, ...]
    raw: tuple[Burst, ...]

    @classmethod
    def load(cls) -> "Moves":
        data = yaml.safe_load(MOVES.read_text(encoding="utf-8"))
        lines = {kind: tuple(map(line, data[kind])) for kind in ("hello", "mail", "rcpt", "other", "alone")}
        content = {kind: stuffed(octets(text)) for kind, text in data["content"].items()}
        raw = {kind: octets(text) for kind, text in data["raw"].items()}
        return cls(**lines, content=_contents(content), raw=_contents(raw))

    def single(self) -> Iterator[tuple[Burst, ...]]:
        """Each where it belongs."""
        for before, moves in (
            ((), self.hello),
            ((HELLO,), (*self.mail, *self.alone, *self.other)),
            ((HELLO, MAIL), (*self.rcpt, *self.other)),
            ((HELLO, MAIL, RCPT, DATA), (*self.content, *self.raw)),
        ):
            yield from ((*before, move) for move in moves)

    def mixed(self, seed: int) -> list[Burst]:
        """A dialogue that mostly makes sense; the same for the same seed."""
        chance = random.Random(seed)
        said = [chance.choice(self.hello[:3])]
        for _ in range(chance.randint(1, 4)):
            said += [HELLO] if chance.random() < 0.2 else []
            said += [_one(chance, MAIL, self.mail)] if chance.random() < 0.9 else []
            said += [_one(chance, RCPT, self.rcpt) for _ in range(chance.choice((0, 1, 1, 2, 3)))]
            said += [chance.choice(self.other)] if chance.random() < 0.3 else []
            said += [DATA, chance.choice(self.content)] if chance.random() < 0.8 else []
        return [*said, HELLO, MAIL, RCPT, DATA, chance.choice(self.raw)] if chance.random() < 0.2 else said


def _one(chance: random.Random, usual: Burst, moves: Sequence[Burst]) -> Burst:
    return chance.choice(moves) if chance.random() < 0.4 else usual


def _contents(bodies: Mapping[str, bytes]) -> tuple[Burst, ...]:
    header = "From: sam@acme.example\r\nX-Kind: {}\r\n\r\n"
    return tuple(Burst(header.format(kind).encode() + body, content=kind) for kind, body in bodies.items())


def stuffed(body: bytes) -> bytes:
    return re.sub(rb"(?m)^\.", b"..", body) + b".\r\n"


HELLO, DATA = line("EHLO client.example"), line("DATA")
MAIL, RCPT = line("MAIL FROM:<sam@acme.example>"), line("RCPT TO:<rita@beta.example>")
