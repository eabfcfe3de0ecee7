"""A directory of 20,000 clients: how long it loads, and what it costs to find them in text."""

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

from bench.table import Row, interleaved, within
from rules.clients import Directory
from rules.content import Role, Text
from rules.whose import involved

CLIENTS = 20_000
NAMES = 3  #: of each
TEXT = 1_000_000  #: characters


def measure() -> Iterator[Row]:
    """Loading, the part of it that only workers need, and one message of plain text."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "clients.yaml")
        file.write_text(yaml.dump(_directory(), Dumper=yaml.CSafeDumper))
        start = time.process_time()
        directory = Directory.load(file)
        yield within(f"directory of {CLIENTS:,} clients loaded", time.process_time() - start, 2, "s of CPU")
    start = time.process_time()
    bool(directory.finder)
    yield within(f"its {CLIENTS * NAMES:,} names made searchable", time.process_time() - start, 2, "s of CPU")
    body = Text(part="1", where="body", role=Role.BODY, content=_prose(random.Random(7)))
    contents = (Text(part=None, where="subject", role=Role.SUBJECT, content="Census"), body)
    took = interleaved({"body": lambda: involved(directory, contents, frozenset())})
    yield within("clients looked for in a message of 1 MB", took["body"], 10, "ms of CPU")


def _directory() -> dict[str, object]:
    chance = random.Random(20)
    stems = sorted({"".join(chance.choices("bcdfghklmnprst", k=3)) + chance.choice(_ENDINGS) for _ in range(400)})
    clients = []
    for number in range(CLIENTS):
        name = f"{chance.choice(stems)} {chance.choice(stems)} {chance.choice(_TRADES)} {number}".title()
        names = [f"{name} 401(k) Plan", f"{name} Group"]
        clients.append(
            {
                "id": f"c{number}",
                "name": f"{name}, Inc.",
                "aliases": names,
                "domains": [f"c{number}.example"],
                "plan_numbers": [f"{500_000 + number}"],
            }
        )
    return {"clients": clients}


_ENDINGS = ("ington", "field", "wood", "ton", "mark", "land", "ford", "stone")
_WORDS = "the plan year ended with a surplus and every employer was told of the contribution rates in March"
_TRADES = ("Dental", "Logistics", "Manufacturing", "Holdings", "Bakery", "Freight", "Partners", "Steel")


def _prose(chance: random.Random) -> str:
    words = _WORDS.split()
    lines, length = [], 0
    while length < TEXT:
        lines.append(" ".join(chance.choices(words, k=12)))
        length += len(lines[-1]) + 1
    return "\n".join(lines)
