"""The demo's made-up participants, files and messages. Seeded: every run makes the same ones."""

import binascii
import io
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP

from gateway.demo.locked_zip import locked_zip

FIRST = (
    "James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Carlos "
    "Susan Wei Karen Ahmed Lisa Omar Nancy"
)
LAST = (
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson "
    "Anderson Thomas "
    "Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez Lewis Robinson"
)
STREETS = ("Oak Street", "Maple Avenue", "Cedar Lane", "Washington Road", "Lake Drive", "Hill Court")
TOWNS = {
    "NC": ("Charlotte", "28202"),
    "MA": ("Worcester", "01602"),
    "CT": ("Hartford", "06103"),
    "NH": ("Nashua", "03060"),
}
BETA, ACME, ADMINISTRATOR = "benefits@betalogistics.example", "hr@acme-mfg.example", "ops@northwind-tpa.example"
XLSX = ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet")
ZIP = ("application", "zip")
HEADER = ("Participant Name", "SSN", "Birth Date", "Address", "City", "State", "ZIP", "Account Balance")

Attachment = tuple[str, tuple[str, str], bytes]  #: name, type, content


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A message to send."""

    title: str
    recipient: str
    raw: bytes  #: CRLF line ends


def participants(count: int, in_north_carolina: int) -> list[tuple[object, ...]]:
    """`count` people with distinct numbers of issued form, exactly `in_north_carolina` of them living there."""
    rng = random.Random(2007)  # noqa: S311 - the same made-up people every time
    numbers = rng.sample(range(900_000), count)
    elsewhere = ["MA"] * 8 + ["CT"] * 3 + ["NH"]
    states = ["NC"] * in_north_carolina + [rng.choice(elsewhere) for _ in range(count - in_north_carolina)]
    rng.shuffle(states)
    return [_participant(rng, number, state) for number, state in zip(numbers, states, strict=True)]


def _participant(rng: random.Random, number: int, state: str) -> tuple[object, ...]:
    area, rest = 200 + number % 400, number // 400  # areas 200-599 have all been issued
    ssn = f"{area:03d}-{1 + rest % 98:02d}-{1 + rng.randrange(9998):04d}"
    name = f"{rng.choice(LAST.split())}, {rng.choice(FIRST.split())} {rng.choice('ABCDEFGHJKLMRST')}"
    born = f"{rng.randrange(1942, 1990)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}"
    town, zip_code = TOWNS[state]
    street = f"{rng.randrange(1, 999)} {rng.choice(STREETS)}"
    return name, ssn, born, street, town, state, zip_code, round(rng.uniform(900, 420_000), 2)


def workbook(title: str, plan: str, rows: Iterable[Sequence[object]]) -> bytes:
    """A census as a recordkeeper's system exports it: two title rows, a gap, the header, the people."""
    from openpyxl import Workbook  # noqa: PLC0415 - half a second that only the demo needs

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Census")
    for row in ((title,), (f"Plan number {plan}", "Participant census"), (), HEADER, *rows):
        sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def messages(sender: str) -> list[Sample]:
    """The five messages of the demo; the first is the one of 2007."""
    people = workbook("Acme Manufacturing, Inc.", "501234", participants(5135, 195))
    census = ("participants.xlsx", XLSX, people)
    locked = ("statements.zip", ZIP, locked_zip("statements.csv", b"Name,Balance\r\n", b"not told"))
    told: list[tuple[str, str, str, Attachment | None]] = [
        ("2007: Acme's participants, to Beta Logistics", BETA, "Beta Logistics: participant file", census),
        ("the same file, to Acme itself", ACME, "Acme Manufacturing: participant file", census),
        ("the same file, to Acme's administrator", ADMINISTRATOR, "Acme Manufacturing: participant file", census),
        ("an ordinary mail", BETA, "Lunch on Thursday", None),
        ("a ZIP with a password", BETA, "Quarterly statements", locked),
    ]
    return [
        Sample(title=title, recipient=recipient, raw=_message(sender, recipient, subject, attachment))
        for title, recipient, subject, attachment in told
    ]


def _message(sender: str, recipient: str, subject: str, attachment: Attachment | None) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = sender, recipient, subject
    message["Date"] = "Tue, 13 Nov 2007 09:12:00 -0500"
    message["Message-ID"] = f"<{binascii.crc32(f'{recipient}{subject}'.encode()):08x}@recordkeeper.example>"
    message.set_content("Hello,\n\nas agreed. Please call if anything is unclear.\n\nKind regards,\nSam\n")
    if attachment is not None:
        name, (maintype, subtype), content = attachment
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return message.as_bytes()
