"""Parser reductions to the tree of `npuemu.asm.syntax`: one method a rule of grammar.lark."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from npuemu.asm import syntax
from npuemu.asm.lexer import LineError, Token
from npuemu.asm.syntax import Argument, Directive, Expression, Name, Span

MAX_DEPTH = 64
MAX_EXPONENT = 400
MAX_LITERAL = 2**64 - 1
REGISTERS = 32

PRECEDENCE = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), 3),
    "|": 4,
    "^": 5,
    "&": 6,
    "<<": 7,
    ">>": 7,
    "+": 8,
    "-": 8,
    "*": 9,
    "/": 9,
    "%": 9,
}
COMPARISON = 3


def _span(token: Token) -> Span:
    return Span(token.column, token.end)


def _deeper(span: Span, *parts: Expression) -> int:
    """Depth of a node over ``parts``; evaluation recurses, so it is limited here."""
    depth = 1 + max((part.depth for part in parts), default=0)
    if depth > MAX_DEPTH:
        raise LineError("A702", f"the expression is nested more than {MAX_DEPTH} deep", span)
    return depth


def _binary(operator: str, left: Expression, right: Expression) -> Expression:
    span = Span(left.span.column, right.span.end)
    return syntax.Binary(span, operator, left, right, _deeper(span, left, right))


def _climb(items: list[Any]) -> Expression:
    """Operands and operators in turn to a tree, by precedence (left to right within a level)."""
    operands: list[Expression] = [items[0]]
    pending: list[str] = []

    def reduce_top() -> None:
        right = operands.pop()
        operands.append(_binary(pending.pop(), operands.pop(), right))

    for token, operand in zip(items[1::2], items[2::2], strict=True):
        level = PRECEDENCE[token.text]
        while pending and PRECEDENCE[pending[-1]] >= level:
            if level == COMPARISON and PRECEDENCE[pending[-1]] == COMPARISON:
                message = "comparisons do not chain"
                raise LineError("A101", message, _span(token), help="join two with '&&'")
            reduce_top()
        pending.append(token.text)
        operands.append(operand)
    while pending:
        reduce_top()
    return operands[0]


def _unescape(token: Token) -> str:
    """The text of a quoted string; ``\\"``, ``\\\\`` and ``\\n`` are the escapes."""
    body, out, i = token.text[1:-1], [], 0
    while i < len(body):
        if body[i] == "\\":
            i += 1
            if body[i] not in '"\\n':
                span = Span(_span(token).column + i, _span(token).column + i + 2)
                raise LineError("A106", f"unknown escape '\\{body[i]}' in a string", span)
            out.append("\n" if body[i] == "n" else body[i])
        else:
            out.append(body[i])
        i += 1
    return "".join(out)


def _directive(
    kind: str,
    *names: Token,
    strings: tuple[str, ...] = (),
    values: tuple[Expression, ...] = (),
    options: tuple[Argument, ...] = (),
    formals: tuple[tuple[Name, Expression | None], ...] = (),
) -> Directive:
    spelled = tuple(Name(_span(n), n.text) for n in names)
    first = spelled[0].span.column if spelled else values[0].span.column if values else 1
    return Directive(Span(first, first + 1), kind, spelled, strings, values, options, formals)


class ExpressionBuilder:
    """Reductions of expressions; every method gets the list of a rule's children."""

    def integer(self, c: list[Any]) -> Expression:
        text = c[0].text.replace("_", "")
        if text[1:] in ("x", "X", "b", "B"):
            raise LineError("A106", f"malformed number '{c[0].text}'", _span(c[0]))
        base = {"0x": 16, "0X": 16, "0b": 2, "0B": 2}.get(text[:2], 10)
        value = int(text, base)
        if value > MAX_LITERAL:
            raise LineError("A401", "the number does not fit 64 bits", _span(c[0]))
        return syntax.Number(_span(c[0]), value)

    def real(self, c: list[Any]) -> Expression:
        text = c[0].text
        exponent = text.lower().partition("e")[2]
        if exponent and (len(exponent) > 5 or abs(int(exponent)) > MAX_EXPONENT):
            message = f"the exponent is outside -{MAX_EXPONENT}..{MAX_EXPONENT}"
            raise LineError("A106", message, _span(c[0]))
        return syntax.Real(_span(c[0]), Fraction(text))

    def name(self, c: list[Any]) -> Expression:
        text = c[0].text
        if text[0] == "r" and text[1:].isdigit():
            if len(text) > 3 or int(text[1:]) >= REGISTERS or (text[1] == "0" and len(text) > 2):
                message = f"no register '{text}'"
                raise LineError("A203", message, _span(c[0]), expected="r0 .. r31")
            return syntax.Register(_span(c[0]), int(text[1:]))
        return Name(_span(c[0]), text)

    def call(self, c: list[Any]) -> Expression:
        arguments = tuple(c[1] or ())
        span = _span(c[0])
        return syntax.Call(span, c[0].text, arguments, _deeper(span, *arguments))

    def group(self, c: list[Any]) -> Expression:
        return c[0]  # type: ignore[no-any-return]

    def prefix(self, c: list[Any]) -> Expression:
        span = Span(_span(c[0]).column, c[1].span.end)
        return syntax.Unary(span, c[0].text, c[1], _deeper(span, c[1]))

    def chain(self, c: list[Any]) -> Expression:
        return _climb(c)

    def ternary(self, c: list[Any]) -> Expression:
        span = Span(c[0].span.column, c[2].span.end)
        return syntax.Ternary(span, c[0], c[1], c[2], _deeper(span, *c))

    def exprs(self, c: list[Any]) -> tuple[Expression, ...]:
        return tuple(c)


class DirectiveBuilder(ExpressionBuilder):
    """Reductions of directives."""

    def names(self, c: list[Any]) -> list[Token]:
        return c

    def options(self, c: list[Any]) -> tuple[Argument, ...]:
        pairs = zip(c[::2], c[1::2], strict=True)
        return tuple(Argument(_span(n), n.text, value) for n, value in pairs)

    def formals(self, c: list[Any]) -> tuple[tuple[Name, Expression | None], ...]:
        return tuple(c)

    def formal(self, c: list[Any]) -> tuple[Name, Expression | None]:
        return Name(_span(c[0]), c[0].text), c[1]

    def kernel(self, c: list[Any]) -> Directive:
        return _directive("kernel", c[0])

    def machines(self, c: list[Any]) -> Directive:
        return _directive("machines", *c[0])

    def bind_machine(self, c: list[Any]) -> Directive:
        return _directive("machine", c[0])

    def bind_blocks(self, c: list[Any]) -> Directive:
        return _directive("blocks", values=(c[0],))

    def param(self, c: list[Any]) -> Directive:
        return _directive("param", c[0], values=(c[1],))

    def bound(self, c: list[Any]) -> Directive:
        return _directive("bound", c[0], values=(c[1],))

    def const(self, c: list[Any]) -> Directive:
        return _directive("const", c[0], values=(c[1],))

    def require(self, c: list[Any]) -> Directive:
        return _directive("require", values=(c[0],), strings=(_unescape(c[1]),))

    def tensor(self, c: list[Any]) -> Directive:
        return _directive("tensor", c[0], c[1], c[3], values=c[2], options=c[4])

    def buffer(self, c: list[Any]) -> Directive:
        return _directive("buffer", c[0], c[1], values=(c[2],), options=c[3])

    def include(self, c: list[Any]) -> Directive:
        span = _span(c[0])
        return Directive(span, "include", strings=(_unescape(c[0]),))

    def once(self, c: list[Any]) -> Directive:
        return _directive("once")

    def macro(self, c: list[Any]) -> Directive:
        return _directive("macro", c[0], formals=c[1] or ())

    def endmacro(self, c: list[Any]) -> Directive:
        return _directive("endmacro")

    def rep(self, c: list[Any]) -> Directive:
        return _directive("rep", c[0], values=(c[1], c[2]))

    def endrep(self, c: list[Any]) -> Directive:
        return _directive("endrep")

    def if_(self, c: list[Any]) -> Directive:
        return _directive("if", values=(c[0],))

    def elif_(self, c: list[Any]) -> Directive:
        return _directive("elif", values=(c[0],))

    def else_(self, c: list[Any]) -> Directive:
        return _directive("else")

    def endif(self, c: list[Any]) -> Directive:
        return _directive("endif")

    def reg(self, c: list[Any]) -> Directive:
        return _directive("reg", c[0], values=(c[1],))

    def section(self, c: list[Any]) -> Directive:
        return _directive("section", c[0])

    def print_(self, c: list[Any]) -> Directive:
        # as written: its fields have columns of their own
        return Directive(_span(c[0]), "print", strings=(c[0].text,))

    def files(self, c: list[Any]) -> Directive:
        return Directive(_span(c[0]), "files", strings=tuple(_unescape(s) for s in c))

    def loc(self, c: list[Any]) -> Directive:
        return _directive("loc", values=c[0])


class TreeBuilder(DirectiveBuilder):
    """Reductions of a line: labels, instructions, directives."""

    def start(self, c: list[Any]) -> tuple[syntax.Statement, ...]:
        return tuple(c)

    def label(self, c: list[Any]) -> syntax.Label:
        return syntax.Label(_span(c[0]), c[0].text)

    def mnemonic(self, c: list[Any]) -> list[Token]:
        return c

    def positional(self, c: list[Any]) -> Argument:
        return Argument(c[0].span, None, c[0])

    def named(self, c: list[Any]) -> Argument:
        return Argument(_span(c[0]), c[0].text, c[1])

    def arguments(self, c: list[Any]) -> tuple[Argument, ...]:
        return tuple(c)

    def instruction(self, c: list[Any]) -> syntax.Instruction:
        head, *rest = c[0]
        suffixes = tuple(Name(Span(_span(s).column + 1, _span(s).end), s.text[1:]) for s in rest)
        return syntax.Instruction(_span(head), head.text, suffixes, c[1] or ())
