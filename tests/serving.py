"""`countersign serve` as a process of its own, with its settings file, for tests that see it only from outside."""

import asyncio
import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Self

import httpx2 as httpx
import peers
from house import IN_A_FILE, SENDER, settings_file

PROGRAM = str(Path(sys.executable).with_name("countersign"))
LOADED = str(Path(__file__).with_name("loaded.py"))
PATIENCE = 120  #: seconds; a busy machine starts slowly


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment(**more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSIGN_")} | more


@cache
def _loaded() -> socket.socket:
    """To the process that has imported the program; it ends with ours."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        mother = subprocess.Popen(
            [sys.executable, "-P", LOADED, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=clean_environment(OPENBLAS_NUM_THREADS="1"),
        )
    atexit.register(lambda: (ours.close(), mother.wait()))
    return ours


def run(
    *arguments: str | Path, stdin: bytes = b"", cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> "Ended":
    """One command, to its end: a process of its own, which is spared the imports."""
    order = {
        "arguments": [PROGRAM, *map(str, arguments)],
        "folder": str(cwd or Path.cwd()),
        "environment": clean_environment(**(environment or {})),
    }
    with ExitStack() as files:
        given, said, complained = (files.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        given.write(stdin)
        given.seek(0)
        told, teller = map(files.enter_context, socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        streams = [stream.fileno() for stream in (given, said, complained, teller)]
        socket.send_fds(_loaded(), [json.dumps(order).encode()], streams)
        teller.close()
        told.settimeout(PATIENCE)
        process = int(told.recv(100))
        try:
            status = os.waitstatus_to_exitcode(int(told.recv(100)))
        except TimeoutError:
            os.kill(process, signal.SIGKILL)
            raise
        out, err = (_whole(stream) for stream in (said, complained))
    assert "Traceback" not in err, err
    return Ended(status, out, err)


def _whole(stream: BinaryIO) -> str:
    stream.seek(0)
    return stream.read().decode()


def run_anew(
    *arguments: str | Path, stdin: bytes = b"", cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> "Ended":
    """The same from nothing, as a shell starts it."""
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        cwd=cwd,
        env=clean_environment(**(environment or {})),
        timeout=PATIENCE,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


@dataclass
class Serving:
    """A service that runs; `stop` and `start` it as an operator does."""

    folder: Path
    downstream: int
    extra: str = ""
    store: str = IN_A_FILE
    smtp: int = field(default_factory=free_port)
    web: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.file = settings_file(self.folder, self.downstream, self.extra, store=self.store)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "COUNTERSIGN_SMTP__LISTEN": f"127.0.0.1:{self.smtp}",
            "COUNTERSIGN_WEB__LISTEN": f"127.0.0.1:{self.web}",
        }

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    async def start(self) -> Self:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - it does not wait
                [PROGRAM, "serve", "--config", str(self.file)], stderr=log, env=clean_environment(**self.environment)
            )
        async with asyncio.timeout(PATIENCE):
            while not await self._ready():
                assert self.process.poll() is None, self.log
                await asyncio.sleep(0.05)
        return self

    def another(self) -> Ended:
        """The same service a second time."""
        return run("serve", "--config", self.file, environment=self.environment)

    async def _ready(self) -> bool:
        try:
            return (await self.http("GET", "/readyz")).status_code == 200
        except httpx.HTTPError:
            return False

    async def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return await asyncio.to_thread(self.process.wait, PATIENCE)

    async def send(self, raw: bytes, *rcpt_to: str, mail_from: str = SENDER, parameters: str = "") -> str:
        async with peers.client(self.smtp) as client:
            return await client.message(mail_from, rcpt_to, raw, parameters)

    async def http(self, method: str, path: str, token: str | None = None, **request: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.web}", timeout=PATIENCE) as client:
            return await client.request(method, path, headers=headers, **request)

    async def run(self, *arguments: str | Path, stdin: bytes = b"") -> Ended:
        return await asyncio.to_thread(run, *arguments, "--config", self.file, stdin=stdin)

    async def held(self) -> list[str]:
        return [item["id"] for item in json.loads((await self.run("held", "list", "--json")).out)]

    async def token(self, name: str, role: str) -> str:
        return (await self.run("token", "add", name, "--role", role)).out.strip()
