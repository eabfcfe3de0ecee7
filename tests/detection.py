"""Made-up people and tables for the tests of detection; seeded, never a real person's number."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from rules.content import Role, Table, Text

FIRST = [
    "James",
    "Mary",
    "Robert",
    "Patricia",
    "John",
    "Jennifer",
    "Michael",
    "Linda",
    "David",
    "Elizabeth",
    "William",
    "Barbara",
]
LAST = [
    "Smith",
    "Johnson",
    "Williams",
    "Brown",
    "Jones",
    "Garcia",
    "Miller",
    "Davis",
    "Rodriguez",
    "Martinez",
    "Hernandez",
    "Lopez",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    first: str
    last: str
    ssn: str
    birth: str
    street: str
    city: str
    state: str
    zip: str
    balance: str

    @property
    def digits(self) -> str:
        return self.ssn.replace("-", "")

    @property
    def listed(self) -> str:
        return f"{self.last.upper()}, {self.first}"


def people(count: int, *, seed: int = 7, in_nc: int = 0) -> list[Person]:
    chance = random.Random(seed)
    numbers = chance.sample(range(1_000_000, 6_000_000), count * 2)
    made = []
    for number in numbers:
        area, group, serial = number // 10_000, number % 97 + 1, number % 9973 + 1
        ssn = f"{area:03d}-{group:02d}-{serial:04d}"
        home = ("Raleigh", "NC", "27601") if len(made) < in_nc else ("Boston", "MA", "02110")
        made.append(
            Person(
                first=chance.choice(FIRST),
                last=chance.choice(LAST),
                ssn=ssn,
                birth=f"{chance.randint(1, 12):02d}/{chance.randint(1, 28):02d}/{chance.randint(1940, 1995)}",
                street=f"{chance.randint(1, 999)} Oak Street",
                city=home[0],
                state=home[1],
                zip=home[2],
                balance=f"{chance.randint(1000, 99_999)}.{chance.randint(0, 99):02d}",
            )
        )
    return list({person.ssn: person for person in made}.values())[:count]


def table(rows: Sequence[Sequence[str]], *, part: str = "2", name: str = "Census") -> Table:
    return Table(part=part, name=name, rows=rows)


def body(content: str, *, part: str = "1") -> Text:
    return Text(part=part, where="body", role=Role.BODY, content=content)
