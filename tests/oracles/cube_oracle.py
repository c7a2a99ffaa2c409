"""Exact reference of the Cube's ``mmad``, in Python integers; slow and obvious.

Values are raw bit patterns throughout: int arrays of codes for the operands, uint32 words for
start values and results. A finite number is a pair ``(integer, exponent)`` meaning
``integer * 2**exponent``; special values are the strings "nan", "+inf", "-inf".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Number = tuple[int, int] | str
"""A finite value as (integer, exponent), or "nan", "+inf", "-inf", "-0"."""

NAN = 0x7FC00000
E2M1_HALVES = (0, 1, 2, 3, 4, 6, 8, 12)


def decode(bits: int, exponent_bits: int, fraction_bits: int) -> Number:
    """An IEEE-style binary format's value."""
    fraction = bits & ((1 << fraction_bits) - 1)
    exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1)
    negative = bits >> (exponent_bits + fraction_bits) & 1
    bias = (1 << (exponent_bits - 1)) - 1
    if exponent == (1 << exponent_bits) - 1:
        return "nan" if fraction else ("-inf" if negative else "+inf")
    whole = fraction if exponent == 0 else fraction | 1 << fraction_bits
    if whole == 0:
        return "-0" if negative else (0, 0)
    return (-whole if negative else whole, max(exponent, 1) - bias - fraction_bits)


def f32(bits: int) -> Number:
    return decode(bits, 8, 23)


def bf16(bits: int) -> Number:
    return decode(bits, 8, 7)


def f16(bits: int) -> Number:
    return decode(bits, 5, 10)


def _is_zero(value: Number) -> bool:
    return value == "-0" or (not isinstance(value, str) and value[0] == 0)


def _negative(value: Number) -> bool:
    return value in ("-0", "-inf") or (not isinstance(value, str) and value[0] < 0)


def multiply(x: Number, y: Number) -> Number:
    """Exact product, IEEE rules for specials and for the sign of zero."""
    if "nan" in (x, y):
        return "nan"
    sign = _negative(x) != _negative(y)
    if x in ("+inf", "-inf") or y in ("+inf", "-inf"):
        if _is_zero(x) or _is_zero(y):
            return "nan"
        return "-inf" if sign else "+inf"
    if _is_zero(x) or _is_zero(y):
        return "-0" if sign else (0, 0)
    assert not isinstance(x, str) and not isinstance(y, str)
    return x[0] * y[0], x[1] + y[1]


def add(x: Number, y: Number) -> Number:
    """Exact sum; x + (-x) is +0 as in round to nearest."""
    if "nan" in (x, y) or {x, y} == {"+inf", "-inf"}:
        return "nan"
    for value in (x, y):
        if value in ("+inf", "-inf"):
            return value
    if _is_zero(x) and _is_zero(y):
        return "-0" if x == "-0" and y == "-0" else (0, 0)
    if _is_zero(x):
        return y
    if _is_zero(y):
        return x
    assert not isinstance(x, str) and not isinstance(y, str)
    low = min(x[1], y[1])
    total = (x[0] << (x[1] - low)) + (y[0] << (y[1] - low))
    return (total, low) if total else (0, 0)


def round32(value: Number) -> int:
    """Nearest f32 (ties to even, subnormals and overflow included) as bits; NaN canonical."""
    if isinstance(value, str):
        return {"nan": NAN, "+inf": 0x7F800000, "-inf": 0xFF800000, "-0": 0x80000000}[value]
    whole, exponent = value
    sign = 0x80000000 if whole < 0 else 0
    whole = abs(whole)
    if whole == 0:
        return 0
    unit = max(exponent + whole.bit_length() - 24, -149)
    shift = unit - exponent
    if shift <= 0:
        quotient = whole << -shift
    else:
        quotient, rest = whole >> shift, whole & ((1 << shift) - 1)
        half = 1 << (shift - 1)
        quotient += rest > half or (rest == half and quotient & 1)
    if quotient == 1 << 24:
        quotient, unit = 1 << 23, unit + 1
    if quotient < 1 << 23:
        return sign | quotient
    biased = unit + 150
    return sign | (0x7F800000 if biased >= 255 else biased << 23 | quotient - (1 << 23))


def chain(kind: Callable[[int], Number], a: Sequence[int], b: Sequence[int], start: int) -> int:
    """Fused multiply-adds in ascending k from the start word."""
    total = f32(start)
    for x, y in zip(a, b, strict=True):
        total = f32(round32(add(multiply(kind(x), kind(y)), total)))
    return round32(total)


def signed(bits: int, width: int) -> int:
    """Two's complement."""
    return bits - (1 << width) if bits >> (width - 1) & 1 else bits


def dot_s8(a: Sequence[int], b: Sequence[int], start: int) -> tuple[int, bool]:
    """(word, whether the true value left int32)."""
    true = signed(start, 32) + sum(signed(x, 8) * signed(y, 8) for x, y in zip(a, b, strict=True))
    return true % 2**32, not -(2**31) <= true < 2**31


def e2m1_halves(code: int) -> int:
    """Twice the value of an E2M1 code."""
    return -E2M1_HALVES[code & 7] if code & 8 else E2M1_HALVES[code]


def e5m2(code: int) -> Number:
    return decode(code, 5, 2)


def e4m3(code: int) -> Number:
    """As an IEEE format would be, but the top exponent is ordinary and only 1.111 there is NaN."""
    if code & 0x7F == 0x7F:
        return "nan"
    field, fraction = code >> 3 & 15, code & 7
    whole = fraction if field == 0 else fraction | 8
    if whole == 0:
        return "-0" if code >> 7 else (0, 0)
    return (-whole if code >> 7 else whole, max(field, 1) - 10)


FP8 = {
    "mxfp8_e4m3": (e4m3, e4m3),
    "mxfp8_e5m2": (e5m2, e5m2),
    "mxfp8_e4m3_e5m2": (e4m3, e5m2),
    "mxfp8_e5m2_e4m3": (e5m2, e4m3),
}
"""Formats of A and B."""


def mx8_chain(
    kind: str, a: Sequence[int], b: Sequence[int], scales: tuple[Sequence[int], Sequence[int]],
    start: int,
) -> int:  # fmt: skip
    """As `mx_chain` for fp8 elements: the sum of a block's exact products, scaled, then rounded."""
    left, right = FP8[kind]
    total = f32(start)
    for g, (ea, eb) in enumerate(zip(*scales, strict=True)):
        dot: Number = (0, 0)
        for x, y in zip(a[32 * g : 32 * g + 32], b[32 * g : 32 * g + 32], strict=True):
            product = multiply(left(x), right(y))
            dot = add(dot, (0, 0) if product == "-0" else product)
        if 255 in (ea, eb):
            dot = "nan"
        if not isinstance(dot, str):
            dot = (dot[0], dot[1] + ea + eb - 254 if dot[0] else 0)
        total = f32(round32(add(dot, total)))
    return round32(total)


def mx_chain(
    a: Sequence[int], b: Sequence[int], a_scales: Sequence[int], b_scales: Sequence[int], start: int
) -> int:
    """Blocks of 32 in ascending order, each exact and added with one rounding."""
    total = f32(start)
    for g, (ea, eb) in enumerate(zip(a_scales, b_scales, strict=True)):
        block = slice(32 * g, 32 * g + 32)
        pairs = zip(a[block], b[block], strict=True)
        dot = sum(e2m1_halves(x) * e2m1_halves(y) for x, y in pairs)
        term: Number = "nan" if 255 in (ea, eb) else (dot, ea + eb - 256 if dot else 0)
        total = f32(round32(add(term, total)))
    return round32(total)
