"""Rules that the inspector's workers start with and are given anew."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import workshop_of_faults
from inspecting import Start, about, parents, settings, starting, until

from gateway.errors import InspectorError
from rules.errors import ConfigurationError
from rules.verdict import Obstacle


@pytest_asyncio.fixture
async def start() -> AsyncIterator[Start]:
    async with starting() as begin:
        yield begin


async def test_a_wrong_directory_stops_the_start_and_says_where(start: Start, tmp_path: Path) -> None:
    """Law 6: a directory that does not load stops the start; whoever started it reads file and line."""
    clients = tmp_path / "clients.yaml"
    clients.write_text("broken")
    with pytest.raises(ConfigurationError) as caught:
        await start(clients=clients)
    assert str(caught.value) == f"{clients}:3: domain acme.example stands twice\n{clients}: no clients"


async def test_a_bug_of_ours_stops_the_start_without_its_text(start: Start, tmp_path: Path) -> None:
    clients = tmp_path / "clients.yaml"
    clients.write_text("bug")
    with pytest.raises(InspectorError, match=r"LookupError at .*workshop_of_faults\.py") as caught:
        await start(clients=clients)
    assert workshop_of_faults.SECRET not in str(caught.value)


async def test_rules_are_read_anew_under_way(start: Start, tmp_path: Path) -> None:
    """A corrected directory counts from the next message on, and no message at work is lost."""
    clients = tmp_path / "clients.yaml"
    clients.write_text("first")
    inspector = await start(clients=clients, seconds=2)
    old = (await about(inspector))["parent"]
    asking = asyncio.create_task(inspector.inspect(b"sleep"))
    await asyncio.sleep(0.1)
    clients.write_text("second")
    await inspector.reload(settings(2, clients))
    assert (await asking).parts[0].reason is Obstacle.TIMEOUT
    assert (await about(inspector))["state"] == "second"
    await until(lambda: old not in parents())


async def test_wrong_rules_leave_the_last_good_ones_in_force(start: Start, tmp_path: Path) -> None:
    """Law 6 again: loudly, but in force."""
    clients = tmp_path / "clients.yaml"
    clients.write_text("good")
    inspector = await start(clients=clients)
    clients.write_text("broken")
    with pytest.raises(ConfigurationError):
        await inspector.reload()
    assert (await about(inspector))["state"] == "good"
