"""Exact scalar arithmetic for judging the golden definitions: fractions and integers, no floats.

Values are bit patterns (ints). Slow and obvious on purpose.
"""

from __future__ import annotations

from fractions import Fraction

NAN32, INF32, SIGN32 = 0x7FC00000, 0x7F800000, 0x80000000


def is_nan(bits: int) -> bool:
    """Whether a float32 pattern is a NaN."""
    return (bits & 0x7FFFFFFF) > INF32


def is_inf(bits: int) -> bool:
    """Whether a float32 pattern is an infinity."""
    return (bits & 0x7FFFFFFF) == INF32


def value(bits: int) -> Fraction:
    """Exact value of a finite float32 pattern."""
    sign = -1 if bits & SIGN32 else 1
    exponent, mantissa = (bits >> 23) & 0xFF, bits & 0x7FFFFF
    if exponent == 0:
        return sign * Fraction(mantissa, 1 << 149)
    return sign * Fraction(mantissa | 0x800000) * Fraction(2) ** (exponent - 150)


def _round_even(x: Fraction) -> int:
    """Nearest integer of a non-negative fraction, ties to even."""
    floor = x.numerator // x.denominator
    twice = 2 * (x - floor)
    return floor + (1 if twice > 1 or (twice == 1 and floor % 2) else 0)


def round32(x: Fraction, zero_sign: int = 0) -> int:
    """Exact value -> float32 pattern, nearest even, subnormals kept, overflow to Inf.

    `zero_sign` is the sign bit (0 or 1) of an exact zero; a rounded-away value keeps its own.
    """
    sign = SIGN32 if x < 0 or (x == 0 and zero_sign) else 0
    x = abs(x)
    if x == 0:
        return sign
    exponent = max(-126, x.numerator.bit_length() - x.denominator.bit_length() - 1)
    while x >= Fraction(2) ** (exponent + 1):
        exponent += 1
    significand = _round_even(x / Fraction(2) ** (exponent - 23))
    # Adding the significand to the exponent field lets a carry become the next exponent.
    bits = ((exponent + 126) << 23) + significand
    return sign | min(bits, INF32)


def fma(a: int, b: int, c: int) -> int:
    """float32 patterns -> pattern of fma(a, b, c), canonical NaN."""
    if is_nan(a) or is_nan(b) or is_nan(c):
        return NAN32
    sign = (a ^ b) & SIGN32
    zero_product = not (a & 0x7FFFFFFF) or not (b & 0x7FFFFFFF)
    if is_inf(a) or is_inf(b):
        invalid = zero_product or (is_inf(c) and (c & SIGN32) != sign)
        return NAN32 if invalid else sign | INF32
    if is_inf(c):
        return c
    both_negative_zero = zero_product and c == SIGN32 and sign == SIGN32
    return round32(value(a) * value(b) + value(c), zero_sign=1 if both_negative_zero else 0)


def mul(a: int, b: int) -> int:
    """float32 product: an fma whose addend is a zero of the product's sign."""
    return fma(a, b, (a ^ b) & SIGN32)


def div(a: int, b: int) -> int:
    """float32 quotient of finite a and finite non-zero b."""
    sign = ((a ^ b) >> 31) & 1
    return round32(value(a) / value(b), zero_sign=sign)


def bf16(bits: int) -> int:
    """float32 pattern -> bf16 pattern, nearest even, canonical NaN."""
    if is_nan(bits):
        return 0x7FC0
    # The patterns of one sign are ordered as their values, so rounding is done on the integer.
    return _round_even(Fraction(bits & 0x7FFFFFFF, 1 << 16)) | ((bits & SIGN32) >> 16)


def from_int(x: int) -> int:
    """Integer -> float32 pattern, nearest even."""
    return round32(Fraction(x))


def rint(bits: int) -> int:
    """Finite float32 pattern -> nearest integer, ties to even."""
    x = value(bits)
    return _round_even(x) if x >= 0 else -_round_even(-x)
