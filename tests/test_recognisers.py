"""Recogniser files: their own cases, and what the loader refuses."""

from pathlib import Path

import pytest

from rules.detect import SHIPPED, Detector
from rules.errors import ConfigurationError
from rules.recognisers_file import Case, load

FILES = load(SHIPPED)
CASES = [(file.entity, case) for file in FILES for case in file.cases]

GOOD = """\
id: badge
title: Badge
entity: BADGE
reference: our own
reports: with-people
check: any
categories: [identifiers]
columns: []
patterns:
  - {name: plain, regex: 'B[0-9]{6}', score: 0.6}
context: {positive: [badge], negative: []}
cases:
  - {text: 'badge B123456', finds: ['B123456'], because: labelled}
  - {text: 'badge', finds: [], because: no number}
"""


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


@pytest.mark.parametrize(("entity", "case"), CASES, ids=lambda value: getattr(value, "because", value))
def test_a_recogniser_keeps_its_own_cases(detector: Detector, entity: str, case: Case) -> None:
    """What an analyst wrote into the file is what the product does: glance, label, check and Presidio together."""
    assert detector.recognise(entity, case.text) == case.finds


def test_every_pattern_compiles_for_presidio_too() -> None:
    """Presidio compiles with `regex`, the loader with `re`; a difference would be found at the first message only."""
    regex = pytest.importorskip("regex")

    for file in FILES:
        for pattern in file.patterns:
            regex.compile(pattern.regex)


def _refusal(folder: Path, text: str, name: str = "badge.yaml") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as refusal:
        Detector(folder)
    return str(refusal.value)


def test_a_good_file_is_taken(tmp_path: Path) -> None:
    (tmp_path / "badge.yaml").write_text(GOOD, encoding="utf-8")

    assert Detector(tmp_path).recognise("BADGE", "badge B123456") == ("B123456",)


@pytest.mark.parametrize(
    ("change", "line", "complaint"),
    [
        (("score: 0.6", "scroe: 0.6"), 10, "unknown key"),
        (("check: any", "check: anny"), 6, 'unknown check "anny"'),
        (("id: badge", "id: bagde"), 1, "is not the file's name"),
        (("B[0-9]{6}", "B[0-9"), 10, "does not compile"),
        (("B[0-9]{6}", "(B+)+"), 10, "catastrophic"),
        (("B[0-9]{6}", "B[0-9]+"), 10, "catastrophic"),
        (("B[0-9]{6}", "(?:B{0,9}){0,9}"), 10, "catastrophic"),
        (("B[0-9]{6}", "(?:B{0,9}){60}"), 10, "catastrophic"),
        (("B[0-9]{6}", "(?:B|[0-9]{1,9}x){2}"), 10, "catastrophic"),
        (("B[0-9]{6}", "B[0-9]{0,100}"), 10, "catastrophic"),
        (("B[0-9]{6}", "(?=B*)B"), 10, "catastrophic"),
        (("columns: []", "columns: [ssnn]"), 8, "columns"),
        (("reports: with-people", "reports: sometimes"), 5, "reports"),
        (("  - {text: 'badge', finds: [], because: no number}\n", ""), 12, "no negative case"),
        (("finds: ['B123456']", "finds: []"), 12, "no positive case"),
        (("reference: our own\n", ""), 1, "missing key"),
        (("[identifiers]", "[identifers]"), 7, "categories"),
        (("score: 0.6", "score: 6"), 10, "score"),
        (("positive: [badge]", "positive: [пропуск]"), 11, "Latin-1"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(
    tmp_path: Path, change: tuple[str, str], line: int, complaint: str
) -> None:
    """A privacy analyst must see at once which line to mend; a recogniser that cannot work must not seem to."""
    refusal = _refusal(tmp_path, GOOD.replace(*change))

    assert f"badge.yaml:{line}:" in refusal
    assert complaint in refusal


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """A detector without recognisers would find every mail clean."""
    with pytest.raises(ConfigurationError, match="no recogniser"):
        Detector(tmp_path)


def test_a_recogniser_that_reports_alone_needs_a_glance(tmp_path: Path) -> None:
    """Without it a strong shape without a label would never be looked at."""
    assert "glance: missing" in _refusal(tmp_path, GOOD.replace("with-people", "always"))
