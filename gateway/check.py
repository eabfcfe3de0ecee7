"""`countersign check`: everything that would stop a start, or should worry its operator, in one list."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

from gateway.directory import load as load_directory
from gateway.directory import today
from gateway.rosters import rosters_of
from gateway.settings import Settings, is_loopback, load
from gateway.store.engine import database_path
from gateway.store.keys import KeyRing
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
    return [*of_settings(settings), *_of_rules(settings)]


def of_settings(settings: Settings) -> Iterator[Problem]:
    """What the settings' own types cannot see."""
    said = settings.source.problem
    if settings.downstream is None:
        text = "downstream: missing key: name the next hop, e.g. downstream: {host: mail.example, port: 25}"
        yield said(("downstream",), text)
    elif not is_loopback(settings.downstream.host) and settings.downstream.effective_tls != "verify":
        text = f"downstream.tls: {settings.downstream.effective_tls}: the next hop is not on loopback; use verify"
        yield said(("downstream", "tls"), text, warning=True)
    yield from _of_certificate(settings)
    try:
        database_path(settings)
    except ConfigurationError as error:
        yield from (said(("store", "url"), problem.text) for problem in error.problems)
    else:
        yield from _of_key(settings)
    if settings.clients_file is None:
        text = "rules.clients: no client directory: everything sensitive will be held"
        yield said(("rules",), text, warning=True)


def _of_certificate(settings: Settings) -> Iterator[Problem]:
    tls, said = settings.smtp.tls, settings.source.problem
    if tls.cert is None:
        if tls.required or tls.key is not None:
            yield said(("smtp", "tls"), "smtp.tls.cert: missing key: STARTTLS needs a certificate")
        return
    files = {"cert": settings.path(tls.cert)} | ({"key": settings.path(tls.key)} if tls.key else {})
    missing = [(key, file) for key, file in files.items() if not file.is_file()]
    for key, file in missing:
        yield said(("smtp", "tls", key), f"smtp.tls.{key}: {file}: there is no such file")
    if missing:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files["cert"], files.get("key"))
    except OSError as error:  # ssl.SSLError is one
        yield said(("smtp", "tls"), f"smtp.tls: cannot be used: {error.strerror or type(error).__name__}")


def _of_key(settings: Settings) -> Iterator[Problem]:
    """Reads the file when it is there; the start makes the one that nobody named."""
    ring, said = KeyRing.of(settings, database_path(settings)), settings.source.problem
    if ring.beside:
        text = f"store.key: nobody named a key file, so it is {ring.file}, beside what it locks: keep it elsewhere"
        yield said(("store",), text, warning=True)
    if ring.beside and not ring.file.exists():
        return
    try:
        ring.load()
    except ConfigurationError as error:
        yield from error.problems
    else:
        if ring.file.stat().st_mode & 0o007:
            yield said(("store",), f"store.key: {ring.file}: everybody on this machine may read it", warning=True)


def _of_rules(settings: Settings) -> Iterator[Problem]:
    loaders: tuple[Callable[[], object], ...] = (
        lambda: Policy.load(settings.policy_file),
        Detector,
        lambda: load_directory(settings),
    )
    for loader in loaders:
        try:
            loaded = loader()
        except ConfigurationError as error:
            yield from error.problems
        else:
            yield from (*loaded.problems, *_of_rosters(settings, loaded)) if isinstance(loaded, Directory) else ()


def _of_rosters(settings: Settings, directory: Directory) -> Iterator[Problem]:
    """An old roster calls newcomers strangers."""
    try:
        rosters = rosters_of(settings)
    except ConfigurationError as error:
        yield from error.problems
        return
    known = {client.id for client in directory.clients}
    for roster in rosters:
        if roster.client not in known:
            text = f'rules.rosters: roster of "{roster.client}", which is no client in the directory'
            yield settings.source.problem(("rules",), text, warning=True)
        if roster.stale(today()):
            text = f'rules.rosters: roster of "{roster.client}" is of {roster.added}: replace it'
            yield settings.source.problem(("rules",), text, warning=True)
