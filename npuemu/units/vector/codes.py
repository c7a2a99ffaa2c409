"""float32 to and from the codes of binary16 and bfloat16, in integer arithmetic, lane by lane."""

from __future__ import annotations

import numpy as np

from npuemu.jit import njit
from npuemu.units.vector.bits import bits_f32, f32_bits

F32_NAN, F16_NAN, BF16_NAN = 0x7FC00000, 0x7E00, 0x7FC0
_MAGNITUDE, _INFINITY = 0x7FFFFFFF, 0x7F800000


@njit(forceinline=True)
def widen_f16(code: int) -> float:
    """binary16 code 0..65535 -> float32, exact (NaN to some NaN)."""
    word = np.int32(code)
    magnitude = np.int32(word & 0x7FFF)
    normal = np.int32((magnitude << 13) + (112 << 23))
    if magnitude >= 0x7C00:
        normal = np.int32((magnitude << 13) | _INFINITY)
    small = f32_bits(np.float32(magnitude) * np.float32(2.0**-24))
    value = small if magnitude < 0x400 else normal
    return bits_f32(np.int32(value | ((word & 0x8000) << 16)))


@njit(forceinline=True)
def widen_bf16(code: int) -> float:
    """bfloat16 code 0..65535 -> float32, exact."""
    return bits_f32(np.int32(np.uint32(code) << np.uint32(16)))


@njit(forceinline=True)
def canonical(value: float) -> float:
    """The same float32, any NaN as the canonical one."""
    return value if value == value else bits_f32(np.int32(F32_NAN))


@njit(forceinline=True)
def code_bf16(value: float) -> int:
    """float32 -> bfloat16 code, nearest even, canonical NaN."""
    word = f32_bits(value)
    rounded = (
        np.uint32(word) + np.uint32(0x7FFF) + ((np.uint32(word) >> np.uint32(16)) & np.uint32(1))
    )
    code = np.int32(np.uint32(rounded) >> np.uint32(16)) & np.int32(0xFFFF)
    return np.int32(code if value == value else BF16_NAN)


@njit(forceinline=True)
def parts_f16(word: int) -> tuple[int, int]:
    """float32 word -> (magnitude on the binary16 grid as a fixed-point number, fraction bits).

    The number is (code << drop) + remainder; the code is not yet limited to infinity.
    """
    magnitude = np.int32(word & _MAGNITUDE)
    exponent = np.int32(magnitude >> 23)
    # Below 2^-14 the grid has step 2^-24; far below it only "not zero" is left, so 30 bits will do.
    drop = np.int32(min(max(np.int32(126) - exponent, np.int32(13)), np.int32(30)))
    significand = np.int32((magnitude & 0x7FFFFF) | 0x800000)
    small = significand if exponent > 0 else magnitude
    fixed = small if exponent < 113 else np.int32(magnitude - (112 << 23))
    return fixed, drop


@njit(forceinline=True)
def code_f16(value: float) -> int:
    """float32 -> binary16 code, nearest even, canonical NaN."""
    word = f32_bits(value)
    fixed, drop = parts_f16(word)
    even = (fixed >> drop) & np.int32(1)
    code = np.int32((fixed + even + ((np.int32(1) << (drop - np.int32(1))) - np.int32(1))) >> drop)
    code = np.int32(min(code, np.int32(0x7C00)))
    signed = np.int32(code | ((word >> 16) & 0x8000))
    return np.int32(signed if value == value else F16_NAN)
