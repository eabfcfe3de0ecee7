"""Owner, named client and recipient in every combination: the situations are data, this is their runner."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from rules.clients import Directory
from rules.content import Content, Role, Table, Text
from rules.decide import SENSITIVE, decide
from rules.policy import Policy
from rules.roster import Match
from rules.sentence import for_log
from rules.verdict import (
    ClientRole,
    Evidence,
    Finding,
    Obstacle,
    ParticipantList,
    PartReport,
    People,
    Status,
    Verdict,
)
from rules.whose import involved

FOLDER = Path(__file__).parent / "situations"
HEADER = ["Name", "SSN", "Birth date", "State", "Pay"]
Situation = Mapping[str, Any]


def situations() -> Iterator[Any]:
    for file in sorted(FOLDER.glob("*.yaml")):
        if file.name not in {"clients.yaml", "matrix.yaml"}:
            for situation in yaml.safe_load(file.read_text(encoding="utf-8")):
                yield pytest.param(situation, id=f"{file.stem}: {situation['case']}")


SITUATIONS = list(situations())
MATRIX = yaml.safe_load((FOLDER / "matrix.yaml").read_text(encoding="utf-8"))
NAMES = {"acme": "Acme Manufacturing, Inc.", "beta": "Beta Logistics LLC"}
WHO = {"nobody": (), "acme": ("acme",), "beta": ("beta",), "both": ("acme", "beta")}


@pytest.fixture(scope="module")
def directory() -> Directory:
    return Directory.load(FOLDER / "clients.yaml")


def people_table(file: Situation) -> list[list[str]]:
    columns = file.get("columns", {})
    rows = [[*HEADER, *columns]] if file.get("people") else []
    for index in range(file.get("people", 0)):
        last = index == file["people"] - 1
        extra = [file.get("last", {}).get(name) if last else None for name in columns]
        values = [
            value or choices[index % len(choices)] for value, choices in zip(extra, columns.values(), strict=True)
        ]
        rows.append([f"Person {index}", f"21{index:03}", "1/1/1980", "NC", f"{index}00.00", *values])
    if below := file.get("below"):
        rows = [*rows, *below, *rows]
    return rows


def contents_of(part: str, file: Situation) -> Iterator[Content]:
    for name, title in file.get("sheets", {"": []} if "people" in file else {}).items():
        yield Table(part=part, name=name, rows=[*title, *people_table(file)])
    if "heading" in file:
        yield Text(part=part, where="page header", role=Role.HEADING, content=file["heading"])
    if "text" in file:
        yield Text(part=part, where="page 1", role=Role.CONTENT, content=file["text"])


def finding(entity: str, part: str | None, count: int) -> Finding:
    return Finding(
        entity=entity, part=part, where="there", count=count, distinct=count, confidence=0.9, sample="***-**-0000"
    )


def report(part: str, file: Situation) -> PartReport:
    status = next((status for status in (Status.UNOPENED, Status.PARTIAL) if status in file), Status.OPENED)
    reason = Obstacle(file[status]) if status in file else None
    name = file.get("name", "").split("/")[-1] or None
    return PartReport(part=part, filename=name, type=file.get("type", "?"), size=1, status=status, reason=reason)


def matches(file: Situation) -> Iterator[Match]:
    for client, people in file.get("rosters", {}).items():
        out_of = file.get("people") or file["ssn"]
        yield Match(client=client, people=people, out_of=out_of, shared=file.get("shared", False))


def sections(situation: Situation) -> Iterator[tuple[str, Situation]]:
    for number, file in enumerate(situation.get("files", ()), start=2):
        outer, _, inner = file["name"].partition("/")
        if inner:
            yield str(number), {"name": outer}
        yield f"{number}/{inner}" if inner else str(number), file


def judged(situation: Situation, directory: Directory) -> Verdict:
    contents: list[Content] = [
        Text(part=None, where="subject", role=Role.SUBJECT, content=situation.get("subject", "")),
        Text(part="1", where="body", role=Role.BODY, content=situation.get("body", "")),
    ]
    findings = [finding("US_SSN", "1", situation["body_ssn"])] if "body_ssn" in situation else []
    findings += [finding("US_SSN", None, situation["subject_ssn"])] if "subject_ssn" in situation else []
    parts, lists = [report("1", {"type": "text/plain"})], []
    for part, file in sections(situation):
        name = file["name"].split("/")[-1]
        contents.append(Text(part=part, where="file name", role=Role.FILENAME, content=name))
        contents += contents_of(part, file)
        parts.append(report(part, file))
        if people := file.get("people", 0):
            findings += [finding("US_SSN", part, people), finding("PARTICIPANT_LIST", part, people)]
            lists.append(ParticipantList(part=part, where="there", rows=people))
        elif "ssn" in file:
            findings.append(finding("US_SSN", part, file["ssn"]))
    sensitive = frozenset(f.part for f in findings if f.entity in SENSITIVE)
    rostered = {part: list(matches(file)) for part, file in sections(situation)}
    whose = involved(directory, contents, sensitive, rostered)
    evidence = Evidence(
        parts=tuple(parts),
        findings=tuple(findings),
        clients=whose.clients,
        ownerless=tuple(whose.ownerless),
        people=People(count=sum(each.rows for each in lists), lists=tuple(lists)),
    )
    return decide(Policy.load(None), directory, situation["to"], evidence)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_situation(situation: Situation, directory: Directory) -> None:
    """What the product says of a message is written down as data, with the reason why."""
    verdict = judged(situation, directory)

    assert verdict.disposition == situation["then"], situation["why"]
    assert sorted(reason.rule for reason in verdict.reasons) == sorted(situation.get("rules", ())), situation["why"]
    for role, key in ((ClientRole.OWNER, "owners"), (ClientRole.NAMED, "named")):
        if key in situation:
            assert sorted(c.id for c in verdict.clients if c.role is role) == sorted(situation[key]), situation["why"]
    if "each" in situation:
        assert [recipient.disposition for recipient in verdict.recipients] == situation["each"]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_sentence(situation: Situation, directory: Directory) -> None:
    """One sentence, plain, ended once; what goes to the log names no file."""
    verdict = judged(situation, directory)
    logged = for_log(verdict, directory)

    assert verdict.sentence == situation.get("sentence", verdict.sentence)
    assert situation.get("says", "") in verdict.sentence
    for sentence in (verdict.sentence, logged, *(reason.text for reason in verdict.reasons)):
        assert sentence.endswith(".")
        assert not sentence.endswith("..")
    assert not any(file["name"].split("/")[-1] in logged for file in situation.get("files", ()))
    assert situation.get("never", "?") not in f"{verdict.sentence}{verdict.reasons}"


@pytest.mark.parametrize(("owner", "named", "to", "then", "rules"), MATRIX)
def test_agreement_in_every_combination(
    owner: str, named: str, to: list[str], then: str, rules: list[str], directory: Directory
) -> None:
    """Owner, named client and envelope agree, or the message waits: no pair of them is left to chance."""
    sheets = {f"Data {index}": [[NAMES[client]]] for index, client in enumerate(WHO[owner])} or {"Data": []}
    subject = " and ".join(NAMES[client] for client in WHO[named]) or "the file"
    files = [{"name": "list.xlsx", "sheets": sheets, "people": 12}]

    verdict = judged({"subject": subject, "files": files, "to": to}, directory)

    assert (verdict.disposition, {reason.rule for reason in verdict.reasons}) == (then, set(rules))
    assert {c.id for c in verdict.clients if c.role is ClientRole.OWNER} == set(WHO[owner])
    assert {c.id for c in verdict.clients if c.role is ClientRole.NAMED} == set(WHO[named])


def test_situations_are_many_and_differ() -> None:
    """A table of cases that nobody extends, or that says a thing twice, tells little."""
    names = [parameter.values[0]["case"] for parameter in SITUATIONS]

    assert len(names) >= 120
    assert len(set(names)) == len(names)
