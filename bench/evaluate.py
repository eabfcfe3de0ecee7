"""`python -m bench.evaluate`: a labelled, seeded corpus through stock Presidio and Countersign, as a Markdown table."""

import argparse
import csv
import io
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rules.content import Content, Role, Table, Text
from rules.detect import Detector

HARMLESS = Path(__file__).parents[1] / "tests" / "harmless"
SENSITIVE = {"US_SSN", "US_ITIN", "PARTICIPANT_LIST"}

FIRST = "James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth Wei Fatima José Anna Olga Kwame".split()  # noqa: SIM905
LAST = "Smith Johnson O'Neil Brown Jones Garcia Miller Davis Nguyen Martínez van-Dyke Lopez Kim Patel Ivanov".split()  # noqa: SIM905
HOMES = [("Raleigh", "NC", "27601"), ("Boston", "MA", "02110"), ("Austin", "TX", "78701"), ("Newark", "NJ", "07102")]
LABELS = [
    "SSN", "SSN:", "SSN#", "SS#", "Soc. Sec. No.", "Social Security Number", "social security number is", "EmpSSN",
    "Soc Sec Nbr", "S.S.N.", "ssn_", "SSN is", "Taxpayer ID", "Participant SSN:", "His SSN, as requested, is",
]  # fmt: skip
SSN_HEADERS = [
    "SSN",
    "Soc Sec Nbr",
    "SOCIAL SECURITY NUMBER",
    "EE_SSN",
    "SS#",
    "Participant SSN",
    "SocialSecurityNo",
    "Soc. Sec. #",
]
NAME_HEADERS = ["Name", "Participant Name", "EMPLOYEE", "Full Name", "EE Name", "Member"]
OTHER_HEADERS = [
    "Invoice No",
    "Order ID",
    "Account Number",
    "Record ID",
    "Tracking No",
    "EIN",
    "CUSIP",
    "Serial No",
    "Vendor Tax ID",
    "Parcel ID",
    "PO Number",
    "Ticket No",
]
OTHER_LABELS = [
    "invoice",
    "order",
    "account",
    "tracking no.",
    "policy",
    "EIN",
    "CUSIP",
    "phone",
    "case no.",
    "ref",
    "ABA",
    "build",
    "plan no.",
    "check no.",
    "ticket",
]
DASHES = ["-", "\u2011", "\u2013", "\u2014", "\u2212", "\uff0d", " - ", "-\u200b", "\u00ad", "-\n"]
GAPS = [" ", ".", "/", "\u00a0", "", "\u2009", "  "]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    group: str
    sensitive: bool
    contents: tuple[Content, ...]
    people: int | None = None  #: how many there are, where it is a list


Chance = random.Random


def ssn(chance: Chance) -> tuple[str, str, str]:
    area = chance.choice([n for n in range(1, 899) if n != 666])
    return f"{area:03d}", f"{chance.randint(1, 99):02d}", f"{chance.randint(1, 9999):04d}"


def _body(content: str) -> tuple[Content, ...]:
    return (Text(part="1", where="body", role=Role.BODY, content=content),)


def _sheet(rows: list[list[str]]) -> tuple[Content, ...]:
    return (Table(part="2", name="Sheet1", rows=rows),)


def dashed(chance: Chance) -> Item:
    dash = chance.choice(DASHES)
    lead = chance.choice(["Please update the record of ", "Her number: ", "", "1001,", "Form for "])
    return Item(group="SSN, dashed", sensitive=True, contents=_body(f"Hi,\n\n{lead}{dash.join(ssn(chance))} today.\n"))


def labelled(chance: Chance) -> Item:
    number = chance.choice(GAPS).join(ssn(chance))
    label = chance.choice(LABELS)
    shapes = [f"{label} {number}", f"The {label} {number}, born 1961", f"{label}\n{number}", f"{number} (SSN)"]
    return Item(group="SSN, labelled, no dashes", sensitive=True, contents=_body(chance.choice(shapes)))


def look_alike(chance: Chance) -> Item:
    nine = str(chance.randint(100_000_000, 999_999_999))
    zip4 = f"{nine[:5]}-{nine[5:]}"
    texts = [
        f"{chance.choice(OTHER_LABELS)} {nine} was closed on 03/14/2026.",
        f"Ship to 12 Main Street, Raleigh, NC {zip4}.",
        f"call {nine[:3]}-{nine[3:6]}-{nine[6:]}0 or fax {nine[:3]}.{nine[3:6]}.{nine[6:]}1",
        f"Part No. {nine[:3]}-{nine[3:5]}-{nine[5:]}-01 costs ${nine[:3]}.{nine[3:5]}",
        f"Fund A {nine[:3]} {nine[3:5]} {nine[5:]} and {nine[:3]}.{nine[3:5]}.{nine[5:]}",
        f"form #{nine[:3]}-1A-{nine[5:]}, version {nine[0]}.{nine[1]}.{nine[2]}",
        f"EIN {nine[:2]}-{nine[2:]}; ticket 9{nine[1:]} of the businessname",
        f"Never send a Social Security number by e-mail. Your reference is {nine}.",
        f"The number 000-{nine[3:5]}-{nine[5:]} or 9{nine[1:3]}-{nine[3:5]}-{nine[5:]} is a sample.",
    ]
    return Item(group="look-alikes in text", sensitive=False, contents=_body(chance.choice(texts)))


def _crowd(chance: Chance) -> list[dict[str, str]]:
    crowd = {}
    for _ in range(chance.choice([3, 4, 5, 8, 20, 60])):
        number, (city, state, zip_code) = "-".join(ssn(chance)), chance.choice(HOMES)
        crowd[number] = {
            "name": f"{chance.choice(LAST)}, {chance.choice(FIRST)}",
            "ssn": number,
            "birth": f"{chance.randint(1, 12):02d}/{chance.randint(1, 28):02d}/{chance.randint(1940, 1999)}",
            "street": f"{chance.randint(1, 999)} Oak Street",
            "city": city, "state": state, "zip": zip_code,
            "balance": f"{chance.randint(1, 99)},{chance.randint(100, 999)}.{chance.randint(0, 99):02d}",
        }  # fmt: skip
    return list(crowd.values())


def _list_rows(chance: Chance, *, numbers: bool) -> tuple[list[list[str]], int]:
    crowd = _crowd(chance)
    style: Callable[[str], str] = chance.choice(
        [str, lambda n: n.replace("-", ""), lambda n: str(int(n.replace("-", ""))), lambda n: n.replace("-", " ")]
    )
    header = [
        chance.choice(NAME_HEADERS),
        chance.choice(["DOB", "Date of Birth", "Birth Dt"]),
        "City",
        "State",
        "Zip",
        chance.choice(["Balance", "Salary", "Loan Amount"]),
    ]
    case = chance.choice([str, str.upper])
    rows = [[case(p["name"]), p["birth"], p["city"], p["state"], p["zip"], p["balance"]] for p in crowd]
    if numbers:
        place = chance.randint(0, len(header))
        header.insert(place, chance.choice(SSN_HEADERS))
        for row, person in zip(rows, crowd, strict=True):
            row.insert(place, style(person["ssn"]))
    titles = chance.choice([[], [["Participant census"], []], [["Acme Manufacturing, Inc."], ["as of 12/31/2025"], []]])
    ends = chance.choice([[], [["Total"]], [[], ["Report totals: all participants"]]])
    return [*titles, header, *rows, *ends], len(crowd)


def sheet_list(chance: Chance) -> Item:
    rows, people = _list_rows(chance, numbers=True)
    return Item(group="list with SSNs, sheet", sensitive=True, contents=_sheet(rows), people=people)


def list_without_numbers(chance: Chance) -> Item:
    rows, people = _list_rows(chance, numbers=False)
    return Item(group="list without SSNs, sheet", sensitive=True, contents=_sheet(rows), people=people)


def text_list(chance: Chance) -> Item:
    rows, people = _list_rows(chance, numbers=True)
    writers: list[Callable[[list[list[str]]], str]] = [_as_csv, _as_columns, _as_tabs]
    return Item(
        group="list with SSNs, in text", sensitive=True, contents=_body(chance.choice(writers)(rows)), people=people
    )


def _as_csv(rows: list[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return f"Hi Pat,\n\nas promised:\n\n{out.getvalue()}\nRegards\n"


def _as_columns(rows: list[list[str]]) -> str:
    width = max(len(row) for row in rows)
    sizes = [max((len(row[i]) for row in rows if len(row) == width), default=0) + 2 for i in range(width)]
    return "\n".join(
        "".join(f"{cell:<{size}}" for cell, size in zip(row, sizes, strict=False)).rstrip() for row in rows
    )


def _as_tabs(rows: list[list[str]]) -> str:
    return "\n".join("\t".join(row) for row in rows)


def records(chance: Chance) -> Item:
    crowd = _crowd(chance)
    blocks = [
        f"Name: {p['name']}\nSSN: {p['ssn']}\nDOB: {p['birth']}\n"
        f"Address: {p['street']}, {p['city']}, {p['state']} {p['zip']}\n"
        for p in crowd
    ]
    return Item(group="list, repeated blocks", sensitive=True, contents=_body("\n".join(blocks)), people=len(crowd))


def other_table(chance: Chance) -> Item:
    header = ["Description", chance.choice(OTHER_HEADERS), "Date", "Amount"]
    things = [
        "Steel Bolt",
        "Pump Filter",
        "License Renewal",
        "Freight",
        "Consulting",
        "Bond Index Fund",
        "Acme Supply Inc",
    ]
    rows = [
        [
            chance.choice(things),
            str(chance.randint(100_000_000, 899_999_999)),
            f"03/{chance.randint(1, 28):02d}/2026",
            f"{chance.randint(1, 900)}.00",
        ]
        for _ in range(chance.randint(3, 60))
    ]
    return Item(group="tables of other things", sensitive=False, contents=_sheet([header, *rows]))


def directory(chance: Chance) -> Item:
    titles = ["Analyst", "Director", "Counsel", "Engineer", "Manager"]
    rows = [
        [
            f"{p['name']}",
            chance.choice(titles),
            f"{chance.randint(1000, 9999)}",
            f"212-555-{chance.randint(0, 9999):04d}",
            p["city"],
        ]
        for p in _crowd(chance)
    ]
    header = ["Name", "Title", chance.choice(["Ext", "Extension"]), "Phone", chance.choice(["Office", "Location"])]
    return Item(group="staff directories", sensitive=False, contents=_sheet([header, *rows]))


def ordinary(chance: Chance) -> Item:
    path = chance.choice(sorted(HARMLESS.iterdir()))
    lines = path.read_text(encoding="utf-8").splitlines()
    if path.suffix == ".csv":
        rows = list(csv.reader(lines))
        return Item(
            group="ordinary business mail",
            sensitive=False,
            contents=_sheet([rows[0], *chance.sample(rows[1:], len(rows) - 1)]),
        )
    start = chance.randint(0, len(lines) // 3)
    return Item(group="ordinary business mail", sensitive=False, contents=_body("\n".join(lines[start:])))


MAKERS = [
    dashed,
    labelled,
    sheet_list,
    text_list,
    records,
    list_without_numbers,
    look_alike,
    other_table,
    directory,
    ordinary,
]


def corpus(size: int, seed: int) -> Iterator[Item]:
    chance = Chance(seed)
    for number in range(size):
        yield MAKERS[number % len(MAKERS)](chance)


def stock() -> Callable[[Sequence[Content]], bool]:
    """Presidio as it comes, its SSN recogniser at 0.5, on the text of everything."""
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry  # noqa: PLC0415
    from presidio_analyzer.nlp_engine import NlpEngineProvider  # noqa: PLC0415
    from presidio_analyzer.predefined_recognizers import UsSsnRecognizer  # noqa: PLC0415

    configuration = {"nlp_engine_name": "no_op", "models": [{"lang_code": "en", "model_name": "no_op"}]}
    engine = AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=[UsSsnRecognizer()], supported_languages=["en"]),
        nlp_engine=NlpEngineProvider(nlp_configuration=configuration).create_engine(),
        supported_languages=["en"],
    )

    def holds(contents: Sequence[Content]) -> bool:
        texts = [c.content if isinstance(c, Text) else "\n".join(",".join(row) for row in c.rows) for c in contents]
        return any(result.score >= 0.5 for text in texts for result in engine.analyze(text, "en", entities=["US_SSN"]))

    return holds


@dataclass(slots=True)
class Score:
    items: int = 0
    held: int = 0
    stock_held: int = 0
    exact: int = 0
    lists: int = 0


def evaluate(size: int, seed: int) -> tuple[dict[str, Score], dict[str, bool]]:
    detector, presidio = Detector(), stock()
    scores: dict[str, Score] = {}
    truth: dict[str, bool] = {}
    for item in corpus(size, seed):
        score = scores.setdefault(item.group, Score())
        truth[item.group] = item.sensitive
        detection = detector.detect(item.contents)
        held = any(finding.entity in SENSITIVE for finding in detection.findings) or bool(detection.unread)
        score.items += 1
        score.held += held
        score.stock_held += presidio(item.contents)
        if item.people is not None:
            score.lists += 1
            score.exact += detection.people.count == item.people
    return scores, truth


def table(scores: dict[str, Score], truth: dict[str, bool]) -> str:
    lines = [
        "| group | items | to hold | stock Presidio holds | Countersign holds | people counted exactly |",
        "|---|---|---|---|---|---|",
    ]
    for group, score in scores.items():
        exact = f"{score.exact} of {score.lists}" if score.lists else ""
        lines.append(
            f"| {group} | {score.items} | {'yes' if truth[group] else 'no'} "
            f"| {score.stock_held} | {score.held} | {exact} |"
        )
    lines += ["", "| | recall | precision | F1 | wrong holds |", "|---|---|---|---|---|"]
    for name, count in (("stock Presidio, 0.5", lambda s: s.stock_held), ("Countersign", lambda s: s.held)):
        right = sum(count(s) for g, s in scores.items() if truth[g])
        wrong = sum(count(s) for g, s in scores.items() if not truth[g])
        positives = sum(s.items for g, s in scores.items() if truth[g])
        negatives = sum(s.items for g, s in scores.items() if not truth[g])
        recall, precision = right / positives, right / max(1, right + wrong)
        f1 = 2 * recall * precision / max(1e-9, recall + precision)
        lines.append(
            f"| {name} | {recall:.3f} | {precision:.3f} | {f1:.3f} | {1000 * wrong / negatives:.1f} in 1,000 |"
        )
    return "\n".join(lines)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--items", type=int, default=3000)
    arguments.add_argument("--seed", type=int, default=20070420)
    chosen = arguments.parse_args()
    print(table(*evaluate(chosen.items, chosen.seed)))


if __name__ == "__main__":
    main()
