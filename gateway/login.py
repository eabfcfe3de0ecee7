"""Who has logged in to the operating system; not what the environment says, which anybody may set."""

import os
import pwd
from contextlib import suppress
from pathlib import Path

from gateway.actor import Actor

_LOGIN = Path("/proc/self/loginuid")  #: set when somebody logs in, and kept through sudo and su
_UNSET = 2**32 - 1


def login() -> str:
    user = os.getuid()
    with suppress(OSError, ValueError):
        audited = int(_LOGIN.read_text("ascii"))
        user = user if audited == _UNSET else audited
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def operator() -> Actor:
    """Whoever runs a command of upkeep, under the name of his login."""
    return Actor(login())
