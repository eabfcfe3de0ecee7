"""Whose mail the door relays: a range of addresses that many share must not be an open relay for all of them."""

import pytest
from door import Taken, open_door
from peers import client

from gateway.settings import Settings, Smtp
from gateway.smtp.addresses import ascii_domain, within

OURS = ("recordkeeper.example", "Bücher.example")
RITA = ["rita@beta.example"]


@pytest.mark.parametrize(
    ("sender", "relays"),
    [
        ("sam@recordkeeper.example", True),
        ("sam@Mail.RecordKeeper.example", True),
        ("sam@xn--bcher-kva.example", True),
        ("otto@evil.example", False),
        ("otto@evilrecordkeeper.example", False),
        ("otto@recordkeeper.example.evil.example", False),
        ('"sam@recordkeeper.example"@evil.example', False),
        ("otto@[192.0.2.1]", False),
    ],
)
async def test_other_peoples_senders_are_refused(sender: str, relays: bool) -> None:
    """Another customer of the same cloud comes from the same addresses as we do."""
    async with open_door(Taken(), sender_domains=OURS) as door, client(door.port) as peer:
        reply = await peer.command(f"MAIL FROM:<{sender}>")

    assert reply.startswith("250" if relays else "5")
    assert relays or reply.startswith(("550 5.7.1", "501 5.1.3"))


async def test_a_sender_in_utf8_is_the_same_as_in_a_labels() -> None:
    """Two ways to write one domain must not be two answers."""
    async with open_door(Taken(), sender_domains=OURS) as door, client(door.port) as peer:
        assert (await peer.command("MAIL FROM:<sam@bücher.example> SMTPUTF8")).startswith("250")


@pytest.mark.parametrize(
    ("author", "relays"),
    [
        ("From: Sam <sam@recordkeeper.example>", True),
        ("From: MAILER-DAEMON@mail.recordkeeper.example", True),
        ("From: otto@evil.example", False),
        ("X-From: sam@recordkeeper.example", False),
        ("Subject: sam@recordkeeper.example", False),
    ],
)
async def test_a_bounce_is_written_by_one_of_us(author: str, relays: bool) -> None:
    """Its envelope has no sender, so that everybody's bounces, and spam that looks like one, would come through."""
    taken = Taken()
    async with open_door(taken, sender_domains=OURS) as door, client(door.port) as peer:
        reply = await peer.message("", RITA, author.encode() + b"\r\n\r\nnot delivered\r\n")
        after = await peer.message("sam@recordkeeper.example", RITA, b"Subject: x\r\n\r\n")

    assert reply.startswith("250" if relays else "550 5.7.1")
    assert after.startswith("250")
    assert len(taken.messages) == 1 + relays


async def test_without_a_list_any_sender_of_an_allowed_client_relays() -> None:
    """A mail server of one's own forwards others' mail too."""
    async with open_door(Taken()) as door, client(door.port) as peer:
        assert (await peer.message("otto@evil.example", RITA, b"x\r\n")).startswith("250")
        assert (await peer.message("", RITA, b"x\r\n")).startswith("250")


def test_a_domain_is_compared_label_by_label() -> None:
    """The end of a string is not the end of a name."""
    assert within("a@b.acme.example", {"acme.example"})
    assert not within("a@bacme.example", {"acme.example"})
    assert not within("", {"acme.example"})
    assert ascii_domain("ACME.Example") == "acme.example"
    assert Settings(smtp=Smtp(sender_domains=("acme.example",))).smtp.sender_domains == ("acme.example",)
