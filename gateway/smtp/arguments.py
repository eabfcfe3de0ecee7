"""Arguments of MAIL and RCPT (RFC 5321 4.1.1.2, 4.1.1.3): a value, or the reply that refuses them. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.message import Asked
from gateway.reply import TOO_BIG, Reply
from gateway.smtp.addresses import AddressError, checked

SYNTAX = Reply(501, "5.5.4 syntax error in the argument")
UNKNOWN_PARAMETER = Reply(555, "5.5.4 parameter is not known here")
BAD_ADDRESS = Reply(501, "5.1.3 not a mailbox address with a domain")
NEEDS_SMTPUTF8 = Reply(553, "5.6.7 address is not ASCII, and SMTPUTF8 was not asked for")

_ARGUMENT = re.compile(r"(?P<keyword>[A-Za-z]+): *<(?P<path>[^<>]*)>(?: +(?P<parameters>\S.*))?")
_XTEXT = r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})"  # RFC 3461 4
_EVENT = "(?i:SUCCESS|FAILURE|DELAY)"
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~]+))?")


#: The values that each parameter may have; None: it has none. What the session has not offered is unknown.
_MAIL = {"SIZE": "[0-9]{1,20}", "BODY": "(?i:7BIT|8BITMIME)", "SMTPUTF8": None}
_MAIL_DSN = {"RET": "(?i:FULL|HDRS)", "ENVID": _XTEXT + "{1,100}"}
_MAIL_AUTH = {"AUTH": _XTEXT + "{1,500}"}  # RFC 4954 5: has to be taken, and is believed by nobody here
_RCPT_DSN = {"NOTIFY": f"(?i:NEVER)|{_EVENT}(?:,{_EVENT})*", "ORCPT": r"[A-Za-z0-9-]{1,32};" + _XTEXT + "{1,500}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """What MAIL said. The null reverse-path is the empty string."""

    address: str
    size: int = 0  #: as announced; 0: not announced
    smtputf8: bool = False
    body_8bit: bool = False
    ret: str = ""
    envid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """Extensions of this session that bring parameters of their own."""

    dsn: bool = False
    auth: bool = False


def sender(argument: str, *, max_size: int, offered: Offered) -> Sender | Reply:
    known = _MAIL | (_MAIL_DSN if offered.dsn else {}) | (_MAIL_AUTH if offered.auth else {})
    split = _split("FROM", argument, known)
    if isinstance(split, Reply):
        return split
    path, parameters = split
    smtputf8 = "SMTPUTF8" in parameters
    size = int(parameters.get("SIZE", "0"))
    if size > max_size:
        return TOO_BIG
    address = _mailbox(path, smtputf8=smtputf8, recipient=False) if path else ""
    if isinstance(address, Reply):
        return address
    return Sender(
        address=address,
        size=size,
        smtputf8=smtputf8,
        body_8bit=parameters.get("BODY", "").upper() == "8BITMIME",
        ret=parameters.get("RET", "").upper(),
        envid=parameters.get("ENVID", ""),
    )


def recipient(argument: str, *, smtputf8: bool, offered: Offered) -> tuple[str, Asked] | Reply:
    split = _split("TO", argument, _RCPT_DSN if offered.dsn else {})
    if isinstance(split, Reply):
        return split
    path, parameters = split
    address = _mailbox(path, smtputf8=smtputf8, recipient=True)
    if isinstance(address, Reply):
        return address
    return address, Asked(notify=parameters.get("NOTIFY", "").upper(), orcpt=parameters.get("ORCPT", ""))


def _split(keyword: str, argument: str, known: Mapping[str, str | None]) -> tuple[str, Mapping[str, str]] | Reply:
    """The path between the brackets, and parameters by upper-case name. Values keep their case."""
    match = _ARGUMENT.fullmatch(argument)
    if match is None or match["keyword"].upper() != keyword:
        return SYNTAX
    parameters: dict[str, str] = {}
    unsound = False
    for word in (match["parameters"] or "").split():
        parameter = _PARAMETER.fullmatch(word)
        if parameter is None or parameter[1].upper() in parameters:
            return SYNTAX
        name, value = parameter[1].upper(), parameter[2]
        if name not in known:
            return UNKNOWN_PARAMETER
        unsound |= not _sound(value, known[name])
        parameters[name] = value or ""
    return SYNTAX if unsound else (match["path"], parameters)


def _sound(value: str | None, wanted: str | None) -> bool:
    if wanted is None or value is None:
        return value is wanted
    return re.fullmatch(wanted, value) is not None


def _mailbox(path: str, *, smtputf8: bool, recipient: bool) -> str | Reply:
    if not path.isascii() and not smtputf8:
        return NEEDS_SMTPUTF8
    try:
        return checked(path, utf8=smtputf8, recipient=recipient)
    except AddressError:
        return BAD_ADDRESS
