"""Times as the store keeps them: whole milliseconds since 1970, UTC. Pure."""

from datetime import UTC, datetime


def to_ms(at: datetime) -> int:
    """A naive time is refused: nobody could say when it was."""
    if at.tzinfo is None:
        raise ValueError("a time without its zone cannot be stored")
    return round(at.timestamp() * 1000)


def from_ms(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
