"""`countersign check` on who may relay and on certificates: what an operator should know before anybody uses it."""

from pathlib import Path

import pytest
import trustme

from gateway.check import of_settings
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
        f"2: downstream.ca: {tmp_path / 'next.pem'}: there is no such file",
        f"1: smtp.tls.client_ca: {tmp_path / 'clients.pem'}: there is no such file",
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
