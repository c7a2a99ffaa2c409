"""Runs of row segments: the loop over 16-element segments with one conversion.

A segment is 16 words of one L0C row (64 bytes, one row of one fractal). ``param`` is the address of
the segment's 16 f32 scales; its offsets lie ``OFFSETS`` bytes behind them.
"""

from __future__ import annotations

from npuemu.jit import njit
from npuemu.units.copy import copy_bytes
from npuemu.units.fixpipe.convert import f32_bf16, f32_f16, f32_s8, move_b32, s32_f16, s32_s8

NONE_B32, F32_BF16, F32_F16, S32_F16, S32_S8, F32_S8 = range(6)

# Layout of the scratch memory: f32 scales by column, i32 offsets by column, one segment in and out.
OFFSETS, SEGMENT_IN, SEGMENT_OUT = 1 << 20, 2 << 20, (2 << 20) + 64


@njit(inline="always")
def element_bytes(conv):  # type: ignore[no-untyped-def]
    """Bytes of an output element."""
    return 4 if conv == NONE_B32 else (2 if conv <= S32_F16 else 1)


@njit(inline="always")
def relu_floor(conv, relu):  # type: ignore[no-untyped-def]
    """Smallest output, as an integer of its width: 0 with relu, else the type's minimum."""
    return 0 if relu else -(1 << (8 * element_bytes(conv) - 1))


@njit
def convert_run(conv, dst, dst_step, src, src_step, param, param_step, count, floor):  # type: ignore[no-untyped-def]
    """``count`` segments; the addresses advance by their steps (bytes)."""
    if conv == NONE_B32:
        for i in range(count):
            move_b32(dst + i * dst_step, src + i * src_step, floor)
    elif conv == F32_BF16:
        for i in range(count):
            f32_bf16(dst + i * dst_step, src + i * src_step, floor)
    elif conv == F32_F16:
        for i in range(count):
            f32_f16(dst + i * dst_step, src + i * src_step, floor)
    elif conv == S32_F16:
        for i in range(count):
            s32_f16(dst + i * dst_step, src + i * src_step, param + i * param_step, floor)
    elif conv == S32_S8:
        for i in range(count):
            at = param + i * param_step
            s32_s8(dst + i * dst_step, src + i * src_step, at, at + OFFSETS, floor)
    else:
        for i in range(count):
            at = param + i * param_step
            f32_s8(dst + i * dst_step, src + i * src_step, at, at + OFFSETS, floor)


@njit
def convert_segments(
    conv, dst, dst_step, src, src_step, param, param_step, count, tail, floor, scratch
):  # type: ignore[no-untyped-def]
    """``count`` whole segments, then the first ``tail`` < 16 elements of one more.

    Nothing beyond the tail is read or written: it goes through the scratch memory.
    """
    last, source, result = dst + count * dst_step, scratch + SEGMENT_IN, scratch + SEGMENT_OUT
    # One call site for both: the conversions are inlined at each.
    for piece in range(2 if tail else 1):
        if piece == 1:
            copy_bytes(source, src + count * src_step, tail * 4)
            param += count * param_step
            dst, src, count = result, source, 1
        convert_run(conv, dst, dst_step, src, src_step, param, param_step, count, floor)
    if tail:
        copy_bytes(last, result, tail * element_bytes(conv))
