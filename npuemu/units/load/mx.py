"""MX scale bytes from row-major L1 to the scale memories beside L0A and L0B.

Operands (ops[8..]): dst, src, m_step or n_step, k_step, src_stride (bytes). A scale fractal has
16 rows x 2 bytes and lies at 32 times the index of its data fractal.
"""

from __future__ import annotations

from npuemu.jit import njit, view_i64
from npuemu.units.copy import (
    CTX_L0A_LAYOUT,
    CTX_WORDS,
    L0A_MX,
    L0B_MX,
    L1,
    OPS_WORDS,
    copy2,
    host_address,
)


@njit
def load_scales(ops, dst, src, nz):  # type: ignore[no-untyped-def]
    """One scale load; ``dst``, ``src`` are memory bases, ``nz`` the order of the data fractals."""
    o = view_i64(ops, OPS_WORDS)
    dst, src, steps, k_steps, stride = dst + o[8], src + o[9], o[10], o[11], o[12]
    row, column = (1, steps) if nz else (k_steps, 1)
    for i in range(steps):
        for j in range(k_steps):
            to = dst + (i * row + j * column) * 32
            pair = src + i * 16 * stride + j * 2
            for r in range(16):
                copy2(to + r * 2, pair + r * stride)


def load_l1_l0a_mx(ctx: int, ops: int, arg: int) -> int:
    """Scales of A, in the order of the machine's L0A layout."""
    nz = view_i64(ctx, CTX_WORDS)[CTX_L0A_LAYOUT] == 1
    load_scales(ops, host_address(ctx, L0A_MX, 0), host_address(ctx, L1, 0), nz)
    return 0


def load_l1_l0b_mx(ctx: int, ops: int, arg: int) -> int:
    """Scales of B."""
    load_scales(ops, host_address(ctx, L0B_MX, 0), host_address(ctx, L1, 0), True)
    return 0
