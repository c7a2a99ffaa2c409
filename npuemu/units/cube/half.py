"""BF16 and F16 products in f32 with AVX-512: a strict ascending-k chain of fused multiply-adds."""

from __future__ import annotations

from npuemu.jit import njit, view_i64
from npuemu.units.cube.kernels import f32_16, f32_32
from npuemu.units.cube.layout import (
    PANELS,
    SCRATCH,
    addresses,
    fractal_steps,
    start_values,
)
from npuemu.units.cube.pack import unpack_bf16, unpack_f16, widen_bf16, widen_f16


@njit
def _panels(ctx, ops, scratch, p, pair):  # type: ignore[no-untyped-def]
    """All rows times one or two column panels, both operands widened in scratch."""
    dst, _a, _b, m, n, k = addresses(ctx, ops)
    mf, kf = (m + 15) >> 4, (k + 15) >> 4
    start, start_row, start_rows, start_panel, started = start_values(ctx, ops, dst, mf)
    columns = n - p * 16
    panels = scratch + PANELS
    for g in range((m + 7) >> 3):
        i, h = g >> 1, g & 1
        left = scratch + i * kf * 1024 + h * 512
        first = start + i * start_rows + h * 8 * start_row + p * start_panel
        c, rows = dst + (p * mf + i) * 1024 + h * 512, m - g * 8
        if pair == 2:
            f32_32(
                left, panels, kf * 1024, k,
                first, start_row, start_panel, columns * started, c, mf * 1024, rows, columns,
            )  # fmt: skip
        else:
            f32_16(
                left, panels, 0, k,
                first, start_row, start_panel, columns * started, c, 0, rows, columns,
            )  # fmt: skip


@njit
def bf16_range(ctx, ops, scratch, n_lo, n_hi):  # type: ignore[no-untyped-def]
    """Columns [n_lo, n_hi) (multiples of 16) of a BF16 product."""
    _dst, a, b, m, n, k = addresses(ctx, ops)
    mf, nf, kf = (m + 15) >> 4, (n + 15) >> 4, (k + 15) >> 4
    step_m, step_k = fractal_steps(ctx, mf, kf)
    for i in range(mf):
        widen_bf16(a + i * step_m, step_k, kf, scratch + i * kf * 1024)
    for p in range(n_lo >> 4, n_hi >> 4, 2):
        pair = min(2, (n_hi >> 4) - p)
        for q in range(pair):
            unpack_bf16(b + (p + q) * 512, nf * 512, kf, scratch + PANELS + q * kf * 1024)
        _panels(ctx, ops, scratch, p, pair)
    return 0


@njit
def f16_range(ctx, ops, scratch, n_lo, n_hi):  # type: ignore[no-untyped-def]
    """Columns [n_lo, n_hi) (multiples of 16) of an F16 product."""
    _dst, a, b, m, n, k = addresses(ctx, ops)
    mf, nf, kf = (m + 15) >> 4, (n + 15) >> 4, (k + 15) >> 4
    step_m, step_k = fractal_steps(ctx, mf, kf)
    for i in range(mf):
        widen_f16(a + i * step_m, step_k, kf, scratch + i * kf * 1024)
    for p in range(n_lo >> 4, n_hi >> 4, 2):
        pair = min(2, (n_hi >> 4) - p)
        for q in range(pair):
            unpack_f16(b + (p + q) * 512, nf * 512, kf, scratch + PANELS + q * kf * 1024)
        _panels(ctx, ops, scratch, p, pair)
    return 0


def mmad_bf16(ctx, ops, arg):  # type: ignore[no-untyped-def]
    """Unit: the whole product."""
    sizes = view_i64(ops, 32)
    if sizes[11] > 0 and sizes[12] > 0 and sizes[13] > 0:
        bf16_range(ctx, ops, view_i64(ctx, 64)[SCRATCH], 0, (sizes[12] + 15) & -16)
    return 0


def mmad_f16(ctx, ops, arg):  # type: ignore[no-untyped-def]
    """Unit: the whole product."""
    sizes = view_i64(ops, 32)
    if sizes[11] > 0 and sizes[12] > 0 and sizes[13] > 0:
        f16_range(ctx, ops, view_i64(ctx, 64)[SCRATCH], 0, (sizes[12] + 15) & -16)
    return 0
