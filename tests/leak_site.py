"""Countersign at its most talkative, secrets in every place of a message, and everything that it says afterwards."""
# ruff: noqa: S310 - addresses are our own

import asyncio
import json
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import openpyxl
import peers
from house import BETA, PASSWORD, REVIEWER, SENDER, XLSX, eventually, mail, settings_file

from gateway.accounts import Accounts, Role
from gateway.serve import now
from gateway.settings import load
from gateway.store import Store

NUMBER = "536-41-7208"
SECRETS: Mapping[str, str] = {
    "number in a body": NUMBER,
    "the same, digits alone": NUMBER.replace("-", ""),
    "person": "Quillon Ferrybottom",
    "words of a body": "walrus signs at midnight",
    "subject": "Ziggurat merger terms",
    "display name": "Thessaly Quatermain",
    "file name": "xanthippe dossier",
    "file in a container": "marmalade-inventory",
    "sheet name": "Kumquat Register",
    "words of a sheet": "pelican severance",
    "words of a broken file": "ocelot bonus letter",
    "password": "correct-zeppelin-hunter2",
    "password of a file": "violet-astrolabe-9",
    "AUTH credentials": "AG10YTEAdmVsdmV0LWJhc3Nvb24tNw==",
    "token": "cs_not-a-token-nightingale",
    "path": "gooseberry-path",
}
#: Told by the contract, and so no leak: sheets and files are named where something was found, addresses where they go.
TOLD: Mapping[str, frozenset[str]] = {
    "verdict": frozenset({"file name", "file in a container", "sheet name"}),
    "notice": frozenset({"file name", "file in a container", "sheet name"}),
    "store": frozenset({"file name", "file in a container", "sheet name"}),
}
QUOTING = f"554 5.7.9 refused: {SECRETS['words of a body']}, {SECRETS['person']} {NUMBER}"


@dataclass
class Said:
    """Everything that left the service, by where it went."""

    texts: dict[str, list[str]] = field(default_factory=dict)

    def add(self, sink: str, *texts: str) -> None:
        self.texts.setdefault(sink, []).extend(texts)

    def leaks(self, sink: str) -> list[str]:
        """Names of the secrets that are told there."""
        texts = "\n".join(self.texts[sink]).casefold()
        plain = urllib.parse.unquote(texts)
        allowed = TOLD.get(sink.partition(" ")[0], frozenset())
        return [
            name
            for name, secret in SECRETS.items()
            if name not in allowed and (secret.casefold() in texts or secret.casefold() in plain)
        ]


def workbook() -> bytes:
    book, file = openpyxl.Workbook(), BytesIO()
    sheet = book.active
    assert sheet is not None
    sheet.title = SECRETS["sheet name"]
    sheet.append(["Acme Manufacturing, Inc.", SECRETS["words of a sheet"]])
    sheet.append(["Name", "SSN", "State"])
    for last in range(5):
        sheet.append([SECRETS["person"], f"{NUMBER[:-1]}{last}" if last else NUMBER, "NC"])
    book.save(file)
    return file.getvalue()


def container() -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{SECRETS['file in a container']}.csv", f"Name,SSN\n{SECRETS['person']},{NUMBER}\n")
    return file.getvalue()


def messages() -> Iterable[bytes]:
    """Secrets in body, subject, display name, file name, sheet name; files whole, in a container, and broken."""
    body = f"{SECRETS['words of a body']}\nAcme Manufacturing, Inc.\n{SECRETS['person']}, SSN {NUMBER}\n"
    fields = {"sender": f"{SECRETS['display name']} <{SENDER}>", "to": f"{SECRETS['display name']} <{BETA}>"}
    name = SECRETS["file name"]
    broken = f"%PDF-1.4 {SECRETS['words of a broken file']} {NUMBER}".encode()
    for attachments in (
        (),
        ((f"{name}.xlsx", XLSX, workbook()),),
        ((f"{name} {NUMBER}.zip", "application/zip", container()),),
        ((f"{name}.pdf", "application/pdf", broken),),
        ((f"{name}.xlsx", XLSX, workbook()[:-300]),),
        ((f"{name}.zip", "application/zip", container()[:-40]),),
    ):
        yield mail(SECRETS["subject"], body, attachments, **fields)


class LeakSite:
    """The service as a process of its own."""

    def __init__(self, folder: Path, next_hop: peers.Downstream) -> None:
        self.folder, self.next_hop = folder, next_hop
        self.temporary = folder / "tmp"
        self.smtp = self.web = 0
        self.pid = 0
        self.token = ""
        self.said = Said()

    @asynccontextmanager
    async def running(self, program: list[str]):  # type: ignore[no-untyped-def]  # noqa: ANN201
        self.temporary.mkdir()
        file = settings_file(self.folder, self.next_hop.port, "log: {level: DEBUG}\n")
        async with Store.open(load(file, {})) as store:
            accounts = Accounts(store)
            await accounts.add_user(REVIEWER, Role.REVIEWER, PASSWORD, now())
            self.token = await accounts.add_token("robot", Role.REVIEWER, now())
        process = await asyncio.create_subprocess_exec(
            *program, "serve", "--config", str(file), cwd=self.folder,
            env={**os.environ, "TMPDIR": str(self.temporary), "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        self.pid = process.pid
        up = asyncio.Event()
        listening = asyncio.create_task(self._listen(process, up))
        try:
            await asyncio.wait_for(up.wait(), 60)
            yield self
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await asyncio.wait_for(process.wait(), 60)
            await listening

    async def _listen(self, process: asyncio.subprocess.Process, up: asyncio.Event) -> None:
        assert process.stdout is not None
        self.said.texts["log"] = []
        while line := (await process.stdout.readline()).decode(errors="replace"):
            self.said.add("log", line)
            if '"ready"' in line:
                ports = re.findall(r"127\.0\.0\.1:(\d+)", line)
                told = json.loads(line)
                self.smtp, self.web = (int(told[name].rpartition(":")[2]) for name in ("smtp", "web"))
                assert len(ports) == 2
                up.set()

    async def send(self, raw: bytes, *rcpt_to: str) -> str:
        async with peers.client(self.smtp) as client:
            reply = await client.message(SENDER, rcpt_to, raw)
        if "refused:" not in reply:  # downstream's own reply goes back as it is (CONTRACT 5)
            self.said.add("reply", reply)
        return reply

    async def ask(self, sink: str, path: str, *, form: Mapping[str, str] | bytes | None = None, token: str = "") -> int:
        """A request; its answer goes to `sink`."""
        coded = urllib.parse.urlencode(form).encode() if isinstance(form, Mapping) else form
        kind = "application/json" if isinstance(form, bytes) else "application/x-www-form-urlencoded"
        origin = f"http://127.0.0.1:{self.web}"
        headers = {"Authorization": f"Bearer {token}", "Content-Type": kind, "Origin": origin}
        request = urllib.request.Request(origin + path, coded, headers)

        def answer() -> tuple[int, str]:
            try:
                with urllib.request.urlopen(request, timeout=20) as opened:
                    return opened.status, opened.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read().decode()

        status, text = await asyncio.to_thread(answer)
        self.said.add(sink, text)
        return status

    def files(self) -> Iterable[tuple[Path, bytes]]:
        """What lies on disk: the store with its journals, temporary files, whatever else came into being."""
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                yield path, path.read_bytes()

    async def ended(self, about: str) -> None:
        await eventually(lambda: any(about in copy.raw.decode() for copy in self.next_hop.accepted))
