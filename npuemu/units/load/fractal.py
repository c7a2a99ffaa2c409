"""Data fractals (16 rows x 32 bytes) from NZ in L1 to L0A (zZ or NZ) and L0B (nZ).

Operands (ops[8..]): type (0 b4, 1 b8, 2 b16), dst, src, m_step or n_step (16-row fractals), k_step
(32-byte fractals), src_stride (fractals), transpose. L0B's order of fractals is that of an NZ L0A
with n for m, so one routine serves both: fractal (i, j) of the operand, i over m or n, j over k,
lies at (i * row + j * column) * 512. The engine refuses transposed b4 and, for b8, odd m_step.
"""

from __future__ import annotations

from npuemu.jit import njit, view_i64
from npuemu.units.copy import (
    CTX_L0A_LAYOUT,
    CTX_WORDS,
    L0A,
    L0B,
    L1,
    OPS_WORDS,
    copy512,
    copy_bytes,
    host_address,
)
from npuemu.units.load.transpose import transpose16, transpose32

TYPE_B16 = 2
FRACTAL = 512


@njit
def load_plain(dst, src, steps, k_steps, stride, row, column):  # type: ignore[no-untyped-def]
    """Source fractal (i, j) at (j * stride + i); ``row``, ``column``, ``stride`` in fractals."""
    if row == 1 and column == steps and stride == steps:
        copy_bytes(dst, src, steps * k_steps * FRACTAL)
    elif row == 1:
        for j in range(k_steps):
            copy_bytes(dst + j * column * FRACTAL, src + j * stride * FRACTAL, steps * FRACTAL)
    else:
        for i in range(steps):
            for j in range(k_steps):
                copy512(dst + (i * row + j * column) * FRACTAL, src + (j * stride + i) * FRACTAL)


@njit
def load_transposed16(dst, src, steps, k_steps, stride, row, column):  # type: ignore[no-untyped-def]
    """Source fractal (kb, mb) at (mb * stride + kb) becomes fractal (mb, kb), transposed."""
    for i in range(steps):
        for j in range(k_steps):
            transpose16(dst + (i * row + j * column) * FRACTAL, src + (i * stride + j) * FRACTAL)


@njit
def load_transposed8(dst, src, steps, k_steps, stride, row, column):  # type: ignore[no-untyped-def]
    """Squares of 32 x 32 bytes, (P, Q) at (P * stride + 2 Q), become fractals (2P + h, Q)."""
    for p in range(steps // 2):
        for q in range(k_steps):
            to = dst + (2 * p * row + q * column) * FRACTAL
            transpose32(to, row * FRACTAL, src + (p * stride + 2 * q) * FRACTAL)


@njit
def load_fractals(ops, dst, src, nz):  # type: ignore[no-untyped-def]
    """One load instruction; ``dst``, ``src`` are memory bases, ``nz`` the operand's order."""
    o = view_i64(ops, OPS_WORDS)
    dst, src, steps, k_steps, stride = dst + o[9], src + o[10], o[11], o[12], o[13]
    row, column = (1, steps) if nz else (k_steps, 1)
    if o[14] == 0:
        load_plain(dst, src, steps, k_steps, stride, row, column)
    elif o[8] == TYPE_B16:
        load_transposed16(dst, src, steps, k_steps, stride, row, column)
    else:
        load_transposed8(dst, src, steps, k_steps, stride, row, column)


def load_l1_l0a(ctx: int, ops: int, arg: int) -> int:
    """L1 to L0A in the machine's L0A layout."""
    nz = view_i64(ctx, CTX_WORDS)[CTX_L0A_LAYOUT] == 1
    load_fractals(ops, host_address(ctx, L0A, 0), host_address(ctx, L1, 0), nz)
    return 0


def load_l1_l0b(ctx: int, ops: int, arg: int) -> int:
    """L1 to L0B."""
    load_fractals(ops, host_address(ctx, L0B, 0), host_address(ctx, L1, 0), True)
    return 0
