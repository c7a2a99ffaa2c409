"""Steps between UB and the temporaries: loads, stores, broadcasts, gather."""

from __future__ import annotations

import numpy as np

from npuemu.jit import (
    njit,
    view_f32,
    view_i8,
    view_i16,
    view_i32,
    view_i64,
    view_u8,
    view_u16,
    view_u32,
)
from npuemu.units.vector.arg import ADDRESS, BF16, EXTRA, F16, LANES, S8, S16, TEMP, VALUE
from npuemu.units.vector.bits import f32_bits
from npuemu.units.vector.codes import canonical, code_bf16, widen_bf16, widen_f16
from npuemu.units.vector.lanes import (
    STAGE,
    TOO_LONG,
    UB,
    collect,
    lane_active,
    lane_total,
    scatter,
    strides,
    target,
    temp,
)

BAD_OFFSET = 117
"""Diagnostic of ``gather``; the context's words 41 and 42 hold the offset and the lane."""


def load_b32(ctx: int, ops: int, arg: int) -> int:
    """Operand lanes, 32-bit words as they are (f32, s32, u32, b32)."""
    n = lane_total(ops, arg)
    if n < 0:
        return TOO_LONG
    source = view_u32(collect(ctx, ops, arg, 2), n)
    out = view_u32(temp(ctx, (arg >> TEMP) & 15), n)
    for i in range(n):
        out[i] = source[i]
    return 0


def load_bf16(ctx: int, ops: int, arg: int) -> int:
    """Operand lanes, bfloat16 -> float32 temporary."""
    n = lane_total(ops, arg)
    if n < 0:
        return TOO_LONG
    source = view_u16(collect(ctx, ops, arg, 1), n)
    out = view_f32(temp(ctx, (arg >> TEMP) & 15), n)
    for i in range(n):
        out[i] = widen_bf16(source[i])
    return 0


def load_s16(ctx: int, ops: int, arg: int) -> int:
    """Operand lanes, int16 -> int32 temporary."""
    n = lane_total(ops, arg)
    if n < 0:
        return TOO_LONG
    source = view_i16(collect(ctx, ops, arg, 1), n)
    out = view_i32(temp(ctx, (arg >> TEMP) & 15), n)
    for i in range(n):
        out[i] = source[i]
    return 0


def load_u16(ctx: int, ops: int, arg: int) -> int:
    """Operand lanes, 16 bits zero-extended."""
    n = lane_total(ops, arg)
    if n < 0:
        return TOO_LONG
    source = view_u16(collect(ctx, ops, arg, 1), n)
    out = view_i32(temp(ctx, (arg >> TEMP) & 15), n)
    for i in range(n):
        out[i] = source[i]
    return 0


def load_s8(ctx: int, ops: int, arg: int) -> int:
    """Operand lanes, int8 -> int32 temporary."""
    n = lane_total(ops, arg)
    if n < 0:
        return TOO_LONG
    source = view_i8(collect(ctx, ops, arg, 0), n)
    out = view_i32(temp(ctx, (arg >> TEMP) & 15), n)
    for i in range(n):
        out[i] = source[i]
    return 0


def load_u8(ctx: int, ops: int, arg: int) -> int:
    """Operand lanes, 8 bits zero-extended."""
    n = lane_total(ops, arg)
    if n < 0:
        return TOO_LONG
    source = view_u8(collect(ctx, ops, arg, 0), n)
    out = view_i32(temp(ctx, (arg >> TEMP) & 15), n)
    for i in range(n):
        out[i] = source[i]
    return 0


def broadcast(ctx: int, ops: int, arg: int) -> int:
    """Source element 8r + i to every lane of block i of repeat r; the mask plays no part.

    address = destination, value = source operand, extra = log2 of the element size.
    """
    n, size_log2 = lane_total(ops, arg), (arg >> EXTRA) & 255
    if n < 0:
        return TOO_LONG
    o, lanes = view_i64(ops, 32), 1 << ((arg >> LANES) & 15)
    ub = view_i64(ctx, 64)[UB]
    source, base = ub + o[(arg >> VALUE) & 255], ub + o[(arg >> ADDRESS) & 255]
    block, repeat = strides(ops, arg, size_log2)
    elements = (n + lanes - 1) // lanes * 8
    words = view_u32(temp(ctx, 0), elements)
    for i in range(elements):
        if size_log2 == 2:
            words[i] = view_u32(source + 4 * i, 1)[0]
        else:
            words[i] = np.uint32(view_u16(source + 2 * i, 1)[0]) * np.uint32(0x10001)
    for i in range(elements):
        out = view_u32(base + (i >> 3) * repeat * 32 + (i & 7) * block * 32, 8)
        word = words[i]
        for k in range(8):
            out[k] = word
    return 0


def fill(ctx: int, ops: int, arg: int) -> int:
    """The scalar operand in every lane; extra says how its low bits are read."""
    n = lane_total(ops, arg)
    if n < 0:
        return TOO_LONG
    register, kind = view_i64(ops, 32)[(arg >> VALUE) & 255], (arg >> EXTRA) & 255
    word = np.int32(register)
    if kind == F16:
        word = f32_bits(widen_f16(np.uint16(register)))
    elif kind == BF16:
        word = f32_bits(widen_bf16(np.uint16(register)))
    elif kind == S16:
        word = np.int32(np.int16(register))
    elif kind == S8:
        word = np.int32(np.int8(register))
    out = view_i32(temp(ctx, (arg >> TEMP) & 15), n)
    for i in range(n):
        out[i] = word
    return 0


@njit(forceinline=True)
def _finish(ctx: int, ops: int, arg: int, size_log2: int, address: int) -> int:
    if address == temp(ctx, STAGE):
        scatter(ctx, ops, arg, size_log2)
    return 0


def store_b32(ctx: int, ops: int, arg: int) -> int:
    """Destination lanes, 32-bit words as they are."""
    n = lane_total(ops, arg)
    address = target(ctx, ops, arg, 2)
    out, values = view_u32(address, n), view_u32(temp(ctx, (arg >> TEMP) & 15), n)
    for i in range(n):
        out[i] = values[i]
    return _finish(ctx, ops, arg, 2, address)


def store_b16(ctx: int, ops: int, arg: int) -> int:
    """Destination lanes, the low 16 bits."""
    n = lane_total(ops, arg)
    address = target(ctx, ops, arg, 1)
    out, values = view_u16(address, n), view_u32(temp(ctx, (arg >> TEMP) & 15), n)
    for i in range(n):
        out[i] = values[i]
    return _finish(ctx, ops, arg, 1, address)


def store_b8(ctx: int, ops: int, arg: int) -> int:
    """Destination lanes, the low 8 bits."""
    n = lane_total(ops, arg)
    address = target(ctx, ops, arg, 0)
    out, values = view_u8(address, n), view_u32(temp(ctx, (arg >> TEMP) & 15), n)
    for i in range(n):
        out[i] = values[i]
    return _finish(ctx, ops, arg, 0, address)


def store_f32(ctx: int, ops: int, arg: int) -> int:
    """Destination lanes, float32, canonical NaN."""
    n = lane_total(ops, arg)
    address = target(ctx, ops, arg, 2)
    out, values = view_f32(address, n), view_f32(temp(ctx, (arg >> TEMP) & 15), n)
    for i in range(n):
        out[i] = canonical(values[i])
    return _finish(ctx, ops, arg, 2, address)


def store_bf16(ctx: int, ops: int, arg: int) -> int:
    """Destination lanes, float32 -> bfloat16, nearest even, canonical NaN."""
    n = lane_total(ops, arg)
    address = target(ctx, ops, arg, 1)
    out, values = view_u16(address, n), view_f32(temp(ctx, (arg >> TEMP) & 15), n)
    for i in range(n):
        out[i] = code_bf16(values[i])
    return _finish(ctx, ops, arg, 1, address)


def gather(ctx: int, ops: int, arg: int) -> int:
    """T0 = UB[base + T1] for active lanes; T1 holds byte offsets (uint32).

    value = base operand, extra = span operand; the element has 256 / L bytes.
    """
    n, lanes_log2 = lane_total(ops, arg), (arg >> LANES) & 15
    o = view_i64(ops, 32)
    base = view_i64(ctx, 64)[UB] + o[(arg >> VALUE) & 255]
    span, size, counter = o[(arg >> EXTRA) & 255], 256 >> lanes_log2, o[4] == 1
    offsets, out = view_u32(temp(ctx, 1), n), view_i32(temp(ctx, 0), n)
    for i in range(n):
        lane = i & ((1 << lanes_log2) - 1)
        if not (counter or lane_active(o[2], o[3], lane)):
            continue
        offset = np.int64(offsets[i])
        if offset + size > span or offset & (size - 1) != 0:
            view_i64(ctx, 64)[41] = offset
            view_i64(ctx, 64)[42] = i
            return BAD_OFFSET
        if size == 4:
            out[i] = view_i32(base + offset, 1)[0]
        else:
            out[i] = np.int32(view_u16(base + offset, 1)[0])
    return 0
