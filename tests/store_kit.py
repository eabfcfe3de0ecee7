"""A real store in a temporary folder, and the mail that goes into it. Sam sends, Rita reviews, Beta is a client."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from postgres_server import Server
from sqlalchemy.exc import DBAPIError

from gateway.message import Envelope
from gateway.settings import Notices, Settings, Smtp, Store, Web
from gateway.store import Transaction
from gateway.store.driver import sqlite3
from gateway.store.keys import new_key
from gateway.store.mail import new_id
from rules.verdict import (
    Disposition,
    Finding,
    Kind,
    PartReport,
    People,
    Reason,
    RecipientVerdict,
    Status,
    Verdict,
)

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SAM = "sam@recordkeeper.example"
ACME = "trustee@acme.example"
BETA = "benefits@beta.example"
SECRET = "219-09-9998"  # planted in content, subject and file name; may never be seen outside the store's content
RAW = (
    f"From: Sam <{SAM}>\r\nTo: {BETA}\r\nSubject: participants {SECRET}\r\nMessage-ID: <a@recordkeeper.example>\r\n"
    f"\r\nName,SSN\r\nPat Doe,{SECRET}\r\n"
).encode()


class _Chosen:
    """Where `settings` puts stores: in files, or on a server."""

    server: Server | None = None


@contextmanager
def on(server: Server) -> Iterator[None]:
    """Every folder has a database on this server instead of a file in it, until the end."""
    before = {row[0] for row in server.ask("SELECT datname FROM pg_database")}
    _Chosen.server = server
    try:
        yield
    finally:
        _Chosen.server = None
        for (name,) in server.ask("SELECT datname FROM pg_database"):
            if name not in before:
                server.drop(str(name))


def store_in(folder: Path) -> Store:
    """A file of its own says which database belongs to a folder, also to processes that a test starts."""
    named, key = folder / "database", folder / "var/countersign.db.key"
    if _Chosen.server is not None and not named.exists():
        key.parent.mkdir(parents=True, exist_ok=True)
        key.write_text(f"{new_key()}\n")
        named.write_text(_Chosen.server.url(_Chosen.server.database()))
    if not named.exists():
        return Store(url="sqlite:///var/countersign.db")
    return Store(url=named.read_text(), key=Path("var/countersign.db.key"))


def settings(folder: Path, **notices: object) -> Settings:
    return Settings(
        smtp=Smtp(hostname="gw.recordkeeper.example"),
        web=Web(base_url="https://review.recordkeeper.example"),
        store=store_in(folder),
        notices=Notices.model_validate(notices),
        base=folder,
    )


def disk_error(tx: Transaction) -> None:
    """A unit of work to whom the database says that its files are damaged."""
    if tx.connection.dialect.name == "postgresql":
        raise DBAPIError("COMMIT", None, psycopg.errors.DataCorrupted("invalid page"))
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
    raise DBAPIError("COMMIT", None, error)


def envelope(*rcpt_to: str, mail_from: str = SAM) -> Envelope:
    return Envelope(mail_from=mail_from, rcpt_to=rcpt_to or (BETA,), client_host="127.0.0.1", helo="mx.example")


def verdict(*rcpt_to: str, disposition: Disposition = Disposition.HOLD) -> Verdict:
    addresses = rcpt_to or (BETA,)
    return Verdict(
        message_id="<a@recordkeeper.example>",
        disposition=disposition,
        sentence=f"people {SECRET}.csv lists 3 people of Acme Manufacturing; {addresses[0]} belongs to Beta Logistics.",
        reasons=(Reason(rule="owner-not-recipient", recipients=addresses, parts=("2",), text="Acme's data"),),
        recipients=tuple(
            RecipientVerdict(address=address, kind=Kind.CLIENT, clients=("beta",), disposition=disposition)
            for address in addresses
        ),
        parts=(
            PartReport(
                part="2", filename=f"people {SECRET}.csv", type="text/csv", size=31, status=Status.OPENED, reason=None
            ),
        ),
        findings=(
            Finding(
                entity="US_SSN", part="2", where="B2:B4", count=3, distinct=3, confidence=0.95, sample="***-**-9998"
            ),
        ),
        people=People(count=3, by_state={"NC": 2}, unknown_state=1),
    )


def an_id(offset_s: float = 0) -> str:
    return new_id(NOW + timedelta(seconds=offset_s))


def later(**by: float) -> datetime:
    return NOW + timedelta(**by)
