"""What an opener is given and what it gives back. One registry calls them all; none knows another."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.message import Limits, Outcome, Unopened
from rules.content import Role
from rules.verdict import Obstacle


class CannotLookError(Exception):
    """An opener gives up on the whole part; `note` is for people and holds no content."""

    def __init__(self, obstacle: Obstacle, note: str) -> None:
        super().__init__(note)
        self.obstacle = obstacle
        self.note = note


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """Bytes to be opened, after transfer decoding."""

    section: str
    filename: str | None
    media_type: str  #: told from the content
    content: bytes
    declared_type: str = ""  #: what the message or the container claims; a hint, never trusted
    charset: str | None = None
    delsp: bool = False  #: its lines may be broken within a word (RFC 3676)
    role: Role = Role.CONTENT  #: BODY for a text body of the message itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """A file inside a container, to be opened in its turn; or one that could only be listed."""

    name: str | None
    content: bytes | Unopened
    declared_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """An opener's answer. `inner` may be lazy, and may raise CannotLookError half-way: the part is then partial."""

    outcome: Outcome
    inner: Iterable[Inner] = ()


@dataclass(slots=True)
class Budget:
    """What is left of the limits, across the whole message. The only mutable thing that openers share."""

    limits: Limits
    passwords: tuple[str, ...] = ()  #: given by a reviewer for this one look; never stored, never logged
    parts: int = 0
    expanded: int = 0
    pixels: int = 0
    recognising: float = 0.0  #: seconds of OCR

    def expand(self, size: int) -> None:
        """Count `size` bytes that came out of a container or a compressed stream, before they are kept."""
        self.expanded += size
        if self.expanded > self.limits.max_expanded:
            raise CannotLookError(Obstacle.LIMIT, f"more than {self.limits.max_expanded} bytes when expanded")

    def part(self) -> None:
        self.parts += 1
        if self.parts > self.limits.max_parts:
            raise CannotLookError(Obstacle.LIMIT, f"more than {self.limits.max_parts} parts")


Opener = Callable[[Leaf, Budget], Opening]
