"""A review room with a real store behind it. Rita reviews, Otto audits, Ada administers, Sam sends."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
from carriers import people, write_csv
from fastapi import FastAPI
from pydantic import TypeAdapter

from gateway.accounts import Accounts, Role
from gateway.audit.log import AuditLog
from gateway.hold import Quarantine
from gateway.inspection import Tools, inspect
from gateway.judging import judge
from gateway.message import Envelope, Limits
from gateway.proposals import Proposals
from gateway.review.app import create_app
from gateway.review.desk import Desk, csrf_of
from gateway.review.picture import picture_job
from gateway.review.view import view_part
from gateway.review.viewed import Look, ViewedPart, ViewedPicture
from gateway.rulebook import Rulebook
from gateway.settings import Rules, Settings, Web
from gateway.settings import Store as StoreSettings
from gateway.store import Store
from gateway.store.mail import new_id
from rules.clients import Directory
from rules.detect import Detector
from rules.policy import Policy
from rules.verdict import (
    ClientEvidence,
    ClientRole,
    Disposition,
    Evidence,
    Finding,
    InvolvedClient,
    Kind,
    PartReport,
    People,
    Reason,
    RecipientVerdict,
    Status,
    Verdict,
)

SITE = "http://127.0.0.1:8080"
SAM = "sam@recordkeeper.example"
BETA = "benefits@beta.example"
ACME = "trustee@acme.example"
PASSWORD = "a long enough one"
DETECTOR = Detector()  #: for all rooms: it takes a second to build
CLIENTS = """
clients:
  - {id: acme, name: "Acme Manufacturing, Inc.", domains: [acme.example]}
  - {id: beta, name: Beta Logistics LLC, domains: [beta.example]}
partners: [{id: northwind, name: Northwind Benefit Administrators, domains: [northwind.example], acts_for: [acme]}]
internal: {domains: [recordkeeper.example]}
"""
DIRECTORY, POLICY = Directory.load(None), Policy.load(None)
CAST = {"rita": Role.REVIEWER, "otto": Role.AUDITOR, "ada": Role.ADMIN, "sam": Role.REVIEWER}
HEADER = ("SSN", "First Name", "Last Name", "Birth Date", "Address", "City", "State", "ZIP", "Balance")
LIST = [HEADER, *people(30, states=["NC", "MA", "MA"] * 10)]
SENTENCE = (
    "people.csv lists 30 people of Acme Manufacturing, Inc.; benefits@beta.example belongs to Beta Logistics LLC."
)


class AtHand:
    """The worker's own function, without its walls: those have tests of their own."""

    def __init__(self) -> None:
        self.detector = DETECTOR
        self.fault: Exception | None = None

    async def view(self, raw: bytes, look: Look) -> ViewedPart:
        if self.fault:
            raise self.fault
        return await asyncio.to_thread(view_part, raw, look, Limits(), self.detector)

    async def picture(self, raw: bytes, look: Look) -> ViewedPicture:
        answer = await asyncio.to_thread(
            picture_job, raw, asdict(look), Tools(limits=Limits(), detector=self.detector, directory=DIRECTORY)
        )
        return TypeAdapter(ViewedPicture).validate_json(answer.body)

    async def inspect(self, raw: bytes, passwords: tuple[str, ...] = ()) -> Evidence:
        tools = Tools(limits=Limits(), detector=self.detector, directory=DIRECTORY)
        return await asyncio.to_thread(inspect, raw, tools, passwords=passwords)


@dataclass
class Room:
    app: FastAPI
    quarantine: Quarantine
    accounts: Accounts
    audit: AuditLog
    inspector: AtHand
    proposals: Proposals
    tokens: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    ahead: timedelta = timedelta()
    stopped: datetime | None = None  #: the clock stands still

    def now(self) -> datetime:
        return self.stopped or datetime.now(UTC) + self.ahead

    async def hold(self, *rcpt_to: str, raw: bytes | None = None, **changed: Any) -> str:
        """Keep a message to Beta with Acme's people in it; `changed` are fields of its verdict."""
        hold_id, to = new_id(self.now()), rcpt_to or (BETA,)
        verdict = a_verdict(hold_id, to, **changed)
        envelope = Envelope(mail_from=SAM, rcpt_to=to)
        raw = raw or f"Message-ID: <{hold_id}@recordkeeper.example>\r\n".encode() + a_message()
        await self.quarantine.hold(envelope, raw, verdict, self.now(), hold_id)
        return hold_id

    async def events(self, hold_id: str) -> list[str]:
        return [f"{record.event} by {record.actor}" async for record in self.audit.records(hold_id=hold_id)]

    @asynccontextmanager
    async def visit(self, name: str = "") -> AsyncIterator["Visit"]:
        """A browser of somebody who has logged in, or of nobody."""
        async with self._client(headers={"Origin": SITE}) as client:
            session = ""
            if name:
                account = next(account for account in await self.accounts.users() if account.name == name)
                session = await self.accounts.open_session(account, self.now())
                client.cookies.set("countersign", session)
            yield Visit(client, csrf_of(session))

    @asynccontextmanager
    async def call(self, name: str = "") -> AsyncIterator[httpx2.AsyncClient]:
        """A program with somebody's token, or with none."""
        headers = {"Authorization": f"Bearer {self.tokens[name]}"} if name else {}
        async with self._client(headers=headers) as client:
            yield client

    def _client(self, headers: dict[str, str]) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url=SITE, headers=headers)


@dataclass
class Visit:
    client: httpx2.AsyncClient
    csrf: str

    async def get(self, path: str) -> httpx2.Response:
        return await self.client.get(path)

    async def send(self, path: str, **form: Any) -> httpx2.Response:
        """A form as our own page would send it."""
        return await self.client.post(path, data={"csrf": self.csrf} | form)


def a_message(
    filename: str = "people.csv",
    subject: str = "Your participants",
    cell: str = "",
    rows: Sequence[tuple[str, ...]] = LIST,
) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SAM, BETA, subject
    message.set_content("Hello Beta,\r\n\r\nattached is your list.\r\n")
    message.add_attachment(
        write_csv([*rows, (cell,)] if cell else rows), maintype="text", subtype="csv", filename=filename
    )
    return message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def a_verdict(hold_id: str, to: tuple[str, ...], **changed: Any) -> Verdict:
    fields: dict[str, Any] = {
        "hold_id": hold_id,
        "disposition": Disposition.HOLD,
        "sentence": SENTENCE,
        "reasons": (
            Reason(rule="owner-not-recipient", recipients=to, parts=("2",), text="Acme's people, Beta's mail."),
        ),
        "recipients": tuple(
            RecipientVerdict(address=address, kind=Kind.CLIENT, clients=("beta",), disposition=Disposition.HOLD)
            for address in to
        ),
        "clients": (
            InvolvedClient(
                id="acme",
                role=ClientRole.OWNER,
                evidence=(ClientEvidence(kind="plan-number", part="2", where="B2"),),
            ),
        ),
        "parts": (
            PartReport(part="1", filename=None, type="text/plain", size=40, status=Status.OPENED, reason=None),
            PartReport(part="2", filename="people.csv", type="text/csv", size=2000, status=Status.OPENED, reason=None),
        ),
        "findings": (
            Finding(
                entity="US_SSN", part="2", where="A2:A31", count=30, distinct=30, confidence=0.95, sample="***-**-0001"
            ),
        ),
        "people": People(count=30, by_state={"NC": 10, "MA": 20}),
    }
    return Verdict(**fields | changed)


@contextmanager
def furnished(folder: Path, base_url: str | None = None) -> Iterator[Room]:
    """Open store and room; several event loops may use them one after the other."""
    (folder / "clients.yaml").write_text(CLIENTS)
    settings = Settings(
        store=StoreSettings(url="sqlite:///room.db"),
        web=Web(base_url=base_url),
        rules=Rules(clients=Path("clients.yaml")),
        base=folder,
    )
    store, book = Store.open(settings), Rulebook.load(settings, folder)
    quarantine, accounts, audit, inspector = Quarantine(store), Accounts(store), AuditLog(store), AtHand()
    room = Room(FastAPI(), quarantine, accounts, audit, inspector, Proposals(store))
    desk = Desk(
        settings=settings,
        quarantine=quarantine,
        accounts=accounts,
        audit=audit,
        inspector=inspector,
        ready=lambda: room.missing,
        metrics=lambda: b"countersign_held 1\n",
        now=room.now,
        proposals=room.proposals,
        book=lambda: book,
        judge=partial(judge, store, POLICY, DIRECTORY),
    )
    room.app = create_app(desk)
    try:
        asyncio.run(_cast(room))
        yield room
    finally:
        asyncio.run(store.close())


async def _cast(room: Room) -> None:
    for name, role in CAST.items():
        await room.accounts.add_user(name, role, PASSWORD, room.now())
        room.tokens[name] = await room.accounts.add_token(
            f"{name}-script" if name != "sam" else "sam", role, room.now(), account=name
        )
