"""Domain names and addresses in the one form in which the directory compares them. Never asks the network."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from rules.vocabulary import words

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?=[a-z]){_LABEL}")
_ATOM = re.compile(r'[^\s@<>()\[\]\\,;:"\x00-\x1f\x7f]{1,256}')  # RFC 5321 4.1.2, and letters of RFC 6531
_QUOTED = re.compile(r'"(?:[^"\\\r\n]|\\[^\r\n]){0,256}"')
_RESERVED = frozenset({"example", "test", "invalid", "localhost", "local", "internal"})  # RFC 2606, RFC 6762


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address taken apart: local part as compared (lower case), domain in its A-label form."""

    local: str
    domain: str

    @property
    def untagged(self) -> "Mailbox":
        """Without the `+tag` that many servers ignore."""
        return Mailbox(self.local.partition("+")[0] or self.local, self.domain)

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def canonical(text: str) -> str | None:
    """Lower-case A-label form without a trailing dot; None for what is not a domain name."""
    name = text.strip().removesuffix(".")
    if not name.isascii():
        name = _to_ascii(name) or ""
    name = name.lower()
    return name if len(name) <= 253 and _DOMAIN.fullmatch(name) else None


def _to_ascii(name: str) -> str | None:
    import idna  # noqa: PLC0415 - most domains need none of its tables

    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return None


def readable(domain: str) -> str:
    """The Unicode form of a canonical domain, for comparing what people see."""
    if "xn--" not in domain:
        return domain
    import idna  # noqa: PLC0415 - see above

    try:
        return idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain


def mailbox(address: str) -> Mailbox | None:
    """Take an envelope address apart; None when it has no domain or is not an address."""
    local, separator, host = address.rpartition("@")
    domain = canonical(host) if separator and host == host.strip() else None
    if domain is None or not (_ATOM.fullmatch(local) or _QUOTED.fullmatch(local)):
        return None
    return Mailbox(local.lower(), domain)


def suffixes(domain: str) -> Iterator[str]:
    """The domain itself, then every domain around it: a.b.c, b.c, c."""
    while domain:
        yield domain
        domain = domain.partition(".")[2]


def is_webmail(domain: str) -> bool:
    return domain in words("webmail")


def is_public_suffix(domain: str) -> bool:
    """Whether anybody can register names under it (`co.uk`), private suffixes such as `github.io` included."""
    if domain.rpartition(".")[2] in _RESERVED:
        return "." not in domain
    return not _suffix_list()(domain).domain


@cache
def _suffix_list() -> Any:
    import tldextract  # noqa: PLC0415 - a third of a second, and only real domains need it

    # No fetching, no cache: the list shipped with the library, so that every start says the same.
    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)
