"""A PostgreSQL behind the service: killed, stopped, restarted and cut off while mail is on its way."""
# ruff: noqa: S311 - chance is the point

import asyncio
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import CalledProcessError
from typing import TYPE_CHECKING

from faults import crashes
from faults.books import Books, Ledger
from faults.cable import Cable, Trouble
from faults.keeping import OnServer
from faults.load import under_load
from faults.mother import ROOT, Mother
from faults.pace import Pace
from faults.scenarios import ACME, BETA, trial
from faults.site import Site
from faults.upstream import Fate, parcel, submit

if TYPE_CHECKING:
    from postgres_server import Server

SOON = (0.5, 5.0)  #: soft and whole deadline of inspections: what a dead node had in hand is looked for after both
COMMIT = b"COMMIT\0"
LATEST = 8  #: commits of one trial


def missing() -> str | None:
    """Why there is no PostgreSQL here, or None."""
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        return "PostgreSQL is not installed"
    return None if os.geteuid() != 0 or shutil.which("runuser") else "no runuser, and PostgreSQL refuses to be root"


@contextmanager
def cluster() -> Iterator["Database"]:
    """A server of its own, with one database."""
    sys.path.insert(0, str(ROOT / "tests"))
    from postgres_server import server  # noqa: PLC0415 - the tests' own, and they are no package

    with server() as running, tempfile.TemporaryDirectory(prefix="faults-keys-") as folder:
        # What a commit does not itself write down stays unwritten for long: a control has the time to show it.
        running.ask("alter system set wal_writer_delay = '10s'")
        running.ask("select pg_reload_conf()")
        yield Database(running, Path(folder))


class Database:
    """The server, and what may happen to it. Every blow returns once the server is well again."""

    def __init__(self, server: "Server", folder: Path) -> None:
        self.server = server
        self._name, self._folder = server.database(), folder

    def keeping(self, port: int = 0) -> OnServer:
        """Over TCP, as from another machine; by another `port`, if something stands in between."""
        url = self.server.tcp(self._name)
        return OnServer.new(url.replace(f":{self.server.port}/", f":{port or self.server.port}/"), self._folder)

    def kill(self) -> None:
        """All of its processes at once, and up again: whatever was not on its disk is gone."""
        _send(signal.SIGSTOP, self._processes()[0])  # or it makes one more meanwhile
        self._kill(self._processes())

    def kill_parent(self) -> None:
        """The one that all others are children of: they notice, and end."""
        self._kill(self._processes()[:1])

    def restart(self) -> None:
        """As an operator does."""
        self.server.stop("fast")
        self._up_again()

    def restart_at_once(self) -> None:
        self.server.stop("immediate")
        self._up_again()

    def stop_and_go_on(self) -> None:
        """SIGSTOP of all its processes: connections stand, nobody answers."""
        stopped = self._processes()
        for pid in stopped:
            _send(signal.SIGSTOP, pid)
        time.sleep(random.choice([0.5, 2, 7]))
        for pid in stopped:
            _send(signal.SIGCONT, pid)

    def end_connections(self) -> None:
        """As an administrator or a pooler does."""
        for _ in range(3):
            self.server.ask("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'countersign'")
            time.sleep(random.uniform(0, 0.3))

    def _processes(self) -> list[int]:
        parent = int((self.server.data / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        return [parent, *map(int, children.split())]

    def _kill(self, whom: list[int]) -> None:
        all_of_them = self._processes()
        for pid in whom:
            _send(signal.SIGKILL, pid)
        while any(map(_runs, all_of_them)):
            time.sleep(0.02)
        for lock in (self.server.data / "postmaster.pid", *self.server.folder.glob(".s.PGSQL.*.lock")):
            lock.unlink(missing_ok=True)  # until somebody asks how it ended, the dead one's number is taken
        self._up_again()

    def _up_again(self) -> None:
        """Its port may be taken meanwhile, by a connection that somebody here makes."""
        time.sleep(random.uniform(0, 1))
        for _ in range(20):
            with suppress(CalledProcessError):
                return self.server.start()
            time.sleep(0.2)
        raise RuntimeError((self.server.folder / "log").read_text()[-500:])


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def _send(number: int, pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


BLOWS: Sequence[Callable[[Database], None]] = (
    Database.end_connections,
    Database.stop_and_go_on,
    Database.kill,
    Database.kill_parent,
    Database.restart,
    Database.restart_at_once,
)


async def struck(mother: Mother, ledger: Ledger, pace: Pace, *, plant: str | None = None) -> None:
    """The server suffers each blow in turn; the service stays up."""
    with cluster() as database:
        async with Site.opened(mother, plant=plant, keeping=database.keeping(), inspection=SOON) as site:
            books, kinds = Books(site), len(BLOWS) + 1
            for number in pace.trials(kinds):
                ledger.trials += 1
                starts = site.starts
                if number % kinds == 0:
                    await _killed_as_it_has_answered(site, books, ledger, database)
                else:
                    await under_load(site, books, ledger, _later(BLOWS[number % kinds - 1], database))
                if site.starts > starts:
                    ledger.complain("wrong", f"the service ended: {list(site.said)[-5:]}")


async def _killed_as_it_has_answered(site: Site, books: Books, ledger: Ledger, database: Database) -> None:
    """Not a moment later: what is not on the disk by then never gets there."""
    sent = [parcel({BETA: Fate.HELD}, marks="ssn") for _ in range(8)]
    await asyncio.gather(*(submit(site.way, each, until=time.monotonic() + 60) for each in sent))
    await asyncio.to_thread(database.kill)
    await books.at_rest()
    await books.check(sent, ledger)


async def _later(blow: Callable[[Database], None], database: Database) -> None:
    await asyncio.sleep(random.uniform(0.3, 1.2))
    await asyncio.to_thread(blow, database)


async def cut_at_commit(mother: Mother, ledger: Ledger, pace: Pace) -> None:
    """The connection ends when a commit is on its way there, or its answer on its way back: who knows the outcome?"""
    kinds = [(trouble, after) for trouble in (Trouble.RESET, Trouble.CLOSE, Trouble.DEAD) for after in (True, False)]
    with cluster() as database:
        cable = await Cable(to=database.server.port, mark=COMMIT).start()
        try:
            async with Site.opened(mother, keeping=database.keeping(cable.port), inspection=SOON) as site:
                books, commits = Books(site), crashes.Targets(LATEST)
                for number in pace.trials(len(kinds)):
                    trouble, after = kinds[number % len(kinds)]
                    cable.set(trouble, commits.next(None), after=after)
                    parcels = [
                        parcel({ACME: Fate.DELIVERED}),
                        parcel({BETA: Fate.HELD}, marks="ssn"),
                        parcel({BETA: Fate.DELIVERED}, marks="ssn", decision="release"),
                    ]
                    await trial(site, books, ledger, parcels)
                    cable.set(Trouble.NONE, 0, after=False)
        finally:
            await cable.stop()


async def service_killed(mother: Mother, ledger: Ledger, pace: Pace, names: Sequence[str]) -> None:
    """Kill -9 of the service at every call, those to the server among them."""
    with cluster() as database:
        await crashes.sweep(mother, ledger, pace, names, keeping=database.keeping())


async def service_killed_under_load(mother: Mother, ledger: Ledger, pace: Pace) -> None:
    with cluster() as database:
        async with Site.opened(mother, keeping=database.keeping(), inspection=SOON) as site:
            await crashes.killed_under_load(site, ledger, pace)
