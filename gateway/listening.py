"""Where we listen: sockets that systemd has handed over, or our own. Clients wait in their queues; admits nobody."""

import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from gateway.errors import ServiceError
from gateway.settings import Address, Settings

BACKLOG = 1024  #: connections that wait to be accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    door: socket.socket
    tls_door: socket.socket | None
    web: socket.socket

    def close(self) -> None:
        for each in (self.door, self.tls_door, self.web):
            if each is not None:
                each.close()


def listen_everywhere(settings: Settings, handed_over: Mapping[str, socket.socket]) -> Sockets:
    """As the settings have it; `handed_over` goes by the names smtp, smtps and web. Raises ServiceError."""
    smtp, web = settings.smtp, settings.web
    with ExitStack() as opened:

        def at(key: str, address: Address, name: str, *, shared: bool) -> socket.socket:
            return opened.enter_context(listen(key, address, handed_over.get(name), shared=shared))

        implicit = smtp.tls.implicit
        sockets = Sockets(
            door=at("smtp.listen", smtp.listen, "smtp", shared=smtp.reuse_port),
            tls_door=at("smtp.tls.implicit", implicit, "smtps", shared=smtp.reuse_port) if implicit else None,
            web=at("web.listen", web.listen, "web", shared=web.reuse_port),
        )
        opened.pop_all()
    return sockets


def listen(key: str, address: Address, handed_over: socket.socket | None = None, *, shared: bool) -> socket.socket:
    """`shared`: the next process may listen beside this one. Raises ServiceError naming the key."""
    if handed_over is not None:
        return handed_over
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listening.bind((address.host, address.port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise ServiceError(f"{key}: {address} cannot be listened on: {error.strerror}") from error
    return listening
