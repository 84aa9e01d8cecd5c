"""Who acts, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody may do: look; take and silence alerts and write notebooks; change rules and rent or return pods."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """0 for who may least."""
        return list(Role).index(self)


@dataclass(frozen=True, slots=True)
class Person:
    """Who is at the browser. `signed_in` is False where nobody checked the name."""

    name: str
    role: Role
    signed_in: bool

    def may(self, role: Role) -> bool:
        """Whether they may do what this role may."""
        return self.role.rank >= role.rank
