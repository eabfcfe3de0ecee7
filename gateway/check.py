"""`countersign check`: everything that would stop a start, or should worry its operator, in one list."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

from gateway.settings import Settings, is_loopback, load
from rules.clients import Directory
from rules.detect import Detector
from rules.errors import ConfigurationError, Problem
from rules.policy import Policy


def problems(config: Path | None) -> list[Problem]:
    """Errors and warnings of settings, policy, recognisers and directory, in this order."""
    try:
        settings = load(config)
    except ConfigurationError as error:
        return list(error.problems)
    file = "defaults" if config is None else str(config)
    return [*of_settings(settings, file), *_of_rules(settings)]


def of_settings(settings: Settings, file: str) -> Iterator[Problem]:
    """What the settings' own types cannot see."""

    def problem(text: str, *, warning: bool = False) -> Problem:
        return Problem(file=file, line=None, text=text, warning=warning)

    if settings.downstream is None:
        yield problem("downstream: missing key: name the next hop, e.g. downstream: {host: mail.example, port: 25}")
    elif not is_loopback(settings.downstream.host) and settings.downstream.effective_tls != "verify":
        text = f"downstream.tls: {settings.downstream.effective_tls}: the next hop is not on loopback; use verify"
        yield problem(text, warning=True)
    yield from _of_certificate(settings, problem)
    if settings.clients_file is None:
        yield problem("rules.clients: no client directory: everything sensitive will be held", warning=True)


def _of_certificate(settings: Settings, problem: Callable[[str], Problem]) -> Iterator[Problem]:
    tls = settings.smtp.tls
    if tls.cert is None:
        if tls.required or tls.key is not None:
            yield problem("smtp.tls.cert: missing key: STARTTLS needs a certificate")
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings.path(tls.cert), settings.path(tls.key) if tls.key else None)
    except OSError as error:  # ssl.SSLError is one
        yield problem(f"smtp.tls.cert: cannot be used: {error.strerror or type(error).__name__}")


def _of_rules(settings: Settings) -> Iterator[Problem]:
    loaders: tuple[Callable[[], object], ...] = (
        lambda: Policy.load(settings.policy_file),
        Detector,
        lambda: Directory.load(settings.clients_file),
    )
    for loader in loaders:
        try:
            loaded = loader()
        except ConfigurationError as error:
            yield from error.problems
        else:
            yield from loaded.problems if isinstance(loaded, Directory) else ()
