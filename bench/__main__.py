"""`make bench`: prints one table; a budget that is missed is said, not hidden."""

import os
import sys

from bench import judging, matching, relaying, roster, starting
from bench.table import Row, printed

PARTS = {module.__name__.removeprefix("bench."): module for module in (judging, matching, roster, starting, relaying)}


def main() -> None:
    """The parts named on the command line, or all."""
    wanted = sys.argv[1:] or list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        sys.exit(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    rows: list[Row] = [row for name in wanted for row in PARTS[name].measure()]
    load, cores = os.getloadavg()[1], os.cpu_count() or 1
    print(printed(rows))
    print(
        f"\n{cores} cores, {load:.1f} processes ready to run in the last minutes. In ms and s of CPU, and in ratios, "
        "the machine's other work matters little; messages a second and seconds of waiting suffer from it."
    )


if __name__ == "__main__":
    main()
