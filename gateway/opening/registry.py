"""The table of formats, one line each, and the way in: message to parts. Knows no format itself."""

from collections.abc import Mapping

from gateway.message import Limits, OpenedMessage
from gateway.opening import text
from gateway.opening.opener import Opener
from gateway.opening.walk import walk

OPENERS: Mapping[str, Opener] = {  # one line per type; several types may share an opener
    "text/plain": text.open_text,
    "text/csv": text.open_text,
    "text/tab-separated-values": text.open_text,
    "application/yaml": text.open_text,
}


def open_message(raw: bytes, limits: Limits) -> OpenedMessage:
    """Open every part of a message at every depth. Returns for any bytes; never raises for what the bytes hold."""
    return walk(raw, limits, OPENERS)
