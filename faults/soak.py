"""Days of mail in miniature: the clock gains hours, and the service must not take more and more of the machine.

The service as it is shipped, with real openers. Mail of every size, attachments that open and that do not, two
reviewers for a release, returns, expiry; rules reloaded, keys rotated and forgotten; in the last fifth it is told to
stop, and started again.
"""
# ruff: noqa: S311 - chance is the point

import asyncio
import base64
import io
import random
import secrets
import signal
import time
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from openpyxl import Workbook

from faults.books import Books, Ledger
from faults.load import DELIVERED, HELD, RETURNED, some_mail, under_load
from faults.mother import Haste, Mother
from faults.scenarios import ACME, BETA
from faults.site import Site
from faults.upstream import Fate, Parcel, parcel
from faults.vitals import Sample, Trend, trends
from gateway import rotate
from gateway.accounts import Accounts, Role
from gateway.actor import Actor
from gateway.errors import StoreError
from gateway.store import Store

TICK = 7200  #: seconds that the clock gains with each round of mail
ROUND = 5.0  #: seconds of mail, before all of it is followed to its end
DAY = 86400
RESTARTS = 0.8  #: part of the time after which it is restarted in every round


class Office(Site):
    """A node where a release takes two reviewers, and nothing is kept for longer than a day."""

    policy = f"{Site.policy}  owner-not-recipient: {{approvers: 2}}\n"
    days = 1
    second = ""

    async def hire(self, store: Store, name: str) -> str:
        """A reviewer with an account: a token of nobody does not count where two have to agree."""
        await Accounts(store).add_user(name, Role.REVIEWER, secrets.token_urlsafe(), self.now())
        return await super().hire(store, name)

    async def decide(self, hold_id: str, decision: str, token: str | None = None) -> int:
        """Each of the two, in either order; 409 says that this one has agreed already. Done once nobody failed to."""
        both = [token or self.token, self.second] if decision == "release" else [token or self.token]
        asked = [await super(Office, self).decide(hold_id, decision, each) for each in random.sample(both, len(both))]
        return next((status for status in asked if status not in {200, 409}), min(asked))


@dataclass
class Soaked:
    """What a soak has seen."""

    ledger: Ledger = field(default_factory=Ledger)
    samples: list[Sample] = field(default_factory=list)
    days: float = 0.0
    reloads: int = 0
    rotations: int = 0
    restarts: int = 0
    expired: int = 0

    @property
    def trends(self) -> Sequence[Trend]:
        """Of the process that lived longest: the first one."""
        return trends([each for each in self.samples if each.pid == self.samples[0].pid])

    @property
    def good(self) -> bool:
        return self.ledger.clean and all(trend.good for trend in self.trends)


async def soak(mother: Mother, soaked: Soaked, minutes: float, *, plant: str | None = None) -> None:
    began = time.monotonic()
    async with Office.opened(mother, haste=Haste.DAYS, plant=plant, inspection=(60, 300)) as site:
        async with await asyncio.to_thread(Store.open, site.settings) as store:
            site.second = await site.hire(store, "second")
        books, kept = Books(site), list[Parcel]()
        while (gone := (time.monotonic() - began) / (60 * minutes)) < 1:
            sent = await under_load(site, books, soaked.ledger, _round(site, soaked, gone), mail=office_mail)
            kept += [each for each in sent if HELD in each.wanted.values()]
            soaked.ledger.trials += 1
            soaked.samples.append(_sample(site, mother, soaked))
        await _all_expired(site, books, soaked, kept)
        await site.stop(signal.SIGTERM)
        if left := list(mother.temporary.iterdir()):
            soaked.ledger.complain("wrong", f"temporary files are left: {[each.name for each in left]}")


async def _round(site: Site, soaked: Soaked, gone: float) -> None:
    site.page.set("clock", site.page.get("clock") + TICK)
    soaked.days += TICK / DAY
    await asyncio.sleep(ROUND / 2)
    if gone > RESTARTS:
        await site.kill(signal.SIGTERM)
        await site.again()
        soaked.restarts += 1
    elif random.random() < 0.5:
        await site.kill(signal.SIGHUP)
        soaked.reloads += 1
    else:
        with suppress(StoreError):  # the service is busy with it for longer than anybody waits: another time
            await _rotate(site)
            soaked.rotations += 1
    await asyncio.sleep(ROUND / 2)


async def _rotate(site: Site) -> None:
    """A new key while it works, and the old one out of the file."""
    async with await asyncio.to_thread(Store.open, site.settings) as store:
        await rotate.rotate(store, Actor("keeper"), site.now())
        await rotate.forget(store, Actor("keeper"), site.now())


def _sample(site: Site, mother: Mother, soaked: Soaked) -> Sample:
    folders = (site.folder / "store", mother.temporary)
    sample = Sample.of(site.pid, site.children(), folders, soaked.ledger.messages)
    if soaked.samples and (left := sample.zombies & soaked.samples[-1].zombies):
        soaked.ledger.complain("wrong", f"{len(left)} children have ended long ago, and nobody has asked how")
    return sample


async def _all_expired(site: Site, books: Books, soaked: Soaked, kept: Sequence[Parcel]) -> None:
    """What nobody decided on has gone back to its sender, with a notice, once its day is over."""
    site.page.set("clock", site.page.get("clock") + DAY + TICK)
    with suppress(TimeoutError):
        async with asyncio.timeout(60):
            while (await site.ask("select count(*) from recipients where state = 'held'"))[0][0]:  # noqa: ASYNC110 - a row
                await asyncio.sleep(1)
    await books.at_rest(60)
    for each in kept:
        each.wanted = dict.fromkeys(each.wanted, RETURNED)
    soaked.expired, messages = len(kept), soaked.ledger.messages
    await books.check(kept, soaked.ledger)
    soaked.ledger.messages = messages  # counted when they were sent


def office_mail() -> Parcel:
    """Half of it is text; some attachments are opened, some cannot be."""
    kind = random.choice([*["text"] * 5, "large", "list", "workbook", "nested", "corrupt"])
    if kind == "text":
        return some_mail()
    if kind == "large":
        return parcel(
            {ACME: DELIVERED}, body=b"The figures of the quarter, as agreed.\r\n" * random.randint(100, 20_000)
        )
    if kind == "list":
        return _with({BETA: HELD}, "list.csv", _people().encode())
    if kind == "workbook":
        return _with({ACME: DELIVERED}, "prices.xlsx", _workbook())
    if kind == "nested":
        return _with({ACME: HELD}, "deep.zip", _nested(12))
    return _with({ACME: HELD}, "broken.xlsx", _workbook()[:-200])


def _with(wanted: dict[str, frozenset[Fate]], name: str, content: bytes) -> Parcel:
    text = "--=_soak\r\nContent-Type: text/plain\r\n\r\nAttached.\r\n--=_soak\r\n"
    text += f'Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="{name}"\r\n'
    text += "Content-Transfer-Encoding: base64\r\n\r\n"
    packed = base64.encodebytes(content).replace(b"\n", b"\r\n")
    head = ("MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="=_soak"')
    return parcel(wanted, head=head, body=text.encode() + packed + b"--=_soak--\r\n")


def _people() -> str:
    rows = [
        f"Person{n} Family{n},{random.randrange(100, 600)}-{random.randrange(10, 99)}-{random.randrange(1000, 9999)},MA"
        for n in range(random.randint(5, 400))
    ]
    return "\r\n".join(["Acme Manufacturing Inc. plan 501234", "Name,SSN,State", *rows]) + "\r\n"


def _workbook() -> bytes:
    book, into = Workbook(), io.BytesIO()
    sheet = book.create_sheet()
    for row in range(random.randint(5, 200)):
        sheet.append([f"Item {row}", round(random.uniform(1, 99), 2)])
    book.save(into)
    return into.getvalue()


def _nested(depth: int) -> bytes:
    content, name = b"Nothing of interest.\r\n", "note.txt"
    for level in range(depth):
        into = io.BytesIO()
        with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr(name, content)
        content, name = into.getvalue(), f"level{level}.zip"
    return content
