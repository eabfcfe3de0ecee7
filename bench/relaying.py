"""Messages a second through the whole service, against a forwarder that inspects nothing. Loopback only.

Needs Debian's `postfix` package for `smtp-source` and `smtp-sink`; without them nothing is measured, and that is said.
"""

import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.table import Row, at_least, within

SOURCE, SINK = shutil.which("smtp-source", path="/usr/sbin"), shutil.which("smtp-sink", path="/usr/sbin")
LOADS = (
    ("clean 1 KB mail, 50 connections; peer: bare forwarder", 1024, 50, 1000, 0.8),
    ("clean 1 KB mail, 1 connection; peer: bare forwarder", 1024, 1, 200, 0.6),
    ("clean 5 MB mail, 10 connections; peer: bare forwarder", 5_000_000, 10, 20, 1.0),
)
RSPAMD = (  #: budgets against a peer that is set up by hand, see docs/performance.md
    ("clean 1 KB mail, 50 connections; peer: Postfix and rspamd as milter", 0, 2),
    ("clean 5 MB mail, 10 connections; peer: Postfix and rspamd as milter", 2, 1),
)
ROUNDS = 3
WARM_UP = 8.0  #: seconds after the start in which the workers' parent imports what it may need later
LARGE = 25_000_000  #: bytes


def measure() -> Iterator[Row]:
    """The start, rates at three loads, then memory."""
    if SOURCE is None or SINK is None:
        print("smtp-source and smtp-sink are not installed: relaying is not measured", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        sink, ours, peer = free_port(), free_port(), free_port()
        running.enter_context(process(SINK, "-u", "nobody", f"127.0.0.1:{sink}", "2000"))
        running.enter_context(process(sys.executable, "-m", "bench.forwarder", str(peer), str(sink)))
        started = time.perf_counter()
        service = running.enter_context(process(*countersign(Path(folder), ours, sink)))
        wait_for(ours)
        yield within("`serve` ready", time.perf_counter() - started, 3, "s")
        wait_for(peer)
        time.sleep(WARM_UP)
        ours_at: list[float] = []
        for work, size, connections, count, budget in LOADS:
            rates: dict[int, list[float]] = {ours: [], peer: []}
            for _ in range(ROUNDS):
                for port in (ours, peer):
                    rates[port].append(rate(port, size, connections, count))
            ours_at.append(statistics.median(rates[ours]))
            yield at_least(work, ours_at[-1], statistics.median(rates[peer]), budget)
        yield from (at_least(work, ours_at[load], None, budget) for work, load, budget in RSPAMD)
        idle = memory(service.pid)
        yield within("memory of all processes, idle after load", idle, 450, "MB")
        more = most_memory(service.pid, ours) - idle
        yield within("memory while a message of 25 MB is in flight", more * (1 << 20) / LARGE, 4, "times its size")


def countersign(folder: Path, listen: int, sink: int) -> list[str]:
    file = folder / "countersign.yaml"
    file.write_text(
        f"smtp: {{listen: 127.0.0.1:{listen}, hostname: bench.example}}\n"
        f"downstream: {{host: 127.0.0.1, port: {sink}}}\nweb: {{listen: 127.0.0.1:{free_port()}}}\n"
    )
    return [str(Path(sys.executable).with_name("countersign")), "serve", "--config", str(file)]


def rate(port: int, size: int, connections: int, count: int) -> float:
    """Messages a second of one run of smtp-source; every message must be taken."""
    command = [str(SOURCE), "-s", str(connections), "-m", str(count), "-l", str(size), "-f", "a@recordkeeper.example"]
    start = time.perf_counter()
    subprocess.run([*command, "-t", "b@client.example", f"127.0.0.1:{port}"], check=True, capture_output=True)
    return count / (time.perf_counter() - start)


@contextmanager
def process(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield running
    finally:
        running.terminate()
        running.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port}")


def most_memory(root: int, port: int) -> float:
    """The peak while one large message goes through, MB."""
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(rate, port, LARGE, 1, 1)
        most = 0.0
        while not sending.done():
            most = max(most, memory(root))
        sending.result()
    return most


def memory(root: int) -> float:
    """Proportional memory of a process and all below it, MB (shared pages counted once)."""
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        try:
            total += int(re.search(r"Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text())[1])  # type: ignore[index]
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return total / 1024
