"""Audit records in ArcSight's Common Event Format, one line each. Holds no more than the record does."""

from collections.abc import Mapping
from typing import Any

from gateway.audit.chain import Event, Record

_GRAVE = {
    Event.POSSIBLE_DUPLICATE: 5,
    Event.LOGIN_FAILED: 5,
    Event.WORKER_DIED: 6,
    Event.UNMASKED: 6,
    Event.ESCALATED: 5,
}
_GRAVE |= {Event.HELD: 7, Event.REJECTED: 7, Event.RELEASE: 5, Event.FAILED: 5, Event.SENDER_NOT_TOLD: 5}


def cef(record: Record) -> str:
    severity = _GRAVE.get(Event(record.event), 3)
    title = record.event.replace("-", " ").capitalize()
    fields = ["CEF:0", "Countersign", "Countersign", "1", record.event, title, str(severity)]
    extension = " ".join(
        f"{key}={_value(value)}" for key, value in _extension(record).items() if value not in (None, "")
    )
    return "|".join(_header(field) for field in fields) + "|" + extension + "\n"


def _extension(record: Record) -> dict[str, Any]:
    detail: Mapping[str, Any] = record.detail
    people = detail.get("people") or {}
    return {
        "rt": int(record.at.timestamp() * 1000),
        "externalId": record.seq,
        "act": detail.get("disposition") or record.event,
        "suser": detail.get("sender"),
        "duser": ",".join(detail.get("recipients", [])),
        "reason": ",".join(detail.get("rules", [])),
        "msg": detail.get("sentence"),
        "cnt": people.get("count"),
        "cs1": record.hold_id,
        "cs1Label": record.hold_id and "holdId",
        "cs2": record.actor,
        "cs2Label": "actor",
        "cs3": record.hash,
        "cs3Label": "recordHash",
    }


def _header(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\r", " ").replace("\n", " ")


def _value(value: object) -> str:
    text = str(value).replace("\\", "\\\\").replace("=", "\\=")
    return text.replace("\r\n", "\\n").replace("\r", "\\n").replace("\n", "\\n")
