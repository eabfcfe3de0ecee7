"""Times as the store keeps them, whole milliseconds since 1970, and as people write them; UTC. Pure."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(at: datetime) -> int:
    """A naive time is refused: nobody could say when it was."""
    if at.tzinfo is None:
        raise ValueError("a time without its zone cannot be stored")
    return (at - EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


def of_text(text: str) -> datetime:
    """A time without a zone is UTC, as in the records themselves. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("not an ISO 8601 time like 2026-01-31 or 2026-01-31T09:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
