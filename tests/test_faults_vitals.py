"""A soak finds what grows: each measure for itself, and only when it goes on growing after the warm-up."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from faults.vitals import MIB, Sample, trends

STEADY = Sample(
    pid=1,
    messages=0,
    memory=100 * MIB,
    all_memory=180 * MIB,
    descriptors=25,
    threads=8,
    processes=4,
    zombies=frozenset(),
    temporary=1,
    store=2 * MIB,
)
GROWING: dict[str, Callable[[int], Sample]] = {
    "memory of the service, MiB": lambda n: replace(STEADY, memory=(100 + n) * MIB),
    "memory of all its processes, MiB": lambda n: replace(STEADY, all_memory=(180 + 2 * n) * MIB),
    "open files": lambda n: replace(STEADY, descriptors=25 + n),
    "threads": lambda n: replace(STEADY, threads=8 + n),
    "processes": lambda n: replace(STEADY, processes=4 + n),
    "temporary files": lambda n: replace(STEADY, temporary=1 + n),
    "store, MiB": lambda n: replace(STEADY, messages=n, store=(2 + n) * MIB),
}


@pytest.mark.parametrize("what", GROWING)
def test_whatever_goes_on_growing_is_found(what: str) -> None:
    assert [trend.what for trend in trends([GROWING[what](n) for n in range(30)]) if not trend.good] == [what]


@pytest.mark.parametrize("what", GROWING)
def test_a_warm_up_and_one_high_moment_are_no_growth(what: str) -> None:
    """Caches fill, workers start; a large message is let go of again."""
    samples = [GROWING[what](min(n, 5)) for n in range(30)]
    samples[25] = GROWING[what](60)

    assert all(trend.good for trend in trends(samples))


def test_what_a_process_takes_is_read_from_the_system(tmp_path: Path) -> None:
    """This one's own."""
    (tmp_path / "store").write_bytes(bytes(1000))

    sample = Sample.of(os.getpid(), [], (tmp_path, tmp_path), 7)

    assert (sample.messages, sample.processes, sample.store, sample.temporary) == (7, 1, 1000, 1)
    assert sample.memory > 10 * MIB
    assert sample.descriptors > 2
    assert sample.threads > 0
