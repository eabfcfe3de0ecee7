"""The figures of a run as docs/reliability.md. Writes only between their marks."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from faults.books import Ledger
from faults.plants import PLANTS
from faults.soak import Soaked

FIGURES = ("<!-- figures: written by make faults -->", "<!-- end of figures -->")
SOAK = ("<!-- soak: written by make faults ARGS=--soak=MINUTES -->", "<!-- end of soak -->")


def summary(total: Ledger) -> str:
    """The last line of a run."""
    recorded = total.duplicates - total.unrecorded
    record = "all on record" if not total.unrecorded else f"{recorded} of them on record"
    line = f"{total.lost} lost, {total.undecided} undecided, {total.unasked} released without a decision, "
    line += f"{total.duplicates} possible duplicates, {record}"
    return line + (f", {total.wrong} otherwise wrong" if total.wrong else "")


def written(
    file: Path, runs: Mapping[str, Ledger], controls: Mapping[str, bool], skipped: Mapping[str, str], seconds: float
) -> None:
    _replace(file, FIGURES, _figures(runs, controls, skipped, seconds))


def soak_written(file: Path, soaked: Soaked, minutes: float) -> None:
    _replace(file, SOAK, ["", *soak_lines(soaked, minutes), ""])


def soak_lines(soaked: Soaked, minutes: float) -> list[str]:
    what = f"{minutes:.0f} minutes, {soaked.days:.1f} days by its clock, {soaked.ledger.messages} messages"
    what += f", {soaked.expired} of them left to expire"
    done = f"{soaked.reloads} reloads, {soaked.rotations} key rotations, {soaked.restarts} restarts"
    lines = [
        f"Soak of {datetime.now(UTC):%Y-%m-%d}, {what}; {done}: **{summary(soaked.ledger)}**.",
        "",
        "| of the process that lived longest | after the warm-up | at the end | at most |",
        "|---|--:|--:|--:|",
    ]
    return lines + [
        f"| {it.what} | {it.before:.4g} | {it.after:.4g}{'' if it.good else ' **too much**'} | {it.allowed:.4g} |"
        for it in soaked.trends
    ]


def _replace(file: Path, marks: tuple[str, str], lines: Sequence[str]) -> None:
    begin, end = marks
    before, _, rest = file.read_text().partition(begin)
    file.write_text(before + begin + "\n" + "\n".join(lines) + "\n" + end + rest.partition(end)[2])


def _figures(
    runs: Mapping[str, Ledger], controls: Mapping[str, bool], skipped: Mapping[str, str], seconds: float
) -> list[str]:
    total = Ledger()
    for ledger in runs.values():
        total.add(ledger)
    what = f"{seconds / 60:.0f} minutes, {total.trials} trials, {total.messages} messages"
    sums = ("trials", "messages", "lost", "undecided", "released unasked", "possible duplicates", "without a record")
    if total.void:
        what += f" and {total.void} trials that the suite could not carry out"
    lines = [
        "",
        f"Run of {datetime.now(UTC):%Y-%m-%d}, {what}: **{summary(total)}**.",
        "",
        f"| fault | {' | '.join(sums)} | otherwise wrong |",
        "|---" + "|--:" * (len(sums) + 1) + "|",
    ]
    for name, it in sorted(runs.items()):
        numbers = (it.trials, it.messages, it.lost, it.undecided, it.unasked, it.duplicates, it.unrecorded, it.wrong)
        lines.append(f"| {name} | " + " | ".join(str(number) for number in numbers) + " |")
    lines += [f"| {name} | not run: {why} | | | | | | | |" for name, why in sorted(skipped.items())]
    lines += ["", "| planted mistake | what it does | found |", "|---|---|---|"]
    for plant, found in sorted(controls.items()):
        lines.append(f"| `{plant}` | {(PLANTS[plant].__doc__ or '').strip()} | {'yes' if found else '**no**'} |")
    return [*lines, ""]
