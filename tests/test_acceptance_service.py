"""The contract's sections 5 and 6 from outside: a process, its ports, a next hop."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import peers
import pytest
import pytest_asyncio
from house import ACME, BETA, SENDER, XLSX, eventually, hold_id, mail
from serving import Serving, run

from gateway.demo.sample import participants, workbook

pytestmark = pytest.mark.asyncio(loop_scope="module")
CENSUS = workbook("Acme Manufacturing, Inc.", "501234", participants(12, 3))
REFUSED, LATER = "gone@acme-mfg.example", "busy@acme-mfg.example"
DIGITS = "531842207@elsewhere.example"
SECRET = "zqx-sesame-531-84-2207"


@dataclass(frozen=True)
class Place:
    service: Serving
    next_hop: peers.Downstream
    tokens: dict[str, str]

    def arrived(self, raw: bytes) -> list[peers.Accepted]:
        return [accepted for accepted in self.next_hop.accepted if accepted.raw.endswith(raw)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    script = {f"RCPT {REFUSED}": ["550 5.1.1 no such user here"], f"RCPT {LATER}": ["450 4.2.1 mailbox busy"]}
    async with peers.downstream(script) as next_hop:
        service = await Serving(tmp_path_factory.mktemp("service"), next_hop.port).start()
        tokens = {role: await service.token(role, role) for role in ("reviewer", "auditor", "admin")}
        yield Place(service, next_hop, tokens)
        assert await service.stop() == 0


def wrong(subject: str) -> bytes:
    return mail(f"Beta Logistics: {subject}", attachments=(("participants.xlsx", XLSX, CENSUS),), to=BETA)


MALFORMED = {
    "bare LF": (b"Subject: x\r\n\r\none\ntwo\r\n", "554 5.6.0"),
    "bare CR": (b"Subject: x\r\n\r\none\rtwo\r\n", "554 5.6.0"),
    "NUL": (b"Subject: x\r\n\r\none\0two\r\n", "554 5.6.0"),
    "sixty hops": (b"Received: from a by b; today\r\n" * 60 + b"Subject: x\r\n\r\nx\r\n", "554 5.4.6"),
    "too big": (b"Subject: x\r\n\r\n" + (b"x" * 998 + b"\r\n") * 53_000, "552 5.3.4"),
}


@pytest.mark.parametrize("case", MALFORMED)
async def test_what_cannot_be_taken_is_refused_with_its_code(place: Place, case: str) -> None:
    """Section 5; the session goes on, and nothing of the message arrives."""
    raw, code = MALFORMED[case]
    before = len(place.next_hop.accepted)

    async with peers.client(place.service.smtp) as client:
        reply = await client.message(SENDER, [ACME], raw)
        after = await client.command("NOOP")

    assert reply.startswith(code)
    assert after.startswith("250 2.0.0")
    assert len(place.next_hop.accepted) == before


@pytest.mark.parametrize(
    ("recipients", "reply"),
    [([REFUSED], "550 5.1.1 no such user here"), ([LATER], "450 4.2.1 mailbox busy")],
)
async def test_the_next_hop_s_own_reply_is_handed_back(place: Place, recipients: list[str], reply: str) -> None:
    """The client's server knows best what to tell its user."""
    assert await place.service.send(mail("Lunch"), *recipients) == reply


async def test_one_bad_recipient_costs_the_others_nothing(place: Place) -> None:
    """One has it, the other's sender hears of it by a notice from us: we said 250."""
    raw = mail("Lunch for two")

    reply = await place.service.send(raw, ACME, REFUSED)

    assert reply.startswith("250 2.0.0 ")
    assert [accepted.rcpt_to for accepted in place.arrived(raw)] == [(ACME.encode(),)]
    await eventually(lambda: any(REFUSED.encode() in a.raw for a in place.next_hop.accepted if not a.mail_from), 60)


async def test_thirty_megabytes_go_through_byte_for_byte(place: Place) -> None:
    """Dots at line starts, 8-bit content, and a null sender, in one large message."""
    raw = "Subject: gr\u00f6\u00dfe\r\n\r\n.dot\r\n..\r\n".encode() + (b"x" * 76 + b"\r\n") * 400_000

    reply = await place.service.send(raw, ACME, mail_from="", parameters=" BODY=8BITMIME SMTPUTF8")

    [arrived] = place.arrived(raw)
    above = arrived.raw.removesuffix(raw).decode()
    names = {line.partition(":")[0] for line in above.splitlines() if line[:1].strip()}
    assert reply.startswith("250 2.0.0 queued as ")
    assert arrived.mail_from == b""
    assert names == {"Received", "X-Countersign-ID", "X-Countersign-Disposition"}


async def test_a_client_that_hangs_up_after_the_dot_and_retries_makes_one_delivery(place: Place) -> None:
    """A lost reply must not send a file twice."""
    raw = mail("Hang up")
    place.next_hop.script["DOT"] = [1.0, "250 2.0.0 queued late"]
    hasty = await peers.Client.connect(place.service.smtp)
    await hasty.greet()
    await hasty.envelope(SENDER, [ACME])
    await hasty.command("DATA")
    await hasty.send(peers.stuffed(raw) + b".\r\n")
    await hasty.close()

    replies = [await place.service.send(raw, ACME), await place.service.send(raw, ACME)]
    del place.next_hop.script["DOT"]

    assert replies == ["250 2.0.0 queued late"] * 2
    assert len(place.arrived(raw)) == 1


async def test_two_hundred_connections_are_all_served(place: Place) -> None:
    """A mail server in a hurry opens many."""
    async with AsyncExitStack() as all_of_them:
        clients = [await all_of_them.enter_async_context(peers.client(place.service.smtp)) for _ in range(200)]
        greetings = [await client.command("NOOP") for client in clients]

    assert all(greeting.startswith("250 2.0.0") for greeting in greetings)


OPEN = {"/healthz": 200, "/readyz": 200, "/metrics": 200, "/openapi.json": 200, "/login": 200}


@pytest.mark.parametrize("path", OPEN)
async def test_pages_for_machines_need_no_login(place: Place, path: str) -> None:
    """Probes have no password; what they see holds no content."""
    answer = await place.service.http("GET", path)

    assert answer.status_code == OPEN[path]


async def test_the_api_answers_each_mistake_with_its_status(place: Place) -> None:
    """Programs branch on the status; nothing is decided by a request that is refused."""
    held = hold_id(await place.service.send(wrong("statuses"), BETA))
    release, token = f"/api/v1/held/{held}/release", place.tokens
    asked = {
        401: ("GET", "/api/v1/held", None, None),
        403: ("POST", release, token["auditor"], {"note": "x"}),
        404: ("GET", "/api/v1/held/nothing", token["reviewer"], None),
        422: ("POST", release, token["reviewer"], {"recipients": None}),
    }

    got = {
        status: (await place.service.http(method, path, bearer, json=body)).status_code
        for status, (method, path, bearer, body) in asked.items()
    }

    assert got == {status: status for status in asked}
    assert held in await place.service.held()


async def test_a_release_sends_the_message_once_and_a_second_one_is_refused(place: Place) -> None:
    """To the recipient that was chosen, as it came; the other stays until it is returned, and its sender is told."""
    raw = wrong("to two")
    held = hold_id(await place.service.send(raw, ACME, BETA))
    api, reviewer = f"/api/v1/held/{held}", place.tokens["reviewer"]
    decision = {"recipients": [ACME], "note": "the owner may have it"}

    released = await place.service.http("POST", f"{api}/release", reviewer, json=decision)
    again = await place.service.http("POST", f"{api}/release", reviewer, json=decision)
    returned = await place.service.run("held", "return", held, "--note", "wrong client")

    await eventually(lambda: bool(place.arrived(raw)), 60)
    assert (released.status_code, again.status_code, returned.status) == (200, 409, 0)
    await eventually(lambda: any(b"wrong client" in a.raw for a in place.next_hop.accepted if not a.mail_from), 60)
    assert [accepted.rcpt_to for accepted in place.arrived(raw)] == [(ACME.encode(),)]


async def test_the_audit_of_the_api_is_proved_by_the_command(place: Place, tmp_path: Path) -> None:
    """An auditor fetches it with a token and proves it without the store."""
    answer = await place.service.http("GET", "/api/v1/audit", place.tokens["auditor"])
    (tmp_path / "audit.jsonl").write_bytes(answer.content)

    assert answer.status_code == 200
    assert {"seq", "at", "event", "prev", "hash"} <= json.loads(answer.text.splitlines()[0]).keys()
    assert run("audit", "verify", tmp_path / "audit.jsonl").status == 0


async def quiet(service: Serving) -> str:
    """The head of the audit log, once what earlier mail has set going is on record."""
    heads = [""]

    async def unchanged() -> bool:
        heads.append((await service.run("audit", "verify")).out)
        return heads[-1] == heads[-2]

    await eventually(unchanged, 60)
    return heads[-1]


async def test_a_second_service_on_the_same_ports_says_so_and_leaves_the_first_alone(place: Place) -> None:
    """Started twice by mistake, the store must not be touched."""
    before = await quiet(place.service)

    second = await asyncio.to_thread(place.service.another)

    assert second.status == 1
    assert "cannot be listened on: Address already in use" in second.err
    assert (await place.service.run("audit", "verify")).out == before


async def test_what_a_client_says_is_not_in_the_log(place: Place) -> None:
    """Not even when content arrives where a command was due."""
    async with peers.client(place.service.smtp) as client:
        for verb in ("", "EHLO ", "MAIL FROM:", "RCPT TO:", "VRFY ", "AUTH PLAIN ", "HELP ", "NOOP ", "STARTTLS "):
            assert SECRET not in await client.command(f"{verb}{SECRET}")
    raw, teller = mail(SECRET, f"SSN: 531-84-2207 {SECRET}\n"), "told@recordkeeper.example"
    held = hold_id(await place.service.send(raw, BETA, DIGITS, mail_from=teller))
    await eventually(lambda: any(held.encode() in a.raw for a in place.next_hop.accepted if not a.mail_from), 60)
    metrics = (await place.service.http("GET", "/metrics")).text
    audit = (await place.service.http("GET", "/api/v1/audit", place.tokens["auditor"])).text
    notices = "".join(a.raw.decode() for a in place.next_hop.accepted if not a.mail_from)

    for told in (place.service.log, metrics, audit, notices):
        assert "zqx-sesame" not in told
        assert "531-84-2207" not in told
        assert "531842207" not in told


async def test_what_is_held_survives_a_kill_and_a_release_goes_on_after_it(tmp_path: Path) -> None:
    """Power cuts do not choose their moment. While the next hop is away nothing is taken but what is held."""
    async with peers.downstream() as next_hop:
        service = await Serving(tmp_path, next_hop.port).start()
        raw = wrong("kept")
        first, second = hold_id(await service.send(raw, BETA)), hold_id(await service.send(wrong("waits"), BETA))
        await next_hop.close()
        away = await service.send(mail("Lunch"), ACME)
        await service.run("held", "release", first, "--note", "agreed")
        await service.stop(signal.SIGKILL)
        await next_hop.start()
        await service.start()

        await eventually(lambda: any(a.raw.endswith(raw) for a in next_hop.accepted), 90)
        assert away.startswith("451 4.4.1 ")
        assert await service.held() == [second]
        assert len([a for a in next_hop.accepted if a.raw.endswith(raw)]) == 1
        assert (await service.run("audit", "verify")).status == 0
        assert await service.stop() == 0


async def test_a_stop_waits_for_the_message_that_is_on_its_way(tmp_path: Path) -> None:
    """SIGTERM drains: past the dot there is a reply, before it a 421."""
    async with peers.downstream({"DOT": [1.5, "250 2.0.0 drained"]}) as next_hop:
        service = await Serving(tmp_path, next_hop.port).start()
        busy, idle = await peers.Client.connect(service.smtp), await peers.Client.connect(service.smtp)
        await idle.greet()
        await busy.greet()
        await busy.envelope(SENDER, [ACME])
        await busy.command("DATA")
        await busy.send(peers.stuffed(mail("Last")) + b".\r\n")
        await eventually(lambda: b"DATA" in next_hop.commands, 60)
        await asyncio.sleep(0.3)

        status = await service.stop()

        assert (await busy.reply(), status) == ("250 2.0.0 drained", 0)
        assert (await idle.reply()).startswith("421 4.3.2 ")
        await asyncio.gather(busy.close(), idle.close())
