"""TLS at the door: by STARTTLS, from the first octet, and with certificates that say who may relay."""

import asyncio
import gc
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from door import Taken, eventually, open_door, settings
from peers import Client, client

from gateway.receive import Door
from gateway.settings import Address, DoorTls
from rules.errors import ConfigurationError

MESSAGE = b"Subject: hello\r\n\r\nSee you on Friday.\r\n"


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def door_tls(authority: trustme.CA, tmp_path: Path) -> DoorTls:
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "door.pem")
    return DoorTls(cert=tmp_path / "door.pem", key=tmp_path / "door.pem")


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_mail_comes_in_under_tls(door_tls: DoorTls, trusting: ssl.SSLContext) -> None:
    """RFC 3207: what was said in clear is forgotten, and STARTTLS is not offered twice."""
    taken = Taken()
    async with open_door(taken, tls=door_tls) as door, client(door.port) as peer:
        assert "STARTTLS" in await peer.command("EHLO client.example")
        await peer.envelope("sam@acme.example", ["rita@beta.example"])
        assert await peer.starttls(trusting) == "220 2.0.0 Ready to start TLS"
        assert (await peer.command("DATA")).startswith("503 5.5.1")
        assert (await peer.command("MAIL FROM:<>")).startswith("503 5.5.1 say EHLO")
        assert "STARTTLS" not in await peer.command("EHLO client.example")
        assert (await peer.command("STARTTLS")).startswith("503 5.5.1")
        assert (await peer.message("", ["rita@beta.example"], MESSAGE * 30_000)).startswith("250")

    assert taken.messages[0][0].protocol == "ESMTPS"
    assert taken.raw == MESSAGE * 30_000


async def test_tls_can_be_asked_for(door_tls: DoorTls, trusting: ssl.SSLContext) -> None:
    """`smtp.tls.required`: no envelope in clear."""
    required = door_tls.model_copy(update={"required": True})
    async with open_door(Taken(), tls=required) as door, client(door.port) as peer:
        assert (await peer.command("MAIL FROM:<>")).startswith("530 5.7.0")
        assert (await peer.command("NOOP")).startswith("250")
        await peer.starttls(trusting)
        await peer.command("EHLO client.example")
        assert (await peer.message("", ["rita@beta.example"], MESSAGE)).startswith("250")


async def test_commands_behind_starttls_are_never_obeyed(door_tls: DoorTls) -> None:
    """CVE-2011-0411: an attacker's clear text must not be taken for the client's words under TLS."""
    taken = Taken()
    async with open_door(taken, tls=door_tls) as door, client(door.port) as peer:
        await peer.send(b"STARTTLS\r\nMAIL FROM:<otto@evil.example>\r\n")
        assert (await peer.reply()).startswith("554 5.5.0")
        assert await peer.reply() == ""


async def test_a_handshake_that_fails_ends_that_session_only(door_tls: DoorTls, trusting: ssl.SSLContext) -> None:
    """A port scanner must not leave anything behind."""
    async with open_door(Taken(), tls=door_tls) as door:
        async with client(door.port) as peer:
            await peer.command("STARTTLS")
            await peer.send(b"this is not TLS\r\n" * 9)
            await peer.reader.read()
        await eventually(lambda: door.sessions == 0)
        async with client(door.port) as peer:
            assert (await peer.starttls(trusting)).startswith("220")
    gc.collect()


@pytest.mark.parametrize(
    "tls", [DoorTls(required=True), DoorTls(key=Path("k.pem")), DoorTls(cert=Path("missing.pem"))], ids=str
)
def test_a_door_without_its_certificate_does_not_open(tls: DoorTls, tmp_path: Path) -> None:
    """Law 6: what does not load stops the start."""
    with pytest.raises(ConfigurationError, match=r"smtp\.tls"):
        Door(settings(tls=tls), Taken(), base=tmp_path)


# Under TLS from the first octet

ANY_PORT = Address(host="127.0.0.1", port=0)


async def under_tls(door: Door, context: ssl.SSLContext) -> Client:
    """A client of the implicit listener that has said EHLO."""
    peer = Client(*await asyncio.open_connection("127.0.0.1", door.tls_port, ssl=context, server_hostname="localhost"))
    await peer.greet()
    return peer


async def test_mail_comes_in_under_tls_from_the_first_octet(door_tls: DoorTls, trusting: ssl.SSLContext) -> None:
    """RFC 8314: no clear text that somebody in between could cut STARTTLS out of."""
    taken = Taken()
    tls = door_tls.model_copy(update={"implicit": ANY_PORT, "required": True})
    async with open_door(taken, tls=tls) as door:
        peer = await under_tls(door, trusting)
        assert "STARTTLS" not in await peer.command("EHLO client.example")
        assert (await peer.command("STARTTLS")).startswith("503 5.5.1")
        assert (await peer.message("sam@acme.example", ["rita@beta.example"], MESSAGE * 30_000)).startswith("250")
        await peer.close()

    assert taken.messages[0][0].protocol == "ESMTPS"
    assert taken.messages[0][0].client_host == "127.0.0.1"
    assert taken.raw == MESSAGE * 30_000


@pytest.mark.parametrize("said", [b"EHLO client.example\r\n", b"\x16\x03\x01\x00\x05hello"], ids=["clear", "garbage"])
async def test_what_is_not_tls_ends_that_session_only(door_tls: DoorTls, trusting: ssl.SSLContext, said: bytes) -> None:
    """A client that takes it for the other listener, or a scanner, leaves nothing behind."""
    async with open_door(Taken(), tls=door_tls.model_copy(update={"implicit": ANY_PORT})) as door:
        stranger = await Client.connect(door.tls_port)
        await stranger.send(said)
        assert b"220" not in await asyncio.wait_for(stranger.reader.read(), 10)
        await stranger.close()
        await eventually(lambda: door.sessions == 0)
        await (await under_tls(door, trusting)).close()
    gc.collect()


async def test_a_stranger_costs_no_handshake(door_tls: DoorTls) -> None:
    """Whom we will not serve is not worth the arithmetic."""
    tls = door_tls.model_copy(update={"implicit": ANY_PORT})
    async with open_door(Taken(), tls=tls, allow_from=()) as door:
        stranger = await Client.connect(door.tls_port)
        assert await stranger.reply() == ""
        await stranger.close()


async def test_a_closing_door_does_not_wait_for_a_handshake(door_tls: DoorTls) -> None:
    """Half a handshake holds a place, and must not hold up a stop."""
    async with open_door(Taken(), tls=door_tls.model_copy(update={"implicit": ANY_PORT})) as door:
        peer = await Client.connect(door.tls_port)
        await eventually(lambda: door.sessions == 1)
        async with asyncio.timeout(5):
            await door.close(1)
        await peer.close()


@pytest.mark.parametrize("change", [{"implicit": ANY_PORT}, {"client_ca": Path("ca.pem")}, {"client_names": ("mx",)}])
def test_what_needs_a_certificate_is_not_had_without(change: dict[str, Any]) -> None:
    """A door that would silently not ask is worse than one that does not open."""
    with pytest.raises(ConfigurationError, match=r"smtp\.tls\.cert is missing"):
        Door(settings(tls=DoorTls(**change)), Taken())


def test_a_missing_authority_is_named(door_tls: DoorTls, tmp_path: Path) -> None:
    """Whoever reads the refusal knows which key to mend."""
    with pytest.raises(ConfigurationError, match=r"smtp\.tls\.client_ca"):
        Door(settings(tls=door_tls.model_copy(update={"client_ca": tmp_path / "missing.pem"})), Taken())


# Certificates of clients


@pytest.fixture(scope="session")
def clients_authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def client_ca(clients_authority: trustme.CA, tmp_path: Path) -> Path:
    clients_authority.cert_pem.write_to_path(tmp_path / "clients.pem")
    return tmp_path / "clients.pem"


def as_client(authority: trustme.CA, issuer: trustme.CA | None, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if issuer is not None:
        issuer.issue_cert(name).configure_cert(context)
    return context


@pytest.mark.parametrize(
    ("names", "shown", "relays"),
    [
        ((), "anything.example", True),
        (("mx.acme.example",), "mx.acme.example", True),
        (("MX.acme.example", "b.example"), "mx.acme.example", True),
        (("mx.acme.example",), "mx.beta.example", False),
        (("mx.acme.example",), "*.acme.example", False),
        (("*.acme.example",), "*.acme.example", True),
        ((), None, False),
    ],
)
@pytest.mark.parametrize("implicit", [False, True], ids=["STARTTLS", "implicit"])
async def test_the_certificate_says_who_may_relay(
    names: tuple[str, ...], shown: str | None, relays: bool, implicit: bool, request: pytest.FixtureRequest
) -> None:
    """An address range of a cloud is every customer's; the certificate is one's own."""
    authority, clients = request.getfixturevalue("authority"), request.getfixturevalue("clients_authority")
    tls: DoorTls = request.getfixturevalue("door_tls")
    change = {"client_ca": request.getfixturevalue("client_ca"), "client_names": names, "implicit": ANY_PORT}
    context = as_client(authority, clients if shown else None, shown or "")
    async with open_door(Taken(), tls=tls.model_copy(update=change)) as door:
        if implicit:
            peer = await under_tls(door, context)
        else:
            peer = await Client.connect(door.port)
            await peer.greet()
            assert (await peer.command("MAIL FROM:<sam@acme.example>")).startswith("530 5.7.0")
            await peer.starttls(context)
            await peer.command("EHLO client.example")
        reply = await peer.command("MAIL FROM:<sam@acme.example>")
        await peer.close()

    assert reply.startswith("250 2.1.0" if relays else "554 5.7.1 a client certificate")


async def test_a_certificate_of_somebody_else_ends_the_handshake(
    authority: trustme.CA, door_tls: DoorTls, client_ca: Path
) -> None:
    """Anybody can write a name into a certificate; it counts when our authority has signed it."""
    context = as_client(authority, trustme.CA(), "mx.acme.example")
    async with open_door(Taken(), tls=door_tls.model_copy(update={"client_ca": client_ca})) as door:
        async with client(door.port) as peer:

            async def said() -> str:
                await peer.starttls(context)
                return await peer.command("EHLO client.example")

            (heard,) = await asyncio.gather(said(), return_exceptions=True)
            assert isinstance(heard, (ssl.SSLError, ConnectionError)) or heard == ""
        await eventually(lambda: door.sessions == 0)
    gc.collect()


async def test_a_renewed_certificate_is_shown_without_a_restart(
    authority: trustme.CA, door_tls: DoorTls, trusting: ssl.SSLContext
) -> None:
    """Certificates last ninety days; a new one must not cost a connection."""
    assert door_tls.cert
    async with open_door(Taken(), tls=door_tls.model_copy(update={"implicit": ANY_PORT})) as door:
        trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(door_tls.cert)
        await (await under_tls(door, trusting)).close()
        door.renew_certificate()
        with pytest.raises(ssl.SSLCertVerificationError):
            await under_tls(door, trusting)
        door_tls.cert.write_text("no certificate")
        with pytest.raises(ConfigurationError, match=r"smtp\.tls"):
            door.renew_certificate()
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(door_tls.cert)
        door.renew_certificate()
        await (await under_tls(door, trusting)).close()
