"""How long a person waits for the verdict on one file, from the shell. Wall-clock, because that is what is waited.

Beside it stands how long Python takes to import spaCy on the same machine, which Presidio cannot do without.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.table import Row

ROUNDS = 3
BUDGET = 1.5  #: seconds
MESSAGES = {
    "of one small harmless message": b"The meeting is on Tuesday.\r\n",
    "of one small message with a finding, Presidio's import included": b"His SSN is 219-09-4321.\r\n",
}
HEADER = b"From: a@recordkeeper.example\r\nTo: b@client.example\r\nSubject: Hello\r\n\r\n"


def measure() -> Iterator[Row]:
    """Two rows: the second one has to import Presidio, and with it spaCy."""
    countersign = str(Path(sys.executable).with_name("countersign"))
    spacy = [sys.executable, "-c", "import spacy"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "message.eml")
        for what, body in MESSAGES.items():
            file.write_bytes(HEADER + body)
            times = [(_seconds([countersign, "scan", str(file)]), _seconds(spacy)) for _ in range(ROUNDS)]
            ours, peer = map(statistics.median, zip(*times, strict=True))
            yield Row(
                work=f"`scan` {what}; peer: `import spacy`",
                ours=f"{ours:.2f} s",
                peer=f"{peer:.2f} s",
                ratio=ours / peer,
                budget=f"under {BUDGET:g} s",
                kept=ours < BUDGET,
            )


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=False, capture_output=True)  # the status is the verdict
    return time.perf_counter() - start
