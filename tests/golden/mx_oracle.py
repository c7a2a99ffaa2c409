"""MX quantisation and the MX GEMM restated in fractions and bit patterns, without floats."""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction
from typing import Any

import golden_oracle as oracle

TWO = Fraction(2)
E2M1 = [Fraction(x, 2) for x in (0, 1, 2, 3, 4, 6, 8, 12)]


def _e4m3(code: int) -> Fraction:
    """Magnitude of an E4M3 code 0 .. 126: four exponent bits of bias 7, three mantissa bits."""
    exponent, mantissa = code >> 3, code & 7
    if exponent == 0:
        return Fraction(mantissa, 8) / 64
    return (1 + Fraction(mantissa, 8)) * TWO ** (exponent - 7)


E4M3 = [_e4m3(code) for code in range(127)]


def element(table: list[Fraction], sign_bit: int, code: int) -> Fraction | None:
    """Value of a code; None for the NaN of E4M3."""
    magnitude = code & (sign_bit - 1)
    if magnitude >= len(table):
        return None
    return -table[magnitude] if code & sign_bit else table[magnitude]


def nearest(table: list[Fraction], x: Fraction) -> int:
    """Code of the nearest magnitude of an ascending table, the even code of two."""
    above = min(bisect_left(table, abs(x)), len(table) - 1)
    near = table[max(above - 1, 0) : above + 1]
    distance = [abs(value - abs(x)) for value in near]
    if len(near) == 1 or distance[0] > distance[1]:
        return above
    return above - 1 if distance[0] < distance[1] or above % 2 else above


def alpha_exponent(block: list[int], floor: int) -> int:
    """Exponent of the smallest power of two >= max|a|, at least `floor`; float32 patterns."""
    largest = max(abs(oracle.value(x)) for x in block)
    exponents = range(floor, 129)
    return exponents[bisect_left(exponents, largest, key=lambda e: TWO**e)]


def _is_finite(block: list[int]) -> bool:
    return not any(oracle.is_nan(x) or oracle.is_inf(x) for x in block)


def mxfp4(block: list[int]) -> tuple[list[int], int, list[int], int]:
    """(high codes, scale code, low codes, scale code) of a block of 32 float32 patterns."""
    if not _is_finite(block):
        return [0] * 32, 255, [0] * 32, 255
    exponent = alpha_exponent(block, -122)
    high_scale, low_scale = TWO ** (exponent - 2), TWO ** (exponent - 5)
    high, low = [], []
    for bits in block:
        x = oracle.value(bits)
        sign = 8 if bits & oracle.SIGN32 else 0
        code = nearest(E2M1, x / high_scale)
        rest = abs(x) - E2M1[code] * high_scale  # of |x|, so its sign is that of the code's error
        negative = (rest < 0) != bool(sign) if rest else False
        assert abs(rest) <= TWO**exponent / 8
        high.append(code | sign)
        low.append(nearest(E2M1, rest / low_scale) | (8 if negative else 0))
    return high, exponent - 2 + 127, low, exponent - 5 + 127


def mxfp8(block: list[int]) -> tuple[list[int], int]:
    """(E4M3 codes, scale code) of a block of 32 float32 patterns."""
    if not _is_finite(block):
        return [0x7F] * 32, 255
    exponent = alpha_exponent(block, -119)
    codes = []
    for bits in block:
        code = nearest(E4M3, oracle.value(bits) / TWO ** (exponent - 8))
        codes.append(code | (0x80 if bits & oracle.SIGN32 else 0))
    return codes, exponent - 8 + 127


def accumulate(acc: int, a: list[Any], ea: int, w: list[Any], ew: int) -> int:
    """One block: fl32(dot * 2**(ea + ew - 254) + acc) as a pattern; a, w: fractions or None."""
    if 255 in (ea, ew) or oracle.is_nan(acc) or None in a or None in w:
        return oracle.NAN32
    dot = sum((x * y for x, y in zip(a, w, strict=True)), Fraction(0))
    if oracle.is_inf(acc):
        return acc
    # An exact zero is +0: a zero dot is +0, and sums of opposite values are +0.
    return oracle.round32(dot * TWO ** (ea + ew - 254) + oracle.value(acc))
