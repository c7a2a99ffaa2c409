"""Attention restated element by element on bit patterns: fractions, and mpmath's exp at 250 bits.

Slow and obvious on purpose. Nothing here is shared with the golden definitions; tiles are found by
asking every row and key, and values are float32 patterns (ints) throughout.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import golden_oracle as oracle
import mpmath
import numpy as np

ONE, MINUS_INF = 0x3F800000, 0xFF800000
START = 0xFF7FFFFF  # -3.4028235e38
LEAST_SUM = 0x00800000  # 2**-126
FLOOR = oracle.round32(Fraction(1, 2**100))
Row = list[int]
Weigh = Callable[[list[int], int], Row]


def add(a: int, b: int) -> int:
    """float32 sum."""
    return oracle.fma(a, ONE, b)


def subtract(a: int, b: int) -> int:
    """float32 difference."""
    return add(a, b ^ oracle.SIGN32)


def maximum(values: Row) -> int:
    """The largest pattern: NaN if there is one, +0 above -0."""
    if any(oracle.is_nan(x) for x in values):
        return oracle.NAN32
    return max(values, key=lambda x: -(x & 0x7FFFFFFF) - 1 if x & oracle.SIGN32 else x)


def divide(a: int, b: int) -> int:
    """float32 quotient, b positive and finite or a NaN."""
    if oracle.is_nan(a) or oracle.is_nan(b):
        return oracle.NAN32
    return a if oracle.is_inf(a) else oracle.div(a, b)


def exp(x: int) -> int:
    """Correctly rounded float32 exp."""
    if oracle.is_nan(x):
        return oracle.NAN32
    if oracle.is_inf(x):
        return 0 if x & oracle.SIGN32 else oracle.INF32
    exact = oracle.value(x)
    if abs(exact) > 200:
        return 0 if exact < 0 else oracle.INF32
    with mpmath.workprec(250):
        mantissa, exponent = mpmath.exp(mpmath.mpf(float(exact))).man_exp
    return oracle.round32(Fraction(int(mantissa)) * Fraction(2) ** int(exponent))


def inverse_root(d: int) -> int:
    """fl(1 / sqrt(d)): the float32 nearest by comparing squares."""
    patterns = range(0x30000000, ONE + 1)
    below = patterns[bisect_right(patterns, 1, key=lambda x: oracle.value(x) ** 2 * d) - 1]
    middle = (oracle.value(below) + oracle.value(below + 1)) / 2
    return below + (middle**2 * d < 1)


def tree(p: Row) -> int:
    """Lanes of 64 in ascending groups, then pairs, pairs of pairs and so on."""
    lanes = [0] * 64
    for key, value in enumerate(p):
        lanes[key % 64] = add(lanes[key % 64], value)
    while len(lanes) > 1:
        lanes = [add(lanes[i], lanes[i + 1]) for i in range(0, len(lanes), 2)]
    return lanes[0]


def chain(a: Row, b: Row) -> int:
    """The cube's fused multiply-add chain from +0."""
    acc = 0
    for x, y in zip(a, b, strict=True):
        acc = oracle.fma(x, y, acc)
    return acc


def _sat8(x: int) -> int:
    if oracle.is_nan(x):
        return 0
    if oracle.is_inf(x):
        return -128 if x & oracle.SIGN32 else 127
    return max(-128, min(127, oracle.rint(x)))


def split(row: Row) -> tuple[list[int], list[int], int]:
    """(high, low, s2) of one row; a row with NaN or Inf has codes 0 and s2 NaN."""
    largest = maximum([x & 0x7FFFFFFF for x in row] + [FLOOR])
    if oracle.is_nan(largest) or oracle.is_inf(largest):
        return [0] * len(row), [0] * len(row), oracle.NAN32
    s1, s2 = (oracle.div(largest, oracle.from_int(n)) for n in (127, 32258))
    high = [_sat8(oracle.div(x, s1)) for x in row]
    rest = [oracle.fma(oracle.from_int(-254 * h), s2, x) for h, x in zip(high, row, strict=True)]
    return high, [_sat8(oracle.div(r, s2)) for r in rest], s2


def _joined(row: Row, columns: list[list[int]]) -> Row:
    """A split float32 row against int8 columns: fl(fma(hW, 254, lW) * s2) per column."""
    high, low, s2 = split(row)
    out = []
    for w in columns:
        sums = [sum(x * y for x, y in zip(part, w, strict=True)) for part in (high, low)]
        both = oracle.fma(oracle.from_int(sums[0]), oracle.from_int(254), oracle.from_int(sums[1]))
        out.append(oracle.mul(both, s2))
    return out


def _columns(rows: list[list[int]], width: int) -> list[list[int]]:
    return [[row[i] for row in rows] for i in range(width)]


def _bf16(x: Any) -> list[Row]:
    """bf16 array [n, D] -> float32 patterns."""
    return [[int(v) << 16 for v in row] for row in x.view(np.uint16)]


def _times(x: int, scale: int) -> int:
    """bf16(fl(x * scale)) as a float32 pattern."""
    return oracle.bf16(oracle.mul(x, scale)) << 16


class Products:
    """S and PV of one head of a kernel: `scores(row)`, and `weigh(p, first key)`."""

    def __init__(self, kernel: str, inputs: dict[str, Any], h: int, n: int) -> None:
        q = inputs["Q"][h]
        self.q = _bf16(q.reshape(-1, q.shape[-1]))
        self.width = q.shape[-1]
        self.msd = kernel == "attn_kv8_msd"
        if kernel == "attn_bf16":
            self.k, self.v = _bf16(inputs["K"][h, :n]), _bf16(inputs["V"][h, :n])
            return
        codes = [[[int(x) for x in row] for row in inputs[name][h, :n]] for name in ("K8", "V8")]
        k_scale, v_scale = (
            [int(x) for x in inputs[s][h].view(np.uint32)] for s in ("k_scale", "v_scale")
        )
        if self.msd:
            self.k, self.v = codes
            self.q = [[oracle.mul(x, s) for x, s in zip(r, k_scale, strict=True)] for r in self.q]
            return
        self.k, self.v = ([[oracle.from_int(x) for x in row] for row in part] for part in codes)
        if kernel == "attn_kv8_lift":
            self.q = [[_times(x, s) for x, s in zip(r, k_scale, strict=True)] for r in self.q]
        else:
            self.k = [[_times(x, s) for x, s in zip(r, k_scale, strict=True)] for r in self.k]
            self.v = [[_times(x, s) for x, s in zip(r, v_scale, strict=True)] for r in self.v]

    def scores(self, r: int) -> Row:
        """S of row r against all valid keys."""
        return _joined(self.q[r], self.k) if self.msd else [chain(self.q[r], k) for k in self.k]

    def weigh(self, p: Row, first: int) -> Row:
        """PV of one row and KV tile."""
        columns = _columns(self.v[first : first + len(p)], self.width)
        if self.msd:
            return _joined(p, columns)
        rounded = [oracle.bf16(x) << 16 for x in p]
        return [chain(rounded, v) for v in columns]


def _row(products: Products, r: int, seen: list[bool], tiles: range, scale: int, tk: int) -> Row:
    """fl(O / max(l, 2**-126)) of row r, which visits the given KV tiles."""
    x = [oracle.mul(s, scale) for s in products.scores(r)]
    x = [value if see else MINUS_INF for value, see in zip(x, seen, strict=True)]
    m, total, out = START, 0, []
    for tile in tiles:
        part = x[tile * tk : (tile + 1) * tk]
        new = maximum([m, *part])
        p = [exp(subtract(value, new)) for value in part]
        weighed = products.weigh(p, tile * tk)
        if tile == 0:
            total, out = tree(p), weighed
        else:
            alpha = exp(subtract(m, new))
            total = add(oracle.mul(total, alpha), tree(p))
            out = [oracle.fma(o, alpha, w) for o, w in zip(out, weighed, strict=True)]
        m = new
    return [divide(o, maximum([total, LEAST_SUM])) for o in out]


def attention(kernel: str, inputs: dict[str, Any], params: dict[str, int]) -> list[list[Row]]:
    """O as float32 patterns, before bf16, [H][NQ * G][D]; `params` names every parameter."""
    q, g, tm, tk = (params[name] for name in ("NQ", "G", "TM", "TK"))
    scale = inverse_root(params["D"])
    heads = []
    for h, n in enumerate(int(x) for x in inputs["kv_len"]):
        products = Products(kernel, inputs, h, n)
        seen = [
            [not params["CAUSAL"] or j <= r // g + n - q for j in range(n)] for r in range(q * g)
        ]
        rows = []
        for r in range(q * g):
            mates = [mate for mate in range(q * g) if mate // tm == r // tm]
            visited = {j // tk for mate in mates for j in range(n) if seen[mate][j]}
            if not visited:
                rows.append([0] * params["D"])
                continue
            out = _row(products, r, seen[r], range(max(visited) + 1), scale, tk)
            if kernel in ("attn_kv8_lift", "attn_kv8_msd"):
                factors = [int(x) for x in inputs["v_scale"][h].view(np.uint32)]
                out = [oracle.mul(o, s) for o, s in zip(out, factors, strict=True)]
            rows.append(out)
        heads.append(rows)
    return heads
