"""Times as the store keeps them: whole milliseconds since 1970, UTC. Pure."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(at: datetime) -> int:
    """A naive time is refused: nobody could say when it was."""
    if at.tzinfo is None:
        raise ValueError("a time without its zone cannot be stored")
    return (at - EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)
