"""A million people on one roster: how fast they are indexed, how much room they take, how fast a list is looked up."""

import tempfile
import time
import tracemalloc
from array import array
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np

from bench.table import Row, within
from gateway.demo.sample import HEADER, participants
from gateway.rosters import Enrolment, Index, Shelf
from rules.content import Table
from rules.detect import Detector
from rules.participants import Identity
from rules.roster import Keyring, matches

PEOPLE = 1_000_000
LIST = 5135


def measure() -> Iterator[Row]:
    """Hashing and indexing, apart from reading the file; the list of 2007 against it; memory of a merge."""
    keyring = Keyring(b"bench" * 8)
    rows = participants(LIST, 195)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "rosters")
        start = time.process_time()
        shelf = Shelf(file, keyring)
        shelf.add(_enrolment("acme", _keys(keyring, rows, PEOPLE)), replace=False)
        took = time.process_time() - start
        yield within(f"roster of {PEOPLE:,} people: hashed and indexed", took, 30, "s of CPU")
        yield within("the same: size on disk", file.stat().st_size / 1e6, 50, "MB")
        tracemalloc.start()
        shelf.add(_enrolment("beta", _keys(keyring, rows[:10], 1000)), replace=False)
        yield within(
            "a further roster of 1,000 people: memory to merge it in",
            tracemalloc.get_traced_memory()[1] / 1e6,
            150,
            "MB",
        )
        tracemalloc.stop()
        yield from _looked_up(Index(file, keyring), rows)


def _looked_up(index: Index, rows: list[tuple[object, ...]]) -> Iterator[Row]:
    detection = Detector().detect([Table(part="2", name="", rows=[HEADER, *[list(map(str, row)) for row in rows]])])
    times = []
    for _ in range(5):
        start = time.process_time()
        found = matches(index, detection.rolls, ())
        times.append(1000 * (time.process_time() - start))
    assert [(match.client, match.people) for match in found] == [("acme", LIST)]
    yield within(f"look-up of {LIST:,} rows in it", sorted(times)[2], 50, "ms")


def _keys(
    keyring: Keyring, rows: list[tuple[object, ...]], people: int
) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    keys = array("Q", (keyring.number(str(row[1]).replace("-", "")) for row in rows))
    for number in range(people - len(rows)):
        keys.append(keyring.number(f"{number:09}"))
        keys.extend(keyring.names(Identity(f"name {number}", "61-3-14", f"{number % 10_000:04}")))
    return np.frombuffer(keys, np.uint64)


def _enrolment(client: str, keys: "np.ndarray[tuple[int], np.dtype[np.uint64]]") -> Enrolment:
    return Enrolment(
        client=client, keys=[np.unique(keys)], people=PEOPLE, added=date(2026, 1, 1), source="0" * 64, numbered=True
    )
