"""L0C tiles to GM, L1 or UB.

Operands (ops[8..]): conv, dst, src, m, n, src_stride (16-row fractals), dst_stride (bytes), quant,
scale, relu, nz2nd, core. Written in memory order, so where destinations overlap the later stays:
row by row with nz2nd, else block by block, rows ascending within a block.
Relu of an unconverted word takes it as f32: max(x, 0), NaN canonical.
"""

from __future__ import annotations

from npuemu.jit import njit, view_i64
from npuemu.units.copy import (
    CTX_SCRATCH,
    CTX_WORDS,
    GM,
    L0C,
    L1,
    OPS_WORDS,
    UB,
    UB1,
    host_address,
)
from npuemu.units.fixpipe.quant import fill_parameters
from npuemu.units.fixpipe.run import (
    S32_F16,
    convert_segments,
    element_bytes,
    relu_floor,
)

# A column of fractals holds its rows back to back.
FRACTAL, ROW = 1024, 64
CORE_AIV1, CORE_SPLIT_M, CORE_SPLIT_N = 1, 2, 3


@njit
def to_rows(ops, dst, src, param, scratch, row, rows, columns):  # type: ignore[no-untyped-def]
    """``rows`` rows from ``row`` on, row-major at ``dst``."""
    o = view_i64(ops, OPS_WORDS)
    conv, src_step, dst_stride = o[8], o[13] * FRACTAL, o[14]
    floor, step = relu_floor(conv, o[17] != 0), 16 * element_bytes(conv)
    full, tail = columns // 16, columns % 16
    for i in range(rows):
        source, to = src + (row + i) * ROW, dst + i * dst_stride
        convert_segments(conv, to, step, source, src_step, param, 64, full, tail, floor, scratch)


@njit
def to_blocks(ops, dst, src, param, scratch, row, rows, columns):  # type: ignore[no-untyped-def]
    """``rows`` rows from ``row`` on, as NZ blocks ``dst_stride`` bytes apart at ``dst``."""
    o = view_i64(ops, OPS_WORDS)
    conv, src_step, dst_stride = o[8], o[13] * FRACTAL, o[14]
    floor = relu_floor(conv, o[17] != 0)
    step = 64 if element_bytes(conv) == 4 else 32
    for j in range((columns + 15) // 16):
        # One-byte blocks are two fractals wide.
        to = dst + ((j // 2) * dst_stride + (j % 2) * 16 if conv > S32_F16 else j * dst_stride)
        source, at, width = src + j * src_step + row * ROW, param + j * 64, columns - j * 16
        # A whole column of fractals is one run; a narrow one goes row by row.
        full, tail, runs = (rows, 0, 1) if width >= 16 else (0, width, rows)
        for i in range(runs):
            convert_segments(
                conv, to + i * step, step, source + i * ROW, ROW, at, 0, full, tail, floor, scratch
            )


@njit
def fix_part(ctx, ops, memory, row, rows, block, columns):  # type: ignore[no-untyped-def]
    """Rows from ``row`` on and columns from 16 * ``block`` on, to ``dst`` in ``memory``."""
    o = view_i64(ops, OPS_WORDS)
    scratch = view_i64(ctx, CTX_WORDS)[CTX_SCRATCH]
    dst = host_address(ctx, memory, o[9])
    src = host_address(ctx, L0C, o[10]) + block * o[13] * FRACTAL
    param = scratch + block * 64
    if o[18] != 0:
        to_rows(ops, dst, src, param, scratch, row, rows, columns)
    else:
        to_blocks(ops, dst, src, param, scratch, row, rows, columns)


def fix_l0c_gm(ctx: int, ops: int, arg: int) -> int:
    """L0C to GM."""
    fill_parameters(ctx, ops)
    o = view_i64(ops, OPS_WORDS)
    fix_part(ctx, ops, GM, 0, o[11], 0, o[12])
    return 0


def fix_l0c_l1(ctx: int, ops: int, arg: int) -> int:
    """L0C to L1."""
    fill_parameters(ctx, ops)
    o = view_i64(ops, OPS_WORDS)
    fix_part(ctx, ops, L1, 0, o[11], 0, o[12])
    return 0


def fix_l0c_ub(ctx: int, ops: int, arg: int) -> int:
    """L0C to the UB of one vector core, or split over both by rows (m even) or by columns
    (n a multiple of 32)."""
    fill_parameters(ctx, ops)
    o = view_i64(ops, OPS_WORDS)
    m, n, core = o[11], o[12], o[19]
    row_split, column_split = core == CORE_SPLIT_M, core == CORE_SPLIT_N
    rows, columns = (m // 2 if row_split else m), (n // 2 if column_split else n)
    for part in range(2 if row_split or column_split else 1):
        memory = UB1 if part == 1 or core == CORE_AIV1 else UB
        row, block = (part * rows if row_split else 0), (part * columns // 16)
        fix_part(ctx, ops, memory, row, rows, block if column_split else 0, columns)
    return 0
