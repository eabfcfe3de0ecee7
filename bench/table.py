"""Medians, ratios, and a table that says whether each budget is kept."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    work: str
    ours: str
    peer: str
    ratio: float | None  #: None: the peer is not installed, so nothing was compared
    budget: str
    kept: bool | None


def at_most(work: str, ours: float, peer: float, limit: float, unit: str = "ms") -> Row:
    """A cost: ours must be at most `limit` times the peer's."""
    ratio = ours / peer
    return Row(
        work=work,
        ours=f"{ours:.4g} {unit}",
        peer=f"{peer:.4g} {unit}",
        ratio=ratio,
        budget=f"at most {limit:g}x",
        kept=ratio <= limit,
    )


def at_least(work: str, ours: float, peer: float | None, limit: float, unit: str = "/s") -> Row:
    """A rate: ours must be at least `limit` times the peer's."""
    budget = f"at least {limit:g}x"
    if peer is None:
        return Row(work=work, ours=f"{ours:.4g} {unit}", peer="not measured", ratio=None, budget=budget, kept=None)
    ratio = ours / peer
    return Row(
        work=work, ours=f"{ours:.4g} {unit}", peer=f"{peer:.4g} {unit}", ratio=ratio, budget=budget, kept=ratio >= limit
    )


def within(work: str, ours: float, limit: float, unit: str) -> Row:
    """A bound that needs no peer."""
    return Row(
        work=work, ours=f"{ours:.4g} {unit}", peer="-", ratio=None, budget=f"under {limit:g} {unit}", kept=ours < limit
    )


def interleaved(jobs: dict[str, Callable[[], object]], rounds: int = 7) -> dict[str, float]:
    """Median CPU milliseconds of each job; rounds are interleaved, so that a busy machine is busy for all."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
    for _ in range(rounds):
        for name, job in jobs.items():
            start = time.process_time()
            job()
            times[name].append(1000 * (time.process_time() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def printed(rows: list[Row]) -> str:
    """A Markdown table."""
    lines = ["| work | Countersign | peer | ratio | budget | |", "|---|---|---|---|---|---|"]
    marks = {True: "kept", False: "**missed**", None: ""}
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        lines.append(f"| {row.work} | {row.ours} | {row.peer} | {ratio} | {row.budget} | {marks[row.kept]} |")
    return "\n".join(lines)
