"""Settings refuse what they do not understand, and say where."""

from pathlib import Path

import pytest

from gateway.check import of_settings
from gateway.settings import load
from rules.errors import ConfigurationError

WRONG = {
    "unknown key": ("smtp:\n  listne: 127.0.0.1:25\n", ":2: smtp.listne: unknown key"),
    "unknown section": ("smpt: {}\n", ":1: smpt: unknown key"),
    "no port": ("web:\n\n  listen: 127.0.0.1\n", ':3: web.listen: "127.0.0.1" is not host:port'),
    "not a network": ("smtp:\n  allow_from:\n    - 10.0.0.0/8\n    - 10.0.0/99\n", ":4: smtp.allow_from.1: "),
    "no such tls": ("downstream: {host: mx.example, tls: maybe}\n", ":1: downstream.tls: "),
    "the same key twice": ("smtp: {}\nsmtp: {}\n", ':2: key "smtp" stands twice'),
    "not yaml": ("smtp: [\n", "not YAML"),
    "zero workers": ("inspection: {workers: 0}\n", ":1: inspection.workers: "),
}


def settings_file(folder: Path, text: str) -> Path:
    file = folder / "countersign.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("case", WRONG, ids=list(WRONG))
def test_a_wrong_file_is_refused_with_its_line(case: str, tmp_path: Path) -> None:
    """An operator finds the mistake without reading our code."""
    text, expected = WRONG[case]

    with pytest.raises(ConfigurationError) as refusal:
        load(settings_file(tmp_path, text), {})

    assert expected in str(refusal.value)
    assert str(tmp_path / "countersign.yaml") in str(refusal.value)


def test_every_key_but_downstream_has_a_default() -> None:
    """`scan` works with no settings at all."""
    settings = load(None, {})

    assert settings.downstream is None
    assert str(settings.smtp.listen) == "127.0.0.1:10025"
    assert settings.inspection.soft == 60
    assert settings.inspection.max_expanded == 1073741824


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """Containers are configured by environment."""
    file = settings_file(tmp_path, "smtp: {max_size: 1000}\ndownstream: {host: a.example}\n")
    environment = {"COUNTERSIGN_SMTP__MAX_SIZE": "2000", "COUNTERSIGN_SMTP__ALLOW_FROM": '[10.0.0.0/8, "::1"]'}

    settings = load(file, environment)

    assert settings.smtp.max_size == 2000
    assert [str(network) for network in settings.smtp.allow_from] == ["10.0.0.0/8", "::1/128"]
    assert settings.downstream is not None
    assert settings.downstream.host == "a.example"


def test_a_wrong_variable_is_named_instead_of_the_file(tmp_path: Path) -> None:
    """The fault is looked for where it is."""
    file = settings_file(tmp_path, "smtp: {max_size: 1000}\n")

    with pytest.raises(
        ConfigurationError, match=r"environment COUNTERSIGN_INSPECTION__SFOT: inspection\.sfot: unknown"
    ):
        load(file, {"COUNTERSIGN_INSPECTION__SFOT": "1"})


def test_paths_are_relative_to_the_settings_file(tmp_path: Path) -> None:
    """The service finds its directory wherever it is started from."""
    settings = load(settings_file(tmp_path, "rules: {clients: mine/clients.yaml}\n"), {})

    assert settings.clients_file == tmp_path / "mine/clients.yaml"


@pytest.mark.parametrize(
    ("host", "tls", "effective"),
    [
        ("127.0.0.1", None, "none"),
        ("::1", None, "none"),
        ("mx.example", None, "verify"),
        ("mx.example", "none", "none"),
    ],
)
def test_the_next_hop_is_verified_unless_it_is_this_machine(host: str, tls: str | None, effective: str) -> None:
    """Nobody sends participants in clear by forgetting a key."""
    environment = {"COUNTERSIGN_DOWNSTREAM__HOST": host} | ({"COUNTERSIGN_DOWNSTREAM__TLS": tls} if tls else {})

    settings = load(None, environment)

    assert settings.downstream is not None
    assert settings.downstream.effective_tls == effective


def test_a_folder_that_is_not_used_is_said_to_be_none(tmp_path: Path) -> None:
    """Who names a place for held mail would look for it there."""
    settings = load(settings_file(tmp_path, "downstream: {host: 127.0.0.1}\nstore:\n  blobs: mail\n"), {})

    said = [str(problem) for problem in of_settings(settings) if "store.blobs" in problem.text]

    assert len(said) == 1
    assert ":3: warning: store.blobs: this folder is not used" in said[0]
