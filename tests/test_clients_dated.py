"""A directory whose entries have periods: what counts on which day."""

import re
from datetime import date
from pathlib import Path

import pytest

from rules.clients import Directory
from rules.errors import ConfigurationError
from rules.reading import Reading
from rules.verdict import Kind

DATED = """
clients:
  - id: acme
    name: Acme Manufacturing, Inc.
    domains: [acme-mfg.example, {value: widgets.example, until: 2025-06-30}, {value: new.example, from: 2026-02-01}]
    plan_numbers: [{value: "501234", until: 2025-12-31}]
  - id: beta
    name: Beta Logistics LLC
    domains: [{value: widgets.example, from: 2025-07-01}]
    until: 2026-03-31
"""


PERIODS = [
    ("2025-06-30", "a@widgets.example", ("acme",)),
    ("2025-07-01", "a@widgets.example", ("beta",)),
    ("2026-03-31", "a@widgets.example", ("beta",)),
    ("2026-04-01", "a@widgets.example", ()),
    ("2026-01-31", "a@new.example", ()),
    ("2026-02-01", "a@new.example", ("acme",)),
]


@pytest.mark.parametrize(("today", "address", "clients"), PERIODS)
def test_a_domain_counts_in_its_period_only(tmp_path: Path, today: str, address: str, clients: tuple[str, ...]) -> None:
    """A domain that was sold takes its mail with it, on the day it was sold."""
    file = tmp_path / "clients.yaml"
    file.write_text(DATED)

    assert Directory.load(file, date.fromisoformat(today)).recipient(address).clients == clients


def test_a_directory_knows_when_it_will_be_out_of_date(tmp_path: Path) -> None:
    """A service runs for months; periods end meanwhile."""
    file = tmp_path / "clients.yaml"
    file.write_text(DATED)

    assert Directory.load(file, date(2025, 12, 1)).changes_on == date(2026, 1, 1)
    assert Directory.load(file, date(2026, 4, 1)).changes_on is None


def test_what_has_a_period_does_not_count_on_an_unknown_day(tmp_path: Path) -> None:
    """Unknown is not clean."""
    file = tmp_path / "clients.yaml"
    file.write_text(DATED)

    assert Directory.load(file).recipient("a@widgets.example").kind is Kind.UNKNOWN


MERGED = """clients:
  - {id: old, name: Merrimac Paper Co., domains: [merrimac.example], plan_numbers: ["700001"], until: 2025-06-30}
  - id: new
    name: Crescent Paper Group
    aliases: [{value: Merrimac Paper Co., from: 2025-07-01}]
    plan_numbers: [{value: "700001", from: 2025-07-01}]
    domains: [{value: merrimac.example, from: 2025-07-01}, crescent.example]
"""


@pytest.mark.parametrize(("day", "owner"), [(date(2025, 6, 30), "old"), (date(2025, 7, 1), "new"), (None, "old")])
def test_what_a_merger_hands_over_has_one_owner_on_every_day(tmp_path: Path, day: date | None, owner: str) -> None:
    """Names, numbers and domains move on the day that the directory says; nothing of it is anybody's twice."""
    file = tmp_path / "clients.yaml"
    file.write_text(MERGED)

    directory = Directory.load(file, day)

    assert directory.problems == ()
    for written in ("Merrimac Paper", "Plan 700001"):
        assert {find.client for find in directory.finder.finds(Reading(written))} == {owner}
    assert directory.recipient("hr@merrimac.example").clients == (() if day is None else (owner,))


DATED_FAULTS = {
    "no day": ("{value: a.example, from: soon}", '"soon" is not a day like 2026-01-31'),
    "ends first": ("{value: a.example, from: 2026-02-01, until: 2026-01-01}", "ends before it begins"),
    "another key": ("{value: a.example, since: 2026-02-01}", "is neither text nor {value"),
    "two at once": ("{value: b.example, from: 2025-01-01}", 'is claimed by client "beta" (line 2) too'),
}


@pytest.mark.parametrize(("written", "said"), DATED_FAULTS.values(), ids=DATED_FAULTS)
def test_faults_of_periods_are_named(tmp_path: Path, written: str, said: str) -> None:
    """A period that is not understood would be no period."""
    file = tmp_path / "clients.yaml"
    beta = "{id: beta, name: Beta Logistics, domains: [{value: b.example, until: 2025-02-01}]}"
    file.write_text(f"clients:\n  - {beta}\n  - {{id: acme, name: Acme Manufacturing, domains: [{written}]}}\n")

    with pytest.raises(ConfigurationError, match=re.escape(said)):
        Directory.load(file)
