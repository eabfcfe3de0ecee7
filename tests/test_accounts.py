"""Who may look and decide: passwords, tokens and sessions hold, and every change is on record."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from store_kit import NOW, later, settings

from gateway.accounts import FREE_FAILURES, Account, Accounts, Role
from gateway.actor import Actor
from gateway.audit.log import AuditLog
from gateway.errors import AccountError, NotFoundError
from gateway.store import Store

PASSWORD = "correct horse battery"
WRONG = "incorrect horse battery"
RITA = Account(name="rita", role=Role.REVIEWER)


@pytest.fixture
async def store(tmp_path: Path, database: str) -> AsyncIterator[Store]:  # noqa: ARG001 - says what `settings` name
    async with Store.open(settings(tmp_path)) as opened:
        yield opened


@pytest.fixture
async def accounts(store: Store) -> Accounts:
    made = Accounts(store, PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))  # the real one is slow
    await made.add_user("rita", "reviewer", PASSWORD, NOW)
    return made


async def everything(store: Store) -> str:
    def dump(connection) -> str:  # noqa: ANN001 - a question to the store
        tables = ("accounts", "tokens", "sessions", "audit")
        return "".join(str(connection.exec_driver_sql(f"SELECT * FROM {table}").all()) for table in tables)  # noqa: S608 - names of ours

    return await store.read(dump)


async def events(store: Store) -> list[tuple[str, str]]:
    return [(record.event, record.actor) async for record in AuditLog(store).records()]


async def test_name_and_password_open_the_door(accounts: Accounts) -> None:
    """And nothing less does."""
    assert await accounts.check("rita", PASSWORD, NOW) == RITA
    assert await accounts.check("rita", WRONG, NOW) is None
    assert await accounts.check("otto", PASSWORD, NOW) is None


async def test_passwords_are_hashed_as_rfc_9106_says(store: Store) -> None:
    """Fast hashing is for tests only."""
    await Accounts(store).add_user("rita", "reviewer", PASSWORD, NOW)

    assert "$argon2id$v=19$m=65536,t=3,p=4$" in await everything(store)


async def test_no_secret_is_in_the_store(accounts: Accounts, store: Store) -> None:
    """Whoever steals the file must not be able to log in with it."""
    token = await accounts.add_token("siem", "auditor", NOW)
    session = await accounts.open_session(RITA, NOW)

    found = await everything(store)
    assert "$argon2id$" in found
    for secret in (PASSWORD, token, session):
        assert secret not in found


@pytest.mark.parametrize(
    ("name", "role", "password"),
    [
        ("rita", "admin", PASSWORD),
        ("a b", "admin", PASSWORD),
        ("", "admin", PASSWORD),
        ("x", "boss", PASSWORD),
        ("x", "admin", "short"),
    ],
    ids=["taken", "space", "empty", "unknown role", "short password"],
)
async def test_what_is_no_account_is_refused(accounts: Accounts, name: str, role: str, password: str) -> None:
    """Said where it is typed, not found out later."""
    with pytest.raises(AccountError):
        await accounts.add_user(name, role, password, NOW)


async def test_too_many_wrong_passwords_lock_for_a_while(accounts: Accounts) -> None:
    """Guessing is slow; the right person gets in again by waiting."""
    for _ in range(FREE_FAILURES):
        assert await accounts.check("rita", WRONG, NOW) is None
    assert await accounts.check("rita", PASSWORD, NOW) is None

    assert await accounts.check("rita", PASSWORD, later(minutes=16)) == RITA


async def test_guesses_at_the_same_time_all_count(accounts: Accounts) -> None:
    """A hundred parallel tries are a hundred tries."""
    await asyncio.gather(*(accounts.check("rita", WRONG, NOW) for _ in range(FREE_FAILURES)))

    assert await accounts.check("rita", PASSWORD, NOW) is None


async def test_an_unknown_name_takes_as_long_as_a_known_one(accounts: Accounts) -> None:
    """Time must not tell who has an account. Counted in our own work, which no busy machine stretches."""

    async def median(name: str) -> float:
        times = []
        for n in range(5):
            begun = time.process_time()
            await accounts.check(name, WRONG, later(days=n + 1))
            times.append(time.process_time() - begun)
        return statistics.median(times)

    known, unknown = await median("rita"), await median("otto")
    assert 0.3 < known / unknown < 3


async def test_logins_are_on_record_without_what_was_typed(accounts: Accounts, store: Store) -> None:
    """People type their password where the name belongs."""
    await accounts.check("rita", PASSWORD, NOW)
    await accounts.check("rita", WRONG, NOW)
    await accounts.check(PASSWORD, "", NOW)

    assert (await events(store))[1:] == [("login", "rita"), ("login-failed", "rita"), ("login-failed", "unknown")]
    assert PASSWORD not in await everything(store)


async def test_a_token_is_its_role(accounts: Accounts) -> None:
    """It says who asks; made up ones say nothing."""
    token = await accounts.add_token("siem", Role.AUDITOR, NOW)

    assert await accounts.by_token(token) == Account(name="siem", role=Role.AUDITOR)
    assert await accounts.by_token(token + "x") is None
    assert await accounts.by_token("") is None


async def test_a_revoked_token_is_nothing(accounts: Accounts) -> None:
    """At once, not after some cache."""
    token = await accounts.add_token("siem", "auditor", NOW)
    await accounts.revoke_token("siem", NOW, Actor("rita"))

    assert await accounts.by_token(token) is None
    with pytest.raises(NotFoundError):
        await accounts.revoke_token("siem", NOW, Actor("rita"))


async def test_a_token_belongs_to_an_account_and_goes_with_it(accounts: Accounts, store: Store) -> None:
    """Who leaves leaves no key behind; a token of a user's name is his."""
    his = [await accounts.add_token("night-script", "reviewer", NOW, account="rita")]
    his.append(await accounts.add_token("rita", "reviewer", NOW))
    alone = await accounts.add_token("siem", "auditor", NOW)
    with pytest.raises(AccountError, match="no account nobody"):
        await accounts.add_token("other", "auditor", NOW, account="nobody")
    owners = [known.account for token in his if (known := await accounts.by_token(token))]

    await accounts.remove_user("rita", NOW, Actor("ada"))

    assert owners == ["rita", "rita"]
    assert [await accounts.by_token(token) for token in his] == [None, None]
    assert await accounts.by_token(alone) == Account(name="siem", role=Role.AUDITOR)
    assert (await removed(store))["tokens"] == ["night-script", "rita"]


async def removed(store: Store) -> Mapping[str, Any]:
    return [record.detail async for record in AuditLog(store).records() if record.event == "user-removed"][-1]


async def test_a_token_name_is_taken_once(accounts: Accounts) -> None:
    """Two tokens of one name could not be told apart in the record."""
    await accounts.add_token("siem", "auditor", NOW)

    with pytest.raises(AccountError, match="exists"):
        await accounts.add_token("siem", "admin", NOW)


async def test_a_session_lasts_its_time(accounts: Accounts) -> None:
    """A forgotten browser must not stay logged in."""
    session = await accounts.open_session(RITA, NOW, timedelta(hours=1))

    assert await accounts.session(session, later(minutes=59)) == RITA
    assert await accounts.session(session, later(minutes=61)) is None
    assert await accounts.session("made up", NOW) is None


async def test_logging_out_ends_the_session_at_once(accounts: Accounts, store: Store) -> None:
    """The cookie may still be in the browser; it opens nothing."""
    session = await accounts.open_session(RITA, NOW)
    await accounts.close_session(session, NOW)

    assert await accounts.session(session, NOW) is None
    assert (await events(store))[-1] == ("logout", "rita")


@pytest.mark.parametrize("end", ["password", "removed", "closed"])
async def test_an_administrator_can_end_all_sessions(accounts: Accounts, end: str) -> None:
    """A lost notebook, a changed password, somebody who leaves."""
    session = await accounts.open_session(RITA, NOW)
    match end:
        case "password":
            await accounts.set_password("rita", WRONG, NOW, Actor("admin"))
        case "removed":
            await accounts.remove_user("rita", NOW, Actor("admin"))
        case _:
            await accounts.close_all_sessions("rita", NOW, Actor("admin"))

    assert await accounts.session(session, NOW) is None


async def test_the_last_admin_is_not_removed_by_mistake(accounts: Accounts) -> None:
    """Others can be; and he can, by somebody who means it, or once there is another one."""
    await accounts.add_user("ada", "admin", WRONG, NOW)
    await accounts.remove_user("rita", NOW, Actor("ada"))

    with pytest.raises(AccountError, match="last admin"):
        await accounts.remove_user("ada", NOW, Actor("ada"))
    await accounts.add_user("bea", "admin", WRONG, NOW)
    await accounts.remove_user("ada", NOW, Actor("bea"))
    await accounts.remove_user("bea", NOW, Actor("bea"), force=True)

    assert await accounts.users() == ()


async def test_every_change_of_accounts_is_on_record(accounts: Accounts, store: Store) -> None:
    """Who gave whom which right, and when."""
    await accounts.add_token("siem", "auditor", NOW, actor=Actor("admin"))
    await accounts.set_password("rita", WRONG, NOW, Actor("admin"))
    await accounts.remove_user("rita", NOW, Actor("admin"))
    await accounts.revoke_token("siem", NOW, Actor("admin"))

    assert await events(store) == [
        ("user-added", "countersign"),
        ("token-added", "admin"),
        ("password-changed", "admin"),
        ("user-removed", "admin"),
        ("token-revoked", "admin"),
    ]
    assert await accounts.users() == ()
    assert await accounts.tokens() == ()
