"""The tree of a source text: expressions, statements, blocks. Immutable, so lines can be cached.

Columns count from 1; ``end`` is the column after the last character.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TypeAlias

from msgspec import Struct


class Span(Struct, frozen=True):
    """Columns of a piece of a line: [column, end)."""

    column: int
    end: int

    @property
    def width(self) -> int:
        """Columns covered, at least one."""
        return max(1, self.end - self.column)


class Number(Struct, frozen=True):
    span: Span
    value: int
    depth: int = 1


class Real(Struct, frozen=True):
    span: Span
    value: Fraction
    depth: int = 1


class Register(Struct, frozen=True):
    span: Span
    index: int
    depth: int = 1


class Name(Struct, frozen=True):
    """A plain name, or a local label ``@name``."""

    span: Span
    name: str
    depth: int = 1


class Unary(Struct, frozen=True):
    span: Span
    operator: str
    operand: Expression
    depth: int


class Binary(Struct, frozen=True):
    span: Span
    operator: str
    left: Expression
    right: Expression
    depth: int


class Ternary(Struct, frozen=True):
    span: Span
    condition: Expression
    yes: Expression
    no: Expression
    depth: int


class Call(Struct, frozen=True):
    span: Span
    function: str
    arguments: tuple[Expression, ...]
    depth: int


Expression: TypeAlias = Number | Real | Register | Name | Unary | Binary | Ternary | Call


class Argument(Struct, frozen=True):
    """One operand of an instruction or macro call; ``name`` is None for a positional one."""

    span: Span
    name: str | None
    value: Expression


class Label(Struct, frozen=True):
    span: Span
    name: str


class Instruction(Struct, frozen=True):
    """An instruction or a macro call: which of the two is known only at expansion."""

    span: Span
    mnemonic: str
    suffixes: tuple[Name, ...]
    arguments: tuple[Argument, ...]


class Directive(Struct, frozen=True):
    """A directive by its name without the dot.

    ``names`` holds its identifiers, ``strings`` its quoted strings (unescaped; that of
    ``.print`` as written), ``values`` its expressions, ``options`` its ``name=value`` pairs,
    ``formals`` a macro's parameters.
    """

    span: Span
    kind: str
    names: tuple[Name, ...] = ()
    strings: tuple[str, ...] = ()
    values: tuple[Expression, ...] = ()
    options: tuple[Argument, ...] = ()
    formals: tuple[tuple[Name, Expression | None], ...] = ()


Statement: TypeAlias = Label | Instruction | Directive


class Line(Struct, frozen=True):
    """A statement at its place: the file, the line number and the line's text."""

    file: str
    number: int
    source: str
    statement: Statement


class Block(Struct, frozen=True):
    """A block directive with its body; an ``.if`` has one branch a condition.

    ``branches`` pairs the opening line (``.macro``, ``.rep``, ``.if``, ``.elif``, ``.else``)
    with the nodes that it governs.
    """

    branches: tuple[tuple[Line, tuple[Node, ...]], ...]


Node: TypeAlias = Line | Block
