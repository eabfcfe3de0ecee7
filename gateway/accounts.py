"""Who may look and decide: users, API tokens, web sessions. Secrets are kept hashed only; changes are on record."""

import asyncio
import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, delete, insert, select, update

from gateway.actor import COUNTERSIGN, Actor
from gateway.audit.chain import Entry, Event
from gateway.errors import AccountError, NotFoundError
from gateway.store import Store, Transaction
from gateway.store.moments import from_ms, to_ms
from gateway.store.schema import accounts, sessions, tokens

SHORTEST_PASSWORD = 8
FREE_FAILURES = 5  #: wrong passwords before waiting begins
LONGEST_LOCK_S = 900
SESSION = timedelta(hours=8)
TOKEN_PREFIX = "cs_"  # noqa: S105 - lets a secret scanner recognise a leaked one
_NAME = re.compile(r"[\w.@+-]{1,128}")


class Role(StrEnum):
    REVIEWER = "reviewer"
    AUDITOR = "auditor"
    ADMIN = "admin"
    SENDER = "sender"  #: a mail server, at the door: sees and decides nothing


PEOPLE = frozenset({Role.REVIEWER, Role.AUDITOR, Role.ADMIN})
DECIDING = frozenset({Role.REVIEWER, Role.ADMIN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who has proved who he is: by password, session or token."""

    name: str
    role: Role
    account: str | None = None  #: of a token: whose it is


class Accounts:
    def __init__(self, store: Store, hasher: PasswordHasher | None = None) -> None:
        self._store = store
        self._hasher = hasher or PasswordHasher(type=Type.ID)  # its defaults are RFC 9106's second choice
        self._nobody: str | None = None
        self._hashing = asyncio.Semaphore(2)  # each costs 64 MiB

    async def add_user(
        self, name: str, role: Role | str, password: str, now: datetime, actor: Actor = COUNTERSIGN
    ) -> Account:
        """Raises AccountError for a name that is taken or odd, an unknown role, or a short password."""
        account = _account(name, role)
        _long_enough(password)
        hashed = await self._hash(password)

        def work(tx: Transaction) -> None:
            if tx.execute(select(accounts.c.name).where(accounts.c.name == account.name)).first():
                raise AccountError(f"user {account.name} exists already")
            row = {"name": account.name, "role": account.role.value, "password_hash": hashed}
            tx.execute(insert(accounts), row | {"created_at": to_ms(now), "failures": 0, "locked_until": 0})
            detail = {"name": account.name, "role": account.role.value}
            tx.record(Entry(event=Event.USER_ADDED, at=now, actor=actor, detail=detail))

        await self._store.write(work)
        return account

    async def set_password(self, name: str, password: str, now: datetime, actor: Actor) -> None:
        """Change a password; everybody logged in under the name is logged out."""
        _long_enough(password)
        hashed = await self._hash(password)

        def work(tx: Transaction) -> None:
            changed = update(accounts).where(accounts.c.name == name)
            if tx.execute(changed.values(password_hash=hashed, failures=0, locked_until=0)).rowcount == 0:
                raise NotFoundError("there is no such user")
            tx.execute(delete(sessions).where(sessions.c.name == name))
            tx.record(Entry(event=Event.PASSWORD_CHANGED, at=now, actor=actor, detail={"name": name}))

        await self._store.write(work)

    async def remove_user(self, name: str, now: datetime, actor: Actor, *, force: bool = False) -> None:
        """Take away an account with its sessions and its API tokens.

        Raises NotFoundError; AccountError for the last admin, unless `force`.
        """

        def work(tx: Transaction) -> None:
            admins = tx.execute(select(accounts.c.name).where(accounts.c.role == Role.ADMIN.value)).scalars().all()
            if admins == [name] and not force:
                raise AccountError(f"{name} is the last admin; add another one first, or say --force")
            tx.execute(delete(sessions).where(sessions.c.name == name))
            if tx.execute(delete(accounts).where(accounts.c.name == name)).rowcount == 0:
                raise NotFoundError("there is no such user")
            his = tokens.c.account == name
            gone = tx.execute(select(tokens.c.name).where(his).order_by(tokens.c.name)).scalars().all()
            tx.execute(delete(tokens).where(his))
            tx.record(Entry(event=Event.USER_REMOVED, at=now, actor=actor, detail={"name": name, "tokens": list(gone)}))

        await self._store.write(work)

    async def users(self) -> tuple[Account, ...]:
        found = await self._store.read(lambda c: c.execute(select(accounts).order_by(accounts.c.name)).all())
        return tuple(_read(row) for row in found)

    async def may_send(self, name: str, password: str, now: datetime) -> bool:
        """Whether a mail server may relay: `check` for the door, to which nobody else's password is a key."""
        return await self.check(name, password, now, {Role.SENDER}) is not None

    async def check(self, name: str, password: str, now: datetime, roles: Collection[Role] = PEOPLE) -> Account | None:
        """The account when name and password fit, it has one of `roles` and is not locked.

        As slow for a name that does not exist, or not there.
        """
        asked = select(accounts).where(accounts.c.name == name, accounts.c.role.in_([role.value for role in roles]))
        row = await self._store.read(lambda c: c.execute(asked).first())
        nobody = await self._no_password()  # before it matters, so that it tells no unknown name from a known one
        fits = await self._fits(nobody if row is None else row.password_hash, password)
        locked = row is not None and row.locked_until > to_ms(now)
        right = row is not None and fits and not locked

        def work(tx: Transaction) -> None:
            if row is not None and not right and not locked:  # while it is locked, trying does not lock it for longer
                _count_failure(tx, name, now)
            elif right:
                tx.execute(update(accounts).where(accounts.c.name == name).values(failures=0, locked_until=0))
            # An unknown name is not recorded: people type their password there.
            known = name if row is not None else "unknown"
            detail = {} if right else {"locked": locked}
            event = Event.LOGIN if right else Event.LOGIN_FAILED
            tx.record(Entry(event=event, at=now, actor=Actor(known), detail=detail))

        await self._store.write(work)
        return _read(row) if right else None

    async def add_token(
        self, name: str, role: Role | str, now: datetime, actor: Actor = COUNTERSIGN, account: str | None = None
    ) -> str:
        """Make an API token, of an account if one is given or has its name. It is shown once; the store keeps its hash.

        Raises AccountError.
        """
        made = _account(name, role)
        if made.role not in PEOPLE:
            raise AccountError("a token is for a reviewer, an auditor or an admin")
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)

        def work(tx: Transaction) -> None:
            if tx.execute(select(tokens.c.name).where(tokens.c.name == made.name)).first():
                raise AccountError(f"token {made.name} exists already")
            owner = tx.execute(select(accounts.c.name).where(accounts.c.name == (account or made.name))).scalar()
            if account is not None and owner is None:
                raise AccountError(f"there is no account {account}")
            row = {"hash": _digest(token), "name": made.name, "role": made.role.value, "created_at": to_ms(now)}
            tx.execute(insert(tokens), row | {"account": owner})
            detail = {"name": made.name, "role": made.role.value, "account": owner}
            tx.record(Entry(event=Event.TOKEN_ADDED, at=now, actor=actor, detail=detail))

        await self._store.write(work)
        return token

    async def by_token(self, token: str) -> Account | None:
        """Whose API token this is."""
        digest = _digest(token)
        row = await self._store.read(lambda c: c.execute(select(tokens).where(tokens.c.hash == digest)).first())
        return None if row is None else _of_token(row)

    async def tokens(self) -> tuple[Account, ...]:
        found = await self._store.read(lambda c: c.execute(select(tokens).order_by(tokens.c.name)).all())
        return tuple(_of_token(row) for row in found)

    async def decider(self, name: str | None, at_terminal: str) -> Actor:
        """Who decides in a terminal: an account that may, given by name, or whoever has logged in there.

        Raises AccountError.
        """
        if name is None:
            return Actor(at_terminal, login=at_terminal)
        asked = select(accounts.c.role).where(accounts.c.name == name)
        if await self._store.read(lambda c: c.execute(asked).scalar()) not in DECIDING:
            raise AccountError(f"--as {name}: no account of that name may decide (see `countersign user list`)")
        return Actor(name, login=at_terminal)

    async def revoke_token(self, name: str, now: datetime, actor: Actor) -> None:
        def work(tx: Transaction) -> None:
            if tx.execute(delete(tokens).where(tokens.c.name == name)).rowcount == 0:
                raise NotFoundError("there is no such token")
            tx.record(Entry(event=Event.TOKEN_REVOKED, at=now, actor=actor, detail={"name": name}))

        await self._store.write(work)

    async def open_session(self, account: Account, now: datetime, lasting: timedelta = SESSION) -> str:
        """After a login: the secret for the cookie. Old sessions are swept on the way."""
        secret = secrets.token_urlsafe(32)

        def work(tx: Transaction) -> None:
            tx.execute(delete(sessions).where(sessions.c.expires_at <= to_ms(now)))
            row = {"hash": _digest(secret), "name": account.name, "expires_at": to_ms(now + lasting)}
            tx.execute(insert(sessions), row)

        await self._store.write(work)
        return secret

    async def session(self, secret: str, now: datetime) -> Account | None:
        """Whose session this is; role and existence are looked up anew each time."""
        digest = _digest(secret)

        def question(connection: Connection) -> Any:
            joined = sessions.join(accounts, accounts.c.name == sessions.c.name)
            asked = select(accounts).select_from(joined)
            return connection.execute(
                asked.where(sessions.c.hash == digest, sessions.c.expires_at > to_ms(now))
            ).first()

        row = await self._store.read(question)
        return None if row is None else _read(row)

    async def close_session(self, secret: str, now: datetime) -> None:
        digest = _digest(secret)

        def work(tx: Transaction) -> None:
            name = tx.execute(select(sessions.c.name).where(sessions.c.hash == digest)).scalar()
            if name is not None:
                tx.execute(delete(sessions).where(sessions.c.hash == digest))
                tx.record(Entry(event=Event.LOGOUT, at=now, actor=Actor(name)))

        await self._store.write(work)

    async def close_all_sessions(self, name: str, now: datetime, actor: Actor) -> None:
        def work(tx: Transaction) -> None:
            closed = tx.execute(delete(sessions).where(sessions.c.name == name)).rowcount
            tx.record(Entry(event=Event.LOGOUT, at=now, actor=actor, detail={"name": name, "sessions": closed}))

        await self._store.write(work)

    async def locked_until(self, name: str) -> datetime | None:
        asked = select(accounts.c.locked_until).where(accounts.c.name == name)
        until = await self._store.read(lambda c: c.execute(asked).scalar())
        return from_ms(until) if until else None

    async def _no_password(self) -> str:
        """Made for the first who logs in: most commands check nobody, and it costs a tenth of a second."""
        if self._nobody is None:
            self._nobody = await self._hash(secrets.token_hex())
        return self._nobody

    async def _hash(self, password: str) -> str:
        async with self._hashing:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def _fits(self, hashed: str, password: str) -> bool:
        async with self._hashing:
            try:
                return await asyncio.to_thread(self._hasher.verify, hashed, password)
            except (VerificationError, InvalidHashError):
                return False


def _count_failure(tx: Transaction, name: str, now: datetime) -> None:
    """Read anew inside the transaction: attempts at the same time all count."""
    failures = tx.execute(select(accounts.c.failures).where(accounts.c.name == name)).scalar()
    if failures is None:
        return
    beyond = failures + 1 - FREE_FAILURES
    wait = timedelta(seconds=min(2 ** min(beyond, 10), LONGEST_LOCK_S) if beyond >= 0 else 0)
    changed = update(accounts).where(accounts.c.name == name)
    tx.execute(changed.values(failures=failures + 1, locked_until=to_ms(now + wait) if wait else 0))


def _account(name: str, role: Role | str) -> Account:
    if not _NAME.fullmatch(name):
        raise AccountError("a name is 1 to 128 letters, digits and . @ + - _")
    try:
        return Account(name=name, role=Role(role))
    except ValueError:
        raise AccountError(f"a role is one of {', '.join(Role)}") from None


def _read(row: Any) -> Account:
    return Account(name=row.name, role=Role(row.role))


def _of_token(row: Any) -> Account:
    return Account(name=row.name, role=Role(row.role), account=row.account)


def _long_enough(password: str) -> None:
    if len(password) < SHORTEST_PASSWORD:
        raise AccountError(f"a password has at least {SHORTEST_PASSWORD} characters")


def _digest(secret: str) -> str:
    """SHA-256 suffices: these secrets are 256 bits of chance, not words of people."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
