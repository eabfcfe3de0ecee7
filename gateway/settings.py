"""Settings: one YAML file, environment over it, unknown keys refused. CONTRACT section 2 names the keys."""

import ipaddress
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from gateway.message import Limits
from rules.errors import ConfigurationError, Problem
from rules.sourced import Document, parse, problems_of, read

PREFIX = "COUNTERSIGN_"
USUAL_FILES = (Path("countersign.yaml"), Path("/etc/countersign/countersign.yaml"))

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Address(Section):
    """host:port; an IPv6 host stands in brackets."""

    host: str
    port: int = Field(ge=0, le=65535)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in {"localhost", "localhost."}


def _address(value: object) -> object:
    if not isinstance(value, str):
        return value
    host, separator, port = value.rpartition(":")
    if not separator or not port.isdigit():
        raise ValueError(f'"{value}" is not host:port')
    return {"host": host.strip("[]") or "0.0.0.0", "port": port}  # noqa: S104 - ":25" means every interface everywhere


Listen = Annotated[Address, BeforeValidator(_address), PlainSerializer(str)]


def _network(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError(f'"{value}" is not an address or a network like 10.0.0.0/8') from None


class DoorTls(Section):
    cert: Path | None = None
    key: Path | None = None
    required: bool = False


class Smtp(Section):
    listen: Listen = Address(host="127.0.0.1", port=10025)
    hostname: str = Field(default_factory=socket.getfqdn)
    allow_from: tuple[Annotated[Network, BeforeValidator(_network)], ...] = (
        ipaddress.ip_network("127.0.0.0/8"),
        ipaddress.ip_network("::1"),
    )
    max_size: int = Field(default=52428800, gt=0)  #: bytes
    max_recipients: int = Field(default=1000, ge=100)  #: RFC 5321 4.5.3.1.8 asks for 100 at least
    max_connections: int = Field(default=200, gt=0)
    tls: DoorTls = DoorTls()


class Downstream(Section):
    host: str
    port: int = Field(default=25, ge=1, le=65535)
    tls: Literal["none", "opportunistic", "required", "verify"] | None = None

    @property
    def effective_tls(self) -> Literal["none", "opportunistic", "required", "verify"]:
        """`verify` unless told otherwise; on loopback, where nobody can listen in, `none`."""
        return self.tls or ("none" if is_loopback(self.host) else "verify")


class Web(Section):
    listen: Listen = Address(host="127.0.0.1", port=8080)
    base_url: str | None = None


class Store(Section):
    url: str = "sqlite:///var/countersign.db"
    blobs: Path | None = None


class Rules(Section):
    policy: Path | None = None  #: None: the policy shipped with the package
    clients: Path | None = None  #: None: an empty directory, so everything sensitive is held


class Inspection(Section):
    soft: float = Field(default=60, gt=0)  #: seconds until a message is stored and 250 said
    timeout: float = Field(default=300, gt=0)  #: seconds until a message is held as not inspected
    workers: int = Field(default=2, ge=1, le=64)
    max_parts: int = Field(default=2000, ge=1)
    max_depth: int = Field(default=8, ge=1)
    max_expanded: int = Field(default=1 << 30, ge=1)  #: bytes

    @property
    def limits(self) -> Limits:
        return Limits(max_parts=self.max_parts, max_depth=self.max_depth, max_expanded=self.max_expanded)


class Notices(Section):
    sender: str | None = None  #: From of notices; None: countersign@<smtp.hostname>
    reviewers: tuple[str, ...] = ()  #: addresses told of every new hold


class Settings(Section):
    smtp: Smtp = Smtp()
    downstream: Downstream | None = None  #: only `scan` does without
    web: Web = Web()
    store: Store = Store()
    rules: Rules = Rules()
    inspection: Inspection = Inspection()
    notices: Notices = Notices()
    base: Path = Field(default=Path(), exclude=True)  #: the settings file's folder; never a key of the file

    def path(self, relative: Path) -> Path:
        """A path of the settings; relative ones are relative to the settings file."""
        return self.base / relative

    @property
    def clients_file(self) -> Path | None:
        return None if self.rules.clients is None else self.path(self.rules.clients)

    @property
    def policy_file(self) -> Path | None:
        return None if self.rules.policy is None else self.path(self.rules.policy)


def usual_file() -> Path | None:
    """The settings file when none is named: beside you, else the system's; None when there is neither."""
    return next((file for file in USUAL_FILES if file.is_file()), None)


def load(path: Path | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read settings from `path` (None: defaults only) and the environment. Raises ConfigurationError."""
    document = parse("", "defaults") if path is None else read(path)
    if not isinstance(document.content, dict):
        raise ConfigurationError([document.problem((), "is not a mapping of sections")])
    if "base" in document.content:
        raise ConfigurationError([document.problem(("base",), "base: unknown key")])
    from_environment = _environment(environ)
    for (section, key), value in from_environment.items():
        target = document.content.setdefault(section, {})
        if isinstance(target, dict):
            target[key] = value
    try:
        settings = Settings.model_validate(document.content)
    except ValidationError as error:
        problems = [_blame(problem, from_environment) for problem in _problems(document, error)]
        raise ConfigurationError(problems) from error
    folder = Path.cwd() if path is None else path.absolute().parent
    return settings.model_copy(update={"base": folder, "rules": _default_files(settings.rules, folder)})


def _default_files(rules: Rules, folder: Path) -> Rules:
    """A directory in its usual place is used without being named."""
    usual = Path("rules/clients.yaml")
    return (
        rules.model_copy(update={"clients": usual}) if rules.clients is None and (folder / usual).is_file() else rules
    )


def _environment(environ: Mapping[str, str]) -> dict[tuple[str, str], Any]:
    """COUNTERSIGN_<SECTION>__<KEY>; a value that is a YAML list or mapping is read as one."""
    found: dict[tuple[str, str], Any] = {}
    for name, value in environ.items():
        section, separator, key = name.removeprefix(PREFIX).lower().partition("__")
        if name.startswith(PREFIX) and separator:
            found[section, key] = _flow(name, value) if value[:1] in {"[", "{"} else value
    return found


def _flow(name: str, value: str) -> Any:
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigurationError([Problem(file=f"environment {name}", line=None, text="not a YAML list")]) from error


def _problems(document: Document, error: ValidationError) -> list[tuple[tuple[Any, ...], Problem]]:
    paths = [complaint["loc"] for complaint in error.errors(include_url=False, include_context=False)]
    return list(zip(paths, problems_of(document, error), strict=True))


def _blame(found: tuple[tuple[Any, ...], Problem], environment: Mapping[tuple[str, str], Any]) -> Problem:
    """Name the variable instead of a line of the file when the variable is at fault."""
    path, problem = found
    section, key = (*path, "", "")[:2]
    if (section, key) not in environment:
        return problem
    name = f"{PREFIX}{section}__{key}".upper()
    return Problem(file=f"environment {name}", line=None, text=problem.text)
