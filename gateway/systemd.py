"""What systemd and the service tell each other: sd_listen_fds(3), sd_notify(3), watchdog. Without systemd: nothing."""

import asyncio
import os
import socket
import time
from collections.abc import Callable, MutableMapping

import structlog

FIRST = 3  #: SD_LISTEN_FDS_START

log = structlog.get_logger("countersign.systemd")


def inherited(environ: MutableMapping[str, str] = os.environ) -> dict[str, socket.socket]:
    """Listening sockets by the FileDescriptorName of their units, once. A restart loses no connection that waits."""
    number, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "0")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if number != str(os.getpid()):
        return {}
    sockets = {}
    for descriptor, name in zip(range(FIRST, FIRST + int(count)), names, strict=False):
        os.set_inheritable(descriptor, False)  # no worker is to have it
        sockets[name] = socket.socket(fileno=descriptor)
    return sockets


def notify(state: str, environ: MutableMapping[str, str] = os.environ) -> None:
    """READY=1, STOPPING=1 and so on. Never fails and never waits: who is not heard is restarted by systemd's limits."""
    path = environ.get("NOTIFY_SOCKET")
    if not path:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
            sending.setblocking(False)  # whoever does not read must not stop the mail
            sending.connect(f"\0{path[1:]}" if path.startswith("@") else path)
            sending.sendall(state.encode())
    except OSError as error:
        log.warning("systemd was not told", state=state.partition("=")[0], error=type(error).__name__)


def reloading() -> str:
    """What `notify` says when a reload begins; READY=1 ends it."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"


async def keep_alive(healthy: Callable[[], bool], environ: MutableMapping[str, str] = os.environ) -> None:
    """Tell the watchdog, twice within its time, that the loop turns and the service is well; else it restarts us."""
    limit = int(environ.get("WATCHDOG_USEC", "0")) / 1_000_000
    if not limit or environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return
    while True:
        if healthy():
            notify("WATCHDOG=1", environ)
        await asyncio.sleep(limit / 2)
