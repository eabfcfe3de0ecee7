"""A disk that is full, that fails, that is read-only; a store that somebody has locked; no file descriptors left."""
# ruff: noqa: S311, S607 - chance is the point; programs are found where the system has them

import asyncio
import errno
import os
import random
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from faults.books import Books, Ledger
from faults.crashes import calls, spread
from faults.mother import Mother
from faults.scenarios import ACME, BETA, BIG, SCENARIOS, play, trial
from faults.shim import Blow, Fault
from faults.site import Site
from faults.upstream import Fate, Parcel, parcel
from gateway.store.driver import sqlite3

ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS)
SPANS = (1, 1, 3, 1000)  #: the last one: it does not get better until the trial's end
ROOM = 12 << 20  #: octets of the small disk


def missing() -> str | None:
    """Why no small disk can be had here, or None."""
    return None if os.geteuid() == 0 else "not root"


async def failing(mother: Mother, names: Sequence[str], step: int, *, plant: str | None = None) -> Ledger:
    """Calls on files fail, one or many, with each error."""
    ledger = Ledger()
    async with Site.opened(mother, plant=plant) as site:
        books = Books(site)
        for name in names:
            number = await calls(site, books, ledger, name, Fault.FAIL)
            for error in ERRORS:
                for call in spread(number, step):
                    blow = Blow(Fault.FAIL, call, error, random.choice(SPANS))
                    recovery = asyncio.create_task(_recover(site, 1.0))
                    await trial(site, books, ledger, SCENARIOS[name](), arm=blow)
                    recovery.cancel()
    return ledger


async def _recover(site: Site, seconds: float) -> None:
    """No trial waits for an error that never ends."""
    await asyncio.sleep(seconds)
    site.page.disarm()


async def full(mother: Mother, trials: int) -> Ledger:
    """A small disk filled to within a few octets, and emptied again a second later."""
    ledger = Ledger()
    with small_disk() as folder:
        async with Site.opened(mother, store=folder / "store") as site:
            books = Books(site)
            ballast = folder / "ballast"
            for number in range(trials):
                left = (0, 4096, 40_000, 300_000, 700_000, 1_500_000)[number % 6]
                free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
                ballast.write_bytes(bytes(max(0, free - left)))
                freeing = asyncio.get_running_loop().call_later(1.0, ballast.unlink)
                await trial(site, books, ledger, _mail())
                freeing.cancel()
                ballast.unlink(missing_ok=True)
    return ledger


def _mail() -> list[Parcel]:
    return [
        parcel({ACME: Fate.DELIVERED}),
        parcel({BETA: Fate.HELD}, marks="ssn", body=BIG[: random.choice([100, 100_000])] + b"\r\n"),
        parcel({BETA: Fate.DELIVERED}, marks="ssn", decision="release"),
    ]


async def locked(mother: Mother, trials: int) -> Ledger:
    """Somebody else has the store locked for longer than anybody waits."""
    ledger = Ledger()
    async with Site.opened(mother) as site:
        books = Books(site)
        for _ in range(trials):
            locking = asyncio.create_task(asyncio.to_thread(_lock, site, 6.5))
            await asyncio.sleep(0.2)
            await trial(site, books, ledger, _mail())
            await locking
    return ledger


def _lock(site: Site, seconds: float) -> None:
    path = site.settings.store.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as database:
        database.execute("begin exclusive")
        time.sleep(seconds)
        database.execute("rollback")


async def read_only(mother: Mother, trials: int) -> Ledger:
    """A disk that comes up read-only: the service says so and ends; once it is writable, all goes on."""
    ledger = Ledger()
    with small_disk() as folder:
        async with Site.opened(mother, store=folder / "store") as site:
            books = Books(site)
            for _ in range(trials):
                kept = [parcel({BETA: Fate.HELD}, marks="ssn")]
                await play(site, books, kept)
                await site.stop(15)
                _mount("remount,ro", folder)
                site.tell_to_start()
                if await site.greets_within(4):
                    ledger.complain("wrong", "it takes mail on a disk that it cannot write to")
                await site.stop()
                _mount("remount,rw", folder)
                await site.start()
                await trial(site, books, ledger, [*kept, *_mail()])
    return ledger


async def no_descriptors(mother: Mother, trials: int) -> Ledger:
    """EMFILE: the process may open a few files more, or none, for a second."""
    ledger = Ledger()
    async with Site.opened(mother) as site:
        books = Books(site)
        for number in range(trials):
            usual = resource.prlimit(site.pid, resource.RLIMIT_NOFILE)
            highest = _highest_descriptor(site.pid)
            resource.prlimit(site.pid, resource.RLIMIT_NOFILE, (highest + 1 + number % 6, usual[1]))
            pid = site.pid
            easing = asyncio.get_running_loop().call_later(1.0, _ease, pid, usual)
            await trial(site, books, ledger, _mail())
            easing.cancel()
            _ease(pid, usual)
    return ledger


def _highest_descriptor(pid: int) -> int:
    return max(int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir())


def _ease(pid: int, usual: tuple[int, int]) -> None:
    try:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
    except ProcessLookupError:
        return


@contextmanager
def small_disk() -> Iterator[Path]:
    """A tmpfs of its own; needs root."""
    folder = Path(tempfile.mkdtemp(prefix="faults-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=0700", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=False)
        folder.rmdir()


def _mount(options: str, folder: Path) -> None:
    subprocess.run(["mount", "-o", options, folder], check=True, capture_output=True)
