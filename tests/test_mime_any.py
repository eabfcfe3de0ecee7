"""Any bytes at all, and any arrangement of MIME: parts come out, and nothing put in is lost."""

from hypothesis import given, settings
from hypothesis import strategies as st
from opening_messages import clean, crlf, opened, words
from ordinary_mail import ORDINARY, SECRET

from gateway import mime, mime_header
from gateway.message import Limits, Opened, Partial, Unopened


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_give_parts(raw: bytes) -> None:
    """The walk never raises: an exception here would be a message neither relayed nor held."""
    message = opened(raw)

    assert all(isinstance(each.outcome, Opened | Partial | Unopened) for each in message.parts)


PIECES = st.sampled_from(
    [
        b"\r\n", b"\n", b"\r", b"--b", b"--b--", b"--b\r\n", b"\0", b" ", b"\t", b";", b'"', b"=", b"(", b")", b":",
        b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: text/plain\r\n", b"boundary=", b"base64",
        b"Content-Type: message/rfc822\r\n", b"Content-Transfer-Encoding: base64\r\n", b"aGVsbG8=\r\n", b"\r\n\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n", b"=?utf-8?Q?x?=", b"Subject: ", b"\xff", b"=3D", b"=\r\n",
        b"begin 644 a\r\n", b"end\r\n", b"To: a@b.example,", b"<", b">", b"filename*0*=utf-8''%41", b"name=x; ",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=40))
def test_any_arrangement_of_mime_gives_parts_with_unique_sections(pieces: list[bytes]) -> None:
    """Random bytes seldom look like mail; shuffled pieces of mail do."""
    message = opened(b"".join(pieces))

    sections = [each.section for each in message.parts]
    assert len(sections) == len(set(sections))
    "\n".join([words(message), *sections]).encode()  # raises for what cannot be stored


@settings(max_examples=200, deadline=None)
@given(st.integers(min_value=0, max_value=10_000), st.sampled_from(list(ORDINARY)))
def test_a_number_put_anywhere_is_found_or_the_message_is_not_clean(place: int, name: str) -> None:
    """The one property that matters: nothing readable is passed over."""
    raw = crlf(ORDINARY[name])
    at = place % (len(raw) + 1)
    raw = raw[:at] + SECRET.encode() + raw[at:]

    message = opened(raw)

    assert SECRET in words(message) or not clean(message) or _in_a_field_nobody_reads(raw)


def _in_a_field_nobody_reads(raw: bytes) -> bool:
    """Inside a header field, a boundary, or an encoding: nothing that a recipient reads."""
    heads = [mime_header.block(raw, 0, len(raw))]
    mail = mime.parse(raw, Limits())
    body = b"".join(raw[slice(*each.range)] for each in mail.entities if each.range)
    return SECRET.encode() not in body or any(
        b"base64" in value.lower() or b"quoted" in value for head in heads for _, value in head.fields
    )
