"""What every test may count on. Rooms keep their own peers and writers in modules beside their tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import store_kit
from hypothesis import settings
from postgres_server import Server, server
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

settings.register_profile("house", deadline=None)  # no test is judged by time: the machine may be busy
settings.register_profile("long", deadline=None, max_examples=10_000)
settings.load_profile("house")


_FURNISHED = frozenset(
    file.name for file in Path(__file__).parent.glob("test_*.py") if 'scope="module"' in file.read_text()
)


class Rooms(LoadScopeScheduling):
    """What a module furnishes once for its tests is furnished in one process, largest first; all else goes anywhere.

    The mark `xdist_group` is for that, but xdist 3.8 loses it with pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if Path(file).name in _FURNISHED else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Rooms:
    return Rooms(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--dialogues", type=int, default=60, help="how many to make up for a real Postfix and our door")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Server]:
    """One PostgreSQL for all tests of a process; each has databases of its own."""
    with server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """What speaks of the store's interface is tested on every database that can be behind it."""
    if request.param == "sqlite":
        yield request.param
        return
    with store_kit.on(request.getfixturevalue("cluster")):
        yield request.param


@pytest.fixture
def postgres(cluster: Server) -> Iterator[Server]:
    """For what only PostgreSQL has: `store_kit.settings` names databases of this server."""
    with store_kit.on(cluster):
        yield cluster
