"""What can be wrong with an endpoint."""

from __future__ import annotations

from shared.errors import InvalidField, Violation


class UrlRefused(InvalidField):
    """The URL of a webhook is not accepted."""

    @classmethod
    def because(cls, why: str) -> UrlRefused:
        """Names what is wrong, and what would do."""
        return cls(violations=[Violation("url", why)])

    @property
    def why(self) -> str:
        """What is wrong with it."""
        return self.violations[0].description
