"""What one opener has read so far, and what it could not: the sum is its answer. Never turns a failure into silence."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gateway.message import Opened, Outcome, Partial, Unopened
from gateway.opening.opener import CannotLookError, Inner, Leaf, Opening
from rules.content import Content, Role, Table, Text
from rules.verdict import Obstacle

# What damaged input raises is beyond listing: Rust panics (calamine) are no Exception at all, and are told by name.
_PANIC = "PanicException"


@dataclass(slots=True)
class Reading:
    """Collects contents, inner files and obstacles of one part."""

    leaf: Leaf
    contents: list[Content] = field(default_factory=list)
    inner: list[Inner] = field(default_factory=list)
    obstacles: list[tuple[Obstacle, str]] = field(default_factory=list)

    def text(self, where: str, content: str, role: Role = Role.CONTENT) -> None:
        if content and not content.isspace():
            self.contents.append(Text(part=self.leaf.section, where=where, role=role, content=content))

    def table(
        self, name: str, rows: list[list[str]], *, first_row: int = 1, first_column: int = 0, also: str = ""
    ) -> None:
        if rows:
            where = self.leaf.section
            self.contents.append(
                Table(part=where, name=name, rows=rows, first_row=first_row, first_column=first_column, also=also)
            )

    def fail(self, obstacle: Obstacle, note: str) -> None:
        if (obstacle, note) not in self.obstacles:
            self.obstacles.append((obstacle, note))

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Go on after a failure inside, but remember that `what` (our word, never content) was not read."""
        try:
            yield
        except CannotLookError as error:
            self.fail(error.obstacle, error.note)
        except (MemoryError, RecursionError):
            self.fail(Obstacle.LIMIT, f"{what} is too large or too deep")
        except Exception:  # noqa: BLE001 - any fault of a foreign parser means: could not look
            self.fail(Obstacle.CORRUPT, f"{what} is damaged")
        except BaseException as error:
            if type(error).__name__ != _PANIC:
                raise
            self.fail(Obstacle.CORRUPT, f"{what} is damaged")

    def opening(self) -> Opening:
        return Opening(outcome=self._outcome(), inner=tuple(self.inner))

    def _outcome(self) -> Outcome:
        if not self.obstacles:
            return Opened(contents=tuple(self.contents))
        obstacle, note = self.obstacles[0]
        if len(self.obstacles) > 1:
            note = f"{note}, and {len(self.obstacles) - 1} more"
        if not self.contents and not self.inner:
            return Unopened(obstacle=obstacle, note=note)
        return Partial(contents=tuple(self.contents), obstacle=obstacle, note=note)
