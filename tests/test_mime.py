"""The MIME walk: ordinary mail opens wholly, doubtful mail is read in every way and never called clean."""

import base64
import time

import pytest
from opening_messages import clean, crlf, obstacle, opened, part, words
from ordinary_mail import HEAD, ORDINARY, PLAIN, SECRET, mixed

from rules.content import Role
from rules.verdict import Obstacle

IN_BASE64 = base64.b64encode(f"Ada Poe, {SECRET}".encode()).decode()


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_mail_is_opened_wholly(name: str) -> None:
    """A false `partial` holds a good message: people learn to release without looking."""
    for raw in (crlf(ORDINARY[name]), ORDINARY[name].encode()):
        message = opened(raw)

        assert clean(message), message.parts


def alternative(first: str, second: str) -> str:
    return f"{HEAD}{first}\n{second}\n\n{IN_BASE64}\n"


DOUBTFUL = {
    "two transfer encodings": HEAD
    + "Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\n"
    + IN_BASE64,
    "an encoding folded within": HEAD + "Content-Transfer-Encoding: base\n 64\n\n" + IN_BASE64,
    "an encoding with a word behind": HEAD + "Content-Transfer-Encoding: base64 7bit\n\n" + IN_BASE64,
    "an unknown encoding": HEAD + "Content-Transfer-Encoding: rot13\n\n" + IN_BASE64,
    "junk within base64": HEAD + "Content-Transfer-Encoding: base64\n\n" + IN_BASE64[:8] + "!*" + IN_BASE64[8:],
    "padding in the middle": HEAD + f"Content-Transfer-Encoding: base64\n\nYQ==\n{IN_BASE64}\n",
    "a line too short": HEAD + f"Content-Transfer-Encoding: base64\n\nYWJj=\n{IN_BASE64}\n",
    "a space before the colon": HEAD + "Content-Transfer-Encoding : base64\n\n" + IN_BASE64,
    "two types": mixed(f"Content-Transfer-Encoding: base64\n\n{IN_BASE64}").replace(
        "Content-Type: multi", "Content-Type: text/plain\nContent-Type: multi"
    ),
    "two boundaries": mixed(f"Content-Transfer-Encoding: base64\n\n{IN_BASE64}").replace(
        'boundary="b1"', 'boundary="b0"; boundary="b1"'
    ),
    "a boundary that goes on behind its quotes": mixed(
        f"Content-Transfer-Encoding: base64\n\n{IN_BASE64}", boundary="b1x"
    ).replace('"b1x"', '"b1"x'),
    "a boundary folded within": mixed(f"Content-Transfer-Encoding: base64\n\n{IN_BASE64}").replace('"b1"', '"b\n 1"'),
    "a type folded within": mixed(f"Content-Transfer-Encoding: base64\n\n{IN_BASE64}").replace(
        "multipart/", "multi\n part/"
    ),
    "a comment within the type": mixed(f"Content-Transfer-Encoding: base64\n\n{IN_BASE64}").replace(
        "part/", "part(x)/"
    ),
    "no final boundary": mixed(f"Content-Transfer-Encoding: base64\n\n{IN_BASE64}").replace("--b1--", ""),
    "parts after the final boundary": mixed(PLAIN)
    + f"--b1\nContent-Transfer-Encoding: base64\n\n{IN_BASE64}\n--b1--\n",
    "a boundary nobody uses": f"{HEAD}Content-Type: multipart/mixed; boundary=b1\n\nAda Poe {SECRET}\n",
    "no boundary at all": f"{HEAD}Content-Type: multipart/mixed\n\nAda Poe {SECRET}\n",
    "lines that only begin with the boundary": mixed(PLAIN).replace("hello", f"hello\n--b1zz\n\n{SECRET}"),
    "a line in the header that is no field": f"Subject: s\nno field here\n\n{SECRET}\n",
    "a text without a header": f"Dear Ada,\n\nit is {SECRET}\n",
    "an encoded multipart": HEAD
    + "Content-Transfer-Encoding: base64\nContent-Type: multipart/mixed; boundary=b1\n\n"
    + base64.b64encode(f"--b1\n\n{SECRET}\n--b1--\n".encode()).decode(),
    "a fragment": f'{HEAD}Content-Type: message/partial; id="x"; number=1; total=2\n\n{SECRET}\n',
    "content elsewhere": f"{HEAD}Content-Type: message/external-body; access-type=url\n\n{SECRET}\n",
    "uuencode without an end": HEAD + f"Content-Transfer-Encoding: uuencode\n\nbegin 644 a\n{SECRET}\n",
}


@pytest.mark.parametrize("name", DOUBTFUL)
def test_doubtful_mail_is_never_clean_and_is_read_all_the_same(name: str) -> None:
    """Readers disagree on such mail: what one of them would show must be seen, and a person must look."""
    message = opened(crlf(DOUBTFUL[name]))

    assert not clean(message)
    if name != "an encoded multipart":
        assert SECRET in words(message)


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: s\r\nContent-Type: text/plain\rContent-Transfer-Encoding: base64\r\n\r\nhello\r\n",
        b"Subject: s\r\nContent-Type: text/plain\nX: y\r\n\r\nhello\r\n",
        b"Subject: s\r\nContent-Type: text\0/plain\r\n\r\nhello\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r--b\r\n\r\ntwo\r\n--b--\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\nhello=\rhidden\r\n",
    ],
)
def test_bare_line_ends_where_they_matter_are_partial(raw: bytes) -> None:
    """A reader that takes a bare CR or LF for a line end sees another message."""
    message = opened(raw)

    assert not clean(message)


def test_a_bare_cr_in_quoted_printable_hides_nothing() -> None:
    """The stdlib's decoder drops everything between a bare CR and the next line feed."""
    message = opened(b"Content-Transfer-Encoding: quoted-printable\r\n\r\nx=\rAda 219-09-9999\r\n")

    assert SECRET in words(message)


def test_sections_are_those_of_imap() -> None:
    """Reviewers and auditors name parts by them."""
    inner = mixed(PLAIN, PLAIN, boundary="in")
    raw = mixed(
        'Content-Type: multipart/alternative; boundary="alt"\n\n--alt\n' + PLAIN + "\n--alt\n" + PLAIN + "\n--alt--\n",
        "Content-Type: message/rfc822\n\n" + inner,
        "Content-Type: message/rfc822\n\nSubject: one\n\nhello\n",
    )

    message = opened(crlf(raw))

    assert [each.section for each in message.parts] == ["1.1", "1.2", "2", "2.1", "2.2", "3", "3.1"]


def test_the_body_is_told_from_attachments() -> None:
    """A client named in the body is who the mail is for; one named in an attachment is not."""
    raw = mixed(PLAIN, "Content-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nhello\n")

    message = opened(crlf(raw))
    roles = {each.section: each.outcome.contents[0].role for each in message.parts}  # type: ignore[union-attr]

    assert roles == {"1": Role.BODY, "2": Role.CONTENT}


def test_preamble_and_epilogue_are_read() -> None:
    """No mail reader shows them, and every one of them delivers them."""
    raw = mixed(PLAIN).replace("\n\n--b1", f"\n\nAda {SECRET}\n--b1") + "Ben 457-55-5462\n"

    message = opened(crlf(raw))

    assert [each.section for each in message.parts] == ["preamble", "epilogue", "1"]
    assert SECRET in words(message)
    assert "457-55-5462" in words(message)


NAMES = [
    ('attachment; filename="a b.csv"', "a b.csv"),
    ("attachment; filename=a b.csv", "a b.csv"),
    ("attachment; filename*=UTF-8''%C3%9Cbersicht.csv", "Übersicht.csv"),
    ('attachment; filename*0="ov"; filename*1="er.csv"', "over.csv"),
    ("attachment; filename*0*=utf-8''%C3%9C; filename*1=ber.csv", "Über.csv"),
    ('attachment; filename="=?utf-8?B?w5xiZXIuY3N2?="', "Über.csv"),
    ('attachment; filename="=?utf-8?Q?=C3=9Cber.csv?="', "Über.csv"),
    ("attachment; filename==?utf-8?Q?=C3=9Cber.csv?=", "Über.csv"),
    ('attachment; filename="unfinished.csv', "unfinished.csv"),
    ("attachment; FileName = 'x.csv'", "'x.csv'"),
    ('attachment; filename="Über.csv"', "Über.csv"),
]


@pytest.mark.parametrize(("field", "expected"), NAMES)
def test_file_names_in_every_common_way_of_writing_them(field: str, expected: str) -> None:
    """A client named in a file name is the best hint there is."""
    message = opened(crlf(f"Content-Type: application/octet-stream\nContent-Disposition: {field}\n\nhello\n"))

    assert message.parts[0].filename == expected


def test_two_names_of_one_part_are_both_read() -> None:
    """Outlook shows one of them, others the other."""
    raw = "Content-Type: text/plain; name=acme.txt\nContent-Disposition: attachment; filename=beta.txt\n\nhello\n"

    names = [text.content for text in opened(crlf(raw)).headings if text.role is Role.FILENAME]

    assert names == ["beta.txt", "acme.txt"]


SUBJECTS = [
    ("plain", "plain"),
    ("=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
    ("=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab"),
    ("=?utf-8?Q?a?=\n =?utf-8?Q?b?=", "ab"),
    ("=?utf-8?B?ww==?= =?utf-8?B?vA?=", "ü"),
    ("x =?iso-8859-1?q?=FC_y?= z", "x ü y z"),
    ("=?utf-8?Q?a b?=", "a b"),
    ("=?UTF-8*en?B?YQ?=", "a"),
    ("=?no-such?Q?a?=", "a"),
    ("=?utf-8?Q?unfinished", "=?utf-8?Q?unfinished"),
    ("raw ü", "raw ü"),
]


@pytest.mark.parametrize(("field", "expected"), SUBJECTS)
def test_subjects_in_every_common_way_of_writing_them(field: str, expected: str) -> None:
    """The subject says whose mail it is."""
    message = opened(crlf(f"Subject: {field}\n\nhello\n"))

    assert message.headings[0].content == expected


ADDRESSES = [
    ("a@b.example", ["a@b.example"]),
    ('"Poe, Ada" <a@b.example>, Ben <c@d.example>', ["a@b.example", "c@d.example"]),
    ("Friends: a@b.example, Ben <c@d.example>;, e@f.example", ["a@b.example", "c@d.example", "e@f.example"]),
    ("undisclosed-recipients:;", []),
    ("a:b;c", ["b", "c"]),
    ("<@relay.example:a@b.example>", ["a@b.example"]),
    ("a@b.example (Ada, of Acme)", ["a@b.example"]),
    ("Ada <a@b.example", ["a@b.example"]),
    ('"quoted <x@y.example>" <a@b.example>', ["a@b.example"]),
    ("Ada a@b.example", ["Ada a@b.example"]),
    ("a@[IPv6:2001:db8::1]", ["a@[IPv6:2001:db8::1]"]),
    ("=?utf-8?Q?Ada?= <a@b.example>", ["a@b.example"]),
]


@pytest.mark.parametrize(("field", "expected"), ADDRESSES)
def test_addresses_of_header_fields(field: str, expected: list[str]) -> None:
    """`scan` without recipients takes them from here; a lost one is a leak not seen."""
    assert list(opened(crlf(f"To: {field}\n\nhello\n")).header_recipients) == expected


def test_message_id_and_all_recipients_are_told() -> None:
    message = opened(crlf("Message-ID: <a@b>\nTo: a@b.example\nCc: c@d.example\nBcc: a@b.example\n\nhello\n"))

    assert message.message_id == "<a@b>"
    assert message.header_recipients == ("a@b.example", "c@d.example")


def test_a_message_within_a_base64_part_is_still_found() -> None:
    """Forbidden by RFC 2046, done by real mailers."""
    inner = base64.encodebytes(f"Subject: inner\n\nAda {SECRET}\n".encode()).decode()

    message = opened(crlf(mixed(f"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{inner}")))

    assert SECRET in words(message)
    assert part(message, "1.1").outcome


# bombs: generators, so that no bomb lies about


def header_flood() -> bytes:
    return b"".join(b"X-%d: y\r\n" % number for number in range(500_000)) + b"\r\nhello\r\n"


def parameter_flood() -> bytes:
    return b"Content-Type: text/plain" + b";" * 200_000 + b"\r\n\r\nhello\r\n"


def word_flood() -> bytes:
    return b"Subject: " + b"=?utf-8?Q?a?= " * 32_000 + b"\r\n\r\nhello\r\n"


def word_starts() -> bytes:
    return b"Subject: " + b"=?u?Q?" * 100_000 + b"\r\n\r\nhello\r\n"


def address_flood() -> bytes:
    return b"To: " + b", ".join(b"a%d@b.example" % number for number in range(16_000)) + b"\r\n\r\nhello\r\n"


def many_parts() -> bytes:
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100_000 + b"--b--\r\n"


def deep_multiparts() -> bytes:
    heads = [b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(1000)]
    return b"".join(heads) + b"\r\nhello\r\n" + b"".join(b"--b%d--\r\n" % n for n in reversed(range(1000)))


def deep_messages() -> bytes:
    return b"Content-Type: message/rfc822\r\n\r\n" * 1000 + b"Subject: s\r\n\r\nhello\r\n"


def quotes() -> bytes:
    return b'Content-Type: multipart/mixed; boundary="' + b'\\"' * 200_000 + b"\r\n\r\nhello\r\n"


def comments() -> bytes:
    return b"To: " + b"(" * 200_000 + b"\r\n\r\nhello\r\n"


FLOODS = [header_flood, many_parts, deep_multiparts, deep_messages]
HARMLESS_FLOODS = [parameter_flood, word_flood, word_starts, address_flood, quotes, comments]


@pytest.mark.parametrize("bomb", FLOODS, ids=lambda bomb: bomb.__name__)
def test_bombs_are_answered_fast_and_held(bomb: object) -> None:
    """One message must not cost the next its turn, and too much to read is not clean."""
    raw = bomb()  # type: ignore[operator]
    start = time.process_time()

    message = opened(raw)

    assert time.process_time() - start < 3
    assert any(obstacle(each) is Obstacle.LIMIT for each in message.parts), message.parts[-1]


@pytest.mark.parametrize("bomb", HARMLESS_FLOODS, ids=lambda bomb: bomb.__name__)
def test_floods_within_one_field_cost_little(bomb: object) -> None:
    """The stdlib's parser is quadratic on each of these."""
    raw = bomb()  # type: ignore[operator]
    start = time.process_time()

    opened(raw)

    assert time.process_time() - start < 2


def test_no_part_beyond_the_limit_is_passed_over_in_silence() -> None:
    """The limit counts files in archives and parts alike."""
    message = opened(crlf(mixed(PLAIN, PLAIN, PLAIN)), max_parts=2)

    assert not clean(message)
