"""Activations in few bits from their definitions, one value at a time in rationals; shares no code.

Rows and blocks are lists of finite floats (float32 values); `None` stands for what a row with NaN
or Inf gets.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

E2M1 = [Fraction(v) for v in ("0", "0.5", "1", "1.5", "2", "3", "4", "6")]
E4M3 = [Fraction(m, 8) * Fraction(2) ** -6 for m in range(8)] + [
    (1 + Fraction(m, 8)) * Fraction(2) ** (e - 7) for e in range(1, 16) for m in range(8)
][:-1]


def fl(value: Fraction) -> Fraction:
    """Nearest float32, ties to even, subnormals kept (no overflow expected)."""
    if not value:
        return value
    magnitude, exponent = abs(value), -149
    while magnitude >= Fraction(2) ** (exponent + 24):
        exponent += 1
    step = Fraction(2) ** exponent
    return step * round(value / step)  # Python rounds ties to even


def sat8(value: Fraction) -> int:
    """rint, then -128 .. 127."""
    return max(-128, min(127, round(value)))


def row_maximum(row: list[float]) -> Fraction:
    """M: never less than 2**-100."""
    return max(Fraction(1, 1 << 100), *(abs(Fraction(v)) for v in row))


def quantize_int8(row: list[float]) -> tuple[list[int], Fraction]:
    """(codes, scale)."""
    scale = fl(row_maximum(row) / 127)
    return [sat8(fl(Fraction(v) / scale)) for v in row], scale


def split_int8(row: list[float]) -> tuple[list[int], list[int], Fraction]:
    """(high codes, low codes, scale of the low codes)."""
    first, second = fl(row_maximum(row) / 127), fl(row_maximum(row) / 32258)
    high = [sat8(fl(Fraction(v) / first)) for v in row]
    rest = [fl(-254 * h * second + Fraction(v)) for v, h in zip(row, high, strict=True)]
    return high, [sat8(fl(r / second)) for r in rest], second


def alpha_exponent(block: list[float], least: int) -> int:
    """Exponent of the smallest power of two that no magnitude exceeds."""
    largest, exponent = max(abs(Fraction(v)) for v in block), least
    while Fraction(2) ** exponent < largest:
        exponent += 1
    return exponent


def nearest(table: list[Fraction], value: Fraction, minus: int, negative: bool) -> int:
    """Code of the nearest magnitude, ties to the even code, with ``minus`` for the sign."""
    distance = min(abs(t - abs(value)) for t in table)
    found = [i for i, t in enumerate(table) if abs(t - abs(value)) == distance]
    code = next((i for i in found if i % 2 == 0), found[0])
    return code | (minus if negative else 0)


def mx(block: list[float], element: str) -> tuple[list[int], int]:
    """(codes, scale code) of one pass: e2m1 under alpha/4, e4m3 under alpha/256."""
    table, minus, down, least = {
        "e2m1": (E2M1, 8, 2, -122), "e4m3": (E4M3, 128, 8, -119)
    }[element]  # fmt: skip
    exponent = alpha_exponent(block, least) - down
    unit = Fraction(2) ** exponent
    codes = [nearest(table, Fraction(v) / unit, minus, bool(np.signbit(v))) for v in block]
    return codes, exponent + 127


def split_mxfp4(block: list[float]) -> tuple[list[int], int, list[int], int]:
    """(high codes, scale code, low codes, scale code)."""
    high, scale = mx(block, "e2m1")
    unit = Fraction(2) ** (scale - 127)
    low = []
    for value, code in zip(block, high, strict=True):
        rest = Fraction(value) - (-1 if code & 8 else 1) * E2M1[code & 7] * unit
        low.append(nearest(E2M1, rest / (unit / 8), 8, rest < 0))
    return high, scale, low, scale - 3
