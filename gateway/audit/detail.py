"""What an audit record says of a message: counts, rules, masked addresses. No value, subject or file name. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.message import Envelope
from rules.mask import mask_address, mask_text
from rules.sentence import PEOPLE_LIST
from rules.verdict import Verdict


def of_message(envelope: Envelope, fingerprint: str, size: int) -> dict[str, Any]:
    return {
        "sender": mask_address(envelope.mail_from),
        "recipients": masked(envelope.rcpt_to),
        "fingerprint": fingerprint,
        "size": size,
    }


def of_verdict(verdict: Verdict, versions: Mapping[str, str]) -> dict[str, Any]:
    """The decision and what it rests on."""
    counts: Counter[str] = Counter()
    for finding in verdict.findings:
        counts[finding.entity] += finding.count
    people, involved = verdict.people, {client.id for client in verdict.clients}
    return {
        "disposition": verdict.disposition.value,
        "sentence": neutral_sentence(verdict),
        "rules": sorted({reason.rule for reason in verdict.reasons}),
        "decided": [
            {
                "address": mask_address(r.address),
                "kind": r.kind.value,
                "disposition": r.disposition.value,
                "may": [client for client in r.clients if client in involved],
            }
            for r in verdict.recipients
        ],
        "clients": [
            {"id": client.id, "role": client.role.value, "by": sorted({sign.kind for sign in client.evidence})}
            for client in verdict.clients
        ],
        "parts": Counter(part.status.value for part in verdict.parts),
        "obstacles": Counter(part.reason.value for part in verdict.parts if part.reason),
        "findings": counts,
        "lists": sum(finding.entity == PEOPLE_LIST for finding in verdict.findings),
        "people": {"count": people.count, "by_state": dict(people.by_state), "unknown_state": people.unknown_state},
        "versions": dict(versions),
    }


def neutral_sentence(verdict: Verdict) -> str:
    """The sentence with file names replaced by part numbers, and addresses masked."""
    sentence = verdict.sentence
    for part in sorted(verdict.parts, key=lambda part: -len(part.filename or "")):
        if part.filename:
            sentence = sentence.replace(part.filename, f"part {_place(part.part)}")
    for recipient in verdict.recipients:
        sentence = sentence.replace(recipient.address, mask_address(recipient.address))
    return mask_text(sentence)


def _place(section: str) -> str:
    """Inside a container the section itself is made of file names: only its depth is told."""
    top, *inner = section.split("/")
    return f"{top} (inside, at depth {len(inner)})" if inner else top


def masked(addresses: Iterable[str]) -> list[str]:
    return [mask_address(address) for address in addresses]
