"""Burst movers: equally spaced runs of bytes from one memory to another.

Operands (ops[8..]): dst, src, n_burst, len, src_stride, dst_stride, then lpad, rpad (GM to UB) or
core (L1 to UB). Lengths and strides are bytes from start to start. Bursts are written in ascending
order, so where destinations overlap the later burst stays.
"""

from __future__ import annotations

from npuemu.jit import njit, view_i64
from npuemu.units.copy import (
    BT,
    FB,
    GM,
    L1,
    OPS_WORDS,
    UB,
    UB1,
    copy_bytes,
    host_address,
    prefetch,
    zero_bytes,
)

# Long bursts are left to the CPU's own prefetcher.
PREFETCH_BYTES = 1024


@njit
def copy_bursts(dst, src, count, length, src_stride, dst_stride):  # type: ignore[no-untyped-def]
    """Copy ``count`` runs of ``length`` bytes; ``dst`` and ``src`` are host addresses."""
    if count <= 0 or length <= 0:
        return
    if count == 1 or (src_stride == length and dst_stride == length):
        copy_bytes(dst, src, count * length)
        return
    ahead = (4096 // length + 1) * src_stride
    for i in range(count):
        row = src + i * src_stride
        if length <= PREFETCH_BYTES:
            for offset in range(0, length, 64):
                prefetch(row + ahead + offset)
        copy_bytes(dst + i * dst_stride, row, length)


@njit
def copy_operands(ctx, ops, dst_memory, src_memory):  # type: ignore[no-untyped-def]
    """The bursts of an instruction without padding."""
    o = view_i64(ops, OPS_WORDS)
    dst, src = host_address(ctx, dst_memory, o[8]), host_address(ctx, src_memory, o[9])
    copy_bursts(dst, src, o[10], o[11], o[12], o[13])


def mov_gm_l1(ctx: int, ops: int, arg: int) -> int:
    """GM to L1."""
    copy_operands(ctx, ops, L1, GM)
    return 0


def mov_ub_gm(ctx: int, ops: int, arg: int) -> int:
    """UB to GM."""
    copy_operands(ctx, ops, GM, UB)
    return 0


def mov_ub_l1(ctx: int, ops: int, arg: int) -> int:
    """UB of this vector core to the L1 of its group."""
    copy_operands(ctx, ops, L1, UB)
    return 0


def mov_l1_ub(ctx: int, ops: int, arg: int) -> int:
    """L1 to the UB of vector core ``core`` (0 or 1)."""
    copy_operands(ctx, ops, UB1 if view_i64(ops, OPS_WORDS)[14] == 1 else UB, L1)
    return 0


def mov_gm_ub(ctx: int, ops: int, arg: int) -> int:
    """GM to UB; every burst gets ``lpad`` zero bytes before and ``rpad`` after it."""
    o = view_i64(ops, OPS_WORDS)
    lpad, rpad = o[14], o[15]
    if lpad == 0 and rpad == 0:
        copy_operands(ctx, ops, UB, GM)
        return 0
    dst, src, length = host_address(ctx, UB, o[8]), host_address(ctx, GM, o[9]), o[11]
    for i in range(o[10]):
        row = dst + i * o[13]
        zero_bytes(row, lpad)
        copy_bytes(row + lpad, src + i * o[12], length)
        zero_bytes(row + lpad + length, rpad)
    return 0


def mov_l1_bt(ctx: int, ops: int, arg: int) -> int:
    """``len`` bytes of L1 to the bias table."""
    o = view_i64(ops, OPS_WORDS)
    copy_bytes(host_address(ctx, BT, o[8]), host_address(ctx, L1, o[9]), o[10])
    return 0


def mov_l1_fb(ctx: int, ops: int, arg: int) -> int:
    """``len`` bytes of L1 to the fixpipe parameter buffer."""
    o = view_i64(ops, OPS_WORDS)
    copy_bytes(host_address(ctx, FB, o[8]), host_address(ctx, L1, o[9]), o[10])
    return 0
