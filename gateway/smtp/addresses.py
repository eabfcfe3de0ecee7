"""Strict grammar of RFC 5321 paths: what passes is sent on as the very bytes that were checked. Never repairs any.

Stricter than the RFC where next hops disagree on who the recipient is: no source route, no `%` or `!` routing, no
quoted special characters, no address without a domain ("postmaster" alone included: this relay has no mailboxes).
"""

import ipaddress
import re
import unicodedata
from collections.abc import Collection

import idna

MAX_PATH = 320  #: octets; RFC 5321 4.5.3.1.3 asks for 254, SRS and BATV local parts are longer in real mail

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-"
_DOT_STRING = re.compile(rf"[{_ATEXT}\x80-\U0010ffff]+(?:\.[{_ATEXT}\x80-\U0010ffff]+)*")
# Within quotes only what no re-parser takes for structure: no @ % ! < > , ; : \ " even where the RFC allows them.
_QUOTED = re.compile(r'"[A-Za-z0-9 #$&\'*+/=?^_`{|}~().\[\]\x80-\U0010ffff-]+"')
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_ROUTING = re.compile(r"[%!]")


class AddressError(ValueError):
    """Not an address that we pass on. The text never holds the address."""


def checked(address: str, *, utf8: bool, recipient: bool = False) -> str:
    """The address itself when it is one; AddressError otherwise. `utf8`: SMTPUTF8 was asked for."""
    if len(address.encode("utf-8", "surrogateescape")) > MAX_PATH:
        raise AddressError("address is too long")
    if not utf8 and not address.isascii():
        raise AddressError("address is not ASCII, and SMTPUTF8 was not asked for")
    local, at, domain = address.rpartition("@")
    if not at or not domain or not local:
        raise AddressError("address has no domain" if local or not at else "address has no local part")
    if not _local_part(local, recipient=recipient):
        raise AddressError("local part is malformed or carries routing")
    if not _domain(domain):
        raise AddressError("domain is malformed")
    return address


def path(address: str) -> bytes:
    """The bytes of a checked address, in angle brackets; `` gives the null reverse-path."""
    return f"<{address}>".encode()


def within(address: str, domains: Collection[str]) -> bool:
    """Whether the address is in one of the domains or below it. Domains are A-labels in lower case."""
    domain = ascii_domain(address.rpartition("@")[2])
    return any(domain == each or domain.endswith(f".{each}") for each in domains)


def ascii_domain(domain: str) -> str:
    """In lower case and A-labels; what has none is itself, and equals nothing that has."""
    try:
        return ".".join(
            label.lower() if label.isascii() else idna.alabel(label).decode() for label in domain.split(".")
        )
    except (idna.IDNAError, UnicodeError):
        return domain


def _local_part(local: str, *, recipient: bool) -> bool:
    if not (_DOT_STRING.fullmatch(local) or _QUOTED.fullmatch(local)):
        return False
    if recipient and _ROUTING.search(local):
        return False
    return local.isascii() or _visible(local)


def _visible(text: str) -> bool:
    """No control, format, separator or surrogate characters; none that turn into ASCII when normalised (U+FF20)."""
    return all(
        character.isascii()
        or (
            unicodedata.category(character)[0] not in "CZ"
            and not any(
                folded.isascii() and not folded.isalnum() for folded in unicodedata.normalize("NFKC", character)
            )
        )
        for character in text
    )


def _domain(domain: str) -> bool:
    if domain.startswith("["):
        return _literal(domain)
    return len(domain) <= 255 and all(_label(label) for label in domain.split("."))


def _label(label: str) -> bool:
    if label.isascii():
        return _LABEL.fullmatch(label) is not None
    try:
        idna.alabel(label)
    except (idna.IDNAError, UnicodeError):
        return False
    return _visible(label)


def _literal(domain: str) -> bool:
    """RFC 5321 4.1.3: [192.0.2.1] or [IPv6:2001:db8::1]."""
    if not domain.endswith("]") or not domain.isascii():
        return False
    inside = domain[1:-1]
    try:
        if inside[:5].lower() == "ipv6:":
            return "%" not in inside and ipaddress.IPv6Address(inside[5:]) is not None
        return ipaddress.IPv4Address(inside) is not None
    except ValueError:
        return False
