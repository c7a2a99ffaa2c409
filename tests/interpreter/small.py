"""The formats of MX tensors, e4m3, e5m2, e2m1 and e8m0: every code's number, and casts to them."""

from __future__ import annotations

from bisect import bisect_right
from fractions import Fraction
from functools import cache

from tests.interpreter.arithmetic import INF_MARK, NAN, NAN_MARK, Number, infinity

SHAPE = {"e4m3": (4, 3), "e5m2": (5, 2), "e2m1": (2, 1)}
"""Bits of the exponent and of the mantissa."""
LAST = {"e4m3": 0x7E, "e5m2": 0x7B, "e2m1": 7}
"""The code of the largest finite number."""
NAN_CODE = {"e4m3": 0x7F, "e5m2": 0x7E, "e2m1": 0}
E8M0_NAN, E8M0_LAST, E8M0_BIAS = 255, 254, 127


def decode_small(kind: str, code: int) -> Number:
    """What a code stands for."""
    if kind == "e8m0":
        return NAN if code == E8M0_NAN else (0, 1, code - E8M0_BIAS)
    exponent_bits, mantissa = SHAPE[kind]
    sign, rest = divmod(code, 1 << (exponent_bits + mantissa))
    if rest > LAST[kind]:
        return infinity(sign) if kind == "e5m2" and rest == LAST[kind] + 1 else NAN
    field, fraction = divmod(rest, 1 << mantissa)
    bias = 2 ** (exponent_bits - 1) - 1
    if field:
        return sign, fraction + (1 << mantissa), field - bias - mantissa
    return sign, fraction, 1 - bias - mantissa


def _size(number: Number) -> Fraction:
    return number[1] * Fraction(2) ** number[2]


@cache
def _sizes(kind: str) -> list[Fraction]:
    """Magnitudes of the codes from zero to the largest finite one, ascending."""
    return [_size(decode_small(kind, code)) for code in range(LAST[kind] + 1)]


def _upwards(mode: str, sign: int, below: int, low: Fraction, high: Fraction) -> bool:
    """Whether a number goes to its upper neighbour; low, high: distances to both."""
    if mode == "rint":
        return high < low or (high == low and below % 2 == 1)
    if mode == "round":
        return high <= low
    if mode == "odd":
        return below % 2 == 0
    return mode == ("floor" if sign else "ceil")


def encode_small(kind: str, number: Number, mode: str) -> int:
    """The code of a number; beyond the largest one it is that one."""
    sign, magnitude, _ = number
    if kind == "e8m0":
        return _scale(number)
    if magnitude == NAN_MARK:
        return NAN_CODE[kind]
    top = sign << sum(SHAPE[kind])
    sizes = _sizes(kind)
    if magnitude == INF_MARK or _size(number) >= sizes[-1]:
        return top | LAST[kind]
    size = _size(number)
    below = bisect_right(sizes, size) - 1
    low, high = size - sizes[below], sizes[below + 1] - size
    return top | (below + (low > 0 and _upwards(mode, sign, below, low, high)))


def _scale(number: Number) -> int:
    """The scale code of the largest power of two that a magnitude reaches."""
    _, magnitude, exponent = number
    if magnitude == NAN_MARK:
        return E8M0_NAN
    if magnitude == INF_MARK:
        return E8M0_LAST
    if magnitude == 0:
        return 0
    return max(0, min(E8M0_LAST, exponent + magnitude.bit_length() - 1 + E8M0_BIAS))
