"""Mail as people and good programs write it."""

SECRET = "219-09-9999"


HEAD = "From: a@sender.example\nTo: b@client.example\nSubject: s\nMIME-Version: 1.0\n"


def mixed(*parts: str, boundary: str = "b1", head: str = HEAD) -> str:
    body = "".join(f"--{boundary}\n{each}\n" for each in parts)
    return f'{head}Content-Type: multipart/mixed; boundary="{boundary}"\n\n{body}--{boundary}--\n'


PLAIN = "Content-Type: text/plain; charset=us-ascii\n\nhello\n"


ORDINARY = {
    "a bare message": "Subject: s\n\nhello\n",
    "headers only": "Subject: s\n\n",
    "headers without an end": "Subject: s\n",
    "an empty message": "",
    "no MIME-Version": "Subject: s\nContent-Type: text/plain\n\nhello\n",
    "a type without a subtype": "Subject: s\nContent-Type: text\n\nhello\n",
    "two parts": mixed(PLAIN, PLAIN),
    "the notice of old mailers": mixed(PLAIN).replace(
        "\n\n--b1", "\n\nThis is a multi-part message in MIME format.\n--b1"
    ),
    "Apple's unquoted boundary": mixed(PLAIN).replace('"b1"', "Apple-Mail=_1A").replace("--b1", "--Apple-Mail=_1A"),
    "Java's unquoted boundary": mixed(PLAIN).replace('"b1"', "----=_Part_1").replace("--b1", "------=_Part_1"),
    "blanks behind the boundary": mixed(PLAIN).replace("--b1\n", "--b1  \n"),
    "blank lines after the end": mixed(PLAIN) + "\n\n  \n",
    "no line end at the end": mixed(PLAIN).rstrip("\n"),
    "the same type twice": HEAD + "Content-Type: text/plain\nContent-Type: text/plain\n\nhello\n",
    "a comment in a type": HEAD + "Content-Type: text/plain (words); charset=utf-8 (the usual)\n\nhello\n",
    "an inner boundary longer than the outer": mixed(
        'Content-Type: multipart/alternative; boundary="b12"\n\n--b12\n' + PLAIN + "\n--b12\n" + PLAIN + "\n--b12--\n"
    ),
    "base64 without padding": HEAD + "Content-Transfer-Encoding: base64\n\naGVsbG8\n",
    "base64 in capitals": HEAD + "Content-Transfer-Encoding: BASE64\n\naGVsbG8=\n",
    "7-bit with a dash": HEAD + "Content-Transfer-Encoding: 7-bit\n\nhello\n",
    "a lone equals sign in quoted-printable": HEAD + "Content-Transfer-Encoding: quoted-printable\n\na = b =3D\n",
    "a delivery report": mixed(
        PLAIN, "Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a@b.example\n"
    ),
    "an attached message": mixed(PLAIN, "Content-Type: message/rfc822\n\nSubject: inner\n\nhello\n"),
    "a meeting": mixed(PLAIN, "Content-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\nEND:VCALENDAR\n"),
    "a name with spaces, unquoted": mixed(PLAIN, "Content-Type: text/plain; name=my list.txt\n\nhello\n"),
    "a long folded subject": "Subject: one\n two\n\tthree\nX-Empty:\n\nhello\n",
    "an mbox envelope line": "From someone Mon Jan  1 00:00:00 2024\nSubject: s\n\nhello\n",
    "a signed message": 'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary="b1"\n\n--b1\n'
    + PLAIN
    + "\n--b1\nContent-Type: application/pgp-signature\n\n-----BEGIN PGP SIGNATURE-----\n\nabcd\n"
    "-----END PGP SIGNATURE-----\n\n--b1--\n",
}
