"""Accepted changes put into a directory, which stays its file's: read, merged, contradicted. No store."""

from datetime import date
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import given
from hypothesis import strategies as st
from learning import NEW, SAMPLE, TRUST, with_a_directory
from store_kit import settings

from gateway.rulebook import Rulebook
from rules.additions import Addition, Key, added, refusal
from rules.clients import Directory
from rules.sourced import parse, read, written
from rules.verdict import Kind

CONTRADICTED = (Addition(key=Key.DOMAIN, value="acme-trust.example", party="beta"), TRUST)


async def test_what_the_file_contradicts_does_not_count(tmp_path: Path) -> None:
    """Law 6: the file's owner may say otherwise later. Then less is relayed, and the rest goes on."""
    installation = with_a_directory(tmp_path)
    file = tmp_path / "clients.yaml"
    file.write_text(file.read_text().replace("[betalogistics.example]", "[betalogistics.example, acme-trust.example]"))
    other = Addition(key=Key.ADDRESS, value="ann@gmail.com", party="acme")
    gone = Addition(key=Key.DOMAIN, value="gone.example", party="gone")

    book = Rulebook.load(installation, tmp_path, [TRUST, other, gone])

    assert book.directory.recipient(NEW).clients == ("beta",)
    assert book.directory.recipient("ann@gmail.com").clients == ("acme",)
    assert book.directory.recipient("x@gone.example").kind is Kind.UNKNOWN
    assert set(book.ignored) == {TRUST, gone}


async def test_of_contradicting_changes_the_first_accepted_counts(tmp_path: Path) -> None:
    """Two nodes must not see two directories: order is the store's."""
    installation = with_a_directory(tmp_path)
    books = [Rulebook.load(installation, tmp_path, CONTRADICTED) for _ in range(2)]

    assert {book.directory.recipient(NEW).clients for book in books} == {("beta",)}
    assert len({book.directory.version for book in books}) == 1
    assert all(set(book.ignored) == {TRUST} for book in books)


async def test_the_version_covers_what_was_added_and_the_file_stays_its_owners(tmp_path: Path) -> None:
    """Every verdict names the directory it was made with."""
    installation = with_a_directory(tmp_path)
    before = (tmp_path / "clients.yaml").read_bytes()

    plain, more = (Rulebook.load(installation, tmp_path, additions) for additions in ((), (TRUST,)))

    assert plain.directory.version == Directory.load(tmp_path / "clients.yaml").version != more.directory.version
    assert Directory.load(more.settings.clients_file).version == more.directory.version  # what workers load
    assert (tmp_path / "clients.yaml").read_bytes() == before


async def test_without_a_directory_nothing_can_be_added(tmp_path: Path) -> None:
    book = Rulebook.load(settings(tmp_path), tmp_path, [TRUST])

    assert (book.directory.recipient(NEW).kind, set(book.ignored)) == (Kind.UNKNOWN, {TRUST})


_TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)


@hypothesis.settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(["id", "name"]), st.none() | _TEXTS | st.lists(_TEXTS, max_size=3)))
def test_what_is_written_is_read_again(content: dict[str, Any]) -> None:
    """Workers read the directory from what is written; a character that YAML takes otherwise would change a client."""
    assert parse(written(content), "a test").content == content


def test_a_change_that_stands_in_the_file_by_now_is_no_contradiction() -> None:
    """An operator takes into the file what has been accepted."""
    text = SAMPLE.read_text().replace("[acme-mfg.example]", "[acme-mfg.example, acme-trust.example]")
    _, ignored = added(parse(text, "clients.yaml"), [TRUST])

    assert ignored == {}
    assert refusal(read(SAMPLE), TRUST) is None


def test_periods_of_the_directory_hold_for_what_is_added_too(tmp_path: Path) -> None:
    """A client that has left receives nothing by a domain that was learnt."""
    installation = with_a_directory(tmp_path)
    file = tmp_path / "clients.yaml"
    file.write_text(file.read_text().replace("  - id: acme", "  - until: 2025-01-01\n    id: acme"))
    book = Rulebook.load(installation, tmp_path, [TRUST])

    assert date(2025, 1, 1) < date.today()  # noqa: DTZ011
    assert book.directory.recipient(NEW).kind is Kind.UNKNOWN
