"""Quantisation words: one f32 scale and one offset per column.

A word has the f32 scale in bits 31..0, of which the low 13 mantissa bits are ignored, and a signed
9-bit offset in bits 45..37; its other bits are ignored.
"""

from __future__ import annotations

from npuemu.jit import njit, view_i32, view_i64
from npuemu.units.copy import CTX_SCRATCH, CTX_WORDS, FB, OPS_WORDS, host_address
from npuemu.units.fixpipe.run import OFFSETS

QUANT_NONE, QUANT_SCALAR, QUANT_VECTOR = range(3)
ONE_BITS = 0x3F800000


@njit
def fill_parameters(ctx, ops):  # type: ignore[no-untyped-def]
    """Write scales and offsets of all columns to the scratch memory, whole segments of 16.

    Without quantisation, and in lanes past the last column, the scale is 1 and the offset 0.
    """
    o = view_i64(ops, OPS_WORDS)
    columns, quant, word = o[12], o[15], o[16]
    scratch = view_i64(ctx, CTX_WORDS)[CTX_SCRATCH]
    whole = (columns + 15) // 16 * 16
    scales, offsets = view_i32(scratch, whole), view_i32(scratch + OFFSETS, whole)
    filled = 0
    if quant == QUANT_VECTOR:
        words = view_i64(host_address(ctx, FB, word), columns)
        filled = columns
        for j in range(columns):
            scales[j] = words[j] & 0xFFFFE000
            offsets[j] = (words[j] << 18) >> 55
    elif quant == QUANT_SCALAR:
        filled = columns
        scale, offset = word & 0xFFFFE000, (word << 18) >> 55
        for j in range(columns):
            scales[j] = scale
            offsets[j] = offset
    for j in range(filled, whole):
        scales[j] = ONE_BITS
        offsets[j] = 0
