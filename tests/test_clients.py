"""The client directory: what it refuses, what it warns of, and whose an address is."""

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.directory import take_in
from gateway.settings import Rules, Settings
from rules.clientcsv import parse_csv
from rules.clients import Directory, checked
from rules.errors import ConfigurationError
from rules.names import Finder, How, Spelling
from rules.reading import Reading, spaced
from rules.verdict import Kind

ACME = """
clients:
  - id: acme
    name: Acme Manufacturing, Inc.
    aliases: [Acme Mfg]
    domains: [acme-mfg.example]
    addresses: [trustee@webmail.example]
    plan_numbers: ["501234"]
    eins: ["04-1234567"]
"""

FAULTS = {
    "an unknown key": ("    domain: [acme.example]", 10, "clients.0.domain: unknown key"),
    "an id twice": ("  - {id: acme, name: Other}", 10, 'id "acme" stands already in line 3'),
    "an id with a space": ("  - {id: the other, name: Other}", 10, 'id "the other": letters, digits'),
    "a missing name": ("  - {id: beta}", 10, "clients.1.name: missing key"),
    "a name of nothing": ('  - {id: beta, name: "--"}', 10, "has no word in it"),
    "a domain of two clients": (
        "  - {id: beta, name: Beta Logistics, domains: [ACME-MFG.example.]}",
        10,
        'domain "ACME-MFG.example." is claimed by client "acme" (line 6) too',
    ),
    "a partner's domain": (
        "partners: [{id: p, name: Northwind, domains: [acme-mfg.example]}]",
        10,
        'is claimed by client "acme" (line 6) too',
    ),
    "our own domain": ("internal: {domains: [acme-mfg.example]}", 10, 'is claimed by client "acme" (line 6) too'),
    "an address of two clients": (
        "  - {id: beta, name: Beta Logistics, addresses: [Trustee@webmail.example]}",
        10,
        'address "Trustee@webmail.example" is claimed by client "acme" (line 7) too',
    ),
    "a public suffix": ("  - {id: beta, name: Beta Logistics, domains: [co.uk]}", 10, '"co.uk" is a public suffix'),
    "a private suffix": ("  - {id: beta, name: Beta Logistics, domains: [github.io]}", 10, "is a public suffix"),
    "a bare reserved ending": ("  - {id: beta, name: Beta Logistics, domains: [example]}", 10, "is not a domain name"),
    "webmail": ("  - {id: beta, name: Beta Logistics, domains: [gmail.com]}", 10, '"gmail.com" is a webmail domain'),
    "a comma for a dot": ('  - {id: beta, name: B Log, domains: ["acme,example"]}', 10, "is not a domain name"),
    "a wildcard": ('  - {id: beta, name: B Log, domains: ["*.beta.example"]}', 10, "is not a domain name"),
    "no address": ("  - {id: beta, name: Beta Logistics, addresses: [beta.example]}", 10, "is not an address"),
    "a malformed EIN": (
        '  - {id: beta, name: Beta Logistics, eins: ["4-1234567"]}',
        10,
        "is not an EIN like 04-1234567",
    ),
    "an EIN of two clients": ('  - {id: beta, name: Beta, eins: ["041234567"]}', 10, 'is claimed by client "acme"'),
    "a plan number of two clients": (
        '  - {id: beta, name: Beta, plan_numbers: ["501234"]}',
        10,
        'plan number "501234" is claimed by client "acme" (line 8) too',
    ),
    "a plan number without digits": ("  - {id: beta, name: Beta, plan_numbers: [none]}", 10, "has no digit in it"),
    "a partner of nobody": (
        "partners: [{id: p, name: Northwind, acts_for: [acme, beta]}]",
        10,
        'partner "p" acts for "beta", which is no client',
    ),
    "a contact without an address": (
        "  - {id: beta, name: Beta, domains: [b.example], contacts: [{name: Pat, address: nowhere}]}",
        10,
        'contact "nowhere" is not an address',
    ),
    "a list that is none": ("  - {id: beta, name: Beta, domains: beta.example}", 10, "clients.1.domains"),
}

WARNINGS = {
    "an ordinary word": ("  - {id: t, name: Target Corporation, domains: [t.example]}", "is an ordinary word"),
    "a short alias": ("  - {id: b, name: Beta Logistics, aliases: [BL], domains: [b.example]}", "is too short"),
    "no address": ('  - {id: b, name: Beta Logistics, eins: ["56-7654321"]}', "nobody can receive its data"),
    "a contact elsewhere": (
        "  - {id: b, name: Beta Logistics, domains: [b.example], contacts: [{name: Pat, address: pat@c.example}]}",
        "it receives nothing",
    ),
    "nothing distinctive": ("  - {id: t, name: Target, domains: [t.example]}", "will not be recognised"),
    "one name for two": (
        '  - {id: b, name: "ACME MFG, LLC", domains: [b.example]}',
        'names client "acme" (line 5) too: it will tell neither',
    ),
}


def load(folder: Path, text: str) -> Directory:
    file = folder / "clients.yaml"
    file.write_text(text, encoding="utf-8")
    return Directory.load(file)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_directory_is_refused_with_file_and_line(fault: str, tmp_path: Path) -> None:
    """A typing error in the directory could send one client's people to another."""
    added, line, text = FAULTS[fault]

    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, f"{ACME}{added}\n")

    [problem] = refused.value.problems
    assert text in problem.text
    assert (problem.file, problem.line) == (str(tmp_path / "clients.yaml"), line)


@pytest.mark.parametrize("warning", WARNINGS)
def test_a_doubtful_directory_loads_and_says_so(warning: str, tmp_path: Path) -> None:
    """What weakens recognition is no reason not to start, and no secret either."""
    added, text = WARNINGS[warning]

    problems = load(tmp_path, f"{ACME}{added}\n").problems

    assert any(text in problem.text and problem.line == 10 for problem in problems)
    assert all(problem.warning for problem in problems)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    """Nobody likes to correct a file error by error."""
    faults = '  - {id: beta, name: Beta, domains: [com, "b,example"], eins: ["1"]}\n'

    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, ACME + faults)

    assert len(refused.value.problems) == 3


def test_the_sample_directory_has_nothing_wrong() -> None:
    """The demo starts with it, and people copy it."""
    assert Directory.load(Path(__file__).parent.parent / "rules" / "clients.yaml").problems == ()


def test_no_directory_knows_nobody() -> None:
    """Without a directory everything sensitive is held; nothing is guessed."""
    directory = Directory.load(None)

    assert directory.recipient("hr@acme-mfg.example").kind is Kind.UNKNOWN
    assert directory.looks_like("hr@acme-mfg.example") is None
    assert len(directory.version) == 64


def test_the_version_follows_the_bytes(tmp_path: Path) -> None:
    """A verdict names the directory it was made with."""
    first, again = load(tmp_path, ACME).version, load(tmp_path, ACME).version

    assert first == again
    assert load(tmp_path, f"{ACME}# checked\n").version != first


RECIPIENTS = {
    "hr@acme-mfg.example": Kind.CLIENT,
    "HR@ACME-MFG.EXAMPLE": Kind.CLIENT,
    "hr@acme-mfg.example.": Kind.CLIENT,
    "hr@a.b.acme-mfg.example": Kind.CLIENT,
    '"a b"@acme-mfg.example': Kind.CLIENT,
    "trustee@webmail.example": Kind.CLIENT,
    "Trustee+2026@webmail.example": Kind.CLIENT,
    "other@webmail.example": Kind.UNKNOWN,
    "hr@xacme-mfg.example": Kind.UNKNOWN,
    "hr@acme-mfg.example.com": Kind.UNKNOWN,
    "hr@example": Kind.UNKNOWN,
    "hr@[192.0.2.1]": Kind.UNKNOWN,
    "hr@acme-mfg..example": Kind.UNKNOWN,
    "hr@ acme-mfg.example": Kind.UNKNOWN,
    "a@b@acme-mfg.example": Kind.UNKNOWN,
    "@acme-mfg.example": Kind.UNKNOWN,
    "acme-mfg.example": Kind.UNKNOWN,
    "": Kind.UNKNOWN,
}


@pytest.mark.parametrize("address", RECIPIENTS)
def test_whose_an_address_is(address: str, tmp_path: Path) -> None:
    """Whatever is not clearly a client's is unknown, and unknown is held."""
    assert load(tmp_path, ACME).recipient(address).kind is RECIPIENTS[address]


def test_the_longest_domain_wins(tmp_path: Path) -> None:
    """A subsidiary may be a client of its own under its parent's domain."""
    directory = load(tmp_path, f"{ACME}  - {{id: sub, name: Kestrel, domains: [k.acme-mfg.example]}}\n")

    assert directory.recipient("hr@k.acme-mfg.example").clients == ("sub",)
    assert directory.recipient("hr@x.k.acme-mfg.example").clients == ("sub",)
    assert directory.recipient("hr@acme-mfg.example").clients == ("acme",)


def test_a_single_address_goes_before_its_domain(tmp_path: Path) -> None:
    """A partner's employee may sit at the client."""
    partner = "partners: [{id: p, name: Northwind, addresses: [temp@acme-mfg.example], acts_for: []}]\n"

    recipient = load(tmp_path, ACME + partner).recipient("temp@acme-mfg.example")

    assert (recipient.kind, recipient.clients) == (Kind.PARTNER, ())


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    return load(tmp_path_factory.mktemp("directory"), ACME)


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=80))
def test_no_address_breaks_the_look_up(acme: Directory, text: str) -> None:
    """Addresses come from the network."""
    for address in (text, f"{text}@acme-mfg.example", f"hr@{text}", f"hr@{text}.example"):
        recipient = acme.recipient(address)
        acme.looks_like(address)

        assert recipient.address == address


@given(st.text(max_size=200))
def test_words_and_their_places_agree(text: str) -> None:
    """A find is looked up in the text by the number of its word."""
    reading = Reading(text)

    assert len(reading.words) == len(reading.spans)
    assert reading.plain == f" {' '.join(reading.words)} ".replace("  ", " ")


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_name_is_found_wherever_it_stands(before: str, after: str) -> None:
    """Neither what stands around a name nor its script moves the find."""
    finder = Finder([(("acme", "mfg"), Spelling("acme", How.NAME))])
    reading = Reading(f"{before} Acme-Mfg, {after}")

    finds = [reading.written[find.start : find.end] for find in finder.finds(reading)]

    assert "Acme-Mfg" in finds


NAMES = {
    "AcmeMfgCensus2026": "Acme Mfg Census 2026",
    "ACMECensus": "ACME Census",
    "acme_census": "acme_census",
    "501234Census": "501234 Census",
}


@pytest.mark.parametrize("name", NAMES)
def test_file_names_are_read_in_words(name: str) -> None:
    """People run words together in file names."""
    assert spaced(name) == NAMES[name]


CSV = """kind,id,name,aliases,domains,plan_numbers,acts_for,contacts,from,until
,acme,"Acme Manufacturing, Inc.",Acme Mfg;Ac,acme-mfg.example; o.example[..2025-06-30],0501234,,J <j@acme-mfg.example>,,
partner,led,Ledgerly,,ledgerly.example,,acme,,,2026-12-31
internal,,,,recordkeeper.example,,,,,
"""


def test_a_spreadsheet_export_is_a_directory() -> None:
    """Clients come out of another system as CSV; zeros in front, commas and periods survive."""
    file, problems = checked(parse_csv(CSV, "clients.csv"))

    [acme], [ledgerly] = file.clients, file.partners
    assert (acme.name, acme.plan_numbers, acme.aliases) == (
        "Acme Manufacturing, Inc.",
        ("0501234",),
        ("Acme Mfg", "Ac"),
    )
    assert (acme.contacts[0].name, acme.contacts[0].address) == ("J", "j@acme-mfg.example")
    assert (ledgerly.acts_for, ledgerly.until, file.internal.domains) == (
        ("acme",),
        date(2026, 12, 31),
        ("recordkeeper.example",),
    )
    assert [problem.line for problem in problems] == [2]


CSV_FAULTS = {
    "an unknown column": ("id,name,domian\na,A Word\n", 'f.csv:1: column "domian" is unknown'),
    "a wrong domain": ('id,name,domains\na,Ayo Wor,a.example\nb,Bex Ily,"b,example"\n', "f.csv:3: domain"),
    "no name": ("id,name,domains\n\na,,a.example\n", "name: missing key"),
    "a kind of nothing": ("kind,id,name\nrival,a,Ayo Wor\n", "f.csv:2: kind: client, partner or internal"),
    "too many cells": ("id,name\na,Ayo, Inc.\n", "f.csv:2: has more cells"),
    "an open quote": ('id,name\na,"Ayo\n', "f.csv:2: not CSV"),
}


@pytest.mark.parametrize(("text", "said"), CSV_FAULTS.values(), ids=CSV_FAULTS)
def test_faults_of_a_spreadsheet_name_its_lines(text: str, said: str) -> None:
    """Whoever exported it has to find the row."""
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        checked(parse_csv(text, "f.csv"))


def test_an_import_replaces_by_id_and_is_whole_or_nothing(tmp_path: Path) -> None:
    """Half an import is a directory that nobody wrote."""
    target, new = tmp_path / "clients.yaml", tmp_path / "new.csv"
    target.write_text(ACME)
    installation = Settings(rules=Rules(clients=target))
    new.write_text("id,name,domains\nacme,Acme Manufacturing,acme.example\nbeta,Beta Logistics,b.example\n")

    changes = take_in(installation, new)

    assert 'client "beta" added' in changes
    assert 'client "acme": domains: [acme-mfg.example] -> [acme.example]' in changes
    directory = Directory.load(target)
    assert directory.recipient("x@acme.example").clients == ("acme",)
    assert directory.recipient("x@acme-mfg.example").kind is Kind.UNKNOWN
    assert take_in(installation, new) == ["nothing has changed"]
    before = target.read_bytes()
    new.write_text("id,name,domains\ngamma,Gamma Foods,b.example\n")
    with pytest.raises(ConfigurationError, match='is claimed by client "beta"'):
        take_in(installation, new)
    assert target.read_bytes() == before
