"""TLS of the door and to the next hop, 1.2 at least both ways: contexts from settings, names from certificates."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.settings import DoorTls, Downstream, Smtp
from rules.errors import ConfigurationError, Problem


def door_context(smtp: Smtp, base: Path) -> ssl.SSLContext | None:
    """None without a certificate. Raises ConfigurationError."""
    tls = smtp.tls
    if tls.cert is None:
        if smtp.auth != "none":
            raise ConfigurationError([_problem("smtp.auth needs smtp.tls.cert: a password is never taken in clear")])
        if tls.required or tls.key is not None or tls.implicit is not None or tls.asks_for_certificates:
            raise ConfigurationError([_problem("smtp.tls.cert is missing; without it there is no TLS to offer")])
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_certificate(context, tls, base)
    if tls.asks_for_certificates:
        # A client without one is told so by a reply, which its postmaster reads; a bad one ends the handshake.
        context.verify_mode = ssl.CERT_OPTIONAL
        if tls.client_ca is None:
            context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        else:
            _trust(context, base / tls.client_ca, "smtp.tls.client_ca")
    return context


def load_certificate(context: ssl.SSLContext, tls: DoorTls, base: Path) -> None:
    """Also into a context in use: the next handshake shows the new one. Raises ConfigurationError."""
    if tls.cert is None:
        return
    try:
        context.load_cert_chain(base / tls.cert, None if tls.key is None else base / tls.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError([_problem(f"smtp.tls: certificate or key cannot be read: {error}")]) from error


def next_hop_context(downstream: Downstream, base: Path) -> ssl.SSLContext | None:
    """`verify`: certificate and name; `required` and `opportunistic`: encryption without asking who is there."""
    if downstream.effective_tls == "none":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if downstream.ca is None:
        context.load_default_certs()
    else:
        _trust(context, base / downstream.ca, "downstream.ca")
    if downstream.effective_tls != "verify":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def names(certificate: Mapping[str, Any]) -> frozenset[str]:
    """Host names that a verified certificate was issued for, as they stand there: a wildcard matches itself only."""
    alternatives = certificate.get("subjectAltName", ())
    return frozenset(value.lower() for kind, value in alternatives if kind == "DNS")


def _trust(context: ssl.SSLContext, file: Path, key: str) -> None:
    try:
        context.load_verify_locations(file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError([_problem(f"{key}: cannot be read: {error}")]) from error


def _problem(text: str) -> Problem:
    return Problem(file="settings", line=None, text=text)
