"""Checks an audit log, from the store or from an export alone. Shares no code with the writer, and never writes.

Found without help: a changed byte, a record removed, inserted, moved or doubled, and a missing beginning. A missing end
or a log written anew as a whole can only be found against a head noted earlier, elsewhere.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

FIELDS = {"seq", "at", "event", "actor", "hold_id", "detail", "prev", "hash"}
_NOTHING_BEFORE = "0" * 64
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The first record that does not hold. `seq` is the number it should have, `line` its line counted from 1."""

    seq: int
    line: int
    reason: str

    def __str__(self) -> str:
        return f"record {self.seq} (line {self.line}): {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A head noted earlier: the log must have had this hash at this record."""

    seq: int
    hash: str

    @classmethod
    def parse(cls, text: str) -> "Anchor":
        """`12:ab34...`, as the head is printed. Raises ValueError."""
        seq, _, digest = text.strip().partition(":")
        if not seq.isdecimal() or not _HASH.fullmatch(digest):
            raise ValueError("a head is written <number>:<64 hexadecimal digits>")
        return cls(seq=int(seq), hash=digest)


BEGINNING = Anchor(seq=0, hash=_NOTHING_BEFORE)


class Verifier:
    """Takes one line after the other, in constant memory. `after` is the record that stands before the first line."""

    def __init__(self, after: Anchor = BEGINNING, head: Anchor | None = None) -> None:
        self.seq, self.hash, self.line = after.seq, after.hash, 0
        self._head = head

    def take(self, line: bytes) -> Fault | None:
        """Check the next line, line feed included."""
        self.line += 1
        if not line.endswith(b"\n"):
            return self._fault("its line does not end; the file is cut off or changed")
        try:
            fields = json.loads(line[:-1].decode("utf-8"))
        except (ValueError, RecursionError):
            return self._fault("is not JSON in UTF-8")
        if reason := self._objection(fields, line[:-1]):
            return self._fault(reason)
        self.seq, self.hash = fields["seq"], fields["hash"]
        if self._head and self.seq == self._head.seq and self.hash != self._head.hash:
            return Fault(seq=self.seq, line=self.line, reason="differs from the head noted earlier: written anew")
        return None

    def end(self) -> Fault | None:
        """Nothing more comes: whether that is too early."""
        if self._head is None or self.seq >= self._head.seq:
            return None
        self.line += 1
        return self._fault("is missing, as is all up to the head noted earlier: the end was cut off")

    def _objection(self, fields: Any, line: bytes) -> str | None:
        if not isinstance(fields, dict) or set(fields) != FIELDS:
            return "does not have the fields of an audit record"
        if type(fields["seq"]) is not int or fields["seq"] != self.seq + 1:
            return f"has number {fields['seq']!r:.20}, not {self.seq + 1}: records are missing, doubled or out of order"
        if fields["prev"] != self.hash:
            return "does not follow from the record before it"
        if _canonical(fields) != line:
            return "is not written in the canonical form: its bytes were changed"
        claimed = fields.pop("hash")
        if hashlib.sha256(bytes.fromhex(self.hash) + _canonical(fields)).hexdigest() != claimed:
            return "was changed after it was written: its hash does not fit"
        fields["hash"] = claimed
        return None

    def _fault(self, reason: str) -> Fault:
        return Fault(seq=self.seq + 1, line=self.line, reason=reason)


def verify(lines: Iterable[bytes], *, head: Anchor | None = None, after: Anchor = BEGINNING) -> Fault | None:
    """First bad record of a JSON-lines export, or None. `head`: a record that must be there with this very hash."""
    verifier = Verifier(after, head)
    for line in lines:
        if fault := verifier.take(line):
            return fault
    return verifier.end()


def _canonical(fields: dict[str, Any]) -> bytes:
    text = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")
