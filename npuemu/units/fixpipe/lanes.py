"""Sixteen-lane value arithmetic of the fixpipe, as plain LLVM vector IR.

Every builder function takes and returns IR vectors of 16 lanes. No fused or fast-math operation is
used, so each line is one correctly rounded IEEE operation on every CPU.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir

LANES = 16
I8, I16, I32 = (ir.VectorType(ir.IntType(bits), LANES) for bits in (8, 16, 32))
F16, F32 = ir.VectorType(ir.HalfType(), LANES), ir.VectorType(ir.FloatType(), LANES)

F32_NAN, BF16_NAN, F16_NAN = 0x7FC00000, 0x7FC0, 0x7E00
# 1.5 * 2**23: adding it rounds |y| < 2**22 to the nearest even integer, held in the low bits.
ROUNDER, ROUNDER_BITS = 12582912.0, 0x4B400000
# Beyond +-512 the result saturates whatever the 9-bit offset adds.
CLAMP = 512.0


def splat(kind: Any, value: float) -> Any:
    """The constant vector with ``value`` in every lane."""
    return ir.Constant(kind, [value] * LANES)


def broadcast(builder: Any, kind: Any, scalar: Any) -> Any:
    """The vector with the low bits of int64 ``scalar`` in every lane."""
    value = builder.trunc(scalar, kind.element)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.IntType(32)(0))
    return builder.shuffle_vector(first, first, ir.Constant(I32, [0] * LANES))


def at_least(builder: Any, value: Any, low: Any) -> Any:
    """max(value, low), signed integers."""
    return builder.select(builder.icmp_signed(">", value, low), value, low)


def at_most(builder: Any, value: Any, high: Any) -> Any:
    """min(value, high), signed integers."""
    return builder.select(builder.icmp_signed("<", value, high), value, high)


def is_nan(builder: Any, value: Any) -> Any:
    """Lanes of the f32 vector that are NaN."""
    return builder.fcmp_unordered("uno", value, value)


def to_bf16(builder: Any, value: Any) -> Any:
    """f32 -> bf16 bits (i16): nearest even, canonical NaN."""
    bits = builder.bitcast(value, I32)
    odd = builder.and_(builder.lshr(bits, splat(I32, 16)), splat(I32, 1))
    rounded = builder.add(builder.add(bits, splat(I32, 0x7FFF)), odd)
    rounded = builder.lshr(rounded, splat(I32, 16))
    rounded = builder.select(is_nan(builder, value), splat(I32, BF16_NAN), rounded)
    return builder.trunc(rounded, I16)


def to_f16_hardware(builder: Any, value: Any) -> Any:
    """f32 -> f16 bits (i16) by the CPU's own conversion: nearest even, canonical NaN."""
    bits = builder.bitcast(builder.fptrunc(value, F16), I16)
    return builder.select(is_nan(builder, value), splat(I16, F16_NAN), bits)


def to_f16_integer(builder: Any, value: Any) -> Any:
    """f32 -> f16 bits (i16) without half-precision instructions; the same bits."""
    word = builder.bitcast(value, I32)
    sign = builder.and_(builder.lshr(word, splat(I32, 16)), splat(I32, 0x8000))
    size = builder.and_(word, splat(I32, 0x7FFFFFFF))
    # Normal range: re-bias the exponent by 112 and round the 13 dropped bits to nearest even.
    odd = builder.and_(builder.lshr(size, splat(I32, 13)), splat(I32, 1))
    normal = builder.add(builder.sub(size, splat(I32, (112 << 23) - 0xFFF)), odd)
    normal = builder.lshr(normal, splat(I32, 13))
    # Below 2**-14: 0.5 has the spacing of f16 subnormals, so the f32 addition rounds for us.
    small = builder.fadd(builder.bitcast(size, F32), splat(F32, 0.5))
    small = builder.sub(builder.bitcast(small, I32), splat(I32, 0x3F000000))
    tiny = builder.icmp_signed("<", size, splat(I32, 113 << 23))
    bits = builder.select(tiny, small, normal)
    # 65520, the tie above the largest finite value, goes to infinity.
    huge = builder.icmp_signed(">=", size, splat(I32, 0x477FF000))
    bits = builder.select(huge, splat(I32, 0x7C00), bits)
    bits = builder.or_(bits, sign)
    bits = builder.select(is_nan(builder, value), splat(I32, F16_NAN), bits)
    return builder.trunc(bits, I16)


def to_s8(builder: Any, value: Any, offset: Any, low: Any) -> Any:
    """f32 -> s8: nearest even, plus i32 ``offset``, clamped to [``low``, 127]; NaN counts as 0."""
    value = builder.select(is_nan(builder, value), splat(F32, 0.0), value)
    for sign, test in ((1.0, ">"), (-1.0, "<")):
        bound = splat(F32, math.copysign(CLAMP, sign))
        value = builder.select(builder.fcmp_ordered(test, value, bound), bound, value)
    rounded = builder.bitcast(builder.fadd(value, splat(F32, ROUNDER)), I32)
    total = builder.add(builder.sub(rounded, splat(I32, ROUNDER_BITS)), offset)
    total = at_most(builder, at_least(builder, total, low), splat(I32, 127))
    return builder.trunc(total, I8)
