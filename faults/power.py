"""The power goes: what has reached the disk at that moment is all there is. Needs root, loop devices, ext4 and XFS.

ext4 lies in a file on XFS. The process is stopped, the file copied by reflink (an instant picture of the disk), the
service killed, and started again on the picture. The client's side of the books stays outside.
"""
# ruff: noqa: S311, S607 - chance is the point; programs are found where the system has them

import asyncio
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from faults.books import Books, Ledger
from faults.keeping import InFile
from faults.mother import Mother
from faults.pace import Pace
from faults.scenarios import ACME, BETA, play
from faults.site import Site
from faults.upstream import Fate, Parcel, parcel, submit


def missing() -> str | None:
    """Why the power cannot be cut here, or None."""
    tools = [tool for tool in ("mkfs.xfs", "mkfs.ext4", "mount", "losetup") if shutil.which(tool) is None]
    if os.geteuid() != 0:
        return "not root"
    if tools:
        return f"no {', '.join(tools)}"
    if not Path("/dev/loop-control").exists():
        return "no loop devices"
    with tempfile.TemporaryDirectory() as folder:
        try:
            _xfs(Path(folder))
        except subprocess.CalledProcessError as error:
            return f"{error.cmd[0]} fails: {error.stderr.decode(errors='replace').strip()[-100:]}"
        finally:
            _umount(Path(folder) / "x")
    return None


async def cuts(mother: Mother, ledger: Ledger, pace: Pace, *, plant: str | None = None) -> None:
    """Again and again: some mail, the power goes, and the service comes up on what was on the disk."""
    async with _rig() as (image, live), Site.opened(mother, plant=plant, keeping=InFile(live / "store")) as site:
        books = Books(site)
        for _ in pace.trials():
            ledger.trials += 1
            await _cut(site, books, ledger, (image, live))
        await site.stop()


async def _cut(site: Site, books: Books, ledger: Ledger, rig: tuple[Path, Path]) -> None:
    sent: list[Parcel] = []
    clients = [asyncio.create_task(_client(site, sent)) for _ in range(4)]
    await asyncio.sleep(random.uniform(0.25, 0.8))
    os.kill(site.pid, signal.SIGSTOP)
    await asyncio.sleep(0.02)
    for client in clients:  # what has been answered until now counts
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    await asyncio.to_thread(_picture, rig[0])
    await site.stop()
    await asyncio.to_thread(_swap, *rig)
    books.forget()
    await site.start()
    until = time.monotonic() + 30
    await asyncio.gather(*(submit(site.way, each, until=until) for each in sent))
    await play(site, books, [])
    await books.check(sent, ledger)


async def _client(site: Site, sent: list[Parcel]) -> None:
    while True:
        held = random.random() < 0.6
        each = parcel({BETA: Fate.HELD}, marks="ssn") if held else parcel({ACME: Fate.DELIVERED})
        sent.append(each)
        await submit(site.way, each, until=time.monotonic() + 30)


@asynccontextmanager
async def _rig() -> AsyncIterator[tuple[Path, Path]]:
    """The image of the disk, and where it is mounted."""
    top = Path(tempfile.mkdtemp(prefix="faults-power-"))
    live = top / "live"
    live.mkdir()
    try:
        image = _xfs(top) / "disk.img"
        _run("truncate", "-s", "64M", image)
        _run("mkfs.ext4", "-q", "-F", image)
        _run("mount", "-o", "loop", image, live)
        yield image, live
    finally:
        _umount(live)
        _umount(top / "x")
        shutil.rmtree(top, ignore_errors=True)


def _xfs(top: Path) -> Path:
    _run("truncate", "-s", "400M", top / "xfs.img")
    _run("mkfs.xfs", "-q", "-m", "reflink=1", top / "xfs.img")
    (top / "x").mkdir()
    _run("mount", "-o", "loop", top / "xfs.img", top / "x")
    return top / "x"


def _picture(image: Path) -> None:
    _run("cp", "--reflink=always", image, image.with_name("picture.img"))


def _swap(image: Path, live: Path) -> None:
    """The picture becomes the disk."""
    _umount(live)
    image.unlink()
    image.with_name("picture.img").rename(image)
    _run("mount", "-o", "loop", image, live)


def _umount(folder: Path) -> None:
    for _ in range(50):
        with suppress(subprocess.CalledProcessError):
            _run("umount", folder)
            return
        if not os.path.ismount(folder):
            return
        time.sleep(0.05)
    subprocess.run(["umount", "-l", folder], check=False)


def _run(*command: str | Path) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
