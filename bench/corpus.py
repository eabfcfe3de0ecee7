"""A labelled, seeded corpus: lists, single numbers and look-alikes of several writers, some as real files in mail."""

import csv
import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import openpyxl

from bench.labelled import cases, opened
from rules.content import Content, Role, Table, Text

HARMLESS = Path(__file__).parents[1] / "tests" / "harmless"

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
    """A number that can be issued, but no date in disguise (001-02-1970): the cases written by hand call it none."""
    area = chance.choice([n for n in range(1, 899) if n != 666])
    group, serial = chance.randint(1, 99), chance.randint(1, 9999)
    if area <= 31 and group <= 12 and 1900 <= serial < 2100:
        return ssn(chance)
    return f"{area:03d}", f"{group:02d}", f"{serial:04d}"


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
    styles: list[Callable[[str], str]] = [
        lambda n: n,
        lambda n: n.replace("-", ""),
        lambda n: str(int(n.replace("-", ""))),
        lambda n: n.replace("-", " "),
    ]
    style = chance.choice(styles)
    header = [
        chance.choice(NAME_HEADERS),
        chance.choice(["DOB", "Date of Birth", "Birth Dt"]),
        "City",
        "State",
        "Zip",
        chance.choice(["Balance", "Salary", "Loan Amount"]),
    ]
    case: Callable[[str], str] = chance.choice([lambda name: name, str.upper])
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


def _workbook(rows: list[list[str]]) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    book.save(out)
    return out.getvalue()


FILES: dict[str, Callable[[list[list[str]]], bytes]] = {
    "list.xlsx": _workbook,
    "list.csv": lambda rows: "\n".join(",".join(f'"{cell}"' for cell in row) for row in rows).encode(),
    "list.txt": lambda rows: _as_columns(rows).encode(),
    "list.tsv": lambda rows: _as_tabs(rows).encode("utf-16"),
}


def list_file(chance: Chance) -> Item:
    rows, people = _list_rows(chance, numbers=chance.random() < 0.7)
    name = chance.choice(list(FILES))
    contents = opened(name, FILES[name](rows))
    return Item(group="list in a real file (xlsx, csv, txt, tsv)", sensitive=True, contents=contents, people=people)


def other_file(chance: Chance) -> Item:
    name = chance.choice(list(FILES))
    [content] = chance.choice([other_table, directory])(chance).contents
    rows = [list(row) for row in content.rows] if isinstance(content, Table) else []
    return Item(group="other tables in a real file", sensitive=False, contents=opened(name, FILES[name](rows)))


def short_list(chance: Chance) -> Item:
    """What a mail says in passing: two or three people, one on each line."""
    lines = [f"{p['name']} {chance.choice(['', 'SSN ', '- '])}{p['ssn']}" for p in _crowd(chance)[:3]]
    text = "Hi,\nplease add\n" + "\n".join(lines) + "\nThanks\n"
    return Item(group="SSN, dashed", sensitive=True, contents=_body(text), people=len(lines))


def glued(chance: Chance) -> Item:
    """Fixed-width records without gaps."""
    crowd = _crowd(chance)
    names = [p["name"].replace(", ", " ").upper()[:18].ljust(18) for p in crowd]
    lines = [f"{name}{p['ssn'].replace('-', '')}{p['state']}" for name, p in zip(names, crowd, strict=True)]
    text = (Text(part="2", where="file", role=Role.CONTENT, content="\n".join(lines)),)
    return Item(group="records without gaps", sensitive=True, contents=text, people=len(crowd))


def independent(*, sensitive: bool) -> Callable[[Chance], Item]:
    """One of the cases written by hand, apart from the rules and from this generator."""
    chosen = [case for case in cases() if case.sensitive is sensitive]
    group = "written by hand: " + ("people" if sensitive else "nobody")

    def pick(chance: Chance) -> Item:
        case = chance.choice(chosen)
        return Item(group=group, sensitive=sensitive, contents=case.contents, people=case.people or None)

    return pick


MAKERS: list[Callable[[Chance], Item]] = [
    dashed,
    labelled,
    short_list,
    sheet_list,
    text_list,
    records,
    glued,
    list_without_numbers,
    list_file,
    independent(sensitive=True),
    look_alike,
    other_table,
    directory,
    other_file,
    ordinary,
    ordinary,
    independent(sensitive=False),
]


def corpus(size: int, seed: int) -> Iterator[Item]:
    chance = Chance(seed)
    for number in range(size):
        yield MAKERS[number % len(MAKERS)](chance)
