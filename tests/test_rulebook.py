"""Policy and directory change while mail flows: what loads is in force at once, what does not changes nothing."""

import asyncio
import shutil
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import peers
import pytest
from house import ACME, SENDER, XLSX, House, eventually, hold_id, mail, settings_file

import rules
from gateway import rules_in_force
from gateway.actor import Actor
from gateway.audit.log import AuditLog
from gateway.demo.sample import participants, workbook
from gateway.inspector import Inspector
from gateway.message import Envelope
from gateway.proposals import Proposals
from gateway.rulebook import Rulebook
from gateway.serve import Service, now, running
from gateway.settings import load
from gateway.stages import Move
from rules.additions import Addition, Key
from rules.errors import ConfigurationError
from rules.verdict import Evidence

CLIENTS = Path(rules.__path__[0], "clients.yaml")
SMALL = workbook("Acme Manufacturing, Inc.", "501234", participants(12, 3))
NEW = "hr@acme-trust.example"  #: of a domain that the directory learns of
TRUST = Addition(key=Key.DOMAIN, value="acme-trust.example", party="acme")
LEARNT = CLIENTS.read_text().replace("domains: [acme-mfg.example]", "domains: [acme-mfg.example, acme-trust.example]")


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[tuple[House, Path]]:
    """A service whose directory is a file that the test writes."""
    directory = folder / "mine.yaml"
    shutil.copy(CLIENTS, directory)
    async with peers.downstream() as next_hop:
        file = settings_file(folder, next_hop.port)
        file.write_text(file.read_text().replace(str(CLIENTS), "mine.yaml"))
        async with running(load(file, {})) as service:
            yield House(service, next_hop, file, ""), directory


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules_in_force, "LOOK", 0.05)


def census() -> bytes:
    return mail("Acme Manufacturing: participant file", attachments=(("participants.xlsx", XLSX, SMALL),))


async def page(service: Service, path: str) -> str:
    def get() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{service.web_port}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    return await asyncio.to_thread(get)


async def recorded(service: Service) -> list[Any]:
    records = AuditLog(service.rules.store).records()
    return [record.detail["directory"] async for record in records if record.event == "configuration"]


async def test_a_directory_is_in_force_when_it_is_written(tmp_path: Path) -> None:
    """A client's new domain must not cost a restart, and the record says which directory decided what."""
    async with place(tmp_path) as (house, directory):
        before, first = await house.send(census(), NEW), house.service.rules.book
        directory.write_text(LEARNT)
        await eventually(lambda: house.service.rules.book is not first, 60)
        after, book = await house.send(census(), NEW), house.service.rules.book
        await eventually(lambda: recorded(house.service))

        assert before.startswith("250 2.0.0 held")
        assert after.startswith("250 2.0.0 queued")
        assert await recorded(house.service) == [book.directory.version]
        assert list(house.service.rules.copies.iterdir()) == [book.folder]
    assert not house.service.rules.copies.exists()


async def test_a_directory_that_does_not_load_changes_nothing(tmp_path: Path) -> None:
    """Law 6: the last good one stays, loudly; also for workers whose parent has to be started anew meanwhile."""
    async with place(tmp_path) as (house, directory):
        service = house.service
        good = service.rules.book
        directory.write_text("clients: [{id: acme\n")
        await eventually(lambda: service.rules.problem is not None, 60)
        warned, counted = await page(service, "/readyz"), await page(service, "/metrics")
        nursery = service.rules.inspector._nursery
        assert nursery is not None
        nursery._process.kill()
        await eventually(lambda: service.rules.inspector._nursery not in {None, nursery}, 60)
        reply = await house.send(census(), ACME)
        assert service.rules.book is good

        directory.write_text(LEARNT)
        await eventually(lambda: service.rules.problem is None, 60)

        assert '"ready":true' in warned
        assert "the last good ones are in force" in warned
        assert "countersign_directory_reload_failures_total 1.0" in counted
        assert reply.startswith("250 2.0.0 queued")
        assert (await page(service, "/readyz")).endswith('"warnings":{}}')


async def test_what_was_inspected_by_old_rules_is_inspected_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Findings of one directory judged by another could clear what neither would clear."""
    inspect, seen, gate = Inspector.inspect, asyncio.Event(), asyncio.Event()
    times = 0

    async def slowly(self: Inspector, raw: bytes) -> Evidence:
        nonlocal times
        times += 1
        evidence = await inspect(self, raw)
        seen.set()
        await gate.wait()
        return evidence

    async with place(tmp_path) as (house, _):
        monkeypatch.setattr(Inspector, "inspect", slowly)
        first = house.service.rules.book
        taking = asyncio.create_task(house.service.door.take(Envelope(mail_from=SENDER, rcpt_to=(ACME,)), census()))
        await seen.wait()
        house.service.rules.reload()
        await eventually(lambda: house.service.rules.book is not first, 60)
        gate.set()

        assert str(await taking).startswith("250 2.0.0 queued")
        assert times == 2


@pytest.mark.parametrize("text", [None, "clients: 1\n", "clients: [{id: acme\n"], ids=["missing", "wrong", "no YAML"])
def test_a_problem_is_told_of_the_file_that_a_person_wrote(tmp_path: Path, text: str | None) -> None:
    """Rules are loaded from copies, of which nobody knows."""
    file = settings_file(tmp_path, 25)
    file.write_text(file.read_text().replace(str(CLIENTS), "mine.yaml"))
    if text is not None:
        (tmp_path / "mine.yaml").write_text(text)
    copies = tmp_path / "copies"
    copies.mkdir()

    with pytest.raises(ConfigurationError) as refusal:
        Rulebook.load(load(file, {}), copies)

    assert {problem.file for problem in refusal.value.problems} == {str(tmp_path / "mine.yaml")}
    assert not list(copies.iterdir())


async def test_a_start_that_fails_on_its_rules_has_not_touched_the_store(tmp_path: Path) -> None:
    """An upgrade that brings the store up and then does not start could not be taken back."""
    file = settings_file(tmp_path, 25)
    file.write_text(file.read_text().replace(str(CLIENTS), "mine.yaml"))
    (tmp_path / "mine.yaml").write_text("clients: 1\n")
    settings = load(file, {})

    with pytest.raises(ConfigurationError, match=r"mine\.yaml"):
        async with running(settings):
            pass

    assert not settings.database_file.exists()


async def test_what_two_people_accepted_is_in_force_until_the_file_says_otherwise(tmp_path: Path) -> None:
    """No restart, no edit; and a file that gives the domain to another client is right: then less is relayed."""
    async with place(tmp_path) as (house, directory):
        service = house.service
        learnt, first = Proposals(service.rules.store), service.rules.book
        held = hold_id(await house.send(census(), NEW))
        proposal = await learnt.propose(held, TRUST, Actor("rita"), "they rang us", now())
        await learnt.decide(proposal.id, Move.ACCEPT, Actor("ada"), "I rang them", now())
        await eventually(lambda: service.rules.book is not first, 60)
        relayed = await house.send(census(), NEW)
        assert (await page(service, "/readyz")).endswith('"warnings":{}}')

        directory.write_text(
            CLIENTS.read_text().replace("[betalogistics.example]", "[betalogistics.example, acme-trust.example]")
        )
        await eventually(lambda: bool(service.rules.book.ignored), 60)
        again = await house.send(census(), NEW)

        assert relayed.startswith("250 2.0.0 queued")
        assert again.startswith("250 2.0.0 held")
        assert "1 accepted change contradicts the directory's file" in await page(service, "/readyz")
        assert (await service.quarantine.get(held)).state == "held"
        assert directory.read_text().count("acme-trust") == 1
