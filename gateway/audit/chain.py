"""What an audit record is, and how it is chained to the one before it. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from gateway.actor import COUNTERSIGN, Actor
from gateway.errors import BrokenChainError

GENESIS = "0" * 64  #: `prev` of record 1


class Event(StrEnum):
    """Everything that is recorded. Names are part of the export: add, never rename."""

    STARTED = "started"  # versions of settings, policy and directory
    CONFIGURATION = "configuration"  # the same, loaded anew while running
    RELAYING = "relaying"  # verdict, before the first body byte leaves
    RELAYED = "relayed"
    DEFERRED = "deferred"
    REFUSED = "refused"  # downstream's 5xx, handed on to the client
    REJECTED = "rejected"  # the policy's own 5xx
    POSSIBLE_DUPLICATE = "possible-duplicate"
    RETRY_SUPPRESSED = "retry-suppressed"
    WORKER_DIED = "worker-died"
    ACCEPTED = "accepted"  # stored, inspection goes on
    HELD = "held"
    TAKEN_OVER = "taken-over"  # downstream took it for some recipients only; the rest is ours
    DELIVERY_DUE = "delivery-due"  # a pending message was found clean
    APPROVED = "approved"  # a release that more people have to agree to
    APPROVAL_WITHDRAWN = "approval-withdrawn"
    ESCALATED = "escalated"  # handed up: somebody else has to release it
    RELEASE = "release"
    DELIVERED = "delivered"
    HELD_AGAIN = "held-again"  # downstream refused what had been released
    FAILED = "failed"
    RETURN = "return"
    EXPIRED = "expired"
    RETURNED = "returned"
    NOTICE_SENT = "notice-sent"
    NOTICE_FAILED = "notice-failed"
    SENDER_NOT_TOLD = "sender-not-told"
    VIEWED = "viewed"
    UNMASKED = "unmasked"
    OPENED_WITH_PASSWORD = "opened-with-password"  # noqa: S105 - the name of an event
    CHANGE_PROPOSED = "change-proposed"  # of the client directory, learnt from a held message
    CHANGE_ACCEPTED = "change-accepted"  # by a second person; in force from here on
    CHANGE_REFUSED = "change-refused"
    CHANGE_WITHDRAWN = "change-withdrawn"  # by its proposer while nobody had accepted it, or by two people
    WITHDRAWAL_PROPOSED = "withdrawal-proposed"  # of a change in force
    CHANGE_KEPT = "change-kept"  # in force, against the wish to withdraw it
    CONTENT_DESTROYED = "content-destroyed"  # its time has passed; its data key is gone
    NOTICE_DESTROYED = "notice-destroyed"  # what we had written about the message; the message itself stays
    MASTER_KEY_CHANGED = "master-key-changed"
    DATA_KEYS_REWRAPPED = "data-keys-rewrapped"  # a rotation has ended
    MASTER_KEY_FORGOTTEN = "master-key-forgotten"  # what older backups need is no longer in the key file
    BACKED_UP = "backed-up"
    RESTORED = "restored"  # with a message: what was decided on it since the backup is not known here
    USER_ADDED = "user-added"
    USER_REMOVED = "user-removed"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - the name of an event
    TOKEN_ADDED = "token-added"  # noqa: S105 - the name of an event
    TOKEN_REVOKED = "token-revoked"  # noqa: S105 - the name of an event
    LOGIN = "login"
    LOGIN_FAILED = "login-failed"
    LOGOUT = "logout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What happened, before it has its place in the chain. `detail`: counts, rules, masked addresses."""

    event: Event
    at: datetime
    actor: Actor = COUNTERSIGN
    hold_id: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: what a later record builds on, and what a verifier may be given from outside."""

    seq: int = 0
    hash: str = GENESIS

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One sealed record. `line` is its canonical JSON, hash included: what is stored, exported and verified."""

    seq: int
    at: datetime
    event: str
    actor: str
    hold_id: str | None
    detail: Mapping[str, Any]
    hash: str
    line: str


#: RFC 8785 for what stands in our records: strings, whole numbers, lists, mappings with string keys.
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def seal(entry: Entry, head: Head) -> Record:
    """Put `entry` at the end of the chain."""
    at, event = timestamp(entry.at), entry.event.value
    # "hash" stands between these two in order of keys, so that the detail is written out only once.
    actor, detail = entry.actor.name, {**entry.detail, **entry.actor.traits}
    before = _written({"actor": actor, "at": at, "detail": detail, "event": event})[:-1]
    after = _written({"hold_id": entry.hold_id, "prev": head.hash, "seq": head.seq + 1})[1:]
    digest = hashlib.sha256(bytes.fromhex(head.hash) + f"{before},{after}".encode()).hexdigest()
    line = f'{before},"hash":"{digest}",{after}'
    return Record(
        seq=head.seq + 1,
        at=entry.at,
        event=entry.event.value,
        actor=actor,
        hold_id=entry.hold_id,
        detail=detail,
        hash=digest,
        line=line,
    )


def _written(fields: Mapping[str, Any]) -> str:
    """What UTF-8 cannot hold (a lone surrogate of a crafted address) becomes a question mark."""
    return _canonical(fields).encode("utf-8", "replace").decode("utf-8")


def unseal(line: str) -> Record:
    """A stored line as a record again. Raises BrokenChainError for one that was changed so that it is none."""
    try:
        fields = json.loads(line)
        return Record(
            seq=fields["seq"],
            at=datetime.fromisoformat(fields["at"]),
            event=fields["event"],
            actor=fields["actor"],
            hold_id=fields["hold_id"],
            detail=fields["detail"],
            hash=fields["hash"],
            line=line,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenChainError("the audit log is broken: `audit verify` names the first bad record") from error


def timestamp(at: datetime) -> str:
    """ISO 8601 in UTC with milliseconds. A naive time is refused: nobody could say when it was."""
    if at.tzinfo is None:
        raise ValueError("a time without its zone cannot be recorded")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
