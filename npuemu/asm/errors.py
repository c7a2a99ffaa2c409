"""The one exception of the assembler, and its stable codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from npuemu.errors import UserError


class Place(NamedTuple):
    """A position in a source file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Location:
    """Where an instruction came from: the line that spells it, and the macro calls around it.

    ``trace`` lists the calls from the innermost outwards.
    """

    file: str
    line: int
    column: int
    trace: tuple[Place, ...] = ()

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


CODES = (
    "A101", "A102", "A103", "A104", "A105", "A106",
    "A201", "A202", "A203",
    "A301", "A302", "A303", "A304", "A305", "A306", "A307", "A308", "A309",
    "A401", "A402", "A403", "A404",
    "A501", "A502", "A503", "A504", "A505",
    "A601", "A602", "A603",
    "A701", "A702",
    "A801", "A802", "A803", "A804", "A805",
    "A901", "A902", "A903",
)  # fmt: skip
"""Every code; ``diagnostics/`` has a page for each."""


class AsmError(UserError):
    """What is wrong with a kernel's text or binary; ``str()`` is the whole message.

    ``code`` is one of `CODES`, ``summary`` the first line without it; ``location`` is None when
    no line is at fault.
    """

    def __init__(self, code: str, text: str, summary: str, location: Location | None) -> None:
        super().__init__(text)
        self.code = code
        self.summary = summary
        self.location = location
