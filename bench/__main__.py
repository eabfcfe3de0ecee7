"""`make bench`: prints one table; a budget that is missed is said, not hidden."""

import sys

from bench import judging, relaying
from bench.table import Row, printed


def main() -> None:
    wanted = set(sys.argv[1:]) or {"judging", "relaying"}
    rows: list[Row] = []
    if "judging" in wanted:
        rows += judging.measure()
    if "relaying" in wanted:
        rows += relaying.measure()
    print(printed(rows))


if __name__ == "__main__":
    main()
