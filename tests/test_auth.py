"""AUTH at the door (RFC 4954): only under TLS, only accounts of that role, and not for ever."""

import asyncio
import base64
import contextlib
import logging
import smtplib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from argon2 import PasswordHasher
from door import Taken, open_door
from peers import Client
from store_kit import NOW
from store_kit import settings as store_settings

from gateway.accounts import FREE_FAILURES, Accounts
from gateway.errors import AccountError
from gateway.receive import Door
from gateway.settings import DoorTls, Smtp
from gateway.smtp import auth
from gateway.smtp.tls import door_context
from gateway.store import Store
from rules.errors import ConfigurationError

NAME, PASSWORD = "mta1", "correct horse battery"
MESSAGE = b"Subject: hello\r\n\r\nSee you on Friday.\r\n"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(autouse=True)
def no_penalty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "PENALTY", 0.0)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def encoded(*parts: str) -> str:
    return base64.b64encode("\0".join(parts).encode()).decode()


RIGHT = f"PLAIN {encoded('', NAME, PASSWORD)}"
WRONG = f"PLAIN {encoded('', NAME, 'incorrect horse')}"


@dataclass
class House:
    """A door, the accounts behind it, and what was taken."""

    door: Door
    accounts: Accounts
    taken: Taken
    trusting: ssl.SSLContext

    @contextlib.asynccontextmanager
    async def client(self, *, secure: bool = True) -> AsyncIterator[Client]:
        peer = await Client.connect(self.door.port)
        try:
            await peer.greet()
            if secure:
                await peer.starttls(self.trusting)
                await peer.command("EHLO client.example")
            yield peer
        finally:
            await peer.close()


@contextlib.asynccontextmanager
async def house(folder: Path, authority: trustme.CA, mode: str = "required") -> AsyncIterator[House]:
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(folder / "door.pem")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    tls = DoorTls(cert=folder / "door.pem", key=folder / "door.pem")
    async with Store.open(store_settings(folder)) as store:
        accounts, taken = Accounts(store, CHEAP), Taken()
        await accounts.add_user(NAME, "sender", PASSWORD, NOW)
        await accounts.add_user("rita", "reviewer", PASSWORD, NOW)

        async def check(name: str, password: str) -> bool:
            return await accounts.may_send(name, password, NOW)

        async with open_door(taken, tls=tls, auth=mode, check=check) as door:
            yield House(door, accounts, taken, trusting)


EXCHANGES = {
    "plain": ([f"AUTH {RIGHT}"], "235 2.7.0"),
    "plain, asked for": (["AUTH PLAIN", RIGHT.split()[1]], "235 2.7.0"),
    "plain, as himself": ([f"AUTH PLAIN {encoded(NAME, NAME, PASSWORD)}"], "235 2.7.0"),
    "plain, as somebody else": ([f"AUTH PLAIN {encoded('rita', NAME, PASSWORD)}"], "535 5.7.8"),
    "login": (["AUTH LOGIN", encoded(NAME), encoded(PASSWORD)], "235 2.7.0"),
    "login, name first": ([f"AUTH login {encoded(NAME)}", encoded(PASSWORD)], "235 2.7.0"),
    "a wrong password": ([f"AUTH {WRONG}"], "535 5.7.8"),
    "an unknown name": ([f"AUTH PLAIN {encoded('', 'nobody', PASSWORD)}"], "535 5.7.8"),
    "a reviewer": ([f"AUTH PLAIN {encoded('', 'rita', PASSWORD)}"], "535 5.7.8"),
    "nothing": (["AUTH PLAIN ="], "501 5.5.2"),
    "empty": ([f"AUTH PLAIN {encoded('', '', '')}"], "535 5.7.8"),
    "cancelled": (["AUTH LOGIN", "*"], "501 5.7.0"),
    "no base64": (["AUTH PLAIN !!!"], "501 5.5.2"),
    "two parts": ([f"AUTH PLAIN {encoded(NAME, PASSWORD)}"], "501 5.5.2"),
    "not UTF-8": (["AUTH LOGIN", "/w=="], "501 5.5.2"),
    "another mechanism": (["AUTH CRAM-MD5"], "504 5.5.4"),
    "no mechanism": (["AUTH"], "504 5.5.4"),
}


@pytest.mark.parametrize(("lines", "ends"), EXCHANGES.values(), ids=EXCHANGES)
async def test_exchanges(tmp_path: Path, authority: trustme.CA, lines: list[str], ends: str) -> None:
    """Whatever came of it, the session goes on in step."""
    async with house(tmp_path, authority) as place, place.client() as peer:
        for line in lines:
            reply = await peer.command(line)
        after = await peer.command("NOOP")
        mail = await peer.command("MAIL FROM:<sam@acme.example>")

    assert (reply[:9], after[:3]) == (ends, "250")
    assert mail.startswith("250" if ends.startswith("235") else "530 5.7.0")


async def test_a_library_that_is_not_ours_can_log_in(tmp_path: Path, authority: trustme.CA) -> None:
    """And what it sends says so: RFC 3848."""

    def send(port: int, trusting: ssl.SSLContext) -> None:
        with smtplib.SMTP("localhost", port, timeout=20) as client:
            client.starttls(context=trusting)
            client.login(NAME, PASSWORD)
            client.sendmail("sam@acme.example", ["rita@beta.example"], MESSAGE)

    async with house(tmp_path, authority) as place:
        await asyncio.to_thread(send, place.door.port, place.trusting)

    assert place.taken.messages[0][0].protocol == "ESMTPSA"


async def test_it_is_offered_under_tls_only(tmp_path: Path, authority: trustme.CA) -> None:
    """In clear neither offered nor taken: 538, and the password was in vain but not right."""
    async with house(tmp_path, authority) as place:
        async with place.client(secure=False) as peer:
            offers = await peer.command("EHLO client.example")
            refused = await peer.command(f"AUTH {RIGHT}")
        async with place.client() as peer:
            secure = await peer.command("EHLO client.example")

    assert ("AUTH" in offers, "AUTH PLAIN LOGIN" in secure) == (False, True)
    assert refused.startswith("538 5.7.11")


@pytest.mark.parametrize(("mode", "mail"), [("optional", "250"), ("required", "530")])
async def test_it_is_asked_for_when_the_settings_say_so(
    tmp_path: Path, authority: trustme.CA, mode: str, mail: str
) -> None:
    async with house(tmp_path, authority, mode) as place, place.client() as peer:
        assert (await peer.command("MAIL FROM:<sam@acme.example> AUTH=<>"))[:3] == mail


async def test_once_is_enough_and_not_in_the_middle(tmp_path: Path, authority: trustme.CA) -> None:
    """RFC 4954 4: after success, and during a transaction, 503."""
    async with house(tmp_path, authority, "optional") as place, place.client() as peer:
        await peer.command("MAIL FROM:<sam@acme.example>")
        inside = await peer.command(f"AUTH {RIGHT}")
        await peer.command("RSET")
        assert (await peer.command(f"AUTH {RIGHT}")).startswith("235")
        again = await peer.command(f"AUTH {RIGHT}")

    assert (inside[:9], again[:9]) == ("503 5.5.1", "503 5.5.1")


async def test_nobody_guesses_for_ever(tmp_path: Path, authority: trustme.CA) -> None:
    """Three in a session; a few more and the account is locked, even for the right password."""
    async with house(tmp_path, authority) as place:
        async with place.client() as peer:
            replies = [(await peer.command(f"AUTH {WRONG}"))[:3] for _ in range(auth.TRIES)]
            assert await peer.reply() == ""
        while len(replies) <= FREE_FAILURES:
            async with place.client() as peer:
                replies.append((await peer.command(f"AUTH {WRONG}"))[:3])
        async with place.client() as peer:
            locked = await peer.command(f"AUTH {RIGHT}")

    assert replies[:3] == ["535", "535", "421"]
    assert locked.startswith("535")


async def test_a_senders_password_opens_no_page_and_no_api(tmp_path: Path, authority: trustme.CA) -> None:
    """A mail server sees nothing and decides nothing."""
    async with house(tmp_path, authority) as place:
        assert await place.accounts.check(NAME, PASSWORD, NOW) is None
        with pytest.raises(AccountError):
            await place.accounts.add_token("robot", "sender", NOW)


async def test_no_password_is_in_a_log(tmp_path: Path, authority: trustme.CA, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with house(tmp_path, authority) as place, place.client() as peer:
        for line in (f"AUTH {WRONG}", f"AUTH {RIGHT}", RIGHT):
            await peer.command(line)

    said = caplog.text + "".join(file.read_bytes().decode("latin-1") for file in (tmp_path / "var").iterdir())
    for secret in (PASSWORD, encoded("", NAME, PASSWORD), "incorrect horse", encoded("", NAME, "incorrect horse")):
        assert secret not in said


def test_a_door_without_tls_takes_no_passwords() -> None:
    with pytest.raises(ConfigurationError, match=r"smtp\.auth needs smtp\.tls\.cert"):
        door_context(Smtp(auth="optional"), Path())
