"""The same products in plain Numba, for any CPU: the fast path's equal in every bit.

One panel of 16 columns at a time is decoded to ``[k][16]`` in scratch, then every row of A runs
down it. The 16 columns are independent, so vectorising over them cannot change a bit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from npuemu.jit import njit, view_f32, view_i8, view_i32, view_i64, view_u8, view_u16, view_u32
from npuemu.units.cube.layout import (
    L0A,
    L0A_MX,
    L0B,
    L0B_MX,
    SCRATCH,
    WRAPS,
    addresses,
    fractal_steps,
    start_values,
)

NAN = 0x7FC00000
E2M1_DOUBLED = (0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)
F16_REBIAS = np.float32(2.0**112)
"""An f16's bits moved to f32 position, times this, are its value (subnormals included)."""

RAW, ROW, SUMS, DOTS, PANEL = 0, 1 << 16, 1 << 17, (1 << 17) + 64, 1 << 18
"""Scratch offsets: bytes of one row, the row decoded, 16 sums, 16 dots, the decoded panel."""


@intrinsic  # type: ignore[untyped-decorator]
def fma(typingctx: Any, x: Any, y: Any, z: Any) -> Any:
    """f32 fused multiply-add: an instruction where there is one, libm's ``fmaf`` elsewhere."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind, name = ir.FloatType(), "llvm.fma.f32"
        known = builder.module.globals
        if name not in known:
            ir.Function(builder.module, ir.FunctionType(kind, [kind] * 3), name)
        return builder.call(known[name], arguments)

    return types.float32(types.float32, types.float32, types.float32), codegen


@njit
def _gather(base, step, row, fractals, raw):  # type: ignore[no-untyped-def]
    """The 32-byte pieces of one fractal row, side by side at ``raw``."""
    for f in range(fractals):
        piece = view_i64(base + f * step + row * 32, 4)
        out = view_i64(raw + f * 32, 4)
        for w in range(4):
            out[w] = piece[w]


@njit
def _decode_s8(raw, k, row):  # type: ignore[no-untyped-def]
    source, out = view_i8(raw, k), view_i32(row, k)
    for q in range(k):
        out[q] = source[q]


@njit
def _decode_half(raw, k, row, is_f16):  # type: ignore[no-untyped-def]
    """bf16 or f16 -> f32, exact."""
    source, bits, values = view_u16(raw, k), view_u32(row, k), view_f32(row, k)
    if not is_f16:
        for q in range(k):
            bits[q] = np.uint32(source[q]) << np.uint32(16)
        return
    for q in range(k):
        code = np.uint32(source[q])
        moved = (code & np.uint32(0x7FFF)) << np.uint32(13)
        if moved >= np.uint32(0x0F800000):
            moved |= np.uint32(0x7F800000)
        bits[q] = moved | (code & np.uint32(0x8000)) << np.uint32(16)
    for q in range(k):
        values[q] = values[q] * F16_REBIAS


@njit
def _decode_mx(raw, k, row):  # type: ignore[no-untyped-def]
    """E2M1 -> twice the value; even k in the low nibble."""
    source, out = view_u8(raw, (k + 1) >> 1), view_i32(row, k)
    for q in range(k):
        out[q] = E2M1_DOUBLED[(source[q >> 1] >> ((q & 1) * 4)) & 15]


@njit
def _scatter(row, k, column, panel):  # type: ignore[no-untyped-def]
    """A decoded column into ``panel[k][16]``."""
    source, out = view_i32(row, k), view_i32(panel, k * 16)
    for q in range(k):
        out[q * 16 + column] = source[q]


@njit(inline="always")
def _start(start, row, step):  # type: ignore[no-untyped-def]
    """Address of a row's start values: ``step`` bytes per row, 1024 per 16 rows of L0C."""
    return start + (row >> 4) * 16 * step + (row & 15) * step


@njit
def s8_range(ctx, ops, scratch, n_lo, n_hi):  # type: ignore[no-untyped-def]
    """Columns [n_lo, n_hi) (multiples of 16) of an INT8 product; returns the number of wraps."""
    dst, a, b, m, n, k = addresses(ctx, ops)
    mf, nf, kf = (m + 15) >> 4, (n + 15) >> 4, (k + 31) >> 5
    step_m, step_k = fractal_steps(ctx, mf, kf)
    start, step, _, start_panel, started = start_values(ctx, ops, dst, mf)
    raw, row, panel = scratch + RAW, scratch + ROW, scratch + PANEL
    left, sums = view_i32(row, k), view_i32(scratch + SUMS, 16)
    wraps = 0
    for p in range(n_lo >> 4, n_hi >> 4):
        columns = min(16, n - p * 16)
        for j in range(columns):
            _gather(b + p * 512, nf * 512, j, kf, raw)
            _decode_s8(raw, k, row)
            _scatter(row, k, j, panel)
        for i in range(m):
            _gather(a + (i >> 4) * step_m, step_k, i & 15, kf, raw)
            _decode_s8(raw, k, row)
            sums[:] = 0
            for q in range(k):
                x, right = left[q], view_i32(panel + q * 64, 16)
                for j in range(16):
                    sums[j] += np.int32(x * right[j])
            first = view_i32(_start(start + p * start_panel, i, step), 16)
            out = view_i32(dst + (p * mf + (i >> 4)) * 1024 + (i & 15) * 64, 16)
            for j in range(columns):
                true = np.int64(sums[j])
                if started:
                    true += np.int64(first[j])
                out[j] = np.int32(true & 0xFFFFFFFF)
                wraps += np.int64(np.int64(out[j]) != true)
    return wraps


@njit(inline="always")
def _begin(sums, first, columns, started):  # type: ignore[no-untyped-def]
    """16 start words, as bits."""
    sums[:] = 0
    if started:
        for j in range(columns):
            sums[j] = first[j]


@njit(inline="always")
def _finish(out, sums, columns):  # type: ignore[no-untyped-def]
    """Store result words, every NaN as the canonical one."""
    for j in range(columns):
        bits = sums[j]
        out[j] = NAN if (bits & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000) else bits


@njit
def half_range(ctx, ops, scratch, n_lo, n_hi, is_f16):  # type: ignore[no-untyped-def]
    """Columns [n_lo, n_hi) (multiples of 16) of a BF16 or F16 product."""
    dst, a, b, m, n, k = addresses(ctx, ops)
    mf, nf, kf = (m + 15) >> 4, (n + 15) >> 4, (k + 15) >> 4
    step_m, step_k = fractal_steps(ctx, mf, kf)
    start, step, _, start_panel, started = start_values(ctx, ops, dst, mf)
    raw, row, panel = scratch + RAW, scratch + ROW, scratch + PANEL
    left, sums = view_f32(row, k), view_f32(scratch + SUMS, 16)
    words = view_u32(scratch + SUMS, 16)
    for p in range(n_lo >> 4, n_hi >> 4):
        columns = min(16, n - p * 16)
        for j in range(columns):
            _gather(b + p * 512, nf * 512, j, kf, raw)
            _decode_half(raw, k, row, is_f16)
            _scatter(row, k, j, panel)
        for i in range(m):
            _gather(a + (i >> 4) * step_m, step_k, i & 15, kf, raw)
            _decode_half(raw, k, row, is_f16)
            first = view_u32(_start(start + p * start_panel, i, step), 16)
            _begin(words, first, columns, started)
            for q in range(k):
                x, right = left[q], view_f32(panel + q * 64, 16)
                for j in range(16):
                    sums[j] = fma(x, right[j], sums[j])
            out = view_u32(dst + (p * mf + (i >> 4)) * 1024 + (i & 15) * 64, 16)
            _finish(out, words, columns)
    return 0


@njit
def bf16_range(ctx, ops, scratch, n_lo, n_hi):  # type: ignore[no-untyped-def]
    """Columns [n_lo, n_hi) of a BF16 product."""
    return half_range(ctx, ops, scratch, n_lo, n_hi, False)


@njit
def f16_range(ctx, ops, scratch, n_lo, n_hi):  # type: ignore[no-untyped-def]
    """Columns [n_lo, n_hi) of an F16 product."""
    return half_range(ctx, ops, scratch, n_lo, n_hi, True)


@njit
def _e8m0(code):  # type: ignore[no-untyped-def]
    """Value of a scale byte, f64; 255 is NaN."""
    return math.nan if code == 255 else math.ldexp(1.0, np.int64(code) - 127)


@njit
def _add_block(left, panel, g, dots):  # type: ignore[no-untyped-def]
    """16 exact dots (times 4) of the g-th 32-block."""
    dots[:] = 0
    for q in range(g * 32, g * 32 + 32):
        x, right = left[q], view_i32(panel + q * 64, 16)
        for j in range(16):
            dots[j] += np.int32(x * right[j])


@njit
def mx_range(ctx, ops, scratch, n_lo, n_hi):  # type: ignore[no-untyped-def]
    """Columns [n_lo, n_hi) (multiples of 16) of an MXFP4 product (k a multiple of 64)."""
    dst, a, b, m, n, k = addresses(ctx, ops)
    c = view_i64(ctx, 64)
    mf, nf, kf = (m + 15) >> 4, (n + 15) >> 4, k >> 6
    step_m, step_k = fractal_steps(ctx, mf, kf)
    start, step, _, start_panel, started = start_values(ctx, ops, dst, mf)
    a_scales = c[2 * L0A_MX] + ((a - c[2 * L0A]) >> 4)
    b_scales = c[2 * L0B_MX] + ((b - c[2 * L0B]) >> 4)
    raw, row, panel = scratch + RAW, scratch + ROW, scratch + PANEL
    left, dots = view_i32(row, k), view_i32(scratch + DOTS, 16)
    sums, words = view_f32(scratch + SUMS, 16), view_u32(scratch + SUMS, 16)
    for p in range(n_lo >> 4, n_hi >> 4):
        columns = min(16, n - p * 16)
        for j in range(columns):
            _gather(b + p * 512, nf * 512, j, kf, raw)
            _decode_mx(raw, k, row)
            _scatter(row, k, j, panel)
        for i in range(m):
            _gather(a + (i >> 4) * step_m, step_k, i & 15, kf, raw)
            _decode_mx(raw, k, row)
            first = view_u32(_start(start + p * start_panel, i, step), 16)
            _begin(words, first, columns, started)
            for g in range(2 * kf):
                _add_block(left, panel, g, dots)
                at = ((i >> 4) * step_m + (g >> 1) * step_k) >> 4
                scale = _e8m0(view_u8(a_scales + at + (i & 15) * 2 + (g & 1), 1)[0]) * 0.25
                others = view_u8(b_scales + (p + (g >> 1) * nf) * 32, 32)
                for j in range(columns):
                    # f64 holds the product exactly; with 53 bits, sum then cast round as once.
                    term = np.float64(dots[j]) * (scale * _e8m0(others[2 * j + (g & 1)]))
                    sums[j] = np.float32(np.float64(sums[j]) + term)
            out = view_u32(dst + (p * mf + (i >> 4)) * 1024 + (i & 15) * 64, 16)
            _finish(out, words, columns)
    return 0


def mmad_s8(ctx, ops, arg):  # type: ignore[no-untyped-def]
    """Unit: the whole INT8 product."""
    words, sizes = view_i64(ctx, 64), view_i64(ops, 32)
    if sizes[11] > 0 and sizes[12] > 0 and sizes[13] > 0:
        words[WRAPS] += s8_range(ctx, ops, words[SCRATCH], 0, (sizes[12] + 15) & -16)
    return 0


def mmad_bf16(ctx, ops, arg):  # type: ignore[no-untyped-def]
    """Unit: the whole BF16 product."""
    sizes = view_i64(ops, 32)
    if sizes[11] > 0 and sizes[12] > 0 and sizes[13] > 0:
        bf16_range(ctx, ops, view_i64(ctx, 64)[SCRATCH], 0, (sizes[12] + 15) & -16)
    return 0


def mmad_f16(ctx, ops, arg):  # type: ignore[no-untyped-def]
    """Unit: the whole F16 product."""
    sizes = view_i64(ops, 32)
    if sizes[11] > 0 and sizes[12] > 0 and sizes[13] > 0:
        f16_range(ctx, ops, view_i64(ctx, 64)[SCRATCH], 0, (sizes[12] + 15) & -16)
    return 0


def mmad_mxfp4(ctx, ops, arg):  # type: ignore[no-untyped-def]
    """Unit: the whole MXFP4 product."""
    sizes = view_i64(ops, 32)
    if sizes[11] > 0 and sizes[12] > 0 and sizes[13] > 0:
        mx_range(ctx, ops, view_i64(ctx, 64)[SCRATCH], 0, (sizes[12] + 15) & -16)
    return 0
