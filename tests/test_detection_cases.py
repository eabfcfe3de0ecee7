"""Files and mails of a recordkeeper, written apart from the rules: what is in each is found, and nothing else."""

import pytest

from bench.labelled import ANY, FOLDER, Case, cases
from rules.detect import Detector

FAMILIES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


@pytest.fixture(scope="module")
def by_family() -> dict[str, list[Case]]:
    families: dict[str, list[Case]] = {}
    for case in cases():
        families.setdefault(case.family, []).append(case)
    return families


def _differences(detector: Detector, case: Case) -> list[str]:
    detection = detector.detect(case.contents)
    numbers = sum(found.distinct for found in detection.findings if found.entity in {"US_SSN", "US_ITIN"})
    listed = any(found.entity == "PARTICIPANT_LIST" for found in detection.findings)
    differences = []
    if detection.people.count != case.people:
        differences.append(f"{detection.people.count} people, not {case.people}")
    if numbers != case.numbers:
        differences.append(f"{numbers} numbers, not {case.numbers}")
    itins = sum(found.distinct for found in detection.findings if found.entity == "US_ITIN")
    if case.itins is not None and itins != case.itins:
        differences.append(f"{itins} ITINs, not {case.itins}")
    if case.list != ANY and listed is not case.list:
        differences.append("a list" if listed else "no list")
    if case.states and dict(detection.people.by_state) != case.states:
        differences.append(f"states {dict(detection.people.by_state)}")
    if detection.unread:
        differences.append("could not look")
    return differences


@pytest.mark.parametrize("family", FAMILIES)
def test_finds_what_is_there_and_nothing_else(
    detector: Detector, by_family: dict[str, list[Case]], family: str
) -> None:
    """A missed list is a breach, a wrong hold a reviewer who stops reading; every case says which it would be."""
    wrong = [
        f"{case.why} ({case.carrier}): {', '.join(differences)}"
        for case in by_family[family]
        if (differences := _differences(detector, case))
    ]

    assert wrong == []


def test_there_are_enough_cases_of_both_kinds(by_family: dict[str, list[Case]]) -> None:
    """A family that no longer loads must not pass by being empty."""
    everything = [case for family in by_family.values() for case in family]

    assert sum(case.sensitive for case in everything) >= 300
    assert sum(not case.sensitive for case in everything) >= 300
