"""Errors of `rules/`: all of them mean that a file of ours is wrong, and say where.

RulesError
└── ConfigurationError   one or more problems in settings, policy, directory or recognisers
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Where, what, and what you can do: `rules/clients.yaml:14: domain "acme,example" is not a domain name`."""

    file: str
    line: int | None
    text: str
    warning: bool = False

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {'warning: ' if self.warning else ''}{self.text}"


class RulesError(Exception):
    """Base of this package's errors."""


class ConfigurationError(RulesError):
    """A file of ours is wrong. Carries every problem found, in order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
