"""`countersign check` on who may relay and on certificates: what an operator should know before anybody uses it."""

from pathlib import Path

import pytest
import trustme

from gateway.check import of_settings, problems
from gateway.settings import load

RELAY = "smtp.allow_from: 198.51.100.0/24: whoever shares these addresses can relay through here"


def said(folder: Path, smtp: str, downstream: str = "") -> list[str]:
    file = folder / "countersign.yaml"
    file.write_text(f"smtp: {{{smtp}}}\ndownstream: {{host: 127.0.0.1{downstream}}}\n")
    problems = of_settings(load(file, {}))
    return [
        str(problem).removeprefix(f"{file}:") for problem in problems if "smtp" in problem.text or "ca:" in str(problem)
    ]


@pytest.fixture
def door(tmp_path: Path) -> str:
    trustme.CA().issue_cert("gw.example").private_key_and_cert_chain_pem.write_to_path(tmp_path / "door.pem")
    return "cert: door.pem, key: door.pem"


@pytest.mark.parametrize("network", ["10.1.0.0/16", "127.0.0.1", "100.64.9.0/24", '"fd00::/8"', '"::1"', "192.168.1.7"])
def test_private_networks_are_our_own(tmp_path: Path, network: str) -> None:
    """No warning that everybody learns to overlook."""
    assert said(tmp_path, f"allow_from: [{network}]") == []


@pytest.mark.parametrize("network", ["198.51.100.0/24", "0.0.0.0/0", '"::/0"', "192.0.0.0/8", "172.0.0.0/8"])
def test_an_open_relay_for_a_clouds_other_customers_is_warned_of(tmp_path: Path, network: str) -> None:
    """The addresses of Microsoft's and Google's mail servers are those of all their customers."""
    [warning] = said(tmp_path, f"allow_from: [{network}]")

    assert warning.startswith("1: warning: smtp.allow_from: ")
    assert "name smtp.sender_domains, smtp.tls.client_names or smtp.tls.client_ca" in warning


def test_a_check_of_sender_or_certificate_answers_the_warning(tmp_path: Path, door: str) -> None:
    """Either tells our own mail from a neighbour's."""
    public = "allow_from: [198.51.100.0/24]"

    assert RELAY in said(tmp_path, public)[0]
    assert said(tmp_path, f"{public}, sender_domains: [recordkeeper.example]") == []
    assert said(tmp_path, f"{public}, tls: {{{door}, client_names: [mail.protection.outlook.com]}}") == []


def test_files_that_are_not_there_are_named(tmp_path: Path, door: str) -> None:
    """With the key that names them."""
    problems = said(tmp_path, f"tls: {{{door}, client_ca: clients.pem}}", ", ca: next.pem")

    assert problems == [
        f"1: smtp.tls.client_ca: {tmp_path / 'clients.pem'}: there is no such file",
        f"2: downstream.ca: {tmp_path / 'next.pem'}: there is no such file",
    ]


def test_files_that_are_no_certificates_are_named(tmp_path: Path, door: str) -> None:
    """A key where an authority should be, or nothing at all."""
    for name in ("clients.pem", "next.pem"):
        (tmp_path / name).write_text("not a certificate\n")

    problems = said(tmp_path, f"tls: {{{door}, client_ca: clients.pem}}", ", tls: verify, ca: next.pem")

    assert [problem.partition(": cannot")[0] for problem in problems] == ["1: smtp.tls.client_ca", "2: downstream.ca"]


def test_asking_for_certificates_needs_one_of_our_own(tmp_path: Path) -> None:
    """The same refusal as the start's."""
    assert said(tmp_path, "tls: {implicit: 127.0.0.1:0}") == [
        "1: smtp.tls.cert is missing; without it there is no TLS to offer"
    ]


SETTINGS = """\
smtp: {listen: nowhere, hostname: gw.example, hostnam: x, tls: {crt: door.pem}}
downstrem: {host: 127.0.0.1}
web:
  listen: 127.0.0.1:8080
  listen: 127.0.0.1:8081
store: {url: "mysql://x"}
rules: {client: a.yaml, clients: clients.yaml, policy: policy.yaml}
source: here
"""
SAID = """\
countersign.yaml:5: key "listen" stands twice
environment COUNTERSIGN_SMTP__ALLOW_FROM: not a YAML list
countersign.yaml:8: source: unknown key
countersign.yaml:1: smtp.listen: "nowhere" is not host:port
countersign.yaml:1: smtp.tls.crt: unknown key; did you mean "cert"?
countersign.yaml:1: smtp.hostnam: unknown key; did you mean "hostname"?
countersign.yaml:7: rules.client: unknown key; did you mean "clients"?
environment COUNTERSIGN_LOG__LEVEL: log.level: Input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'
countersign.yaml:2: downstrem: unknown key; did you mean "downstream"?
countersign.yaml:1: downstream: missing key: name the next hop, e.g. downstream: {host: mail.example, port: 25}
countersign.yaml:6: store.url: neither sqlite:///<path> nor postgresql://<user>@<host>/<database>
policy.yaml:2: key "rules" stands twice
policy.yaml:3: rules.owner-not-recipent: unknown key; did you mean "owner-not-recipient"?
clients.yaml:2: clients.0.domain: unknown key; did you mean "domains"?
"""


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, variables, policy and directory: an operator mends all of it before he tries again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COUNTERSIGN_SMTP__ALLOW_FROM", "[10.0.0.0/8")
    monkeypatch.setenv("COUNTERSIGN_LOG__LEVEL", "LOUD")
    Path("countersign.yaml").write_text(SETTINGS)
    Path("policy.yaml").write_text("rules: {}\nrules:\n  owner-not-recipent: {action: hold}\n")
    Path("clients.yaml").write_text("clients:\n  - {id: acme, name: Acme Manufacturing, domain: [acme.example]}\n")

    said = "".join(f"{problem}\n" for problem in problems(Path("countersign.yaml")))

    assert said.replace(f"{tmp_path}/", "") == SAID


def test_a_section_that_is_wrong_is_not_called_missing(tmp_path: Path) -> None:
    """One mistake, one line."""
    (tmp_path / "countersign.yaml").write_text("downstream: {host: mx.example, port: many, tls: none}\n")

    errors = [str(problem) for problem in problems(tmp_path / "countersign.yaml") if not problem.warning]

    assert len(errors) == 1
    assert ":1: downstream.port: " in errors[0]
