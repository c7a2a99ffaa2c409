"""What the fixpipe must do, in Python integers and fractions, one element at a time."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

OUTPUT_BYTES = {
    "none_b32": 4,
    "f32_bf16": 2,
    "f32_f16": 2,
    "s32_f16": 2,
    "s32_s8": 1,
    "f32_s8": 1,
}


@dataclass(frozen=True)
class Real:
    """A number with a sign (for zeros), an infinity, or NaN; ``size`` is None for the last two."""

    negative: bool
    size: Fraction | None
    nan: bool = False


@dataclass(frozen=True)
class Format:
    """An IEEE binary format by its field widths."""

    exponent: int
    fraction: int

    @property
    def bias(self) -> int:
        return (1 << (self.exponent - 1)) - 1


F32, BF16, F16 = Format(8, 23), Format(8, 7), Format(5, 10)


def decode(bits: int, form: Format) -> Real:
    """The number that ``bits`` mean."""
    negative = bool(bits >> (form.exponent + form.fraction))
    field = (bits >> form.fraction) & ((1 << form.exponent) - 1)
    low = bits & ((1 << form.fraction) - 1)
    if field == (1 << form.exponent) - 1:
        return Real(negative, None, nan=low != 0)
    if field:
        low += 1 << form.fraction
    power = max(field, 1) - form.bias - form.fraction
    return Real(negative, Fraction(low) * Fraction(2) ** power)


def encode(value: Real, form: Format) -> int:
    """Nearest code, ties to even, gradual underflow, overflow to infinity, canonical NaN."""
    infinity = ((1 << form.exponent) - 1) << form.fraction
    if value.nan:
        return infinity | 1 << (form.fraction - 1)
    sign = int(value.negative) << (form.exponent + form.fraction)
    if value.size is None:
        return sign | infinity
    if value.size == 0:
        return sign
    # The exponent of the leading bit, but not below that of the smallest normal number.
    power = value.size.numerator.bit_length() - value.size.denominator.bit_length()
    if Fraction(2) ** power > value.size:
        power -= 1
    power = max(power, 1 - form.bias)
    digits = round(value.size / Fraction(2) ** (power - form.fraction))
    code = digits + ((power + form.bias - 1) << form.fraction)
    return sign | min(code, infinity)


def multiply(a: Real, b: Real) -> Real:
    """The exact product, NaN for 0 * inf."""
    negative = a.negative != b.negative
    if a.nan or b.nan:
        return Real(False, None, nan=True)
    if a.size is None or b.size is None:
        return Real(negative, None, nan=a.size == 0 or b.size == 0)
    return Real(negative, a.size * b.size)


def signed(word: int, bits: int) -> int:
    """Two's complement value of the low ``bits`` of ``word``."""
    word &= (1 << bits) - 1
    return word - (1 << bits) if word >> (bits - 1) else word


def scaled(word: int, integer: bool, quant: int | None) -> Real:
    """f32(x) * scale, rounded to f32."""
    if integer:
        number = signed(word, 32)
        exact = Real(number < 0, Fraction(abs(number)))
        value = decode(encode(exact, F32), F32)
    else:
        value = decode(word, F32)
    scale = Real(False, Fraction(1)) if quant is None else decode(quant & 0xFFFFE000, F32)
    return decode(encode(multiply(value, scale), F32), F32)


def to_byte(value: Real, quant: int | None) -> int:
    """Nearest integer plus the word's offset, saturated to -128..127."""
    offset = 0 if quant is None else signed(quant >> 37, 9)
    if value.nan:
        number = 0
    elif value.size is None:
        number = 10**9
    else:
        number = round(value.size)
    if value.negative:
        number = -number
    return min(max(number + offset, -128), 127)


@cache
def convert(word: int, conv: str, quant: int | None, relu: bool) -> int:
    """Output bits of one L0C word; ``quant`` is the quantisation word of its column."""
    if conv == "none_b32":
        if not relu:
            return word
        value = decode(word, F32)
        return 0 if value.negative and not value.nan else encode(value, F32)
    if conv.endswith("s8"):
        number = to_byte(scaled(word, conv.startswith("s32"), quant), quant)
        return (max(number, 0) if relu else number) & 0xFF
    form = BF16 if conv == "f32_bf16" else F16
    value = scaled(word, True, quant) if conv == "s32_f16" else decode(word, F32)
    if relu and not value.nan and value.negative:
        return 0
    return encode(value, form)


def l0c_address(src: int, src_stride: int, i: int, j: int) -> int:
    """Address of element (i, j) of an accumulator tile."""
    return src + ((j // 16) * src_stride + i // 16) * 1024 + (i % 16) * 64 + (j % 16) * 4


def fixpipe(
    l0c: bytearray,
    out: bytearray,
    conv: str,
    dst: int,
    src: int,
    rows: range,
    columns: range,
    src_stride: int,
    dst_stride: int,
    quant: list[int] | None,
    relu: bool,
    nz2nd: bool,
) -> None:
    """Rows and columns of the tile at ``src`` to ``out``; ``quant`` has one word per column."""
    size = OUTPUT_BYTES[conv]
    block = 16 if size > 1 else 32
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            at = l0c_address(src, src_stride, row, column)
            word = int.from_bytes(l0c[at : at + 4], "little")
            bits = convert(word, conv, None if quant is None else quant[column], relu)
            if nz2nd:
                place = dst + i * dst_stride + j * size
            else:
                place = dst + (j // block) * dst_stride + (i * block + j % block) * size
            out[place : place + size] = bits.to_bytes(size, "little")
