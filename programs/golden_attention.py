"""Attention as the kernels define it: tiles, online softmax and their order, in NumPy.

Per head h of H: Q bf16 [H, NQ, G, D] (NQ queries, G query heads that share the KV head, packed into
rows r = q * G + g, R = NQ * G rows), keys and values [H, KV, D], kv_len int32 [H] in 0 .. KV.
Key j is visible to row r if j < kv_len[h] and, with CAUSAL = 1, j <= r / G + kv_len[h] - NQ.

Rows are cut into row tiles of TM. A row tile visits the KV tiles of TK keys up to the last one
that holds a key visible to any of its rows (none: its output is +0). The keys of a KV tile end at
kv_len[h]; those that a row does not see take part with p = +0 (so 0 * Inf = NaN stands). With every
fl() one float32 rounding to nearest even, subnormals kept, per row and KV tile:

    x  = fl(S * fl(1 / sqrt(D))), -Inf where not visible
    m' = max(m, max over keys of x)       m starts at -3.4028235e38; NaN if any is NaN
    alpha = exp(fl(m - m'))               exp correctly rounded
    p  = exp(fl(x - m'))
    l' = fl(fl(l * alpha) + sum p)        sum: `lane_sum`
    O' = fma(O, alpha, PV)                first tile: O = PV, l = sum p, whatever alpha is

and at the end fl(O / max(l, 2**-126)). What S and PV are is the kernel's `Head`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
from golden_arithmetic import fma32, fma_chain, int_gemm, to_bf16
from golden_exp import exp32
from golden_int8 import split

Array = np.ndarray[Any, np.dtype[Any]]
Inputs = dict[str, Array]

DEFAULTS = {"H": 2, "NQ": 16, "G": 1, "KV": 256, "D": 64, "CAUSAL": 0, "TM": 64, "TK": 128}
"""Parameters where a caller gives none."""
LANES = 64
_START = np.float32(-3.4028235e38)
_LEAST_SUM = np.float32(2.0**-126)


@dataclass(frozen=True)
class Shape:
    """The sizes of `params`: heads, queries, group, keys, depth, causal, rows and keys a tile."""

    h: int
    nq: int
    g: int
    kv: int
    d: int
    causal: bool
    tm: int
    tk: int

    @property
    def rows(self) -> int:
        """Rows of a head."""
        return self.nq * self.g


@dataclass(frozen=True)
class Head:
    """A kernel's products for one head.

    scores: S float32 [R, n] of all rows and the n = kv_len valid keys. weigh(p, keys): PV float32
    [rows, D] of p float32 [rows, keys of a tile] and the values of the keys in the slice.
    """

    scores: Array
    weigh: Callable[[Array, slice], Array]


def shape_of(params: dict[str, int]) -> Shape:
    """`params` with `DEFAULTS` for what is absent."""
    full = {**DEFAULTS, **params}
    sizes = {name.lower(): int(full[name]) for name in ("H", "NQ", "G", "KV", "D", "TM", "TK")}
    return Shape(causal=bool(full["CAUSAL"]), **sizes)


def attend32(
    shape: Shape, kv_len: Array, head: Callable[[int, int], Head], v_scale: Array | None = None
) -> Array:
    """O float32 [H, NQ, G, D]; `head(h, n)` gives the products of head h with its first n keys.

    v_scale float32 [H, D], where given: O = fl(fl(O / max(l, 2**-126)) * v_scale).
    """
    out = np.zeros((shape.h, shape.rows, shape.d), np.float32)
    scale = inverse_root(shape.d)
    with np.errstate(all="ignore"):
        for h, n in enumerate(kv_len.tolist()):
            if n == 0:
                continue
            products = head(h, n)
            x = np.where(_visible(shape, n), products.scores * scale, np.float32(-np.inf))
            for first in range(0, shape.rows, shape.tm):
                rows = slice(first, min(first + shape.tm, shape.rows))
                last = _last_visible(shape, rows, n)
                if last < 0:
                    continue
                result = _row_tile(shape, x[rows], products.weigh, last)
                out[h, rows] = result if v_scale is None else result * v_scale[h][None, :]
    return out.reshape(shape.h, shape.nq, shape.g, shape.d)


def _row_tile(shape: Shape, x: Array, weigh: Callable[[Array, slice], Array], last: int) -> Array:
    """fl(O / max(l, 2**-126)) of one row tile: x [rows, n]; `last`: its last visible key."""
    m = np.full((len(x), 1), _START, np.float32)
    o = total = np.zeros((len(x), 1), np.float32)
    for j0 in range(0, last + 1, shape.tk):
        keys = slice(j0, min(j0 + shape.tk, x.shape[1]))
        m_new = np.maximum(m, x[:, keys].max(axis=1, keepdims=True))
        p = exp32(x[:, keys] - m_new)
        weighed, p_sum = weigh(p, keys), lane_sum(p)
        if j0 == 0:
            o, total = weighed, p_sum
        else:
            alpha = exp32(m - m_new)
            o, total = fma32(o, alpha, weighed), total * alpha + p_sum
        m = m_new
    return o / np.maximum(total, _LEAST_SUM)


def _visible(shape: Shape, n: int) -> Array:
    """bool [R, n]: which of the n valid keys each row sees."""
    if not shape.causal:
        return np.ones((shape.rows, n), bool)
    query = np.arange(shape.rows)[:, None] // shape.g
    return np.arange(n)[None, :] <= query + (n - shape.nq)


def _last_visible(shape: Shape, rows: slice, n: int) -> int:
    """The last key that any row of the tile sees, below 0 for none: its last row sees furthest."""
    return min(n - 1, (rows.stop - 1) // shape.g + n - shape.nq) if shape.causal else n - 1


def lane_sum(p: Array) -> Array:
    """Sum of each row of p float32 [rows, keys], any keys >= 1 -> [rows, 1].

    Groups of 64 keys (missing keys +0) are added lane by lane in ascending order, then the 64 lanes
    in the binary tree of adjacent pairs; one float32 rounding per addition.
    """
    rows, keys = p.shape
    groups = np.zeros((rows, -(-keys // LANES) * LANES), np.float32)
    groups[:, :keys] = p
    lanes = groups[:, :LANES]
    for first in range(LANES, groups.shape[1], LANES):
        lanes = lanes + groups[:, first : first + LANES]
    while lanes.shape[1] > 1:
        lanes = lanes[:, 0::2] + lanes[:, 1::2]
    return lanes


def inverse_root(d: int) -> np.float32:
    """fl(1 / sqrt(d)) for an integer d >= 1: one rounding of the exact value."""
    # 40 bits below float32's last and a sticky bit: rounding to float64 on the way loses nothing.
    fixed = isqrt((1 << 160) // d)
    exact = fixed * fixed * d == 1 << 160
    bits = fixed.bit_length() - 40
    return np.float32(np.ldexp((fixed >> bits) * 2 + (not exact), bits - 81))


def bf16_head(q: Array, k: Array, v: Array) -> Head:
    """Products of bf16 q [R, D], k and v [n, D] as fma-chains: over D, and over a KV tile's keys.

    The second is of bf16(p) and starts at +0 in every KV tile.
    """
    values = np.ascontiguousarray(v.T)
    return Head(fma_chain(q, k), lambda p, keys: fma_chain(to_bf16(p), values[:, keys]))


def msd_head(q: Array, k: Array, v: Array) -> Head:
    """Products of float32 q [R, D] and p, each split into two int8 parts, and int8 k, v [n, D]."""
    high, low, s2 = split_int8(q)
    values = np.ascontiguousarray(v.T)

    def weigh(p: Array, keys: slice) -> Array:
        p_high, p_low, s2p = split_int8(p)
        return _join(p_high, p_low, s2p, values[:, keys])

    return Head(_join(high, low, s2, k), weigh)


def _join(high: Array, low: Array, s2: Array, w: Array) -> Array:
    """fl(fma(f32(high w), 254, f32(low w)) * s2): the two int32 products are exact."""
    parts = [int_gemm(part, w).astype(np.float32) for part in (high, low)]
    return fma32(parts[0], np.full((1, 1), 254.0, np.float32), parts[1]) * s2


def split_int8(x: Array) -> tuple[Array, Array, Array]:
    """float32 [rows, k] -> high int8 [rows, k], low int8 [rows, k], s2 float32 [rows, 1].

    M = max(max|x|, 2**-100), s1 = fl(M / 127), s2 = fl(M / 32258), NaN if M is not finite;
    high = sat8(rint(fl(x / s1))), low = sat8(rint(fl(fma(-(254 high), s2, x) / s2))), NaN to 0.
    """
    high, low, s2 = split(x)
    return high, low, s2[:, None]
