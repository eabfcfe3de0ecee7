"""Where a list hides in a message itself, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.header import Header
from html import escape
from urllib.parse import quote

import carriers
import carriers_mail
from carrier_folder import Writer, lines, pasted
from carriers import Row

MIXED = 'Content-Type: multipart/mixed; boundary="b"'
ALTERNATIVE = 'Content-Type: multipart/alternative; boundary="b"'
PLAIN = "--b\nContent-Type: text/plain; charset=utf-8\n\n{}\n"
HTML = "--b\nContent-Type: text/html; charset=utf-8\n\n{}\n"


def body(rows: Sequence[Row]) -> bytes:
    return carriers_mail.mail_of("Content-Type: text/plain", "As agreed:\n\n" + pasted(rows) + "\n")


def html_body(rows: Sequence[Row]) -> bytes:
    return carriers_mail.mail_of("Content-Type: text/html", carriers.write_html(rows).decode())


def plain_alternative(rows: Sequence[Row]) -> bytes:
    """What a reader that shows HTML never shows."""
    text = PLAIN.format(pasted(rows)) + HTML.format("<p>As agreed.</p>") + "--b--\n"
    return carriers_mail.mail_of(ALTERNATIVE, text)


def html_alternative(rows: Sequence[Row]) -> bytes:
    text = PLAIN.format("As agreed.") + HTML.format(carriers.write_html(rows).decode()) + "--b--\n"
    return carriers_mail.mail_of(ALTERNATIVE, text)


def preamble(rows: Sequence[Row]) -> bytes:
    return carriers_mail.mail_of(MIXED, pasted(rows) + "\n" + PLAIN.format("As agreed.") + "--b--\n")


def epilogue(rows: Sequence[Row]) -> bytes:
    return carriers_mail.mail_of(MIXED, PLAIN.format("As agreed.") + "--b--\n" + pasted(rows) + "\n")


def uuencoded_body(rows: Sequence[Row]) -> bytes:
    block = carriers_mail.uuencoded(carriers.write_xlsx(rows), "list.xlsx")
    return carriers_mail.mail_of("Content-Type: text/plain", f"As agreed:\n\n{block}\nRegards\n")


def base64_body(rows: Sequence[Row]) -> bytes:
    block = carriers_mail.base64_block(carriers.write_xlsx(rows))
    return carriers_mail.mail_of("Content-Type: text/plain", f"As agreed:\n\n{block}\nRegards\n")


def quoted(rows: Sequence[Row]) -> str:
    """A file as uuencode, in what somebody answered; blanks are grave accents, as most encoders write them."""
    block = carriers_mail.uuencoded(carriers.write_xlsx(rows), "list.xlsx").replace(" ", "`")
    return "\n".join(f"> > {line}" for line in block.replace("begin`644`", "begin 644 ").splitlines())


def quoted_body(rows: Sequence[Row]) -> bytes:
    return carriers_mail.mail_of("Content-Type: text/plain", f"See below.\n\n{quoted(rows)}\n> > Regards\n")


def quoted_html_body(rows: Sequence[Row]) -> bytes:
    page = f"<p>See below.</p><pre>{escape(quoted(rows))}</pre><p>Regards</p>"
    return carriers_mail.mail_of("Content-Type: text/html", page)


def in_field(name: str, value: str = "{}", separator: str = ";\n ") -> Writer:
    """The list in a header field, folded."""
    return lambda rows: carriers_mail.mail_of(f"{name}: {value.format(separator.join(lines(rows)))}", "As agreed.")


def in_encoded_words(rows: Sequence[Row]) -> bytes:
    words = "\n ".join(str(Header(f"{line}; ", "utf-8").encode(maxlinelen=0)) for line in lines(rows))
    return carriers_mail.mail_of(f"X-Notes: {words}", "As agreed.")


def in_parameters(rows: Sequence[Row]) -> bytes:
    """RFC 2231: pieces, percent-encoded."""
    pieces = ";\n ".join(f"title*{number}*={quote(line + '; ')}" for number, line in enumerate(lines(rows)))
    return carriers_mail.mail_of(f"Content-Type: text/plain;\n {pieces}", "As agreed.")


def in_field_of_a_part(rows: Sequence[Row]) -> bytes:
    part = PLAIN.format("As agreed.").replace("\n\n", f"\nX-Notes: {'; '.join(lines(rows))}\n\n", 1)
    return carriers_mail.mail_of(MIXED, part + "--b--\n")


def in_an_attached_message(rows: Sequence[Row]) -> bytes:
    inner = carriers_mail.mail_of(f"X-Notes: {'; '.join(lines(rows))}", "As agreed.").decode().replace("\r", "")
    attached = f"--b\nContent-Type: message/rfc822\n\n{inner}\n--b--\n"
    return carriers_mail.mail_of(MIXED, PLAIN.format("As agreed.") + attached)


@dataclass(frozen=True)
class Place:
    """A place of the message; `part` and `where` as the verdict names them."""

    write: Writer
    part: str | None
    where: str


PLACES: Mapping[str, Place] = {
    "plain body": Place(body, "1", "body"),
    "HTML body": Place(html_body, "1", "table 1!A1:I41"),
    "plain alternative": Place(plain_alternative, "1", "body"),
    "HTML alternative": Place(html_alternative, "2", "table 1!A1:I41"),
    "preamble": Place(preamble, "preamble", ""),
    "epilogue": Place(epilogue, "epilogue", ""),
    "uuencoded file in the body": Place(uuencoded_body, "1/list.xlsx", "Census!A1:I41"),
    "base64 block in the body": Place(base64_body, "1/1", "Census!A1:I41"),
    "uuencoded file in a quotation": Place(quoted_body, "1/list.xlsx", "Census!A1:I41"),
    "uuencoded file in a quotation in HTML": Place(quoted_html_body, "1/list.xlsx", "Census!A1:I41"),
    "header field": Place(in_field("X-Notes"), None, "header x-notes"),
    "header field that looks technical": Place(in_field("Authentication-Results"), None, "header authentication-re"),
    "header field in encoded words": Place(in_encoded_words, None, "header x-notes"),
    "name beside an address": Place(in_field("Reply-To", '"{}" <hr@acme-mfg.example>'), None, "header reply-to"),
    "comment beside an address": Place(in_field("Cc", "hr@acme-mfg.example ({})"), None, "header cc"),
    "parameter of a type": Place(in_field("Content-Type", 'text/plain; title="{}"'), None, "header content-type"),
    "parameter in pieces": Place(in_parameters, None, "header content-type"),
    "comment behind a type": Place(in_field("Content-Type", "text/plain ({})", "\n "), None, "header content-type"),
    "header field of a part": Place(in_field_of_a_part, None, "header x-notes of 1"),
    "header field of an attached message": Place(in_an_attached_message, "2", "header x-notes"),
}
