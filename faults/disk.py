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
from faults.crashes import Targets, calls, shuffled
from faults.keeping import InFile
from faults.mother import Mother
from faults.pace import Pace
from faults.scenarios import ACME, BETA, BIG, SCENARIOS, play, trial
from faults.shim import Blow, Fault
from faults.site import Site
from faults.upstream import Fate, Parcel, parcel
from gateway.store.driver import sqlite3

ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS)
SPANS = (1, 1, 3, 1000)  #: the last one: it does not get better until the trial's end
ROOM = 12 << 20  #: octets of the small disk
LEFT = (0, 4096, 40_000, 300_000, 700_000, 1_500_000)  #: of them, when it is full


def missing() -> str | None:
    """Why no small disk can be had here, or None."""
    return None if os.geteuid() == 0 else "not root"


async def failing(
    mother: Mother, ledger: Ledger, pace: Pace, names: Sequence[str], *, plant: str | None = None
) -> None:
    """Any of a scenario's calls on files fails, alone or with those that follow, with each error in turn."""
    async with Site.opened(mother, plant=plant) as site:
        books = Books(site)
        kinds = shuffled((name, error) for error in ERRORS for name in names)
        targets: dict[str, Targets] = {}
        for number in pace.trials(len(kinds)):
            name, error = kinds[number % len(kinds)]
            if name not in targets:
                targets[name] = Targets(await calls(site, books, ledger, name, Fault.FAIL))
            blow = Blow(Fault.FAIL, targets[name].next(error), error, random.choice(SPANS))
            recovery = asyncio.create_task(_recover(site, 1.0))
            await trial(site, books, ledger, SCENARIOS[name](), arm=blow)
            recovery.cancel()


async def _recover(site: Site, seconds: float) -> None:
    """No trial waits for an error that never ends."""
    await asyncio.sleep(seconds)
    site.page.disarm()


async def full(mother: Mother, ledger: Ledger, pace: Pace) -> None:
    """A small disk filled to within a few octets, and emptied again a second later."""
    with small_disk() as folder:
        async with Site.opened(mother, keeping=InFile(folder / "store")) as site:
            books = Books(site)
            ballast = folder / "ballast"
            for number in pace.trials(len(LEFT)):
                left = LEFT[number % len(LEFT)]
                free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
                ballast.write_bytes(bytes(max(0, free - left)))
                freeing = asyncio.get_running_loop().call_later(1.0, ballast.unlink)
                await trial(site, books, ledger, _mail())
                freeing.cancel()
                ballast.unlink(missing_ok=True)


def _mail() -> list[Parcel]:
    return [
        parcel({ACME: Fate.DELIVERED}),
        parcel({BETA: Fate.HELD}, marks="ssn", body=BIG[: random.choice([100, 100_000])] + b"\r\n"),
        parcel({BETA: Fate.DELIVERED}, marks="ssn", decision="release"),
    ]


async def locked(mother: Mother, ledger: Ledger, pace: Pace) -> None:
    """Somebody else has the store locked for longer than anybody waits."""
    async with Site.opened(mother) as site:
        books = Books(site)
        for _ in pace.trials():
            locking = asyncio.create_task(asyncio.to_thread(_lock, site, 6.5))
            await asyncio.sleep(0.2)
            await trial(site, books, ledger, _mail())
            await locking


def _lock(site: Site, seconds: float) -> None:
    path = site.settings.store.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as database:
        database.execute("begin exclusive")
        time.sleep(seconds)
        database.execute("rollback")


async def read_only(mother: Mother, ledger: Ledger, pace: Pace) -> None:
    """A disk that comes up read-only: the service says so and ends; once it is writable, all goes on."""
    with small_disk() as folder:
        async with Site.opened(mother, keeping=InFile(folder / "store")) as site:
            books = Books(site)
            for _ in pace.trials():
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


async def no_descriptors(mother: Mother, ledger: Ledger, pace: Pace) -> None:
    """EMFILE: the process may open a few files more, or none, for a second."""
    async with Site.opened(mother) as site:
        books = Books(site)
        for number in pace.trials(6):
            usual = resource.prlimit(site.pid, resource.RLIMIT_NOFILE)
            highest = _highest_descriptor(site.pid)
            resource.prlimit(site.pid, resource.RLIMIT_NOFILE, (highest + 1 + number % 6, usual[1]))
            pid = site.pid
            easing = asyncio.get_running_loop().call_later(1.0, _ease, pid, usual)
            await trial(site, books, ledger, _mail())
            easing.cancel()
            _ease(pid, usual)


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
