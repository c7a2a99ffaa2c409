"""MXFP8 products of e4m3 operands with AVX-512 VNNI: exact dots, one rounding per 32-block."""

from __future__ import annotations

from npuemu.jit import njit, view_i64
from npuemu.units.cube.layout import (
    L0A,
    L0A_MX,
    L0B,
    L0B_MX,
    SCRATCH,
    addresses,
    fractal_steps,
    start_values,
)
from npuemu.units.cube.mxfp8_kernel import decode_columns, decode_rows, multiply
from npuemu.units.cube.pack import decode_scales

A_SCALES, A_NOTES = 1 << 19, (1 << 19) + (1 << 18)
B, B_SCALES, B_NOTES = 1 << 20, (1 << 20) + (1 << 19), (1 << 20) + (1 << 19) + (1 << 18)
"""Scratch offsets: both parts of A lie at 0, those of a panel of B at ``B``."""


@njit
def mx8_range(ctx, ops, scratch, n_lo, n_hi):  # type: ignore[no-untyped-def]
    """Columns [n_lo, n_hi) (multiples of 16) of an e4m3 product (k a multiple of 64)."""
    dst, a, b, m, n, k = addresses(ctx, ops)
    c = view_i64(ctx, 64)
    mf, nf, kf = (m + 15) >> 4, (n + 15) >> 4, k >> 5
    step_m, step_k = fractal_steps(ctx, mf, kf)
    scale_m, scale_k = fractal_steps(ctx, mf, k >> 6)
    start, start_row, start_rows, start_panel, started = start_values(ctx, ops, dst, mf)
    a_scales = c[2 * L0A_MX] + ((a - c[2 * L0A]) >> 4)
    b_scales = c[2 * L0B_MX] + ((b - c[2 * L0B]) >> 4)
    for i in range(mf):
        f = i * kf
        scales = scratch + A_SCALES + f * 64
        decode_scales(a_scales + ((i * scale_m) >> 4), scale_k >> 4, k >> 6, scales)
        notes = scratch + A_NOTES + f * 16
        decode_rows(a + i * step_m, step_k, kf, scratch + f * 1024, scales, notes)
    right, others = scratch + B, scratch + B_SCALES
    for p in range(n_lo >> 4, n_hi >> 4):
        decode_scales(b_scales + p * 32, nf * 32, k >> 6, others)
        decode_columns(b + p * 512, nf * 512, kf, right, others, scratch + B_NOTES)
        columns = n - p * 16
        for g in range((m + 7) >> 3):
            i, h = g >> 1, g & 1
            f = i * kf
            first = start + i * start_rows + h * 8 * start_row + p * start_panel
            multiply(
                scratch + f * 1024 + h * 512, scratch + A_SCALES + f * 64 + h * 32,
                scratch + A_NOTES + f * 16 + h * 4, right, others, scratch + B_NOTES, kf,
                first, start_row, start_panel, columns * started,
                dst + (p * mf + i) * 1024 + h * 512, 0, m - g * 8, columns,
            )  # fmt: skip
    return 0


def mmad_mxfp8_e4m3(ctx, ops, arg):  # type: ignore[no-untyped-def]
    """Unit: the whole product."""
    sizes = view_i64(ops, 32)
    if sizes[11] > 0 and sizes[12] > 0 and sizes[13] > 0:
        mx8_range(ctx, ops, view_i64(ctx, 64)[SCRATCH], 0, (sizes[12] + 15) & -16)
    return 0
