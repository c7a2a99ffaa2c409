"""The one exception of the assembler, and the stable table of its codes."""

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


CODES: dict[str, str] = {
    # text
    "A101": "the line does not parse",
    "A102": "unknown directive",
    "A103": "a block is not closed, or closed without being open",
    "A104": "the source cannot be read",
    "A105": "an include file is not found",
    "A106": "a string, number or line is malformed",
    # names
    "A201": "a name is not defined",
    "A202": "a name is defined twice",
    "A203": "a name has the wrong form or is reserved",
    # instructions
    "A301": "unknown instruction or macro",
    "A302": "wrong suffix",
    "A303": "wrong number of operands",
    "A304": "unknown or repeated operand name",
    "A305": "wrong kind of operand",
    "A306": "a value does not fit its field",
    "A307": "the instruction belongs to another core or section",
    "A308": "the machine does not have this instruction, type or cast",
    "A309": "wrong arguments of a macro",
    # expressions
    "A401": "a value leaves the 64-bit range",
    "A402": "division by zero, bad shift or bad function argument",
    "A403": "wrong kind of value in an expression",
    "A404": "unknown function or wrong number of arguments",
    # declarations
    "A501": "a tensor declaration makes no sense",
    "A502": "a buffer declaration makes no sense",
    "A503": "a memory is over capacity",
    "A504": "a declaration is missing, repeated or in the wrong place",
    # control flow
    "A601": "unknown section, or code outside a section",
    "A602": "the code falls off its end",
    "A603": "there is no code",
    # limits
    "A701": "too much static expansion",
    "A702": "recursion or nesting too deep",
    # what the text is assembled for
    "A801": "unknown parameter",
    "A802": "a parameter or argument has a bad value",
    "A803": "the kernel refuses these parameters",
    "A804": "unknown machine, or one the kernel is not written for",
    "A805": "the text or binary is already bound",
    # binaries
    "A901": "not a kernel binary, or one of another version",
    "A902": "the binary is damaged",
    "A903": "the binary's contents make no sense",
}


class AsmError(UserError):
    """What is wrong with a kernel's text or binary; ``str()`` is the whole message.

    ``code`` is a key of `CODES`, ``summary`` the first line without it; ``location`` is None when
    no line is at fault.
    """

    def __init__(self, code: str, text: str, summary: str, location: Location | None) -> None:
        super().__init__(text)
        self.code = code
        self.summary = summary
        self.location = location
