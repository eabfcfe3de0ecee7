"""Audit records as OCSF Data Security Findings (class 2006), one JSON object each. No more than the record holds."""

import json
from typing import Any

from gateway.audit.chain import Event, Record

_CLOSED = {Event.RELAYED, Event.REJECTED, Event.DELIVERED, Event.RETURNED, Event.FAILED}
_CREATED = {Event.HELD, Event.RELAYING, Event.REJECTED, Event.ACCEPTED}
_DISPOSITION = {"relay": 1, "reject": 2, "hold": 3}  # Allowed, Blocked, Quarantined


def ocsf(record: Record) -> str:
    event = Event(record.event)
    activity = 3 if event in _CLOSED else 1 if event in _CREATED else 2
    finding: dict[str, Any] = {
        "category_uid": 2,
        "class_uid": 2006,
        "activity_id": activity,
        "type_uid": 200600 + activity,
        "severity_id": 4 if event in {Event.HELD, Event.REJECTED} else 1,
        "status_id": 4 if event in _CLOSED else 1,
        "time": int(record.at.timestamp() * 1000),
        "message": record.detail.get("sentence", record.event),
        "actor": {"user": {"name": record.actor}},
        "metadata": {
            "version": "1.5.0",
            "product": {"name": "Countersign", "vendor_name": "Countersign"},
            "profiles": ["security_control"],
            "uid": record.hash,
            "sequence": record.seq,
        },
        "finding_info": {"uid": record.hold_id or f"record-{record.seq}", "title": record.event},
        "data_security": {"detection_system_id": 6, "data_lifecycle_state_id": 2, "category_id": 1},
        "resources": [{"type": "recipient", "name": address} for address in record.detail.get("recipients", [])],
        "unmapped": {"detail": record.detail},
    }
    if (disposition := _DISPOSITION.get(str(record.detail.get("disposition")))) is not None:
        finding |= {
            "action_id": 1 if disposition == 1 else 2,
            "disposition_id": disposition,
            "is_alert": disposition != 1,
        }
    return json.dumps(finding, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
