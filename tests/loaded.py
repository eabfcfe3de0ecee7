"""The program, imported once: it forks a process for every command that a test gives, which so starts in no time.

`python -P loaded.py CONTROL`: a socket's descriptor. An order is JSON, with descriptors of standard input, output and
error and of a socket, which is told the process and, at its end, the wait status. Arguments, folder, environment and
streams are the command's own, and so is its end; only the imports are shared. That commands import what they need is
seen where they are started from nothing all the same (`serving.run_anew`).
"""

import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

import gateway.cli

NOT_OURS = {"demo", "inspection", "opening"}  #: of the rooms: what only workers and `demo` import


def main(control: socket.socket) -> None:
    for name in rooms():
        importlib.import_module(name)
    assert len(os.listdir("/proc/self/task")) == 1, "a fork would lose the other threads"  # noqa: PTH208 - names only
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here asks how those ended that wait
    gc.collect()
    gc.freeze()
    while True:
        order, streams, _, _ = socket.recv_fds(control, 1 << 20, 4)
        if not order:
            return
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            attend(json.loads(order), streams)
            return
        for stream in streams:
            os.close(stream)


def rooms() -> Iterator[str]:
    for room in pkgutil.iter_modules(gateway.__path__, "gateway."):
        if room.name.rpartition(".")[2] not in NOT_OURS:
            yield room.name


def attend(order: dict[str, Any], streams: list[int]) -> None:
    """Returns, or raises, as the program itself."""
    teller = socket.socket(fileno=streams.pop())
    if child := os.fork():
        teller.send(str(child).encode())
        for stream in streams:
            os.close(stream)
        teller.send(str(os.waitpid(child, 0)[1]).encode())
        os._exit(0)
    teller.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = order["arguments"]
    gateway.cli.main()


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
