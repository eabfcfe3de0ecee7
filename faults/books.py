"""The oracle: what the client was told, what arrived, what the store and the audit log say; and whether they agree.

It reads the store's tables with SQL of its own; only held content is asked of the product, which alone can decrypt it.
"""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from faults.nexthop import Copy
from faults.site import Site
from faults.upstream import Fate, Parcel
from gateway.audit.verify import Verifier
from gateway.errors import GatewayError
from gateway.hold import Quarantine
from gateway.ledger import fingerprint
from gateway.message import Envelope
from gateway.store import Store

MOVING = ("pending", "releasing", "returning", "relaying")
PATIENCE = 20.0  #: seconds until all that moves has to have come to rest
HOLD_ID = re.compile(r"\b01[0-9A-HJKMNP-TV-Z]{24}\b")
OURS = re.compile(rb"((?:Received|X-Countersign-[A-Za-z-]+):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*")


@dataclass
class Ledger:
    """The sums, and every complaint in words."""

    trials: int = 0
    messages: int = 0
    lost: int = 0
    undecided: int = 0
    unasked: int = 0  #: released without a decision
    duplicates: int = 0  #: second copies, all of them
    unrecorded: int = 0  #: second copies without a record
    wrong: int = 0  #: all else: bytes, recipients, refusals, the record itself
    void: int = 0  #: trials that the suite itself could not carry out: they prove nothing either way
    complaints: list[str] = field(default_factory=list)

    def add(self, other: "Ledger") -> None:
        for name in ("trials", "messages", "lost", "undecided", "unasked", "duplicates", "unrecorded", "wrong", "void"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.complaints += other.complaints

    @property
    def clean(self) -> bool:
        return not (self.lost or self.undecided or self.unasked or self.unrecorded or self.wrong)

    def complain(self, sum_: str, text: str) -> None:
        setattr(self, sum_, getattr(self, sum_) + 1)
        self.complaints.append(f"{sum_}: {text}")


@dataclass(frozen=True, slots=True)
class Row:
    """One recipient of one stored message."""

    message: str
    purpose: str | None
    about: str | None
    fingerprint: str | None
    address: str
    state: str


class Books:
    """Of one site, from its first trial to its last."""

    def __init__(self, site: Site, patience: float = PATIENCE) -> None:
        self._site = site
        self._patience = patience
        self._verifier = Verifier()
        self._records: list[dict[str, Any]] = []
        self._twice: dict[str, int] = {}  #: second copies of notices, by Message-ID
        self._counted = 0  #: copies that were looked at in earlier trials

    def forget(self) -> None:
        """The store is another one now: read its audit log from the beginning."""
        self._verifier, self._records = Verifier(), []

    async def decided(self, hold_id: str, decision: str) -> bool:
        """Whether a decision is on record."""
        lines = await self._site.ask("select line from audit where hold_id = ?", hold_id)
        return any(json.loads(line)["event"] == decision for (line,) in lines)

    async def at_rest(self, patience: float | None = None) -> None:
        """Until nothing moves any more, or patience ends."""
        end = time.monotonic() + (patience or self._patience)
        while time.monotonic() < end:
            if not [row for row in await self._rows() if row.state in MOVING]:
                return
            await asyncio.sleep(0.05)

    async def check(self, parcels: Sequence[Parcel], ledger: Ledger) -> None:
        """Every message of one trial, and all that has arrived since the last one."""
        rows = await self._rows()
        await self._read_audit(ledger)
        copies = self._site.next_hop.copies
        fresh = copies[self._counted :]
        self._counted = len(copies)
        for row in rows:
            if row.state in MOVING:
                ledger.complain("undecided", f"{row.message} ({row.purpose or 'mail'}) is still {row.state}")
        known = {each.token: each for each in parcels}
        for copy in fresh:
            if copy.token is not None and copy.token in known:
                self._check_copy(copy, known[copy.token], ledger)
        for each in parcels:
            ledger.messages += 1
            mine = [row for row in rows if row.fingerprint == _fingerprint(each) and row.purpose is None]
            self._check_parcel(each, mine, rows, ledger)
        self._check_notices(ledger)
        await self._check_content(parcels, rows, ledger)

    def _check_parcel(self, each: Parcel, mine: list[Row], rows: list[Row], ledger: Ledger) -> None:
        name = f"{each.token} {each.replies}"
        ids = {row.message for row in mine}
        if not each.done:
            ledger.complain("undecided", f"{name}: never answered")
        for to, wanted in each.wanted.items():
            copies = [copy for copy in self._copies(each) if to in copy.rcpt_to]
            ends = self._ends(to, copies, mine, rows)
            if each.refused:
                ends.add(Fate.REFUSED)
            if each.acked and not ends:
                ledger.complain("lost", f"{name}: nowhere for {to}")
            elif each.done and not ends & wanted:
                ledger.complain("wrong", f"{name}: {sorted(ends)} for {to}, not {sorted(wanted)}")
            self._check_copies(each, ids, len(copies), ledger)
            self._check_decision(each, to, copies, ledger)
        if self._copies(each) and not self._records_of(each, ids, "relaying", "release", "delivery-due"):
            ledger.complain("wrong", f"{name}: it left before anything was written down")

    def _check_copies(self, each: Parcel, ids: set[str], copies: int, ledger: Ledger) -> None:
        if copies < 2:
            return
        ledger.duplicates += copies - 1
        records = len(self._records_of(each, ids, "possible-duplicate"))
        for _ in range(max(0, copies - 1 - records)):
            ledger.complain("unrecorded", f"{each.token}: {copies} copies, {records} records")

    def _check_notices(self, ledger: Ledger) -> None:
        """What Countersign wrote itself may come twice as well, and is then on record under what it is about."""
        notices = [copy for copy in self._site.next_hop.copies if not copy.mail_from]
        for name, times in Counter(_name(notice) for notice in notices).items():
            second, self._twice[name] = times - 1 - self._twice.get(name, 0), times - 1
            ledger.duplicates += second
            about = next(HOLD_ID.findall(notice.raw.decode()) for notice in notices if _name(notice) == name)
            records = len([r for r in self._records if r["event"] == "possible-duplicate" and r["hold_id"] in about])
            if second and times - 1 > records:
                ledger.complain("unrecorded", f"notice {name}: {times} copies, {records} records")

    def _check_decision(self, each: Parcel, to: str, copies: list[Copy], ledger: Ledger) -> None:
        """What must wait for a person goes nowhere without one's word."""
        if copies and Fate.DELIVERED in each.wanted[to] and each.decision is None:
            return
        released = each.decision == "release" and self._records_of(each, {each.hold_id or ""}, "release")
        if copies and not released:
            ledger.complain("unasked", f"{each.token}: {to} has it, and nobody released it")

    def _ends(self, to: str, copies: list[Copy], mine: list[Row], rows: list[Row]) -> set[Fate]:
        states = {row.state for row in mine if row.address == to}
        told = {row.about for row in rows if row.purpose in {"return", "failure"} and row.state == "relayed"}
        ids = {row.message for row in mine}
        ends = {Fate.DELIVERED} if copies else set()
        if "held" in states:
            ends.add(Fate.HELD)
        if "returned" in states and ids & told:
            ends.add(Fate.RETURNED)
        if "failed" in states and ids & told:
            ends.add(Fate.FAILED)
        return ends

    def _check_copy(self, copy: Copy, each: Parcel, ledger: Ledger) -> None:
        ours = copy.raw.removesuffix(each.raw)
        if len(ours) == len(copy.raw) or not OURS.fullmatch(ours):
            ledger.complain("wrong", f"{each.token}: other bytes arrived than were sent")
        if copy.mail_from != each.sender or not set(copy.rcpt_to) <= set(each.recipients):
            ledger.complain("wrong", f"{each.token}: arrived for {copy.rcpt_to} of <{copy.mail_from}>")

    async def _check_content(self, parcels: Sequence[Parcel], rows: list[Row], ledger: Ledger) -> None:
        """Held and pending mail is there, whole."""
        prints = {_fingerprint(each): each for each in parcels}
        held = [row for row in rows if row.fingerprint in prints and row.state == "held"]
        kept = {row.message: prints[row.fingerprint or ""] for row in held}
        if not kept:
            return
        async with await asyncio.to_thread(Store.open, self._site.settings) as store:
            for identifier, each in kept.items():
                try:
                    raw = await Quarantine(store).content(identifier)
                except GatewayError:
                    raw = b""
                if raw != each.raw:
                    ledger.complain("lost", f"{each.token}: held, and its bytes are not those that were sent")

    def _copies(self, each: Parcel) -> list[Copy]:
        return [copy for copy in self._site.next_hop.copies if copy.token == each.token]

    def _records_of(self, each: Parcel, ids: Iterable[str], *events: str) -> list[dict[str, Any]]:
        mark, known = _fingerprint(each), set(ids)
        return [
            record
            for record in self._records
            if record["event"] in events and (record["hold_id"] in known or record["detail"].get("fingerprint") == mark)
        ]

    async def _rows(self) -> list[Row]:
        asked = (
            "select m.id, m.purpose, m.about, m.fingerprint, r.address, r.state from recipients r "
            "join messages m on m.id = r.message_id"
        )
        return [Row(*row) for row in await self._site.ask(asked)]

    async def _read_audit(self, ledger: Ledger) -> None:
        asked = "select line from audit where seq > ? order by seq"
        for (line,) in await self._site.ask(asked, self._verifier.seq):
            if fault := self._verifier.take(line.encode() + b"\n"):
                ledger.complain("wrong", f"audit log: {fault}")
                return
            self._records.append(json.loads(line))


def _fingerprint(each: Parcel) -> str:
    return fingerprint(Envelope(mail_from=each.sender, rcpt_to=each.recipients), each.raw)


def _name(notice: Copy) -> str:
    found = re.search(rb"^Message-ID:\s*(\S+)", notice.raw, re.MULTILINE | re.IGNORECASE)
    return found[1].decode() if found else ""
