"""A real PostgreSQL of its own: a cluster in a temporary folder, run by a user who is not root, as it insists."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql
from serving import free_port

ROLE, PASSWORD = "countersign", "a password of the database"
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made there; what is tested here is not the disk


def programs() -> Path:
    """Debian puts them beside each other by version, and none of them on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    return found[-1]


@dataclass
class Server:
    folder: Path
    port: int = field(default_factory=free_port)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str) -> str:
        return f"postgresql://{ROLE}@/{database}?host={self.folder}&port={self.port}"

    def tcp(self, database: str, password: str = PASSWORD) -> str:
        return f"postgresql://{ROLE}:{password.replace(' ', '%20')}@127.0.0.1:{self.port}/{database}"

    def make(self) -> None:
        self._run("initdb", "-D", self.data, "-U", "postgres", "-E", "UTF8", "--no-locale", "-A", "trust", "--no-sync")
        rules = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        (self.data / "pg_hba.conf").write_text(rules)
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write(
                f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{self.folder}'\n"
                "max_connections = 60\nshared_buffers = 16MB\nmax_wal_size = 128MB\nlc_messages = 'C'\n"
            )

    def start(self) -> None:
        self._run("pg_ctl", "start", "-w", "-D", self.data, "-l", self.folder / "log")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "stop", "-w", "-m", mode, "-D", self.data)

    def restart(self, mode: str = "immediate") -> None:
        self.stop(mode)
        self.start()

    def ask(self, statement: str | sql.Composed, database: str = "postgres") -> list[tuple[object, ...]]:
        """As its administrator."""
        address = f"host={self.folder} port={self.port} user=postgres dbname={database}"
        with psycopg.connect(address, autocommit=True) as connection:
            done = connection.execute(statement)  # type: ignore[arg-type]
            return done.fetchall() if done.description else []

    def database(self) -> str:
        name = f"t{secrets.token_hex(6)}"
        self.ask(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(ROLE)))
        return name

    def drop(self, name: str) -> None:
        self.ask(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _run(self, program: str, *arguments: str | Path) -> None:
        who = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*who, str(programs() / program), *map(str, arguments)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder)


@contextmanager
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="countersign-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        if os.geteuid() == 0:
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        made = Server(folder)
        made.make()
        made.start()
        role = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(PASSWORD))
        made.ask(role)
        yield made
        made.stop("immediate")
    finally:
        shutil.rmtree(folder)
