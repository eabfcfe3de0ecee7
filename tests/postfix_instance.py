"""A Postfix of our own on loopback, before and behind the door: nothing of the machine's own mail is touched."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

MAIN = """\
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/state
maillog_file = {home}/log
maillog_file_prefixes = {home}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
myhostname = mail.recordkeeper.example
mydestination =
relayhost = [127.0.0.1]:{peer}
disable_dns_lookups = yes
smtp_host_lookup = native
smtpd_relay_restrictions = permit_mynetworks, reject
notify_classes =
local_header_rewrite_clients =
"""

README = Path(__file__).parent.parent / "deploy" / "README.md"

MASTER = """\
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Postfix:
    """Mail goes in at `entry`, through the door at `door`, back in at `back`, and out to the peer at `peer`."""

    entry: int
    door: int
    back: int
    peer: int
    home: Path

    @property
    def log(self) -> str:
        return (self.home / "log").read_text(errors="replace")


@contextmanager
def running(extra: str = "") -> Iterator[Postfix]:
    """Needs root, as Postfix does. `extra` stands in main.cf."""
    home = Path(tempfile.mkdtemp(prefix="postfix-"))
    home.chmod(0o755)
    entry, door, back, peer = free_ports(4)
    postfix = Postfix(entry=entry, door=door, back=back, peer=peer, home=home)
    ports = {"entry": entry, "door": door, "back": back, "peer": peer}
    (home / "main.cf").write_text(MAIN.format(home=home, **ports) + extra)
    (home / "master.cf").write_text(recipe(**ports) + MASTER)
    for folder in ("queue", "state"):
        (home / folder).mkdir()
    shutil.chown(home / "state", "postfix")
    command = ["/usr/sbin/postfix", "-c", str(home)]
    subprocess.run([*command, "start"], check=True, capture_output=True, timeout=60)
    try:
        await_port(entry)
        await_port(back)
        yield postfix
    finally:
        subprocess.run([*command, "stop"], check=False, capture_output=True, timeout=60)
        shutil.rmtree(home, ignore_errors=True)


def recipe(entry: int, door: int, back: int, **_: int) -> str:
    """The lines of master.cf that the README asks an administrator to write, at ports of our own."""
    lines = README.read_text(encoding="utf-8").partition("    # master.cf\n")[2].splitlines()
    wanted = takewhile(lambda line: line.startswith("    "), lines)
    text = "\n".join(line.removeprefix("    ") for line in wanted) + "\n"
    assert "submission inet" in text
    replaced = text.replace("submission inet", f"127.0.0.1:{entry} inet")
    return replaced.replace("127.0.0.1:10025", f"127.0.0.1:{door}").replace("127.0.0.1:10026", f"127.0.0.1:{back}")


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def await_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing listens on port {port}")
