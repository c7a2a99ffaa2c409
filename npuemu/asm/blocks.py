"""A source text to a tree of lines and blocks (``.macro``, ``.rep``, ``.if``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from npuemu.asm.errors import AsmError, Location
from npuemu.asm.lexer import LineError
from npuemu.asm.messages import error
from npuemu.asm.parser import parse_line
from npuemu.asm.syntax import Block, Directive, Line, Node

CLOSERS = {"endmacro": "macro", "endrep": "rep", "endif": "if"}


@dataclass(slots=True)
class _Open:
    """A block that is not closed yet."""

    kind: str
    done: list[tuple[Line, tuple[Node, ...]]] = field(default_factory=list)
    opener: Line | None = None
    body: list[Node] = field(default_factory=list)

    def branch(self, line: Line) -> None:
        """Close the branch at hand and open the next at ``line``."""
        self.close()
        self.opener, self.body = line, []

    def close(self) -> None:
        if self.opener is not None:
            self.done.append((self.opener, tuple(self.body)))


def located(
    problem: LineError, line: Line, location: Location | None = None, notes: tuple[str, ...] = ()
) -> AsmError:
    """The message for a problem on a line; ``location`` brings its macro backtrace."""
    at = Location(line.file, line.number, problem.span.column, location.trace if location else ())
    return error(
        problem.code,
        problem.message,
        location=at,
        source=line.source,
        width=problem.span.width,
        expected=problem.expected,
        near=problem.near,
        help=problem.help,
        notes=notes,
    )


def _start(line: Line) -> int:
    """Column of the first character that is not blank."""
    return len(line.source) - len(line.source.lstrip()) + 1


def _misplaced(line: Line, message: str) -> AsmError:
    location = Location(line.file, line.number, _start(line))
    width = len(line.source.split(";")[0].rstrip()) - location.column + 1
    return error("A103", message, location=location, source=line.source, width=width)


def _directive(line: Line, directive: Directive, stack: list[_Open]) -> None:
    """Place one directive in the tree; ``stack[-1]`` is the innermost open block."""
    kind, top = directive.kind, stack[-1]
    if kind in ("macro", "rep", "if"):
        if kind == "macro" and any(block.kind == "macro" for block in stack):
            raise _misplaced(line, "a macro inside a macro")
        stack.append(_Open(kind, opener=line))
    elif kind in ("elif", "else"):
        if top.kind != "if":
            raise _misplaced(line, f"'.{kind}' without an open '.if'")
        opener = top.opener
        if opener is not None and isinstance(opener.statement, Directive):
            if opener.statement.kind == "else":
                raise _misplaced(line, f"'.{kind}' after '.else'")
        top.branch(line)
    elif kind in CLOSERS:
        if top.kind != CLOSERS[kind]:
            raise _misplaced(line, f"'.{kind}' without an open '.{CLOSERS[kind]}'")
        top.close()
        stack.pop()
        stack[-1].body.append(Block(tuple(top.done)))
    else:
        top.body.append(line)


@lru_cache(maxsize=64)
def build(text: str, file: str) -> tuple[Node, ...]:
    """Parse a whole text; raises `AsmError` at its first bad line."""
    stack = [_Open("file")]
    for number, source in enumerate(text.split("\n"), 1):
        source = source.removesuffix("\r")
        try:
            statements = parse_line(source)
        except LineError as problem:
            raise located(problem, Line(file, number, source, Directive)) from None  # type: ignore[arg-type]
        for statement in statements:
            line = Line(file, number, source, statement)
            if isinstance(statement, Directive):
                _directive(line, statement, stack)
            else:
                stack[-1].body.append(line)
    if len(stack) > 1:
        opener = stack[-1].done[0][0] if stack[-1].done else stack[-1].opener
        assert opener is not None
        raise _misplaced(opener, f"'.{stack[-1].kind}' is not closed by '.end{stack[-1].kind}'")
    return tuple(stack[0].body)
