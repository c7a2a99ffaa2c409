"""MXFP4 products in f32 with AVX-512 VNNI: exact block dots, one rounding per 32-block."""

from __future__ import annotations

from npuemu.jit import njit, view_i64
from npuemu.units.cube.kernels import mx_narrow, mx_wide
from npuemu.units.cube.layout import (
    L0A,
    L0A_MX,
    L0B,
    L0B_MX,
    PANEL_SCALES,
    PANELS,
    RANGES,
    SCRATCH,
    SIDE,
    addresses,
    fractal_steps,
    start_values,
)
from npuemu.units.cube.pack import decode_mx, decode_scales, scale_range, unpack_mx


@njit
def _prepare_rows(ctx, ops, scratch):  # type: ignore[no-untyped-def]
    """Decode A, its block sums and scales into scratch, with the scales' range per 16 rows."""
    _dst, a, _b, m, _n, k = addresses(ctx, ops)
    c = view_i64(ctx, 64)
    mf, kf = (m + 15) >> 4, k >> 6
    step_m, step_k = fractal_steps(ctx, mf, kf)
    scales = c[2 * L0A_MX] + ((a - c[2 * L0A]) >> 4)
    starts = scratch + SIDE
    ranges = view_i64(scratch + RANGES, 2 + mf)
    for i in range(mf):
        f, s = i * kf, scales + ((i * step_m) >> 4)
        decode_mx(a + i * step_m, step_k, kf, scratch + f * 1024, starts + f * 128)
        decode_scales(s, step_k >> 4, kf, starts + SIDE + f * 128)
        ranges[2 + i] = scale_range(s, step_k >> 4, kf, min(16, m - i * 16))


@njit(inline="always")
def _narrow(left, right):  # type: ignore[no-untyped-def]
    """All scale products of two ranges are normal f32, and no scale is special (0, 255)."""
    low_a, high_a, low_b, high_b = left & 255, left >> 8, right & 255, right >> 8
    ordinary = low_a > 0 and low_b > 0 and high_a < 255 and high_b < 255
    return ordinary and low_a + low_b >= 130 and high_a + high_b <= 383


@njit
def _prepare_columns(ctx, ops, scratch, p, q):  # type: ignore[no-untyped-def]
    """Unpack the p-th column panel of B and its scales into slot q (0, 1), with their range."""
    _dst, _a, b, _m, n, k = addresses(ctx, ops)
    c = view_i64(ctx, 64)
    nf, kf = (n + 15) >> 4, k >> 6
    scales = c[2 * L0B_MX] + ((b - c[2 * L0B]) >> 4) + p * 32
    unpack_mx(b + p * 512, nf * 512, kf, scratch + PANELS + q * kf * 1024)
    decode_scales(scales, nf * 32, kf, scratch + PANEL_SCALES + q * kf * 128)
    view_i64(scratch + RANGES, 2)[q] = scale_range(scales, nf * 32, kf, min(16, n - p * 16))


@njit
def mx_range(ctx, ops, scratch, n_lo, n_hi):  # type: ignore[no-untyped-def]
    """Columns [n_lo, n_hi) (multiples of 16) of an MXFP4 product (k a multiple of 64)."""
    dst, _a, _b, m, n, k = addresses(ctx, ops)
    mf, kf = (m + 15) >> 4, k >> 6
    start, start_row, start_rows, start_panel, started = start_values(ctx, ops, dst, mf)
    _prepare_rows(ctx, ops, scratch)
    ranges = view_i64(scratch + RANGES, 2 + mf)
    for p0 in range(n_lo >> 4, n_hi >> 4, 2):
        pair = min(2, (n_hi >> 4) - p0)
        for q in range(pair):
            _prepare_columns(ctx, ops, scratch, p0 + q, q)
        for g in range((m + 7) >> 3):
            i, h = g >> 1, g & 1
            left = scratch + i * kf * 1024 + h * 256
            side = scratch + SIDE + i * kf * 128 + h * 32
            for q in range(pair):
                p = p0 + q
                right = scratch + PANELS + q * kf * 1024
                scales = scratch + PANEL_SCALES + q * kf * 128
                first = start + i * start_rows + h * 8 * start_row + p * start_panel
                to, rows, columns = dst + (p * mf + i) * 1024 + h * 512, m - g * 8, n - p * 16
                if _narrow(ranges[2 + i], ranges[q]):
                    mx_narrow(
                        left, side, side + SIDE, right, scales, kf,
                        first, start_row, start_panel, columns * started, to, 0, rows, columns,
                    )  # fmt: skip
                else:
                    mx_wide(
                        left, side, side + SIDE, right, scales, kf,
                        first, start_row, start_panel, columns * started, to, 0, rows, columns,
                    )  # fmt: skip
    return 0


def mmad_mxfp4(ctx, ops, arg):  # type: ignore[no-untyped-def]
    """Unit: the whole product."""
    sizes = view_i64(ops, 32)
    if sizes[11] > 0 and sizes[12] > 0 and sizes[13] > 0:
        mx_range(ctx, ops, view_i64(ctx, 64)[SCRATCH], 0, (sizes[12] + 15) & -16)
    return 0
