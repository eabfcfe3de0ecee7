"""What a running service takes of the machine, and whether it takes more and more. Measures; does nothing to it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Of one process and its children, at a moment when nothing moves."""

    pid: int
    messages: int  #: that it had taken by then
    memory: int  #: resident octets of the service
    all_memory: int  #: with its workers, shared pages counted once
    descriptors: int
    threads: int
    processes: int
    zombies: frozenset[int]  #: children that have ended, and nobody has asked how
    temporary: int  #: entries in the folder for temporary files
    store: int  #: octets

    @classmethod
    def of(cls, pid: int, children: Sequence[int], folders: tuple[Path, Path], messages: int) -> "Sample":
        """`folders`: of the store and of temporary files."""
        store, temporary = folders
        return cls(
            pid=pid,
            messages=messages,
            memory=_kib(_status(pid).get("VmRSS")),
            all_memory=sum(map(_own_share, [pid, *children])),
            descriptors=len(list(Path(f"/proc/{pid}/fd").iterdir())),
            threads=int(_status(pid).get("Threads", 0)),
            processes=1 + len(children),
            zombies=frozenset(child for child in children if _status(child).get("State", "")[:1] == "Z"),
            temporary=len(list(temporary.iterdir())),
            store=sum(file.stat().st_size for file in store.rglob("*") if file.is_file()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """How much more may be taken at the end than after the warm-up: by a part of it, or by so much, or per message."""

    what: str
    measure: Callable[[Sample], int]
    part: float = 0.0
    more: int = 0
    per_message: int = 0

    def allowed(self, before: float, messages: int) -> float:
        return before + max(self.part * before, self.more) + self.per_message * messages


MIB = 1 << 20
BOUNDS = (
    Bound(what="memory of the service, MiB", measure=lambda s: s.memory, part=0.1),
    Bound(what="memory of all its processes, MiB", measure=lambda s: s.all_memory, part=0.15),
    Bound(what="open files", measure=lambda s: s.descriptors, more=6),
    Bound(what="threads", measure=lambda s: s.threads, more=2),
    Bound(what="processes", measure=lambda s: s.processes, more=2),
    Bound(what="temporary files", measure=lambda s: s.temporary, more=1),
    Bound(what="store, MiB", measure=lambda s: s.store, part=0.1, per_message=16 << 10),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One bound and what was measured against it."""

    what: str
    before: float
    after: float
    allowed: float

    @property
    def good(self) -> bool:
        return self.after <= self.allowed


def trends(samples: Sequence[Sample]) -> Sequence[Trend]:
    """Of one process, in order: the first fifth warms up; of the rest, the first third against the last, by medians."""
    steady = samples[len(samples) // 5 :]
    third = max(1, len(steady) // 3)
    first, last = steady[:third], steady[-third:]
    messages = int(_middle(last, lambda s: s.messages) - _middle(first, lambda s: s.messages))
    return [_trend(bound, first, last, messages) for bound in BOUNDS]


def _trend(bound: Bound, first: Sequence[Sample], last: Sequence[Sample], messages: int) -> Trend:
    before, after = _middle(first, bound.measure), _middle(last, bound.measure)
    unit = MIB if "MiB" in bound.what else 1
    allowed = bound.allowed(before, messages)
    return Trend(what=bound.what, before=before / unit, after=after / unit, allowed=allowed / unit)


def _middle(samples: Sequence[Sample], measure: Callable[[Sample], int]) -> float:
    return median(measure(sample) for sample in samples)


def _status(pid: int) -> Mapping[str, str]:
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return {}


def _own_share(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return _kib(line.partition(":")[2].strip())
    return 0


def _kib(amount: str | None) -> int:
    return int((amount or "0 kB").split()[0]) << 10
