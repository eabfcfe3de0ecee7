"""TLS towards the next hop: what is asked for is had, or nothing is sent."""

import ssl
import warnings
from pathlib import Path

import pytest
import trustme
from next_hop import HEADER, RITA, deliver, envelope, next_hop
from peers import Hangup, Script, downstream

from gateway.relay import NextHop, Reach
from gateway.settings import Downstream as NextHopSettings

FAULTS: dict[str, Script] = {"refused": {"STARTTLS": ["454 4.7.0 no"]}, "broken": {"STARTTLS": [Hangup]}}


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(authority: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def ca(authority: trustme.CA, tmp_path: Path) -> Path:
    """`downstream.ca`: a file of the one authority that is trusted."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


def old(context: ssl.SSLContext) -> ssl.SSLContext:
    """TLS 1.1, deprecated by RFC 8996, and nothing newer."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


async def test_a_verified_next_hop_gets_mail_under_tls_only(authority: trustme.CA, ca: Path) -> None:
    """I8: in clear go EHLO and STARTTLS, and nothing else."""
    async with downstream(tls=server_context(authority)) as peer:
        delivery = await deliver(peer, tls="verify", ca=ca)

    assert delivery.reach is Reach.DELIVERED
    assert delivery.tls
    assert peer.accepted[0].tls
    assert peer.in_clear == [b"EHLO gw.example", b"STARTTLS"]
    assert peer.commands.count(b"EHLO gw.example") == 2


async def test_a_large_message_arrives_under_tls_too(authority: trustme.CA, ca: Path) -> None:
    """Pieces, their flow control and TLS records are three different sizes."""
    raw = b"x" * 76 + b"\r\n"
    async with downstream(tls=server_context(authority)) as peer, next_hop(peer, tls="verify", ca=ca) as hop:
        deliveries = [await hop.deliver(envelope(), HEADER, raw * 20_000) for _ in range(2)]

    assert [delivery.reach for delivery in deliveries] == [Reach.DELIVERED] * 2
    assert peer.accepted[0].raw == HEADER + raw * 20_000
    assert peer.connections == 1


@pytest.mark.parametrize("tls", ["required", "verify"])
@pytest.mark.parametrize("fault", ["not offered", "refused", "stranger", "wrong name", "broken", "old"])
async def test_nothing_is_sent_where_tls_is_not_met(tls: str, fault: str, authority: trustme.CA, ca: Path) -> None:
    """I8: one stripped line must not send participants' numbers in clear. The client keeps the mail: 451 4.4.1."""
    server = server_context(
        trustme.CA() if fault == "stranger" else authority, "x.example" if "name" in fault else "localhost"
    )
    script: Script = FAULTS.get(fault, {})
    server = old(server) if fault == "old" else server
    async with downstream(script, tls=None if fault == "not offered" else server) as peer:
        delivery = await deliver(peer, tls=tls, ca=ca)

    if tls == "required" and fault in {"stranger", "wrong name"}:
        assert delivery.tls
        return
    assert delivery.reach is Reach.DEFERRED
    assert str(delivery.reply).startswith("451 4.4.1")
    assert not [line for line in peer.commands if line[:4] in {b"MAIL", b"RCPT", b"DATA"}]


async def test_the_log_says_why_and_nothing_of_the_mail(
    authority: trustme.CA, ca: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A mail engineer must see what is wrong with the certificate; a quoted recipient has no place there."""
    async with downstream(tls=server_context(authority, "x.example")) as peer:
        await deliver(peer, tls="verify", ca=ca)
    async with downstream({"RCPT": [f"gibberish {RITA}"]}) as peer:
        await deliver(peer)

    assert "certificate is not valid for 'localhost'" in caplog.text
    assert "next hop: deferred, no SMTP reply" in caplog.text
    assert RITA not in caplog.text


@pytest.mark.parametrize("fault", ["none", "not offered", "refused", "broken"])
async def test_opportunistic_means_tls_where_it_can_be_had(fault: str, authority: trustme.CA) -> None:
    """Its only promise is that mail arrives; `check` warns of it."""
    script: Script = FAULTS.get(fault, {})
    async with downstream(script, tls=None if fault == "not offered" else server_context(authority)) as peer:
        delivery = await deliver(peer, tls="opportunistic")

    assert delivery.reach is Reach.DELIVERED
    assert delivery.tls == (fault == "none")


def test_verify_is_the_default_away_from_loopback() -> None:
    """CONTRACT 2: without a word in the settings, mail leaves the machine under verified TLS or not at all."""
    hop = NextHop(NextHopSettings(host="secure-mail.example"), "gw.example")

    assert hop._pool._route.tls == "verify"
    assert hop._pool._route.context is not None
    assert hop._pool._route.context.verify_mode is ssl.CERT_REQUIRED
    assert hop._pool._route.context.check_hostname
