"""S/MIME and PGP: what is only signed is opened, what is sealed is said to be."""

import base64
import bz2
import struct
import zlib
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID
from opening_messages import (
    ROSTER,
    clean,
    crlf,
    obstacle,
    open_attachment,
    opened,
    part,
    with_attachment,
    words,
)

from rules.content import Role
from rules.verdict import Obstacle

CSV = ROSTER.encode()
SSN = "219-09-9999"

# S/MIME


@pytest.fixture(scope="session")
def signer() -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sam")])
    start = datetime(2024, 1, 1, tzinfo=UTC)
    unsigned = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(days=3650))
    return unsigned.sign(key, hashes.SHA256()), key


Signer = tuple[x509.Certificate, rsa.RSAPrivateKey]


def signed(content: bytes, signer: Signer, *options: pkcs7.PKCS7Options) -> bytes:
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(*signer, hashes.SHA256())
    return builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary, *options])


def test_an_opaque_signed_message_is_opened_and_its_body_is_the_body(signer: Signer) -> None:
    """Outlook signs this way; it is not encrypted, only wrapped."""
    inner = crlf(f"Content-Type: text/plain\n\nDear Acme, Ada {SSN}\n")
    message = EmailMessage()
    message.set_content(signed(inner, signer), maintype="application", subtype="pkcs7-mime", filename="smime.p7m")
    del message["Content-Disposition"]
    message.replace_header("Content-Type", "application/pkcs7-mime; smime-type=signed-data")

    found = opened(message.as_bytes())

    assert clean(found), found.parts
    assert SSN in words(found)
    assert [text.role for each in found.parts for text in each.outcome.contents] == [Role.BODY]  # type: ignore[union-attr]


def test_detached_signatures_are_opened_for_there_is_nothing_in_them(signer: Signer) -> None:
    found = open_attachment(signed(CSV, signer, pkcs7.PKCS7Options.DetachedSignature), "smime.p7s")

    assert part(found, "2").media_type == "application/pkcs7-signature"
    assert clean(found)


@pytest.mark.parametrize("options", [(), (pkcs7.PKCS7Options.Binary,)], ids=["canonical", "binary"])
def test_a_message_with_its_signature_beside_it_is_clean(
    signer: Signer, options: tuple[pkcs7.PKCS7Options, ...]
) -> None:
    """RFC 8551 3.5.3, as most mail programs sign."""
    entity = crlf("Content-Type: text/plain\n\nAs agreed.\n")
    builder = pkcs7.PKCS7SignatureBuilder().set_data(entity).add_signer(*signer, hashes.SHA256())
    body = builder.sign(serialization.Encoding.SMIME, [pkcs7.PKCS7Options.DetachedSignature, *options])

    found = opened(crlf("From: sam@recordkeeper.example\nSubject: s\n") + body)

    assert [each.media_type for each in found.parts] == ["text/plain", "application/pkcs7-signature"]
    assert clean(found), found.parts


def test_enveloped_content_is_sealed(signer: Signer) -> None:
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(CSV).add_recipient(signer[0])

    found = open_attachment(builder.encrypt(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary]), "smime.p7m")

    assert obstacle(part(found, "2")) is Obstacle.ENCRYPTED


# PGP

ARMOUR = "-----BEGIN PGP MESSAGE-----\n\nhQEMA0\n=abcd\n-----END PGP MESSAGE-----\n"


@pytest.mark.parametrize(
    "raw",
    [
        crlf(f"Subject: s\n\nhello\n{ARMOUR}"),
        crlf(f"Subject: s\n\n{ARMOUR}"),
        with_attachment(ARMOUR.encode(), "a.asc"),
        with_attachment(b"\x85\x01\x0c\x03" + bytes(range(1, 100)), "a.gpg"),
        with_attachment(b"\x8c\x0d\x04\x09\x03\x02" + bytes(range(1, 100)), "a.pgp"),
    ],
)
def test_pgp_messages_are_sealed(raw: bytes) -> None:
    """Encrypted is could-not-look, never clean."""
    assert Obstacle.ENCRYPTED in [obstacle(each) for each in opened(raw).parts]


def test_a_clear_signed_text_is_opened() -> None:
    text = f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nAda {SSN}\n-----BEGIN PGP SIGNATURE-----\n\nx\n"
    found = opened(crlf(f"Subject: s\n\n{text}-----END PGP SIGNATURE-----\n"))

    assert clean(found)
    assert SSN in words(found)


def pgp_packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + struct.pack(">I", len(body)) + body


PGP_ANNOUNCED = bytes([0xC4, 0x0D]) + b"\x03\x00\x0a\x16" + bytes(8) + b"\x01"
PGP_SIGNED = PGP_ANNOUNCED + pgp_packet(11, b"b\x08list.csv\0\0\0\0" + CSV) + pgp_packet(2, b"\x04\x00" + bytes(60))
PGP_PACKED = {
    "deflate": b"\xa3\x01" + zlib.compressobj(9, zlib.DEFLATED, -15).compress(b"") + zlib.compress(PGP_SIGNED)[2:-4],
    "zlib": b"\xa3\x02" + zlib.compress(PGP_SIGNED),
    "bzip2": b"\xa3\x03" + bz2.compress(PGP_SIGNED),
    "not at all": PGP_SIGNED,
}


@pytest.mark.parametrize("content", PGP_PACKED.values(), ids=PGP_PACKED)
def test_what_pgp_only_signed_is_opened(content: bytes) -> None:
    message = open_attachment(content, "list.csv.gpg")

    assert clean(message)
    assert SSN in words(message)


def test_what_pgp_signed_and_broke_off_is_not_clean() -> None:
    assert not clean(open_attachment(PGP_PACKED["zlib"][:-20], "list.csv.gpg"))


#: By GnuPG 2.4: Ed25519, of and for sam@recordkeeper.example.
PGP_SIGNATURE = base64.b64decode(
    "iI8EABYIADcWIQQsY9W+ROft61gCEOUpsmboJ0xfqQUCawsaBhkcc2FtQHJlY29yZGtlZXBlci5leGFtcGxlAAoJECmyZugnTF+p"
    "9GUA/14zzNftJqTtkPa1HWyD1EwYMvl9yMSMy/iZZccbWUSmAP47v1WmwDjSquXAfpI9de1+rTDkUluy0+vfZG0G3lbUAg=="
)
PGP_KEY = base64.b64decode(
    "mDMEawsaBRYJKwYBBAHaRw8BAQdAZWwDzLuCYyGZGFQ2FJ9FzO8uKSyVJGomPHXUWzsN4CK0HlNhbSA8c2FtQHJlY29yZGtlZXBl"
    "ci5leGFtcGxlPoiQBBMWCAA4FiEELGPVvkTn7etYAhDlKbJm6CdMX6kFAmsLGgUCGwMFCwkIBwIGFQoJCAsCBBYCAwECHgECF4AA"
    "CgkQKbJm6CdMX6nR3QD/XJDQCoHc5nxA8RGf4DbzubWV3kg9T4wvWAZAJ4IfeSYBAPsk4Cuuf1daIQDGNgrc2GDaugXQb5S6DOVb"
    "B3kFsfAE"
)


@pytest.mark.parametrize(
    ("content", "kind"),
    [(PGP_SIGNATURE, "application/pgp-signature"), (PGP_KEY, "application/pgp-keys")],
    ids=["signature", "public key"],
)
def test_binary_signatures_and_public_keys_of_pgp_are_opened(content: bytes, kind: str) -> None:
    message = open_attachment(content, "list.csv.sig")

    assert part(message, "2").media_type == kind
    assert clean(message)
    assert "sam@recordkeeper.example" in words(message)


@pytest.mark.parametrize(
    "content",
    [PGP_KEY + pgp_packet(17, b"a photo"), PGP_SIGNATURE + b"list", PGP_KEY[:-1], PGP_SIGNATURE * 1000],
    ids=["a photo", "what is no packet", "broken off", "too many"],
)
def test_pgp_keys_and_signatures_with_anything_else_are_not_clean(content: bytes) -> None:
    assert not clean(open_attachment(content, "list.csv.sig"))


def test_what_a_pgp_signature_says_is_read() -> None:
    """A notation, or anything else in place of numbers."""
    assert SSN in words(open_attachment(PGP_SIGNATURE + pgp_packet(2, b"\x04 Ada " + SSN.encode()), "list.sig"))
