"""Situations as the mail they would be, through `countersign scan --json`: nothing of the walk is left out.

They were written before looking at the rules. When new, 8 of the first 102 got a wrong disposition (seven wrong
holds, and an invoice's number taken for a plan's), and 2 the right one for a wrong reason.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from house import settings_file
from serving import run
from situation_mail import SENDER, Situation, mail_of

FOLDER = Path(__file__).parent / "situations" / "mail"
KINDS = ("conversations", "files", "recipients")


def situations() -> Iterator[tuple[str, Situation]]:
    for kind in KINDS:
        for situation in yaml.safe_load((FOLDER / f"{kind}.yaml").read_text(encoding="utf-8")):
            yield f"{kind}: {situation['case']}", situation


SITUATIONS = dict(situations())


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """One run for all whose envelope is their header's; one more for each of the others."""
    place = tmp_path_factory.mktemp("mail")
    settings_file(place, 1, clients=FOLDER / "clients.yaml")
    alone = {case: situation for case, situation in SITUATIONS.items() if "envelope" in situation}
    together = [case for case in SITUATIONS if case not in alone]
    (place / "all").mkdir()
    for number, case in enumerate(together):
        (place / "all" / f"{number:04}.eml").write_bytes(mail_of(SITUATIONS[case]))
    said = run("scan", "--json", "--mail-from", SENDER, "all", cwd=place).out.splitlines()
    found = dict(zip(together, map(json.loads, said), strict=True))
    for case, situation in alone.items():
        (place / "one.eml").write_bytes(mail_of(situation))
        to = [word for address in situation["envelope"] for word in ("--rcpt-to", address)]
        found[case] = json.loads(run("scan", "--json", "--mail-from", SENDER, *to, "one.eml", cwd=place).out)
    return found


def ids(verdict: Mapping[str, Any], role: str) -> list[str]:
    return sorted(client["id"] for client in verdict["clients"] if client["role"] == role)


@pytest.mark.parametrize("case", SITUATIONS)
def test_verdict(case: str, verdicts: Mapping[str, Any]) -> None:
    """Owner, named client and recipient agree, or the message waits, told with the right rules."""
    situation, verdict = SITUATIONS[case], verdicts[case]

    assert verdict["disposition"] == situation["then"], situation["why"]
    assert Counter(r["rule"] for r in verdict["reasons"]) == Counter(situation.get("rules", ())), situation["why"]
    for role, key in (("owner", "owners"), ("named", "named")):
        if key in situation:
            assert ids(verdict, role) == situation[key], situation["why"]
    if "each" in situation:
        assert {r["address"]: r["disposition"] for r in verdict["recipients"]} == situation["each"]
    assert situation.get("says", "") in verdict["sentence"]


@pytest.mark.parametrize("case", SITUATIONS)
def test_every_part_is_opened_and_every_person_counted(case: str, verdicts: Mapping[str, Any]) -> None:
    """A verdict for the wrong reason is no verdict: the files were read, and all of the people in them."""
    files = [each for file in SITUATIONS[case].get("files", ()) for each in file.get("members", [file])]
    people = [
        sheet["people"] for file in files for sheet in file.get("sheets", {"": file}).values() if "people" in sheet
    ]

    assert {part["status"] for part in verdicts[case]["parts"]} == {"opened"}
    assert verdicts[case]["people"]["count"] == sum(people) or not people


@pytest.mark.parametrize("case", SITUATIONS)
def test_the_sentence_reads_well(case: str, verdicts: Mapping[str, Any]) -> None:
    """One sentence, with the people and numbers counted as they are, and nobody's number in it."""
    sentence, people = verdicts[case]["sentence"], verdicts[case]["people"]["count"]

    assert sentence[-1] == "."
    assert sentence[-2] != "."
    assert sentence.count(";") == (verdicts[case]["disposition"] == "hold")
    assert not re.search(r"\d{3}-\d{2}-\d{4}|\d{9}", sentence)
    assert not people or f" {people} " in sentence or "internal" in sentence
