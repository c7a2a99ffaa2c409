"""One line of text to statements, with lark.

The structure of a line depends only on the kinds of its tokens, its *shape*. Lark parses every
shape once; the tree is kept as a recipe that later lines of the shape fill with their tokens,
which is several times faster than running the parser's tables for every line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from npuemu.asm.lexer import LineError, Token, tokenise
from npuemu.asm.syntax import Expression, Span, Statement
from npuemu.asm.tree import TreeBuilder

if TYPE_CHECKING:
    from lark import Lark, Tree
    from lark.exceptions import UnexpectedToken

BUILDER = TreeBuilder()

# A reduction with its parts, the index of a token, or None for an absent optional part.
Recipe: TypeAlias = "tuple[Callable[[list[Any]], Any], tuple[Recipe, ...]] | int | None"

FRIENDLY = {
    "NAME": "a name",
    "LOCAL": "a local label",
    "SUFFIX": "a suffix",
    "STRING": "a quoted string",
    "OP": "an operator",
    "MINUS": "an operator",
    "$END": "the end of the line",
}


class _Grammar:
    """Lark's tables and the terminal that stands for each literal token."""

    def __init__(self) -> None:
        from lark import Lark
        from lark import Token as Leaf
        from lark.lexer import Lexer

        class Shape(Lexer):
            """Leaves of the tree are indices into the line's tokens."""

            def __init__(self, conf: Any) -> None: ...

            def lex(self, data: Any) -> Iterator[Leaf]:  # type: ignore[override]
                return iter([Leaf(kind, str(i)) for i, kind in enumerate(data)])

        text = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
        self.lark: Lark = Lark(text, parser="lalr", lexer=Shape, start=["start", "expr"])
        self.names = {
            t.pattern.value: t.name for t in self.lark.terminals if t.pattern.type == "str"
        }
        self.texts = {name: value for value, name in self.names.items()}
        self.directives = tuple(v for v in self.names if len(v) > 2 and v[0] == ".")


@lru_cache(maxsize=1)
def grammar() -> _Grammar:
    """The LALR parser, built on first use."""
    return _Grammar()


def _recipe(tree: Tree[Any]) -> Recipe:
    parts: list[Recipe] = []
    for child in tree.children:
        if child is None:
            parts.append(None)
        else:
            parts.append(int(child) if isinstance(child, str) else _recipe(child))
    return getattr(BUILDER, tree.data), tuple(parts)


def _fill(recipe: tuple[Callable[[list[Any]], Any], tuple[Recipe, ...]], line: list[Token]) -> Any:
    """Build a recipe's tree from the tokens of a line."""
    action, parts = recipe
    return action(
        [
            line[p] if type(p) is int else None if p is None else _fill(p, line)  # type: ignore[arg-type]
            for p in parts
        ]
    )


@lru_cache(maxsize=1 << 12)
def _parse_shape(kinds: tuple[str, ...], start: str) -> Recipe:
    """The recipe of a shape; raises lark's `UnexpectedToken`."""
    known = grammar()
    terminals = [known.names.get(kind, kind) for kind in kinds]
    return _recipe(known.lark.parse(terminals, start=start))


def _friendly(expected: set[str]) -> str:
    """Terminal names as people say them, operands folded into one word."""
    if {"INT", "NAME"} <= expected:
        operands = {"INT", "REAL", "LOCAL", "LPAR", "MINUS", "NOT", "NAME"}
        expected = (expected - operands) | {"an operand"}
    words = []
    for name in sorted(expected):
        text = grammar().texts.get(name, "")
        if text.startswith("."):
            words.append("a directive")
        else:
            words.append(FRIENDLY.get(name, name) if not text else f"'{text}'")
    return ", ".join(dict.fromkeys(words))


def _explain(text: str, tokens: list[Token], problem: UnexpectedToken) -> LineError:
    """Turn lark's exception into a message with its columns."""
    expected = set(problem.accepts or problem.expected)
    if problem.token.type == "$END":
        end = tokens[-1].end if tokens else len(text) + 1
        return LineError(
            "A101", "unexpected end of line", Span(end, end + 1), expected=_friendly(expected)
        )
    index = int(problem.token)
    token = tokens[index]
    span = Span(token.column, token.end)
    if token.text[0] == "." and token.text not in grammar().directives and "SUFFIX" not in expected:
        near = (token.text, grammar().directives)
        return LineError("A102", f"unknown directive '{token.text}'", span, near=near)
    message = f"unexpected '{token.text}'"
    return LineError("A101", message, span, expected=_friendly(expected))


@lru_cache(maxsize=1 << 16)
def parse_line(text: str) -> tuple[Statement, ...]:
    """Statements of one line (labels, then at most one more); raises `LineError`."""
    kinds, tokens = tokenise(text)
    statements: tuple[Statement, ...] = _parse(text, kinds, tokens, "start") if kinds else ()
    return statements


@lru_cache(maxsize=1 << 12)
def parse_expression(text: str, column: int) -> Expression:
    """An expression that stands in a line from ``column`` on; raises `LineError`."""
    kinds, tokens = tokenise(" " * (column - 1) + text)
    expression: Expression = _parse(text, kinds, tokens, "expr")
    return expression


def _parse(text: str, kinds: tuple[str, ...], tokens: list[Token], start: str) -> Any:
    """What the grammar's rule ``start`` makes of a line's tokens; raises `LineError`."""
    try:
        return _fill(_parse_shape(kinds, start), tokens)  # type: ignore[arg-type]
    except LineError:
        raise
    except RecursionError:
        span = Span(tokens[0].column, tokens[-1].end)
        raise LineError("A702", "the line is nested too deeply", span) from None
    except Exception as problem:
        from lark.exceptions import UnexpectedToken

        if not isinstance(problem, UnexpectedToken):
            raise
        raise _explain(text, tokens, problem) from None
