"""Arguments of MAIL and RCPT (RFC 5321 4.1.1.2, 4.1.1.3): a value, or the reply that refuses them. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.reply import TOO_BIG, Reply
from gateway.smtp.addresses import AddressError, checked

SYNTAX = Reply(501, "5.5.4 syntax error in the argument")
UNKNOWN_PARAMETER = Reply(555, "5.5.4 parameter is not known here")
BAD_ADDRESS = Reply(501, "5.1.3 not a mailbox address with a domain")
NEEDS_SMTPUTF8 = Reply(553, "5.6.7 address is not ASCII, and SMTPUTF8 was not asked for")

_ARGUMENT = re.compile(r"(?P<keyword>[A-Za-z]+): *<(?P<path>[^<>]*)>(?: +(?P<parameters>\S.*))?")
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~]+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """What MAIL said. The null reverse-path is the empty string."""

    address: str
    size: int = 0  #: as announced; 0: not announced
    smtputf8: bool = False
    body_8bit: bool = False


def sender(argument: str, *, max_size: int) -> Sender | Reply:
    split = _split("FROM", argument)
    if isinstance(split, Reply):
        return split
    path, parameters = split
    refusal = _refusal(parameters)
    if refusal is not None:
        return refusal
    smtputf8 = "SMTPUTF8" in parameters
    size = int(parameters.get("SIZE") or 0)
    if size > max_size:
        return TOO_BIG
    address = _mailbox(path, smtputf8=smtputf8, recipient=False) if path else ""
    if isinstance(address, Reply):
        return address
    body_8bit = (parameters.get("BODY") or "").upper() == "8BITMIME"
    return Sender(address=address, size=size, smtputf8=smtputf8, body_8bit=body_8bit)


def recipient(argument: str, *, smtputf8: bool) -> str | Reply:
    split = _split("TO", argument)
    if isinstance(split, Reply):
        return split
    path, parameters = split
    if parameters:
        return UNKNOWN_PARAMETER
    return _mailbox(path, smtputf8=smtputf8, recipient=True)


def _split(keyword: str, argument: str) -> tuple[str, Mapping[str, str | None]] | Reply:
    """The path between the brackets, and parameters by upper-case name. Values keep their case."""
    match = _ARGUMENT.fullmatch(argument)
    if match is None or match["keyword"].upper() != keyword:
        return SYNTAX
    parameters: dict[str, str | None] = {}
    for word in (match["parameters"] or "").split():
        parameter = _PARAMETER.fullmatch(word)
        if parameter is None or parameter[1].upper() in parameters:
            return SYNTAX
        parameters[parameter[1].upper()] = parameter[2]
    return match["path"], parameters


def _refusal(parameters: Mapping[str, str | None]) -> Reply | None:
    """RET, ENVID, NOTIFY and ORCPT too are unknown: DSN (RFC 3461) is not offered, so upstream sends its own."""
    if parameters.keys() - {"SIZE", "BODY", "SMTPUTF8"}:
        return UNKNOWN_PARAMETER
    size = parameters.get("SIZE", "0")
    body = parameters.get("BODY", "7BIT")
    sound = (
        size is not None
        and re.fullmatch("[0-9]{1,20}", size)
        and body is not None
        and body.upper() in {"7BIT", "8BITMIME"}
        and parameters.get("SMTPUTF8") is None
    )
    return None if sound else SYNTAX


def _mailbox(path: str, *, smtputf8: bool, recipient: bool) -> str | Reply:
    if not path.isascii() and not smtputf8:
        return NEEDS_SMTPUTF8
    try:
        return checked(path, utf8=smtputf8, recipient=recipient)
    except AddressError:
        return BAD_ADDRESS
