"""Reductions by an adjacent-pair binary tree over groups of 2^k lanes.

``pad`` puts the neutral element in inactive lanes, so a partner passes through unchanged:
-0 for sums (x + -0 = x for every x), -inf for max, +inf for min. A sum over no lane at all is +0.
"""

from __future__ import annotations

import numpy as np

from npuemu.jit import njit, view_f32, view_i64, view_u16, view_u32
from npuemu.units.vector.arg import ADDRESS, BF16, EXTRA, F16, LANES, REPEAT, VALUE
from npuemu.units.vector.bits import bits_f32, f32_bits
from npuemu.units.vector.codes import canonical, code_bf16, code_f16, widen_bf16, widen_f16
from npuemu.units.vector.lanes import UB, active_top, has_holes, lane_active, lane_total, temp


@njit(forceinline=True)
def _padded(ops: int, arg: int) -> int:
    """Lanes of all repeats, whole."""
    lanes_log2 = (arg >> LANES) & 15
    return ((lane_total(ops, arg) + (1 << lanes_log2) - 1) >> lanes_log2) << lanes_log2


def pad(ctx: int, ops: int, arg: int) -> int:
    """Neutral element (extra: 0 sum, 1 max, 2 min) in the inactive lanes of all T0's repeats."""
    n, total, kind = lane_total(ops, arg), _padded(ops, arg), (arg >> EXTRA) & 255
    lanes = 1 << ((arg >> LANES) & 15)
    neutral = np.float32(-0.0)
    if kind == 1:
        neutral = np.float32(-np.inf)
    elif kind == 2:
        neutral = np.float32(np.inf)
    o, a = view_i64(ops, 32), view_f32(temp(ctx, 0), total)
    a[n:] = neutral
    if active_top(ops, arg) != lanes or has_holes(ops, arg):
        for i in range(n):
            if not lane_active(o[2], o[3], i & (lanes - 1)):
                a[i] = neutral
    return 0


@njit
def _finish(ctx: int, ops: int, arg: int, source: int, groups: int) -> None:
    """Results to T0; sums over no active lane to +0."""
    values, out = view_f32(source, groups), view_f32(temp(ctx, 0), groups)
    for i in range(groups):
        out[i] = values[i]
    n, group, lanes = lane_total(ops, arg), 1 << ((arg >> EXTRA) & 255), 1 << ((arg >> LANES) & 15)
    o = view_i64(ops, 32)
    if o[4] == 1:
        out[(n + group - 1) // group :] = np.float32(0.0)
    elif active_top(ops, arg) != lanes or has_holes(ops, arg):
        for i in range(groups):
            first, any_active = (i * group) & (lanes - 1), False
            for lane in range(first, first + group):
                any_active = any_active or lane_active(o[2], o[3], lane)
            if not any_active:
                out[i] = np.float32(0.0)


def tree_add_f32(ctx: int, ops: int, arg: int) -> int:
    """Sums of groups of 2^extra lanes of T0, to the front of T0."""
    m, source, out = _padded(ops, arg), temp(ctx, 0), temp(ctx, 1)
    for _ in range((arg >> EXTRA) & 255):
        m >>= 1
        pairs, sums = view_f32(source, 2 * m), view_f32(out, m)
        for i in range(m):
            sums[i] = pairs[2 * i] + pairs[2 * i + 1]
        source, out = out, source
    _finish(ctx, ops, arg, source, m)
    return 0


def tree_add_f16(ctx: int, ops: int, arg: int) -> int:
    """As ``tree_add_f32``, every node rounded to binary16."""
    m, source, out = _padded(ops, arg), temp(ctx, 0), temp(ctx, 1)
    for _ in range((arg >> EXTRA) & 255):
        m >>= 1
        pairs, sums = view_f32(source, 2 * m), view_f32(out, m)
        for i in range(m):
            sums[i] = widen_f16(code_f16(pairs[2 * i] + pairs[2 * i + 1]))
        source, out = out, source
    _finish(ctx, ops, arg, source, m)
    return 0


def tree_add_bf16(ctx: int, ops: int, arg: int) -> int:
    """As ``tree_add_f32``, every node rounded to bfloat16."""
    m, source, out = _padded(ops, arg), temp(ctx, 0), temp(ctx, 1)
    for _ in range((arg >> EXTRA) & 255):
        m >>= 1
        pairs, sums = view_f32(source, 2 * m), view_f32(out, m)
        for i in range(m):
            sums[i] = widen_bf16(code_bf16(pairs[2 * i] + pairs[2 * i + 1]))
        source, out = out, source
    _finish(ctx, ops, arg, source, m)
    return 0


def tree_max(ctx: int, ops: int, arg: int) -> int:
    """Largest of groups of 2^extra lanes of T0; NaN if any is."""
    m, source, out = _padded(ops, arg), temp(ctx, 0), temp(ctx, 1)
    for _ in range((arg >> EXTRA) & 255):
        m >>= 1
        pairs, best = view_f32(source, 2 * m), view_f32(out, m)
        for i in range(m):
            x, y = pairs[2 * i], pairs[2 * i + 1]
            equal = bits_f32(f32_bits(x) & f32_bits(y))
            larger = x if x > y else (y if y > x else equal)
            best[i] = larger if x == x and y == y else np.float32(np.nan)
        source, out = out, source
    values, results = view_f32(source, m), view_f32(temp(ctx, 0), m)
    for i in range(m):
        results[i] = values[i]
    return 0


def tree_min(ctx: int, ops: int, arg: int) -> int:
    """Smallest of groups of 2^extra lanes of T0; NaN if any is."""
    m, source, out = _padded(ops, arg), temp(ctx, 0), temp(ctx, 1)
    for _ in range((arg >> EXTRA) & 255):
        m >>= 1
        pairs, best = view_f32(source, 2 * m), view_f32(out, m)
        for i in range(m):
            x, y = pairs[2 * i], pairs[2 * i + 1]
            equal = bits_f32(f32_bits(x) | f32_bits(y))
            smaller = x if x < y else (y if y < x else equal)
            best[i] = smaller if x == x and y == y else np.float32(np.nan)
        source, out = out, source
    values, results = view_f32(source, m), view_f32(temp(ctx, 0), m)
    for i in range(m):
        results[i] = values[i]
    return 0


def store_reduced(ctx: int, ops: int, arg: int) -> int:
    """Results from the front of T0: value (1 or 8) a repeat, contiguous, in the type of extra.

    Repeat r starts at dst + r * stride * value elements; the stride operand defaults to 1.
    """
    lanes_log2, per, kind = (arg >> LANES) & 15, (arg >> VALUE) & 255, (arg >> EXTRA) & 255
    o, repeats = view_i64(ops, 32), _padded(ops, arg) >> lanes_log2
    stride = o[(arg >> REPEAT) & 255] if (arg >> REPEAT) & 255 else 1
    base = view_i64(ctx, 64)[UB] + o[(arg >> ADDRESS) & 255]
    values = view_f32(temp(ctx, 0), repeats * per)
    for i in range(repeats * per):
        element = (i // per) * stride * per + i % per
        value = values[i]
        if kind == F16:
            view_u16(base + 2 * element, 1)[0] = code_f16(value)
        elif kind == BF16:
            view_u16(base + 2 * element, 1)[0] = code_bf16(value)
        else:
            view_u32(base + 4 * element, 1)[0] = f32_bits(canonical(value))
    return 0
