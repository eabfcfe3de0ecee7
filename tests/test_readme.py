"""What README and docs say of the code is so: no less, and above all no more."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
OPENING = ROOT / "gateway" / "opening"


def section(name: str) -> str:
    text = (ROOT / "README.md").read_text()
    return text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def test_every_opener_of_the_registry_has_its_row_and_no_row_is_without_one() -> None:
    """A customer reads the table to know what is held unread."""
    registered = re.findall(r'"[\w.+-]+/[\w.+-]+": late\("(\w+)\.', (OPENING / "registry.py").read_text())
    rows = re.findall(r"^\|.*\[`(\w+)\.py`\]\(gateway/opening/\1\.py\) \|$", section("What it opens"), re.MULTILINE)

    assert len(rows) == len(set(rows))
    assert set(rows) == {*registered, "walk"}  # the walk itself opens message/rfc822


def test_the_files_that_the_readme_links_to_are_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text())

    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_tests_that_hold_a_promise_are_there() -> None:
    """docs/reliability.md names them by file."""
    named = set(re.findall(r"`(test_\w+\.py)`", (ROOT / "docs" / "reliability.md").read_text()))

    assert len(named) > 30
    assert [name for name in sorted(named) if not (ROOT / "tests" / name).exists()] == []
