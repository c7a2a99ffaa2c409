"""A line of text to tokens. Only the first error of a line is reported."""

from __future__ import annotations

import re

from msgspec import Struct

from npuemu.asm.syntax import Span

MAX_LINE = 4096


class Token(Struct, frozen=True):
    """A piece of a line, columns [column, end) counted from 1."""

    text: str
    column: int
    end: int


class LineError(Exception):
    """A line that does not parse; the caller knows the file and the line number."""

    def __init__(
        self,
        code: str,
        message: str,
        span: Span,
        *,
        expected: str | None = None,
        near: tuple[str, tuple[str, ...]] | None = None,
        help: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.span = span
        self.expected = expected
        self.near = near
        self.help = help


# Groups are terminals of grammar.lark, tried in this order; PUNCTUATION and DIRECTIVE stand for
# the literal tokens that the grammar spells out.
PATTERN = re.compile(
    r"""[ \t\f]* (?:
      (?P<NAME>        [A-Za-z_][A-Za-z0-9_]*(?:@[0-9]+)? )
    | (?P<REAL>        [0-9]+(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)(?![A-Za-z0-9_]) )
    | (?P<INT>         (?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|[0-9][0-9_]*)(?![A-Za-z0-9_]) )
    | (?P<SUFFIX>      (?<=[A-Za-z0-9_])\.[A-Za-z_][A-Za-z0-9_]* )
    | (?P<DIRECTIVE>   \.[A-Za-z_][A-Za-z0-9_]* )
    | (?P<LOCAL>       @[A-Za-z_][A-Za-z0-9_]* )
    | (?P<STRING>      "(?:[^"\\]|\\.)*" )
    | (?P<MINUS>       - )
    | (?P<OP>          <<|>>|<=|>=|==|!=|&&|\|\||[+*/%&|^<>] )
    | (?P<NOT>         [~!] )
    | (?P<PUNCTUATION> [,:=()\[\]?] )
    | (?P<COMMENT>     ;.*|$ )
    )""",
    re.VERBOSE,
)


def _bad_character(text: str, position: int) -> LineError:
    rest = text[position:]
    column = position + len(rest) - len(rest.lstrip()) + 1
    word = text[column - 1 :].split()[0] if text[column - 1 :].split() else ""
    span = Span(column, column + 1)
    if word.startswith('"'):
        return LineError("A106", "a string is not closed", span)
    if word[:1].isdigit():
        number = re.match(r"[A-Za-z0-9_.]*", word)
        shown = number.group() if number else word
        span = Span(column, column + max(1, len(shown)))
        expected = "decimal, 0x hexadecimal or 0b binary digits"
        return LineError("A106", f"malformed number '{shown}'", span, expected=expected)
    return LineError("A101", f"unexpected {text[column - 1 : column]!r}", span)


def tokenise(text: str) -> tuple[tuple[str, ...], list[Token]]:
    """Kinds and tokens of a line; a literal's kind is its own text. Raises `LineError`."""
    if len(text) > MAX_LINE:
        message = f"the line is longer than {MAX_LINE} characters"
        raise LineError("A106", message, Span(MAX_LINE, MAX_LINE + 1))
    kinds: list[str] = []
    tokens: list[Token] = []
    position = 0
    match = PATTERN.match
    while True:
        found = match(text, position)
        if found is None:
            raise _bad_character(text, position)
        kind: str = found.lastgroup  # type: ignore[assignment]
        if kind == "COMMENT":
            return tuple(kinds), tokens
        start, position = found.span(kind)
        piece = text[start:position]
        kinds.append(piece if kind == "PUNCTUATION" or kind == "DIRECTIVE" else kind)
        tokens.append(Token(piece, start + 1, position + 1))
