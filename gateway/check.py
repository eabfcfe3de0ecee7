"""`countersign check`: everything that would stop a start, or should worry its operator, in one list."""

from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path

from gateway.directory import load as load_directory
from gateway.directory import today
from gateway.rosters import rosters_of
from gateway.settings import Network, Settings, examine, is_loopback
from gateway.smtp.tls import door_context, next_hop_context
from gateway.store.location import NO_DRIVER, key_ring, server
from rules.clients import Directory
from rules.detect import Detector
from rules.errors import ConfigurationError, Problem
from rules.policy import Policy

#: Loopback, RFC 1918, RFC 3927, RFC 6598, RFC 4193, RFC 4291: networks that an organisation has to itself.
PRIVATE = [
    *map(ip_network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")),
    *map(ip_network, ("100.64.0.0/10", "::1/128", "fc00::/7", "fe80::/10")),
]


def problems(config: Path | None) -> list[Problem]:
    """Errors and warnings of settings, policy, recognisers and directory, in this order."""
    try:
        examined = examine(config)
    except ConfigurationError as error:
        return list(error.problems)
    return [*examined.problems, *of_settings(examined.settings, examined.wrong), *_of_rules(examined.settings)]


def of_settings(settings: Settings, wrong: frozenset[str] = frozenset()) -> Iterator[Problem]:
    """What the settings' own types cannot see; nothing of sections that these have called wrong."""
    for section, checks in SECTIONS.items():
        if section not in wrong:
            for check in checks:
                yield from check(settings)


def _of_next_hop(settings: Settings) -> Iterator[Problem]:
    downstream, said = settings.downstream, settings.source.problem
    if downstream is None:
        text = "downstream: missing key: name the next hop, e.g. downstream: {host: mail.example, port: 25}"
        yield said(("downstream",), text)
        return
    if not is_loopback(downstream.host) and downstream.effective_tls != "verify":
        text = f"downstream.tls: {downstream.effective_tls}: the next hop is not on loopback; use verify"
        yield said(("downstream", "tls"), text, warning=True)
    if missing := list(_missing(settings, {("downstream", "ca"): downstream.ca})):
        yield from missing
        return
    try:
        next_hop_context(downstream, settings.base)
    except ConfigurationError as error:
        yield from (said(("downstream", "ca"), problem.text) for problem in error.problems)


def _of_certificate(settings: Settings) -> Iterator[Problem]:
    tls, said = settings.smtp.tls, settings.source.problem
    named: dict[tuple[str, ...], Path | None]
    named = {("smtp", "tls", key): getattr(tls, key) for key in ("cert", "key", "client_ca")}
    if missing := list(_missing(settings, named)):
        yield from missing
        return
    try:
        door_context(settings.smtp, settings.base)
    except ConfigurationError as error:
        yield from (said(("smtp", "tls"), problem.text) for problem in error.problems)


def _missing(settings: Settings, files: Mapping[tuple[str, ...], Path | None]) -> Iterator[Problem]:
    for path, file in files.items():
        if file and not settings.path(file).is_file():
            text = f"{'.'.join(path)}: {settings.path(file)}: there is no such file"
            yield settings.source.problem(path, text)


def _of_clients(settings: Settings) -> Iterator[Problem]:
    """A cloud's addresses are those of all its customers."""
    smtp = settings.smtp
    public = [str(network) for network in smtp.allow_from if not _private(network)]
    if public and not smtp.tls.asks_for_certificates and not smtp.sender_domains:
        text = (
            f"smtp.allow_from: {', '.join(public)}: whoever shares these addresses can relay through here;"
            " name smtp.sender_domains, smtp.tls.client_names or smtp.tls.client_ca"
        )
        yield settings.source.problem(("smtp", "allow_from"), text, warning=True)


def _private(network: Network) -> bool:
    return any(network.version == each.version and network.subnet_of(each) for each in PRIVATE)  # type: ignore[arg-type]


def _of_store(settings: Settings) -> Iterator[Problem]:
    said = settings.source.problem
    try:
        key_ring(settings)
    except ConfigurationError as error:
        yield from (said(("store", "url"), problem.text) for problem in error.problems)
    else:
        yield from _of_key(settings)
        yield from _of_server(settings)
    if settings.store.blobs is not None:
        text = "store.blobs: this folder is not used: held mail is kept, sealed, in the database of store.url"
        yield said(("store", "blobs"), text, warning=True)


def _of_server(settings: Settings) -> Iterator[Problem]:
    """Connects to nothing. What is kept of messages is sealed; addresses and records are not."""
    url, said = server(settings), settings.source.problem
    if url is None:
        return
    if find_spec("psycopg") is None:
        yield said(("store", "url"), NO_DRIVER)
    hosts = {url.host, url.query.get("host")} - {None}
    away = [host for host in hosts if not str(host).startswith("/") and not is_loopback(str(host))]
    if away and url.query.get("sslmode") != "verify-full":
        text = f"store.url: {', '.join(map(str, away))} is not on loopback: end the URL with ?sslmode=verify-full"
        yield said(("store", "url"), text, warning=True)


def _of_key(settings: Settings) -> Iterator[Problem]:
    """Reads the file when it is there; the start makes the one that nobody named."""
    ring, said = key_ring(settings), settings.source.problem
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


def _of_directory(settings: Settings) -> Iterator[Problem]:
    if settings.clients_file is None:
        text = "rules.clients: no client directory: everything sensitive will be held"
        yield settings.source.problem(("rules",), text, warning=True)


SECTIONS: Mapping[str, tuple[Callable[[Settings], Iterator[Problem]], ...]] = {
    "smtp": (_of_certificate, _of_clients),
    "downstream": (_of_next_hop,),
    "store": (_of_store,),
    "rules": (_of_directory,),
}


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
