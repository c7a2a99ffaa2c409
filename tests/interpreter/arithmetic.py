"""Floating-point numbers as exact integers, and every rounding of the instruction set.

A number is (sign, magnitude, exponent), (-1)^sign * magnitude * 2^exponent with an integer
magnitude of any size; a negative magnitude marks Inf and NaN.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isqrt

Number = tuple[int, int, int]
INF_MARK, NAN_MARK = -1, -2
NAN: Number = (0, NAN_MARK, 0)
ZERO: Number = (0, 0, 0)
ONE: Number = (0, 1, 0)
QUOTIENT_BITS = 96


@dataclass(frozen=True)
class Format:
    """A binary format: total bits, bits of the stored mantissa, exponent bias."""

    name: str
    bits: int
    mantissa: int
    bias: int

    @property
    def infinity(self) -> int:
        """Bits of +Inf: the exponent field all ones."""
        return (2 * self.bias + 1) << self.mantissa

    @property
    def nan(self) -> int:
        """Bits of the canonical NaN."""
        return self.infinity | 1 << (self.mantissa - 1)


F32 = Format("f32", 32, 23, 127)
F16 = Format("f16", 16, 10, 15)
BF16 = Format("bf16", 16, 7, 127)
FORMATS = {f.name: f for f in (F32, F16, BF16)}


def infinity(sign: int) -> Number:
    """+Inf or -Inf."""
    return sign, INF_MARK, 0


def integer(value: int) -> Number:
    """An integer as a number."""
    return int(value < 0), abs(value), 0


def decode(fmt: Format, bits: int) -> Number:
    """What the bits of a format stand for."""
    sign = bits >> (fmt.bits - 1) & 1
    field = bits >> fmt.mantissa & (2 * fmt.bias + 1)
    fraction = bits & ((1 << fmt.mantissa) - 1)
    if field == 2 * fmt.bias + 1:
        return NAN if fraction else infinity(sign)
    if field == 0:
        return sign, fraction, 1 - fmt.bias - fmt.mantissa
    return sign, fraction | 1 << fmt.mantissa, field - fmt.bias - fmt.mantissa


def _away(mode: str, sign: int, kept: int, rest: int, half: int) -> bool:
    """Whether a magnitude `kept` with the remainder `rest` (of 2 * half) goes up by one."""
    if rest == 0:
        return False
    if mode == "rint":
        return rest > half or (rest == half and kept & 1 == 1)
    if mode == "round":
        return rest >= half
    if mode == "odd":
        return kept & 1 == 0
    if mode == "none":
        raise AssertionError("an exact conversion is inexact")
    return mode == ("floor" if sign else "ceil")


def _shifted(mode: str, sign: int, magnitude: int, shift: int) -> int:
    """magnitude / 2^shift, rounded to an integer."""
    if shift <= 0:
        return magnitude << -shift
    kept = magnitude >> shift
    rest = magnitude - (kept << shift)
    return kept + _away(mode, sign, kept, rest, 1 << (shift - 1))


def _overflow(fmt: Format, sign: int, mode: str) -> int:
    """Magnitude bits of a number beyond the largest."""
    to_infinity = mode in ("rint", "round") or mode == ("floor" if sign else "ceil")
    return fmt.infinity if to_infinity else fmt.infinity - 1


def encode(fmt: Format, number: Number, mode: str = "rint") -> int:
    """Bits of the format for a number, rounded once."""
    sign, magnitude, exponent = number
    top = sign << (fmt.bits - 1)
    if magnitude == NAN_MARK:
        return fmt.nan
    if magnitude == INF_MARK:
        return top | fmt.infinity
    if magnitude == 0:
        return top
    least = 1 - fmt.bias - fmt.mantissa
    unit = max(exponent + magnitude.bit_length() - 1 - fmt.mantissa, least)
    kept = _shifted(mode, sign, magnitude, unit - exponent)
    # A carry out of the mantissa moves into the exponent field by itself.
    bits = ((unit - least) << fmt.mantissa) + kept
    return top | (bits if bits < fmt.infinity else _overflow(fmt, sign, mode))


def rounded(fmt: Format, number: Number, mode: str = "rint") -> Number:
    """The number that the format keeps."""
    return decode(fmt, encode(fmt, number, mode))


def to_integer(number: Number, mode: str, low: int, high: int) -> int:
    """The nearest integer by the mode, saturated to low .. high; NaN gives 0."""
    sign, magnitude, exponent = number
    if magnitude == NAN_MARK:
        return 0
    if magnitude == INF_MARK:
        return low if sign else high
    if exponent > 128:
        value = (high + 1 - low) * (magnitude > 0)
    else:
        value = _shifted(mode, sign, magnitude, -exponent)
    return max(low, min(high, -value if sign else value))


def to_integral(number: Number, mode: str) -> Number:
    """The nearest integral number by the mode; a zero keeps the sign."""
    sign, magnitude, exponent = number
    if magnitude < 0 or exponent >= 0:
        return number
    return sign, _shifted(mode, sign, magnitude, -exponent), 0


def negate(x: Number) -> Number:
    """-x."""
    return x if x[1] == NAN_MARK else (1 - x[0], x[1], x[2])


def add(x: Number, y: Number) -> Number:
    """x + y, exact; a sum of zero is +0 unless both are negative zeros."""
    (s, m, e), (t, n, f) = x, y
    if m < 0 or n < 0:
        if NAN_MARK in (m, n) or (m == n and s != t):
            return NAN
        return x if m < 0 else y
    unit = min(e, f)
    a, b = m << (e - unit), n << (f - unit)
    total = (-a if s else a) + (-b if t else b)
    return (s & t if total == 0 else int(total < 0)), abs(total), unit


def subtract(x: Number, y: Number) -> Number:
    """x - y, exact."""
    return add(x, negate(y))


def multiply(x: Number, y: Number) -> Number:
    """x * y, exact."""
    (s, m, e), (t, n, f) = x, y
    if m < 0 or n < 0:
        return NAN if NAN_MARK in (m, n) or 0 in (m, n) else infinity(s ^ t)
    return s ^ t, m * n, e + f


def fma(x: Number, y: Number, z: Number) -> Number:
    """x * y + z, exact."""
    return add(multiply(x, y), z)


def divide(x: Number, y: Number) -> Number:
    """x / y, its last bit set where more bits follow: enough to round it once."""
    (s, m, e), (t, n, f) = x, y
    sign = s ^ t
    if NAN_MARK in (m, n) or m == n == 0 or m == n == INF_MARK:
        return NAN
    if m == INF_MARK or n == 0:
        return infinity(sign)
    if n == INF_MARK or m == 0:
        return sign, 0, 0
    shift = QUOTIENT_BITS + n.bit_length()
    quotient, rest = divmod(m << shift, n)
    return sign, quotient << 1 | int(rest > 0), e - f - shift - 1


def square_root(x: Number) -> Number:
    """sqrt(x), its last bit set where more bits follow."""
    s, m, e = x
    if m == NAN_MARK or (s and m != 0):
        return NAN
    if m in (0, INF_MARK):
        return x
    shift = 2 * QUOTIENT_BITS + (e & 1)
    root = isqrt(m << shift)
    return 0, root << 1 | int(root * root != m << shift), (e - shift) // 2 - 1


def reciprocal_root(x: Number) -> Number:
    """1 / sqrt(x), its last bit set where more bits follow."""
    s, m, e = x
    if m == 0:
        return infinity(s)
    if m == NAN_MARK or s:
        return NAN
    if m == INF_MARK:
        return ZERO
    shift = 2 * (QUOTIENT_BITS + m.bit_length()) + (e & 1)
    root = isqrt((1 << shift) // m)
    return 0, root << 1 | int(root * root * m != 1 << shift), (-e - shift) // 2 - 1


def compare(x: Number, y: Number) -> int | None:
    """-1, 0 or 1 as x is below, equal to or above y; None with a NaN."""
    if NAN_MARK in (x[1], y[1]):
        return None
    if INF_MARK in (x[1], y[1]):
        rank = [(1 - 2 * v[0]) * (v[1] == INF_MARK) for v in (x, y)]
        return (rank[0] > rank[1]) - (rank[0] < rank[1])
    s, m, _ = subtract(x, y)
    return 0 if m == 0 else (-1 if s else 1)


def maximum(x: Number, y: Number) -> Number:
    """The larger; +0 of two different zeros; NaN with a NaN."""
    order = compare(x, y)
    if order is None:
        return NAN
    return (x if order > 0 else y) if order else (x[0] & y[0], *x[1:])


def minimum(x: Number, y: Number) -> Number:
    """The smaller; -0 of two different zeros; NaN with a NaN."""
    order = compare(x, y)
    if order is None:
        return NAN
    return (x if order < 0 else y) if order else (x[0] | y[0], *x[1:])


def accumulate(start: int, terms: Iterable[tuple[Number, Number]]) -> int:
    """f32 bits of start + x0 * y0 + x1 * y1 ..., rounded to f32 after every term."""
    acc = decode(F32, start)
    for x, y in terms:
        if acc[1] > 0 and x[1] > 0 and y[1] > 0:
            acc = _step(acc, x, y)
        else:
            acc = rounded(F32, fma(x, y, acc))
    return encode(F32, acc)


def _step(acc: Number, x: Number, y: Number) -> Number:
    """`fma` and `rounded` for three finite numbers that are not zero."""
    s, m, e = acc
    p, f = x[1] * y[1], x[2] + y[2]
    if x[0] ^ y[0] ^ s:
        p = -p
    if f >= e:
        total = m + (p << (f - e))
    else:
        total, e = (m << (e - f)) + p, f
    if total < 0:
        s, total = 1 - s, -total
    elif total == 0:
        return ZERO
    length = total.bit_length()
    shift = max(length - 24, -149 - e)
    if shift > 0:
        kept = total >> shift
        rest, half = total - (kept << shift), 1 << (shift - 1)
        total = kept + (rest > half or (rest == half and kept & 1))
        e += shift
    return infinity(s) if total.bit_length() + e > 128 else (s, total, e)
