"""Settings: one YAML file, environment over it, unknown keys refused. CONTRACT section 2 names the keys."""

import ipaddress
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, SkipValidation, ValidationError

from gateway.message import Limits
from rules.errors import ConfigurationError, Problem
from rules.sourced import Document, parse, problems_of, read

PREFIX = "COUNTERSIGN_"
ROSTER_CREDENTIAL = "countersign-roster-key"  #: its name in $CREDENTIALS_DIRECTORY
NO_KEYS = {"base", "source"}  #: what only the reader of the file knows
USUAL_FILES = (Path("countersign.yaml"), Path("/etc/countersign/countersign.yaml"))

SPELLINGS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("store", "key_file"): ("store", "key"),
    ("rules", "roster_key_file"): ("rules", "roster_key"),
}  #: as containers name a path to a secret

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


def _listed(value: object) -> object:
    """A variable of the environment holds a list as "a, b"."""
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


class DoorTls(Section):
    cert: Path | None = None
    key: Path | None = None
    required: bool = False
    implicit: Listen | None = None  #: a second place to listen, under TLS from the first octet (RFC 8314)
    client_ca: Path | None = None  #: whoever relays needs a certificate of this authority
    client_names: tuple[str, ...] = ()  #: and one of these names in it; without `client_ca` the system's authorities

    @property
    def asks_for_certificates(self) -> bool:
        return self.client_ca is not None or bool(self.client_names)


class Smtp(Section):
    listen: Listen = Address(host="127.0.0.1", port=10025)
    hostname: str = Field(default_factory=socket.getfqdn)
    allow_from: Annotated[tuple[Annotated[Network, BeforeValidator(_network)], ...], BeforeValidator(_listed)] = (
        ipaddress.ip_network("127.0.0.0/8"),
        ipaddress.ip_network("::1"),
    )
    max_size: int = Field(default=52428800, gt=0)  #: bytes
    max_recipients: int = Field(default=1000, ge=100)  #: RFC 5321 4.5.3.1.8 asks for 100 at least
    max_connections: int = Field(default=500, gt=0)
    max_per_client: int = Field(default=400, gt=0)  #: connections from one address; most doors have one client alone
    sender_domains: tuple[str, ...] = ()  #: who may send, subdomains included; none named: any allowed client's senders
    auth: Literal["none", "optional", "required"] = "none"  #: AUTH, by accounts with the role `sender`; under TLS only
    reuse_port: bool = False  #: the next process may listen before this one has stopped
    tls: DoorTls = DoorTls()


class Downstream(Section):
    host: str
    port: int = Field(default=25, ge=1, le=65535)
    tls: Literal["none", "opportunistic", "required", "verify"] | None = None
    ca: Path | None = None  #: authorities to trust instead of the system's

    @property
    def effective_tls(self) -> Literal["none", "opportunistic", "required", "verify"]:
        """`verify` unless told otherwise; on loopback, where nobody can listen in, `none`."""
        return self.tls or ("none" if is_loopback(self.host) else "verify")


class Web(Section):
    listen: Listen = Address(host="127.0.0.1", port=8080)
    base_url: str | None = None
    reuse_port: bool = False


class Store(Section):
    url: str = "sqlite:///var/countersign.db"
    blobs: Path | None = None  #: not used: held mail is kept in the database, and `check` says so
    key: Path | None = None  #: file of master keys; None: a systemd credential, else a file beside the database


class Rules(Section):
    policy: Path | None = None  #: None: the policy shipped with the package
    clients: Path | None = None  #: None: an empty directory, so everything sensitive is held
    rosters: Path = Path("var/countersign.rosters")  #: keyed hashes of clients' participants; no such file: no rosters
    roster_key: Path | None = None  #: file of their key; None: a systemd credential, else a file beside the rosters


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
    reviewers: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()  #: addresses told of every new hold


class Log(Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


DEFAULTS = parse("", "defaults")


class Retention(Section):
    """Days. What time does is in this order only: a held message goes back to its sender, then content is destroyed."""

    held: int = Field(default=14, ge=1)  #: until what nobody decided on is returned to its sender
    content: int = Field(default=30, ge=0)  #: from the last decision on, until the message's content is destroyed


class Settings(Section):
    smtp: Smtp = Smtp()
    downstream: Downstream | None = None  #: only `scan` does without
    web: Web = Web()
    store: Store = Store()
    rules: Rules = Rules()
    inspection: Inspection = Inspection()
    notices: Notices = Notices()
    log: Log = Log()
    retention: Retention = Retention()
    base: Path = Field(default=Path(), exclude=True)  #: the settings file's folder; never a key of the file
    source: SkipValidation[Document] = Field(default=DEFAULTS, exclude=True)  #: the file itself; never a key of it

    def path(self, relative: Path) -> Path:
        """A path of the settings; relative ones are relative to the settings file."""
        return self.base / relative

    @property
    def clients_file(self) -> Path | None:
        return None if self.rules.clients is None else self.path(self.rules.clients)

    @property
    def database_file(self) -> Path:
        """Of a store in a file: `sqlite:///var/x.db` is relative to the settings file, `sqlite:////var/x.db` is not."""
        return self.path(Path(self.store.url.partition(":///")[2]))

    @property
    def rosters_file(self) -> Path:
        return self.path(self.rules.rosters)

    @property
    def roster_key_file(self) -> Path:
        beside = self.rosters_file.with_name(f"{self.rosters_file.name}.key")
        return beside if self.rules.roster_key is None else self.path(self.rules.roster_key)

    @property
    def policy_file(self) -> Path | None:
        return None if self.rules.policy is None else self.path(self.rules.policy)


def usual_file() -> Path | None:
    """The settings file when none is named: beside you, else the system's; None when there is neither."""
    return next((file for file in USUAL_FILES if file.is_file()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What file and environment say. For `check` to go on, `settings` are those without all that is wrong."""

    settings: Settings
    problems: tuple[Problem, ...]
    wrong: frozenset[str]  #: sections that stand at their defaults because of it


def load(path: Path | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read settings from `path` (None: defaults only) and the environment. Raises ConfigurationError."""
    examined = examine(path, environ)
    if examined.problems:
        raise ConfigurationError(examined.problems)
    return examined.settings


def examine(path: Path | None, environ: Mapping[str, str] = os.environ) -> Examined:
    """The same, with everything that is wrong. Raises ConfigurationError for a file that cannot be read at all."""
    document = DEFAULTS if path is None else read(path)
    if not isinstance(document.content, dict):
        raise ConfigurationError([document.problem((), "is not a mapping of sections")])
    problems = list(document.problems)
    variables = _environment(environ, problems)
    content = document.content
    for steps, value in variables.items():
        content = _with(content, steps, value)
    problems += [document.problem((name,), f"{name}: unknown key") for name in sorted(NO_KEYS & content.keys())]
    content = {name: section for name, section in content.items() if name not in NO_KEYS}
    wrong: set[str] = set()
    try:
        settings = Settings.model_validate(content)
    except ValidationError as error:
        problems += _problems(document, error, variables)
        settings = Settings.model_validate(_sound(content, error, wrong))
    folder = Path.cwd() if path is None else path.absolute().parent
    rules = _default_files(settings.rules, folder, environ)
    settings = settings.model_copy(update={"base": folder, "source": document, "rules": rules})
    return Examined(settings=settings, problems=tuple(problems), wrong=frozenset(wrong))


def _sound(content: Mapping[str, Any], error: ValidationError, wrong: set[str]) -> dict[str, Any]:
    """The content without unknown keys, and without the sections that are wrong in any other way."""
    sound: Any = content
    for complaint in error.errors(include_url=False, include_context=False, include_input=False):
        if complaint["type"] == "extra_forbidden":
            sound = _without(sound, complaint["loc"])
        else:
            wrong.add(str(complaint["loc"][0]))
    return {name: section for name, section in sound.items() if name not in wrong}


def _without(content: Any, steps: Sequence[Any]) -> Any:
    first, *rest = steps
    if rest:
        return content | {first: _without(content[first], rest)}
    return {key: value for key, value in content.items() if key != first}


def _with(content: Any, steps: Sequence[str], value: Any) -> Any:
    """The same content with `value` at the place that `steps` lead to."""
    first, *rest = steps
    around = dict(content) if isinstance(content, dict) else {}
    around[first] = _with(around.get(first), rest, value) if rest else value
    return around


def _default_files(rules: Rules, folder: Path, environ: Mapping[str, str]) -> Rules:
    """A directory in its usual place, and a key that systemd hands over, are used without being named."""
    usual = Path("rules/clients.yaml")
    credential = Path(environ.get("CREDENTIALS_DIRECTORY", os.devnull), ROSTER_CREDENTIAL)
    found: dict[str, Path] = {}
    if rules.clients is None and (folder / usual).is_file():
        found["clients"] = usual
    if rules.roster_key is None and credential.is_file():
        found["roster_key"] = credential
    return rules.model_copy(update=found) if found else rules


def _environment(environ: Mapping[str, str], problems: list[Problem]) -> dict[tuple[str, ...], Any]:
    """COUNTERSIGN_<SECTION>__<KEY>, and __<KEY> of what lies deeper; a YAML list, mapping or null is read as one."""
    found: dict[tuple[str, ...], Any] = {}
    for name, value in sorted(environ.items()):
        steps = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if not name.startswith(PREFIX) or len(steps) < 2:
            continue
        try:
            flow = yaml.safe_load(value) if value[:1] in {"[", "{"} or value == "null" else value
        except yaml.YAMLError:
            problems.append(Problem(file=f"environment {name}", line=None, text="not a YAML list"))
        else:
            found[SPELLINGS.get(steps, steps)] = flow
    return found


def _problems(
    document: Document, error: ValidationError, variables: Mapping[tuple[str, ...], Any]
) -> Iterator[Problem]:
    paths = [complaint["loc"] for complaint in error.errors(include_url=False, include_context=False)]
    for path, problem in zip(paths, problems_of(document, error, Settings), strict=True):
        yield _blame(path, problem, variables)


def _blame(path: tuple[Any, ...], problem: Problem, variables: Mapping[tuple[str, ...], Any]) -> Problem:
    """Name the variable instead of a line of the file when the variable is at fault."""
    for steps in variables:
        if steps[: len(path)] == path[: len(steps)]:
            name = PREFIX + "__".join(steps).upper()
            return Problem(file=f"environment {name}", line=None, text=problem.text)
    return problem
