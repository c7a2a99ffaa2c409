"""Where the operands of an ``mmad`` lie: the record's values and the machine's layout.

The engine has checked every region: ``a`` and ``b`` are 512-aligned, ``dst`` is 1024-aligned, so
whole fractals may be read; words of C outside m x n may be neither written nor read.
"""

from __future__ import annotations

from npuemu.jit import njit, view_i64

L0A, L0B, L0C, BT, L0A_MX, L0B_MX = 2, 3, 4, 5, 8, 9
"""Memory numbers of the unit ABI."""
LAYOUT, SCRATCH, WRAPS = 32, 35, 40
"""ctx words: L0A layout (0 zZ, 1 NZ), scratch address, INT32 wrap count."""
TYPE = 16
"""ops word: the operand types."""
ZERO, ACC, BIAS = 0, 1, 2
"""Start values: +0, the old L0C word, the column's BT word."""

SIDE = 1 << 20
"""Scratch offset of row starts (and MX: scales of A, one SIDE further)."""
PANELS = 3 << 20
"""Scratch offset of B panels."""
PANEL_SCALES = (3 << 20) + (1 << 19)
"""Scratch offset of the scales of B panels."""
RANGES = (3 << 20) + (3 << 18)
"""Scratch offset of scale ranges: two int64 for two B panels, then one per 16 rows of A."""
SCRATCH_USED = 4 << 20
"""Scratch bytes a range call may use."""


@njit(inline="always")
def addresses(ctx, ops):  # type: ignore[no-untyped-def]
    """(dst, a, b, m, n, k): addresses in the local memories and the sizes of the product."""
    c = view_i64(ctx, 64)
    o = view_i64(ops, 32)
    return c[2 * L0C] + o[8], c[2 * L0A] + o[9], c[2 * L0B] + o[10], o[11], o[12], o[13]


@njit(inline="always")
def fractal_steps(ctx, m_fractals, k_fractals):  # type: ignore[no-untyped-def]
    """Bytes from one L0A fractal to the next in m and in k: zZ or NZ, by the machine."""
    if view_i64(ctx, 64)[LAYOUT] == 0:
        return k_fractals * 512, 512
    return 512, m_fractals * 512


@njit(inline="always")
def start_values(ctx, ops, dst, m_fractals):  # type: ignore[no-untyped-def]
    """Start values: (address, bytes per row, per 16 rows, per 16 columns, whether present)."""
    o = view_i64(ops, 32)
    if o[14] == ACC:
        return dst, 64, 1024, m_fractals * 1024, 1
    if o[14] == BIAS:
        return view_i64(ctx, 64)[2 * BT] + o[15], 0, 0, 64, 1
    return dst, 0, 0, 0, 0
