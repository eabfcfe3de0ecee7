"""Our own mail: says what happened, whom to ask and nothing that was in the message; nobody can steer it."""

import email
import email.policy
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st
from store_kit import BETA, NOW, SAM, SECRET

from gateway import notify
from gateway.notify import Case, Letterhead, Sheet
from gateway.origin import authors, may_be_answered
from gateway.reply import Reply

LETTERHEAD = Letterhead(
    sender="countersign@gw.recordkeeper.example",
    hostname="gw.recordkeeper.example",
    review_url="https://review.recordkeeper.example",
    reviewers=("privacy@recordkeeper.example",),
)
SHEET = Sheet(id="01NOTICE", at=NOW + timedelta(minutes=1), to=(SAM,))
STEERING = ["\r\n", "\n", "\r", "\x85", "\u2028", "\u2029", "\v", "\f", "\x1c", "\0", "\u202e"]


def case(**changes: object) -> Case:
    usual = {
        "hold_id": "01HELD",
        "mail_from": SAM,
        "recipients": (BETA,),
        "sentence": "people.csv lists 3 people of Acme; benefits@beta.example belongs to Beta.",
        "message_id": "<a@recordkeeper.example>",
        "received_at": NOW,
    }
    return Case(**{**usual, **changes})  # type: ignore[arg-type]


def all_notices(
    about: Case, note: str = "a note", text: str = "5.1.1 no such user", sheet: Sheet = SHEET
) -> list[bytes]:
    replies = dict.fromkeys(about.recipients, Reply(550, text))
    return [
        notify.held(LETTERHEAD, about, sheet),
        notify.to_reviewers(LETTERHEAD, about, sheet),
        notify.returned(LETTERHEAD, about, sheet, note),
        notify.failed(LETTERHEAD, about, sheet, replies),
    ]


def text_of(raw: bytes) -> str:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    body = message.get_body()
    assert body is not None
    return str(body.get_content())


@pytest.mark.parametrize("number", range(4))
def test_no_machine_answers_a_notice(number: int) -> None:
    """RFC 3834: the fields by which other machines know."""
    message = email.message_from_bytes(all_notices(case())[number])

    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["Message-ID"] == "<01NOTICE@gw.recordkeeper.example>"
    assert message["Date"] == "Sun, 22 Nov 2026 09:31:00 +0000"
    assert message["To"] == SAM


@pytest.mark.parametrize("number", range(4))
def test_notices_are_plain_smtp_mail(number: int) -> None:
    """CRLF only, short lines, ASCII: every next hop takes them."""
    raw = all_notices(case(sentence="Müller & Söhne " * 100))[number]

    assert raw.isascii()
    assert raw.replace(b"\r\n", b"").count(b"\n") == raw.replace(b"\r\n", b"").count(b"\r") == 0
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_the_sender_reads_why_for_whom_and_whom_to_ask() -> None:
    """Within a minute he knows, without calling anybody."""
    text = text_of(notify.held(LETTERHEAD, case(), SHEET))

    for expected in ("lists 3 people of Acme", BETA, "01HELD", "privacy@recordkeeper.example"):
        assert expected in text


def test_reviewers_get_the_address_of_the_page() -> None:
    """One click to the message."""
    assert "https://review.recordkeeper.example/held/01HELD" in text_of(notify.to_reviewers(LETTERHEAD, case(), SHEET))


def test_a_return_is_a_delivery_status_notification() -> None:
    """RFC 3464: the sender's mail program shows it as not delivered."""
    message = email.message_from_bytes(notify.returned(LETTERHEAD, case(), SHEET, "This is Acme's list."))
    words, status, header = message.get_payload()
    about_message, about_recipient = status.get_payload()

    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert "This is Acme's list." in words.get_payload(decode=True).decode()
    assert about_message["Reporting-MTA"] == "dns; gw.recordkeeper.example"
    assert (about_recipient["Final-Recipient"], about_recipient["Action"]) == (f"rfc822; {BETA}", "failed")
    assert about_recipient["Status"] == "5.7.1"
    assert header.get_content_type() == "text/rfc822-headers"
    assert header.get_payload().strip() == "Message-ID: <a@recordkeeper.example>"


def test_a_notice_has_no_subject_of_the_message() -> None:
    """The subject is content."""
    for raw in all_notices(case()):
        assert email.message_from_bytes(raw)["Subject"].endswith(("01HELD", "(01HELD)"))


def test_numbers_in_a_note_are_masked() -> None:
    """A reviewer's note may quote what he saw."""
    for raw in all_notices(case(sentence=f"{SECRET} in it"), note=f"has {SECRET}", text=f"5.7.1 found {SECRET}"):
        assert SECRET.encode() not in raw


@pytest.mark.parametrize("steering", STEERING)
def test_nothing_that_comes_from_outside_makes_a_header_field(steering: str) -> None:
    """A crafted address, note, reply or Message-ID must not add a recipient or a body."""
    evil = f"x{steering}Bcc: eve@elsewhere.example{steering}{steering}evil body"
    about = case(sentence=evil, message_id=f"<{evil}@x>", recipients=(evil,), mail_from=evil)
    for raw in all_notices(about, note=evil, text=evil):
        message = email.message_from_bytes(raw)
        parts = [message, *message.walk()]
        assert not any(part["Bcc"] for part in parts)
        assert "evil body" not in message.as_string().splitlines()


@pytest.mark.parametrize("steering", STEERING)
def test_an_address_that_steers_is_not_put_into_to(steering: str) -> None:
    """The envelope still has it; the header field then names nobody."""
    sheet = Sheet(id="1", at=NOW, to=(f"sam{steering}Bcc: eve@elsewhere.example",))

    message = email.message_from_bytes(notify.held(LETTERHEAD, case(), sheet))
    assert message["To"] == "undisclosed-recipients:;"
    assert message["Bcc"] is None


@given(evil=st.text(max_size=60))
@with_settings(max_examples=40)
def test_any_text_at_all_makes_a_notice_with_the_same_fields(evil: str) -> None:
    """Built or left out, never injected, never an error that would keep a message from being held."""
    usual = [email.message_from_bytes(raw).keys() for raw in all_notices(case(message_id=None))]
    about = case(sentence=evil, message_id=evil, recipients=(evil,), mail_from=evil)

    found = [email.message_from_bytes(raw).keys() for raw in all_notices(about, note=evil, text=evil)]
    assert [set(keys) - {"References"} for keys in found] == [set(keys) for keys in usual]


def test_an_address_outside_ascii_is_named_as_rfc_6533_says() -> None:
    """A notification stays seven-bit even when the mail was not."""
    raw = notify.returned(LETTERHEAD, case(recipients=("jörg@beta.example",)), SHEET, "n")
    message = email.message_from_bytes(raw)

    assert message.get_payload(1).get_payload(1)["Final-Recipient"] == r"utf-8; j\x{F6}rg@beta.example"


@pytest.mark.parametrize("number", range(4))
def test_a_reader_outside_ascii_is_addressed_as_he_is(number: int) -> None:
    """RFC 6532: header fields in UTF-8, for a next hop that takes the address at all."""
    sheet = Sheet(id="1", at=NOW, to=("jörg@beta.example",))

    raw = all_notices(case(), sheet=sheet)[number]
    assert "\r\nTo: jörg@beta.example\r\n".encode() in raw


def test_a_temporary_refusal_that_lasted_is_said_so() -> None:
    """4.4.7: it was tried until its time was over."""
    raw = notify.failed(LETTERHEAD, case(), SHEET, {BETA: Reply(451, "4.3.0 busy")})

    assert email.message_from_bytes(raw).get_payload(1).get_payload(1)["Status"] == "4.4.7"


def test_authors_are_envelope_and_header() -> None:
    """Mail sent through a bounce address is still somebody's own."""
    header = b'From: "Sam, S." <sam@x.example>,\r\n boss@x.example\r\nSender: PA@x.example\r\nTo: to@y\r\n'

    found = authors("bounce@x.example", header + b"\r\nFrom: body@z\r\n")
    assert found == ("boss@x.example", "bounce@x.example", "pa@x.example", "sam@x.example")


@pytest.mark.parametrize("field", ["Auto-Submitted: no", "auto-submitted: NO", "Precedence: first-class", "X: y"])
def test_people_are_answered(field: str) -> None:
    """Only machines and lists are left alone."""
    assert may_be_answered(SAM, f"{field}\r\n\r\nAuto-Submitted: yes".encode())


@given(raw=st.binary(max_size=300))
def test_any_bytes_can_be_glanced_at(raw: bytes) -> None:
    """Whatever comes in must be able to be held."""
    assert isinstance(authors(SAM, raw), tuple)
    assert isinstance(may_be_answered(SAM, raw), bool)
