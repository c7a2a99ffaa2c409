"""Row-major GM rows to C0 columns (32 bytes wide) in L1.

Operands (ops[8..]): dst, src, n, len, src_stride, dst_rows. Row i, column j goes to
dst + j * dst_rows * 32 + i * 32; the tail of a row's last column is zero-filled.
"""

from __future__ import annotations

from npuemu.jit import njit, view_i64
from npuemu.units.copy import (
    CTX_WORDS,
    GM,
    L1,
    OPS_WORDS,
    copy32,
    copy32_zero_tail,
    copy_bytes,
    host_address,
    prefetch,
    zero_bytes,
)

PREFETCH_ROWS = 16


@njit(inline="always")
def copy_tail(dst, src, count, limit):  # type: ignore[no-untyped-def]
    """``count`` < 32 bytes and zeros to 32; ``limit`` is the end of the readable source."""
    if src + 32 <= limit:
        copy32_zero_tail(dst, src, count)
    else:
        copy_bytes(dst, src, count)
        zero_bytes(dst + count, 32 - count)


@njit
def rows_to_columns(dst, src, rows, length, src_stride, column, limit):  # type: ignore[no-untyped-def]
    """One row after the other; ``column`` is the distance of destination columns in bytes."""
    full, tail = length // 32, length % 32
    for i in range(rows):
        row, to = src + i * src_stride, dst + i * 32
        for j in range(full):
            copy32(to + j * column, row + j * 32)
        if tail:
            copy_tail(to + full * column, row + full * 32, tail, limit)


@njit
def row_pairs_to_columns(dst, src, pairs, length, src_stride, column, limit):  # type: ignore[no-untyped-def]
    """Two rows at a time, so that each column gets a whole 64-byte line at once."""
    full, tail = length // 32, length % 32
    ahead = PREFETCH_ROWS * src_stride
    for i in range(pairs):
        row, to = src + i * 2 * src_stride, dst + i * 64
        for j in range(full):
            here = row + j * 32
            if j % 2 == 0:
                prefetch(here + ahead)
                prefetch(here + ahead + src_stride)
            copy32(to + j * column, here)
            copy32(to + j * column + 32, here + src_stride)
        if tail:
            last = row + full * 32
            copy_tail(to + full * column, last, tail, limit)
            copy_tail(to + full * column + 32, last + src_stride, tail, limit)


def nd2nz_gm_l1(ctx: int, ops: int, arg: int) -> int:
    """``n`` rows of ``len`` bytes of GM to L1. Overlapping columns: the later row stays."""
    o = view_i64(ops, OPS_WORDS)
    dst, src = host_address(ctx, L1, o[8]), host_address(ctx, GM, o[9])
    rows, length, stride, column = o[10], o[11], o[12], o[13] * 32
    c = view_i64(ctx, CTX_WORDS)
    limit = c[2 * GM] + c[2 * GM + 1]
    # In pairs, overlapping columns would be written in another order.
    pairs = rows // 2 if o[13] >= rows else 0
    row_pairs_to_columns(dst, src, pairs, length, stride, column, limit)
    done = pairs * 2
    rows_to_columns(
        dst + done * 32, src + done * stride, rows - done, length, stride, column, limit
    )
    return 0
