"""Functions that expressions may call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from npuemu.asm.lexer import LineError
from npuemu.asm.scope import Scope
from npuemu.asm.syntax import Name, Span


class Context(Protocol):
    """What functions ask the assembly about."""

    def size_of(self, name: str, span: Span) -> int:
        """Bytes of a tensor or buffer."""

    def capacity_of(self, name: str, span: Span) -> int:
        """Bytes of a local memory of the machine."""

    def has_feature(self, name: str, span: Span) -> int:
        """1 when the machine has the feature, else 0."""

    def check_machine(self, name: Name, scope: Scope) -> None:
        """Refuse a name that is compared with MACHINE but names no machine."""


@dataclass(frozen=True)
class Function:
    """A function of numbers or of one bare name; ``count`` = fewest and most arguments."""

    usage: str
    count: tuple[int, int]
    of_numbers: Callable[[Sequence[Any], Span], int] | None = None
    of_name: Callable[[Context, str, Span], int] | None = None
    reals: bool = False


def _positive(value: int, what: str, span: Span) -> None:
    if value <= 0:
        raise LineError("A402", f"{what} is {value}", span, expected="a positive number")


def _cdiv(v: Sequence[int], span: Span) -> int:
    _positive(v[1], "the divisor of cdiv", span)
    return -(-v[0] // v[1])


def _align_up(v: Sequence[int], span: Span) -> int:
    _positive(v[1], "the unit of align_up", span)
    return -(-v[0] // v[1]) * v[1]


def _log2(v: Sequence[int], span: Span) -> int:
    if v[0] <= 0 or v[0] & (v[0] - 1):
        raise LineError("A402", f"log2 of {v[0]}", span, expected="a power of two")
    return v[0].bit_length() - 1


def _bits(
    exponent_bits: int, fraction_bits: int, kind: str
) -> Callable[[Sequence[Any], Span], int]:
    """Round an exact number to nearest even in an IEEE-like format; overflow is an error."""

    def convert(v: Sequence[Any], span: Span) -> int:
        value = Fraction(v[0])
        sign, value = int(value < 0), abs(value)
        bias = (1 << (exponent_bits - 1)) - 1
        low = 1 - bias
        exponent = low
        if value:
            guess = value.numerator.bit_length() - value.denominator.bit_length()
            exponent = guess if value >= Fraction(2) ** guess else guess - 1
        scale = max(exponent, low) - fraction_bits
        units = round(value / Fraction(2) ** scale)
        # Subnormals, carries into the next exponent and normals all lie on one integer line.
        code = units + (max(exponent - low, 0) << fraction_bits)
        if code >= ((1 << exponent_bits) - 1) << fraction_bits:
            raise LineError("A402", f"the value is too large for {kind}", span)
        return sign << (exponent_bits + fraction_bits) | code

    return convert


MANY = 64

FUNCTIONS: dict[str, Function] = {
    "min": Function("min(a, b, ...)", (2, MANY), of_numbers=lambda v, s: min(v)),
    "max": Function("max(a, b, ...)", (2, MANY), of_numbers=lambda v, s: max(v)),
    "cdiv": Function("cdiv(a, b): a / b rounded up", (2, 2), of_numbers=_cdiv),
    "align_up": Function("align_up(a, unit)", (2, 2), of_numbers=_align_up),
    "log2": Function("log2(power of two)", (1, 1), of_numbers=_log2),
    "f32bits": Function("f32bits(1.5)", (1, 1), of_numbers=_bits(8, 23, "f32"), reals=True),
    "f16bits": Function("f16bits(1.5)", (1, 1), of_numbers=_bits(5, 10, "f16"), reals=True),
    "bf16bits": Function("bf16bits(1.5)", (1, 1), of_numbers=_bits(8, 7, "bf16"), reals=True),
    "sizeof": Function("sizeof(tensor or buffer)", (1, 1), of_name=lambda c, n, s: c.size_of(n, s)),
    "capacity": Function("capacity(UB)", (1, 1), of_name=lambda c, n, s: c.capacity_of(n, s)),
    "has": Function("has(feature)", (1, 1), of_name=lambda c, n, s: c.has_feature(n, s)),
}
