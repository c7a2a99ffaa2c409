"""One ``mmad`` in several threads: columns are split, so no bit can change.

A pool is an int64 block of cache lines: line 0 holds the number of helpers and the addresses of
the parts
by operand type, line 1 + i the job of helper i. A helper spins on its job; the calling thread
takes the
first share itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from npuemu.jit import call_unit, njit, view_i64
from npuemu.units.cube import resolve_range

LINE = 16
POOL_HELPERS, POOL_PARTS = 0, 1
(J_STATE, J_CTX, J_OPS, J_LOW, J_HIGH, J_SCRATCH, J_WRAPS, J_PART) = range(8)
IDLE, POSTED, STOP, TAKEN = 0, 1, 2, 3
YIELDS = hasattr(os, "sched_yield")
CTX_WRAPS, CTX_POOL = 40, 48
OPS_M, OPS_N, OPS_K, OPS_TYPE = 11, 12, 13, 16
SMALLEST = 1 << 19
"""Multiply-adds below which splitting costs more than it saves."""


@intrinsic
def _load_acquire(typingctx: Any, address: Any) -> Any:
    """Atomic load of the word at ``address``; later reads stay behind it."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(types.int64), codegen


@intrinsic
def _store_release(typingctx: Any, address: Any, value: Any) -> Any:
    """Atomic store of a word to ``address``; earlier writes stay before it."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        builder.store_atomic(arguments[1], pointer, "release", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def _claim(typingctx: Any, address: Any, expected: Any, wanted: Any) -> Any:
    """Atomically change a word from ``expected`` to ``wanted``; whether it was ``expected``."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        pair = builder.cmpxchg(pointer, arguments[1], arguments[2], "acq_rel", "acquire")
        return builder.extract_value(pair, 1)

    return types.boolean(types.int64, types.int64, types.int64), codegen


_sched_yield = types.ExternalFunction("sched_yield", types.int32())


@njit(forceinline=True)
def _rest(spins):  # type: ignore[no-untyped-def]
    """Let others run now and then: on a busy machine a spinning thread only takes time from the
    working one.
    """
    if YIELDS and spins & 1023 == 1023:
        _sched_yield()


_s8 = resolve_range("mmad_s8")
_bf16 = resolve_range("mmad_bf16")
_f16 = resolve_range("mmad_f16")
_mxfp4 = resolve_range("mmad_mxfp4")
_mxfp8 = resolve_range("mmad_mxfp8_e4m3")
_mixed = resolve_range("mmad_mxfp8_e5m2")


def part_s8(ctx, ops, job):  # type: ignore[no-untyped-def]
    """The columns of one job, INT8."""
    j = view_i64(job, LINE)
    j[J_WRAPS] = _s8(ctx, ops, j[J_SCRATCH], j[J_LOW], j[J_HIGH])
    return 0


def part_bf16(ctx, ops, job):  # type: ignore[no-untyped-def]
    """The columns of one job, BF16."""
    j = view_i64(job, LINE)
    j[J_WRAPS] = _bf16(ctx, ops, j[J_SCRATCH], j[J_LOW], j[J_HIGH])
    return 0


def part_f16(ctx, ops, job):  # type: ignore[no-untyped-def]
    """The columns of one job, F16."""
    j = view_i64(job, LINE)
    j[J_WRAPS] = _f16(ctx, ops, j[J_SCRATCH], j[J_LOW], j[J_HIGH])
    return 0


def part_mxfp4(ctx, ops, job):  # type: ignore[no-untyped-def]
    """The columns of one job, MXFP4."""
    j = view_i64(job, LINE)
    j[J_WRAPS] = _mxfp4(ctx, ops, j[J_SCRATCH], j[J_LOW], j[J_HIGH])
    return 0


def part_mxfp8(ctx, ops, job):  # type: ignore[no-untyped-def]
    """The columns of one job, MXFP8 with e4m3 on both sides."""
    j = view_i64(job, LINE)
    j[J_WRAPS] = _mxfp8(ctx, ops, j[J_SCRATCH], j[J_LOW], j[J_HIGH])
    return 0


def part_mxfp8_mixed(ctx, ops, job):  # type: ignore[no-untyped-def]
    """The columns of one job, MXFP8 with e5m2 on a side."""
    j = view_i64(job, LINE)
    j[J_WRAPS] = _mixed(ctx, ops, j[J_SCRATCH], j[J_LOW], j[J_HIGH])
    return 0


PARTS: tuple[Callable[..., Any], ...] = (
    part_s8, part_bf16, part_f16, part_mxfp4,
    part_mxfp8, part_mxfp8_mixed, part_mxfp8_mixed, part_mxfp8_mixed,
)  # fmt: skip
"""Parts by the number of the operand type."""


@njit
def helper(job):  # type: ignore[no-untyped-def]
    """A helper thread: do the posted jobs until told to stop."""
    j = view_i64(job, LINE)
    spins = 0
    while True:
        state = _load_acquire(job)
        if state == STOP:
            return
        if state == POSTED and _claim(job, POSTED, TAKEN):
            call_unit(j[J_PART], j[J_CTX], j[J_OPS], job)
            _store_release(job, IDLE)
            spins = 0
        _rest(spins)
        spins += 1


@njit
def stop(job):  # type: ignore[no-untyped-def]
    """Tell an idle helper to return."""
    _store_release(job, STOP)


@njit
def _finish(ctx, ops, address):  # type: ignore[no-untyped-def]
    """Wait for a posted job, or do it here if its helper has not begun; returns its wraps."""
    job = view_i64(address, LINE)
    if _claim(address, POSTED, TAKEN):
        call_unit(job[J_PART], ctx, ops, address)
        _store_release(address, IDLE)
    spins = 0
    while _load_acquire(address) != IDLE:
        _rest(spins)
        spins += 1
    return job[J_WRAPS]


def mmad_split(ctx, ops, arg):  # type: ignore[no-untyped-def]
    """Unit: a whole product, its columns shared out over the pool in multiples of 32."""
    words, sizes = view_i64(ctx, 64), view_i64(ops, 32)
    m, n, k = sizes[OPS_M], sizes[OPS_N], sizes[OPS_K]
    if m == 0 or n == 0 or k == 0:
        return 0
    pool = view_i64(words[CTX_POOL], LINE)
    helpers = pool[POOL_HELPERS] if m * n * k >= SMALLEST else 0
    part = pool[POOL_PARTS + sizes[OPS_TYPE]]
    share = ((n + helpers) // (helpers + 1) + 31) & -32
    low, top = 0, (n + 15) & -16
    for i in range(helpers, -1, -1):
        address = words[CTX_POOL] + (2 + i) * LINE * 8
        job = view_i64(address, LINE)
        job[J_CTX], job[J_OPS], job[J_PART] = ctx, ops, part
        job[J_LOW], job[J_HIGH] = low, min(low + share, top)
        job[J_WRAPS] = 0
        low = job[J_HIGH]
        if job[J_LOW] < job[J_HIGH]:
            if i > 0:
                _store_release(address, POSTED)
            else:
                call_unit(part, ctx, ops, address)
    for i in range(helpers + 1):
        address = words[CTX_POOL] + (2 + i) * LINE * 8
        words[CTX_WRAPS] += _finish(ctx, ops, address)
    return 0
