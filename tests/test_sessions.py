"""Random sessions against a model of RFC 5321: the envelope handed over is the one that was said, never a mixture."""

import asyncio
from dataclasses import dataclass, field

from door import Taken, open_door
from hypothesis import given, settings
from hypothesis import strategies as st
from peers import Client

CONTENT = b"Subject: x\r\n\r\nbody\r\n"
MALFORMED = b"Subject: x\n\r\nbody\r\n"
TOO_BIG = b"x" * 3000 + b"\r\n"
ADDRESSES = [f"{name}@{domain}" for name in ("sam", "rita", "otto") for domain in ("acme.example", "beta.example")]

COMMANDS = st.one_of(
    st.sampled_from(["EHLO c.example", "HELO c.example", "EHLO", "RSET", "NOOP", "VRFY x", "HELP", "XYZ", "STARTTLS"]),
    st.sampled_from(["", *ADDRESSES]).map(lambda address: f"MAIL FROM:<{address}>"),
    st.sampled_from(ADDRESSES).map(lambda address: f"RCPT TO:<{address}>"),
    st.sampled_from(ADDRESSES).map(lambda address: f"RCPT TO:<{address}>"),
    st.sampled_from(["MAIL FROM:<sam>", "MAIL FROM:<sam@acme.example> SIZE=9999", "RCPT TO:<rita>", "RCPT TO:<>"]),
    st.just("DATA"),
    st.just("DATA"),
)
CONTENTS = st.sampled_from([CONTENT, CONTENT, b"", MALFORMED, TOO_BIG])
STEPS = st.lists(st.tuples(COMMANDS, CONTENTS, st.booleans(), st.booleans()), max_size=40)


@dataclass
class Model:
    """What a server knows of one session."""

    helo: bool = False
    sender: str | None = None
    recipients: list[str] = field(default_factory=list)
    unknown: int = 0
    accepted: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def reset(self) -> None:
        self.sender, self.recipients = None, []

    def expect(self, line: str) -> str:
        """The code that the command must be answered with."""
        verb, _, argument = line.partition(" ")
        match verb:
            case "MAIL":
                return self._mail(argument)
            case "RCPT":
                return self._rcpt(argument)
            case "DATA":
                return "354" if self.sender is not None and self.recipients else "503"
            case "XYZ":
                self.unknown += 1
                return "500" if self.unknown < 5 else "502"
            case "EHLO" | "HELO" if argument:
                self.helo = True
                self.reset()
            case "EHLO":
                return "501"
            case "RSET":
                self.reset()
        return {"VRFY": "252", "HELP": "214", "STARTTLS": "454"}.get(verb, "250")

    def _mail(self, argument: str) -> str:
        address = argument[len("FROM:<") : argument.index(">")]
        if not self.helo or self.sender is not None:
            return "503"
        if "SIZE=9999" in argument:
            return "552"
        if address == "sam":
            return "501"
        self.sender = address
        return "250"

    def _rcpt(self, argument: str) -> str:
        address = argument[len("TO:<") : -1]
        if self.sender is None:
            return "503"
        if "@" not in address:
            return "501"
        self.recipients.append(address)
        return "250"

    def content(self, raw: bytes, *, faulty: bool) -> str:
        envelope = (self.sender or "", tuple(self.recipients))
        self.reset()
        if raw in {MALFORMED, TOO_BIG}:
            return "554" if raw == MALFORMED else "552"
        if faulty:
            return "451"
        self.accepted.append(envelope)
        return "250"


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_a_session_is_what_the_model_says(steps: list[tuple[str, bytes, bool, bool]]) -> None:
    """I7, in any order of commands, pipelined or not, through refusals and faults of ours."""
    asyncio.run(play(steps))


async def play(steps: list[tuple[str, bytes, bool, bool]]) -> None:
    taken, model = Taken(), Model()
    async with open_door(taken, max_size=2000) as door:
        peer = await Client.connect(door.port)
        await peer.reply()
        owed: list[str] = []
        for line, raw, faulty, together in steps:
            expected = model.expect(line)
            owed.append(expected)
            await peer.send(line.encode() + b"\r\n")
            if line == "DATA" and expected == "354":
                await settle(peer, owed)
                taken.fault = RuntimeError() if faulty and raw not in {MALFORMED, TOO_BIG} else None
                owed.append(model.content(raw, faulty=faulty))
                await peer.send(raw + b".\r\n")
            if line in {"DATA", "STARTTLS"} or expected == "502" or not together:
                await settle(peer, owed)
            if expected == "502":
                break
        await settle(peer, owed)
        await peer.close()
    assert [(envelope.mail_from, envelope.rcpt_to) for envelope, _ in taken.messages] == model.accepted


async def settle(peer: Client, owed: list[str]) -> None:
    """Read all the replies that are due."""
    for code in owed:
        assert (await peer.reply())[:3] == code
    owed.clear()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=12))
def test_garbage_gets_errors_and_never_a_message(garbage: list[bytes]) -> None:
    """Whatever comes, there is an answer or a closed connection, and no mail out of nothing."""

    async def throw() -> str:
        taken = Taken()
        async with open_door(taken) as door:
            peer = await Client.connect(door.port)
            await peer.send(b"\r\n".join([*garbage, b"RSET", b"QUIT"]) + b"\r\n")
            said = (await asyncio.wait_for(peer.reader.read(), 10)).decode()
            await peer.close()
        assert not taken.messages
        return said

    replies = asyncio.run(throw()).splitlines()
    assert all(reply[:1] in "245" for reply in replies)
    assert replies[-1][:3] in {"221", "502", "554"}
