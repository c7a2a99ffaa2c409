"""The diagnostics of a run: stable codes, and findings. What a code means stands on its page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from npuemu import pages


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of diagnostic: E is an error, W a warning."""

    code: str

    @property
    def severity(self) -> str:
        """``error`` or ``warning``."""
        return {"E": "error", "W": "warning"}[self.code[0]]

    @property
    def title(self) -> str:
        """What it is in a word, from its page."""
        return pages.page(self.code).title


CODES = (
    "E101", "E102", "E103", "E104", "E105", "E106", "E107",
    "E110", "E111", "E112", "E113", "E114", "E116", "E117", "E118",
    "W120", "W121", "W122",
    "E201", "E202", "E203", "E204", "E205", "E206", "W210", "W211",
)  # fmt: skip
"""Every code that a run can end with; each has a page in ``diagnostics/``."""

KINDS = {int(code[1:]): Kind(code) for code in CODES}
"""By the number that the engine leaves behind."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: its kind, what happened, and where (``file:line:column``, or nothing).

    ``other``: what the other instruction that takes part does, and where; ``help``: the repair.
    """

    kind: Kind
    message: str
    where: str = ""
    other: tuple[str, str] | None = None
    help: str = ""

    def row(self) -> dict[str, Any]:
        """As the report shows it."""
        row: dict[str, Any] = {
            "code": self.kind.code,
            "severity": self.kind.severity,
            "message": self.message,
            "where": self.where,
        }
        if self.other is not None:
            row["other"] = {"message": self.other[0], "where": self.other[1]}
        if self.help:
            row["help"] = self.help
        return row
