"""Values of expressions: 64-bit checked integers, exact reals for the bit functions, registers.

An integer lies in -2^63 .. 2^64-1 at every step. Reals are exact fractions and end in
``f32bits``, ``f16bits`` or ``bf16bits``; nothing else takes one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction
from typing import TypeAlias

from npuemu.asm import syntax
from npuemu.asm.functions import FUNCTIONS, Context
from npuemu.asm.lexer import LineError
from npuemu.asm.scope import Scope, Symbol
from npuemu.asm.syntax import Expression, Span
from npuemu.isa.codec import Reg

LOWEST, HIGHEST = -(2**63), 2**64 - 1
MAX_REAL_BITS = 8192

Number: TypeAlias = int | Fraction
Result: TypeAlias = int | Fraction | Reg

COMPARE: dict[str, Callable[[Number, Number], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
EXACT: dict[str, Callable[[Number, Number], Number]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}
BITS: dict[str, Callable[[int, int], int]] = {
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": operator.lshift,
    ">>": operator.rshift,
}


def _checked(value: Number, span: Span) -> Number:
    if type(value) is int:
        if not LOWEST <= value <= HIGHEST:
            raise LineError("A401", "the value does not fit 64 bits", span)
    elif isinstance(value, Fraction):
        if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_REAL_BITS:
            raise LineError("A401", "the real number needs too many digits", span)
    return value


def lookup(name: syntax.Name, scope: Scope) -> Result:
    """The value of a name; raises A201 with the nearest name when there is none."""
    value = scope.find(name.name)
    if isinstance(value, Symbol):
        if value.value is not None:
            return value.value
        if value.name == name.name or name.name == "MACHINE":
            message = f"'{name.name}' has no numeric value here"
            raise LineError("A403", message, name.span)
        message = f"'{value.name}', passed as '{name.name}', is not a number here"
        raise LineError("A201", message, name.span, near=(value.name, tuple(scope.names())))
    if value is None:
        message = f"'{name.name}' is not defined"
        raise LineError("A201", message, name.span, near=(name.name, tuple(scope.names())))
    return value


def number(expression: Expression, scope: Scope, context: Context) -> Number:
    """Evaluate to a number; a register is an error."""
    value = evaluate(expression, scope, context)
    if isinstance(value, Reg):
        raise LineError("A403", "a register where a number is needed", expression.span)
    return value


def integer(expression: Expression, scope: Scope, context: Context) -> int:
    """Evaluate to an integer; a register or real is an error."""
    value = number(expression, scope, context)
    if not isinstance(value, int):
        help = "f32bits, f16bits and bf16bits turn a real into bits"
        raise LineError("A403", "a real where an integer is needed", expression.span, help=help)
    return value


def _unary(node: syntax.Unary, scope: Scope, context: Context) -> Number:
    if node.operator == "-":
        value = number(node.operand, scope, context)
        if isinstance(value, Fraction) and value == 0:
            help = "write the bits, for example 0x80000000"
            raise LineError("A402", "a real has no negative zero", node.span, help=help)
        return _checked(-value, node.span)
    value = integer(node.operand, scope, context)
    return int(value == 0) if node.operator == "!" else _checked(~value, node.span)


def _divide(node: syntax.Binary, left: Number, right: Number) -> Number:
    if right == 0:
        raise LineError("A402", "division by zero", node.right.span)
    if isinstance(left, int) and isinstance(right, int):
        return left // right if node.operator == "/" else left % right
    if node.operator == "%":
        raise LineError("A403", "'%' takes integers", node.span)
    return Fraction(left) / right


def _bitwise(node: syntax.Binary, left: Number, right: Number) -> int:
    if not (isinstance(left, int) and isinstance(right, int)):
        raise LineError("A403", f"'{node.operator}' takes integers", node.span)
    if node.operator in ("<<", ">>") and not 0 <= right <= 63:
        raise LineError("A402", f"shift by {right}", node.right.span, expected="0 .. 63")
    return BITS[node.operator](left, right)


def _spelled(expression: Expression, scope: Scope) -> Symbol | None:
    """A bare name as a symbol (value None when it has no number), else None."""
    if not isinstance(expression, syntax.Name):
        return None
    value = scope.find(expression.name)
    if isinstance(value, Symbol):
        return value
    return Symbol(expression.name, value)


def _same_name(node: syntax.Binary, scope: Scope, context: Context) -> bool | None:
    """Compare two bare names of which one at least is no number; None for anything else."""
    left, right = _spelled(node.left, scope), _spelled(node.right, scope)
    if left is None or right is None or (left.value is not None and right.value is not None):
        return None
    for side, other in ((node.left, node.right), (node.right, node.left)):
        assert isinstance(side, syntax.Name) and isinstance(other, syntax.Name)
        if side.name == "MACHINE":
            context.check_machine(other, scope)
        elif scope.find(side.name) is None and not isinstance(scope.find(other.name), Symbol):
            lookup(side, scope)
    return left.name == right.name


def _binary(node: syntax.Binary, scope: Scope, context: Context) -> Number:
    op = node.operator
    if op == "&&" or op == "||":
        first = integer(node.left, scope, context) != 0
        if first == (op == "||"):
            return int(first)
        return int(integer(node.right, scope, context) != 0)
    if op == "==" or op == "!=":
        same = _same_name(node, scope, context)
        if same is not None:
            return int(same == (op == "=="))
    left, right = number(node.left, scope, context), number(node.right, scope, context)
    if op in EXACT:
        return _checked(EXACT[op](left, right), node.span)
    if op in COMPARE:
        return int(COMPARE[op](left, right))
    if op in BITS:
        return _checked(_bitwise(node, left, right), node.span)
    return _checked(_divide(node, left, right), node.span)


def _call(node: syntax.Call, scope: Scope, context: Context) -> Number:
    function = FUNCTIONS.get(node.function)
    if function is None:
        message = f"no function '{node.function}'"
        raise LineError("A404", message, node.span, near=(node.function, tuple(FUNCTIONS)))
    least, most = function.count
    if not least <= len(node.arguments) <= most:
        message = f"'{node.function}' does not take {len(node.arguments)} arguments"
        raise LineError("A404", message, node.span, expected=function.usage)
    if function.of_name is not None:
        symbol = _spelled(node.arguments[0], scope)
        if symbol is None:
            raise LineError("A404", "a name is needed", node.span, expected=function.usage)
        return function.of_name(context, symbol.name, node.arguments[0].span)
    assert function.of_numbers is not None
    values = [number(a, scope, context) for a in node.arguments]
    if not function.reals and not all(isinstance(v, int) for v in values):
        raise LineError("A403", f"'{node.function}' takes integers", node.span)
    return _checked(function.of_numbers(values, node.span), node.span)


def evaluate(node: Expression, scope: Scope, context: Context) -> Result:
    """The value of an expression; raises `LineError` with the span at fault."""
    kind = type(node)
    if kind is syntax.Number or kind is syntax.Real:
        return node.value  # type: ignore[union-attr]
    if kind is syntax.Name:
        return lookup(node, scope)  # type: ignore[arg-type]
    if kind is syntax.Binary:
        return _binary(node, scope, context)  # type: ignore[arg-type]
    if isinstance(node, syntax.Register):
        return Reg(node.index)
    if isinstance(node, syntax.Unary):
        return _unary(node, scope, context)
    if isinstance(node, syntax.Call):
        return _call(node, scope, context)
    assert isinstance(node, syntax.Ternary)
    chosen = node.yes if integer(node.condition, scope, context) else node.no
    return evaluate(chosen, scope, context)
