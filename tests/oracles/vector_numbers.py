"""One lane of a vector instruction by exact arithmetic: integers, fractions and mpmath.

Written from the definition of the instructions; shares nothing with the emulator.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import mpmath

FORMATS = {"f32": (8, 23), "f16": (5, 10), "bf16": (8, 7)}
NAN_CODE = {"f32": 0x7FC00000, "f16": 0x7E00, "bf16": 0x7FC0}
WIDTH = {"f32": 32, "f16": 16, "bf16": 16}


@dataclass(frozen=True)
class Real:
    """A float's value: kind "nan", "inf" or "finite"; sign 0 or 1; magnitude of a finite one."""

    kind: str
    sign: int = 0
    size: Fraction = Fraction(0)

    @property
    def value(self) -> Fraction:
        return -self.size if self.sign else self.size


NAN = Real("nan")


SMALL = {"e4m3": (7, 3, 448), "e5m2": (15, 2, 57344), "e2m1": (1, 1, 6)}
"""Bias, mantissa bits, largest finite value."""
SMALL_NAN = {"e4m3": 0x7F, "e5m2": 0x7E, "e2m1": 0, "e8m0": 0xFF}
SMALL_WIDTH = {"e4m3": 8, "e5m2": 8, "e2m1": 4, "e8m0": 8}


def width(kind: str) -> int:
    """Bits of an element type."""
    return WIDTH.get(kind) or SMALL_WIDTH.get(kind) or int(kind[1:])


def scaled(integer: int, power: int) -> Fraction:
    """integer * 2^power."""
    return Fraction(integer << power) if power >= 0 else Fraction(integer, 1 << -power)


def decode(code: int, kind: str) -> Real:
    """Code of a float type -> value."""
    ebits, mbits = FORMATS[kind]
    sign, e, m = (
        code >> (ebits + mbits),
        (code >> mbits) & ((1 << ebits) - 1),
        code & ((1 << mbits) - 1),
    )
    if e == (1 << ebits) - 1:
        return NAN if m else Real("inf", sign)
    bias = (1 << (ebits - 1)) - 1
    if e == 0:
        return Real("finite", sign, Fraction(m, 1 << (bias - 1 + mbits)))
    return Real("finite", sign, scaled(m | 1 << mbits, e - bias - mbits))


def decode_small(code: int, kind: str) -> Real:
    """Code of e4m3, e5m2, e2m1 or e8m0 -> value."""
    if kind == "e8m0":
        return NAN if code == 255 else Real("finite", 0, scaled(1, code - 127))
    bias, mbits, largest = SMALL[kind]
    bits = width(kind)
    sign, field, m = code >> (bits - 1), (code >> mbits) & ((1 << (bits - 1 - mbits)) - 1), 0
    m = code & ((1 << mbits) - 1)
    size = scaled(m + (1 << mbits if field else 0), max(field, 1) - bias - mbits)
    if size > largest:
        return Real("inf", sign) if kind == "e5m2" and m == 0 else NAN
    return Real("finite", sign, size)


def encode_small(x: Real, kind: str, mode: str) -> int:
    """Value -> code; a value beyond the largest is the largest."""
    if x.kind == "nan":
        return SMALL_NAN[kind]
    if kind == "e8m0":
        code = 254
        while x.kind == "finite" and code and scaled(1, code - 127) > x.size:
            code -= 1
        return code
    bias, mbits, largest = SMALL[kind]
    size = Fraction(largest) if x.kind == "inf" else min(x.size, Fraction(largest))
    power = 1 - bias
    while scaled(2, power) <= size:
        power += 1
    code = round_integer(size / scaled(1, power - mbits), x.sign, mode)
    code += (power - 1 + bias) << mbits
    return code | x.sign << (width(kind) - 1)


def increments(mode: str, sign: int, quotient: int, half: int) -> bool:
    """Does an inexact magnitude round away from zero? half: rest against one half, -1, 0 or 1."""
    if mode in ("none", "rint"):
        return half > 0 or (half == 0 and quotient % 2 == 1)
    if mode == "round":
        return half >= 0
    return {"floor": sign == 1, "ceil": sign == 0, "trunc": False, "odd": quotient % 2 == 0}[mode]


def round_integer(x: Fraction, sign: int, mode: str) -> int:
    """Magnitude x >= 0 to an integer."""
    quotient, rest = divmod(x.numerator, x.denominator)
    half = (2 * rest > x.denominator) - (2 * rest < x.denominator)
    return quotient + (1 if rest and increments(mode, sign, quotient, half) else 0)


def encode(x: Real, kind: str, mode: str = "rint") -> int:
    """Value -> code, canonical NaN, IEEE overflow of the rounding mode."""
    ebits, mbits = FORMATS[kind]
    top = ((1 << ebits) - 1) << mbits
    sign = x.sign << (ebits + mbits)
    if x.kind == "nan":
        return NAN_CODE[kind]
    if x.kind == "inf":
        return sign | top
    if x.size == 0:
        return sign
    bias = (1 << (ebits - 1)) - 1
    n, d = x.size.numerator, x.size.denominator
    e = n.bit_length() - d.bit_length()
    if (n < d << e) if e >= 0 else (n << -e < d):
        e -= 1
    e = max(e, 1 - bias)
    shift = mbits - e
    n, d = (n << shift, d) if shift >= 0 else (n, d << -shift)
    units, rest = divmod(n, d)
    if rest and increments(mode, x.sign, units, (2 * rest > d) - (2 * rest < d)):
        units += 1
    code = ((e + bias - 1) << mbits) + units
    if code >= top:
        beyond = {"floor": x.sign == 1, "ceil": x.sign == 0, "trunc": False, "odd": False}
        code = top if beyond.get(mode, True) else top - 1
    return sign | code


def real(value: Fraction | int, zero_sign: int = 0) -> Real:
    """An exact number; zero takes the given sign."""
    return Real("finite", zero_sign if value == 0 else int(value < 0), Fraction(abs(value)))


def single(x: Real) -> Real:
    """x rounded to float32."""
    return decode(encode(x, "f32"), "f32")


def add(a: Real, b: Real) -> Real:
    if "nan" in (a.kind, b.kind) or (a.kind == b.kind == "inf" and a.sign != b.sign):
        return NAN
    if "inf" in (a.kind, b.kind):
        return a if a.kind == "inf" else b
    return real(a.value + b.value, a.sign & b.sign)


def negate(a: Real) -> Real:
    return Real(a.kind, 1 - a.sign, a.size)


def mul(a: Real, b: Real) -> Real:
    sign = a.sign ^ b.sign
    if a.kind == "nan" or b.kind == "nan":
        return NAN
    if "inf" in (a.kind, b.kind):
        zero = (a.kind == "finite" and a.size == 0) or (b.kind == "finite" and b.size == 0)
        return NAN if zero else Real("inf", sign)
    return Real("finite", sign, a.size * b.size)


def div(a: Real, b: Real) -> Real:
    sign = a.sign ^ b.sign
    if a.kind == "nan" or b.kind == "nan":
        return NAN
    if a.kind == "inf":
        return NAN if b.kind == "inf" else Real("inf", sign)
    if b.kind == "inf":
        return Real("finite", sign)
    if b.size == 0:
        return NAN if a.size == 0 else Real("inf", sign)
    return Real("finite", sign, a.size / b.size)


def key(a: Real) -> tuple[int, Fraction, int]:
    """Total order of non-NaN values with -0 below +0."""
    if a.kind == "inf":
        return (-1 if a.sign else 1, Fraction(0), 0)
    return (0, a.value, -a.sign)


def larger(a: Real, b: Real) -> Real:
    return NAN if "nan" in (a.kind, b.kind) else max(a, b, key=key)


def smaller(a: Real, b: Real) -> Real:
    return NAN if "nan" in (a.kind, b.kind) else min(a, b, key=key)


def root(x: Fraction) -> Fraction:
    """A number that rounds as sqrt(x) in every format here: floor to ~80 bits, sticky last bit."""
    shift = max(0, 90 - (x.numerator.bit_length() - x.denominator.bit_length()) // 2) * 2
    scaled = (x.numerator << shift) // x.denominator
    r = math.isqrt(scaled)
    sticky = r * r != scaled or scaled * x.denominator != x.numerator << shift
    return Fraction(2 * r + sticky, 2 << (shift // 2))


def sqrt(a: Real) -> Real:
    if a.kind == "nan" or (a.sign and not (a.kind == "finite" and a.size == 0)):
        return NAN
    return a if a.kind == "inf" or a.size == 0 else real(root(a.size))


def rsqrt(a: Real) -> Real:
    if a.kind == "finite" and a.size == 0:
        return Real("inf", a.sign)
    if a.kind == "nan" or a.sign:
        return NAN
    return Real("finite") if a.kind == "inf" else real(root(1 / a.size))


def ziv(function: Callable[[mpmath.mpf], mpmath.mpf], x: Fraction) -> Real:
    """function(x) near enough that its float32 rounding is certain; x must not give a float32."""
    precision = 56
    while True:
        with mpmath.workprec(precision):
            y = function(mpmath.mpf(x.numerator) / x.denominator)
            man, power = (int(part) for part in y.man_exp)
        value = scaled(abs(man) if y > 0 else -abs(man), power)
        error = abs(value) / (1 << (precision - 4))
        if encode(real(value - error), "f32") == encode(real(value + error), "f32"):
            return real(value)
        precision *= 2


def exp(a: Real) -> Real:
    if a.kind == "nan":
        return NAN
    if a.kind == "inf":
        return Real("finite") if a.sign else a
    if a.size == 0:
        return real(1)
    if a.size < Fraction(1, 1 << 26):
        return real(1)
    return ziv(mpmath.exp, min(max(a.value, Fraction(-120)), Fraction(100)))


def ln(a: Real) -> Real:
    if a.kind == "finite" and a.size == 0:
        return Real("inf", 1)
    if a.kind == "nan" or a.sign:
        return NAN
    if a.kind == "inf" or a.size == 1:
        return a if a.kind == "inf" else Real("finite")
    return ziv(mpmath.log, a.size)


def relu(a: Real) -> Real:
    return larger(a, Real("finite")) if a.kind != "nan" else NAN


BINARY = {"add": add, "sub": lambda a, b: add(a, negate(b)), "mul": mul, "div": div,
          "max": larger, "min": smaller}  # fmt: skip
UNARY = {"abs": lambda a: Real(a.kind, 0, a.size), "neg": negate, "relu": relu, "exp": exp,
         "ln": ln, "sqrt": sqrt, "rsqrt": rsqrt, "rec": lambda a: div(real(1), a)}  # fmt: skip
INTEGER_BINARY = {"add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
                  "max": max, "min": min, "and": lambda a, b: a & b, "or": lambda a, b: a | b,
                  "xor": lambda a, b: a ^ b}  # fmt: skip
INTEGER_UNARY = {"abs": abs, "neg": lambda a: -a, "relu": lambda a: max(a, 0),
                 "not": lambda a: ~a, "mov": lambda a: a}  # fmt: skip


def signed(code: int, kind: str) -> int:
    """Code -> integer: two's complement for s types, plain otherwise."""
    bits = width(kind)
    code &= (1 << bits) - 1
    return code - (1 << bits) if kind[0] == "s" and code >> (bits - 1) else code


def float_op(name: str, kind: str, codes: list[int]) -> int:
    """One lane of a float instruction: float32 once, then the type."""
    args = [decode(c, kind) for c in codes]
    if name == "fma":
        exact = add(mul(args[0], args[1]), args[2])
    else:
        exact = BINARY[name](*args) if name in BINARY else UNARY[name](*args)
    return encode(single(exact), kind)


def integer_op(name: str, kind: str, codes: list[int]) -> int:
    """One lane of an integer or logic instruction, modulo the width."""
    args = [signed(c, kind) for c in codes]
    result = INTEGER_BINARY[name](*args) if name in INTEGER_BINARY else INTEGER_UNARY[name](*args)
    return result & ((1 << width(kind)) - 1)


def shift(name: str, kind: str, code: int, count: int) -> int:
    count &= (1 << 64) - 1
    mask = (1 << width(kind)) - 1
    if name == "shl":
        return (code << count) & mask if count < width(kind) else 0
    return (signed(code, kind) >> min(count, 64)) & mask


def convert(pair: str, mode: str, code: int) -> int:
    """One lane of vconv."""
    source, target = pair.split("_")
    if source in FORMATS:
        value = decode(code, source)
    elif source in SMALL_WIDTH:
        value = decode_small(code, source)
    else:
        value = real(signed(code, source))
    if target in SMALL_WIDTH:
        return encode_small(value, target, mode)
    if pair == "f32_f32":
        if value.kind != "finite":
            return encode(value, "f32")
        return encode(
            Real("finite", value.sign, Fraction(round_integer(value.size, value.sign, mode))), "f32"
        )
    if target in FORMATS:
        return encode(value, target, mode)
    bits = width(target)
    low, high = (
        (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if target[0] == "s" else (0, (1 << bits) - 1)
    )
    if source not in FORMATS:
        number = int(value.value)
    elif value.kind == "nan":
        number = 0
    elif value.kind == "inf":
        number = low if value.sign else high
    else:
        number = round_integer(value.size, value.sign, mode) * (-1 if value.sign else 1)
    return min(max(number, low), high) & ((1 << bits) - 1)


def compare(cond: str, kind: str, a: int, b: int) -> int:
    if kind in FORMATS:
        x, y = decode(a, kind), decode(b, kind)
        if "nan" in (x.kind, y.kind):
            return int(cond == "ne")
        left, right = key(x)[:2], key(y)[:2]
    else:
        left, right = (0, Fraction(signed(a, kind))), (0, Fraction(signed(b, kind)))
    return int({"eq": left == right, "ne": left != right, "lt": left < right,
                "le": left <= right, "gt": left > right, "ge": left >= right}[cond])  # fmt: skip


def tree(name: str, kind: str, codes: list[int | None]) -> int:
    """Adjacent-pair tree over a group; None is an inactive lane."""
    while len(codes) > 1:
        pairs = zip(codes[::2], codes[1::2], strict=True)
        codes = [
            b if a is None else a if b is None else float_op(name, kind, [a, b]) for a, b in pairs
        ]
    if codes[0] is None:
        empty = {"add": Real("finite"), "max": Real("inf", 1), "min": Real("inf")}
        return encode(empty[name], kind)
    return encode(decode(codes[0], kind), kind)
