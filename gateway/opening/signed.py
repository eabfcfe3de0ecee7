"""Signed and sealed content: what is signed is handed on, what is encrypted is said to be. Checks no signature."""

import re
import zlib
from typing import Any

from asn1crypto import cms, pem

from gateway.message import Opened, Unopened
from gateway.opening.charset import decode, is_text
from gateway.opening.compressed import refuse_large
from gateway.opening.opener import Budget, CannotLookError, Inner, Leaf, Opening
from rules.content import Text
from rules.verdict import Obstacle

_SEALED = frozenset({"enveloped_data", "encrypted_data", "signed_and_enveloped_data", "authenticated_enveloped_data"})
_SEALED_IDS = frozenset({"1.2.840.113549.1.9.16.1.23"})  #: authEnvelopedData, RFC 5083
_ENTITY = re.compile(rb"(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)+\r?\n")


def open_cms(leaf: Leaf, budget: Budget) -> Opening:
    """S/MIME (RFC 8551): opaque signed and compressed content is opened; a detached signature holds nothing to read."""
    content = leaf.content
    if pem.detect(content):
        content = pem.unarmor(content)[2]
    info = cms.ContentInfo.load(content)
    kind = str(info["content_type"].native)
    if kind in _SEALED or kind in _SEALED_IDS:
        return Opening(outcome=Unopened(obstacle=Obstacle.ENCRYPTED, note="S/MIME encryption"))
    if kind == "signed_data":
        signed = info["content"]["encap_content_info"]["content"]
        return Opening(outcome=Opened(), inner=[_inner(_octets(signed))] if signed else ())
    if kind == "compressed_data":
        packed = _octets(info["content"]["encap_content_info"]["content"])
        return Opening(outcome=Opened(), inner=[_inner(_inflated(packed, budget))])
    if kind == "data":
        return Opening(outcome=Opened(), inner=[_inner(_octets(info["content"]))])
    raise CannotLookError(Obstacle.UNSUPPORTED, "a CMS content of an unusual kind")


def _octets(value: Any) -> bytes:
    """An OCTET STRING, or one of the older kinds of content that stand there parsed."""
    native = value.native
    return (
        native
        if isinstance(native, bytes)
        else bytes(value.parsed.contents if hasattr(value, "parsed") else value.contents)
    )


def _inner(content: bytes) -> Inner:
    """The content is a MIME entity with its own header, if it is mail at all."""
    mail = (
        re.match(rb"(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)+\r?\n", content) and b"content-" in content[:2000].lower()
    )
    return Inner(name=None, content=content, declared_type="message/rfc822" if mail else "")


def _inflated(packed: bytes, budget: Budget) -> bytes:
    stream, content = zlib.decompressobj(), bytearray()
    while packed and not stream.eof:
        piece = stream.decompress(packed, 1 << 18)
        budget.expand(len(piece))
        content += piece
        refuse_large(len(content))
        packed = stream.unconsumed_tail
    if not stream.eof:
        raise CannotLookError(Obstacle.CORRUPT, "compressed content that breaks off")
    return bytes(content)


def open_signature(leaf: Leaf, budget: Budget) -> Opening:
    """A detached signature: nothing to read but what an armoured one says beside it."""
    del budget
    if not is_text(leaf.content):
        return Opening(outcome=Opened())
    text = Text(part=leaf.section, where="text", role=leaf.role, content=decode(leaf.content))
    return Opening(outcome=Opened(contents=(text,)))
