"""INT8 x INT8 -> INT32 with AVX-512 VNNI: exact modulo 2^32, words that leave int32 counted."""

from __future__ import annotations

from npuemu.jit import njit, view_i64
from npuemu.units.cube.kernels import s8_16, s8_32
from npuemu.units.cube.layout import (
    PANELS,
    SCRATCH,
    SIDE,
    WRAPS,
    addresses,
    fractal_steps,
    start_values,
)
from npuemu.units.cube.pack import row_starts_s8, unpack_s8


@njit
def s8_range(ctx, ops, scratch, n_lo, n_hi):  # type: ignore[no-untyped-def]
    """Columns [n_lo, n_hi) (multiples of 16) of an INT8 product; returns the number of wraps."""
    dst, a, b, m, n, k = addresses(ctx, ops)
    mf, nf, kf = (m + 15) >> 4, (n + 15) >> 4, (k + 31) >> 5
    step_m, step_k = fractal_steps(ctx, mf, kf)
    start, start_row, start_rows, start_panel, started = start_values(ctx, ops, dst, mf)
    sides, panels = scratch + SIDE, scratch + PANELS
    for i in range(mf):
        row_starts_s8(a + i * step_m, step_k, kf, sides + i * 64)
    wraps = 0
    for p in range(n_lo >> 4, n_hi >> 4, 2):
        pair = min(2, (n_hi >> 4) - p)
        for q in range(pair):
            unpack_s8(b + (p + q) * 512, nf * 512, kf, k - (kf - 1) * 32, panels + q * kf * 512)
        columns = n - p * 16
        for g in range((m + 7) >> 3):
            i, h = g >> 1, g & 1
            left, side = a + i * step_m + h * 256, sides + g * 32
            first = start + i * start_rows + h * 8 * start_row + p * start_panel
            c, rows = dst + (p * mf + i) * 1024 + h * 512, m - g * 8
            if pair == 2:
                wraps += s8_32(
                    left, step_k, side, panels, kf * 512, kf,
                    first, start_row, start_panel, columns * started, c, mf * 1024, rows, columns,
                )  # fmt: skip
            else:
                wraps += s8_16(
                    left, step_k, side, panels, 0, kf,
                    first, start_row, start_panel, columns * started, c, 0, rows, columns,
                )  # fmt: skip
    return wraps


def mmad_s8(ctx, ops, arg):  # type: ignore[no-untyped-def]
    """Unit: the whole product."""
    words = view_i64(ctx, 64)
    sizes = view_i64(ops, 32)
    if sizes[11] > 0 and sizes[12] > 0 and sizes[13] > 0:
        words[WRAPS] += s8_range(ctx, ops, words[SCRATCH], 0, (sizes[12] + 15) & -16)
    return 0
