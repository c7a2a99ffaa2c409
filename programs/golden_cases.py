"""Inputs and awkward verify cases shared by the GEMM golden definitions (NumPy and ml_dtypes only).

A case is a dict: `name`, `params` (M, N, K; what is absent keeps the kernel's default) and, where
values matter, `edit(inputs)`, which overwrites parts of freshly drawn inputs in place. An edit
works for every shape, so that a caller may override the parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Inputs = dict[str, Array]
Case = dict[str, Any]
Edit = Callable[[Inputs], None]

BF16 = np.dtype(ml_dtypes.bfloat16)
SHAPE = {"M": 256, "N": 256, "K": 256}
"""Dimensions where a caller gives none."""


def dimensions(params: dict[str, int]) -> tuple[int, int, int]:
    """(M, N, K) of `params`, `SHAPE` where one is absent."""
    full = {**SHAPE, **params}
    return int(full["M"]), int(full["N"]), int(full["K"])


def normal_bf16(rng: np.random.Generator, rows: int, columns: int) -> Array:
    """[rows, columns] bf16, standard normal."""
    return rng.standard_normal((rows, columns), np.float32).astype(BF16)


def w8a16_inputs(params: dict[str, int], seed: int) -> Inputs:
    """A bf16 [M, K] normal; W int8 [N, K], all codes; w_scale float32 [N] in 2**-8 .. 2**-6."""
    m, n, k = dimensions(params)
    rng = np.random.default_rng(seed)
    a = normal_bf16(rng, m, k)
    w = rng.integers(-128, 128, (n, k), np.int8)
    scale = rng.uniform(2.0**-8, 2.0**-6, n).astype(np.float32)
    return {"A": a, "W": w, "w_scale": scale}


def shape_cases(k_unit: int) -> list[Case]:
    """The default shape, the smallest, one row, ragged M, non-square; `k_unit`: least legal K."""
    shapes = {
        "default shape": {},
        "smallest": {"M": 1, "N": 16, "K": k_unit},
        "one row": {"M": 1, "N": 64, "K": 4 * k_unit},
        "17 rows": {"M": 17, "N": 16, "K": 2 * k_unit},
        "short K": {"M": 32, "N": 96, "K": k_unit},
        "tall": {"M": 130, "N": 48, "K": 3 * k_unit},
        "wide": {"M": 5, "N": 272, "K": 5 * k_unit},
        "long K": {"M": 33, "N": 80, "K": 20 * k_unit},
    }
    return [{"name": name, "params": params} for name, params in shapes.items()]


def w8a16_cases() -> list[Case]:
    """Cases of the kernels with bf16 A, int8 W and a float32 scale per output channel."""
    small = {"M": 18, "N": 48, "K": 96}
    edits: list[tuple[str, dict[str, int], Edit]] = [
        ("equal large values", {"M": 6, "N": 32, "K": 1024}, _equal_large),
        ("zero rows", small, zero_rows),
        ("subnormal rows", small, subnormal_rows),
        ("NaN and Inf rows", small, non_finite_rows),
        ("random bit patterns", small, random_bits),
        ("extreme channel scales", small, _extreme_channel_scales),
        ("outlier channels", {"M": 16, "N": 32, "K": 256}, outlier_channels),
    ]
    return shape_cases(32) + [{"name": n, "params": p, "edit": e} for n, p, e in edits]


def w8a8_cases() -> list[Case]:
    """Those of `w8a16_cases`, and cases of an A that is quantised by row, in several row tiles."""
    small = {"M": 18, "N": 48, "K": 96}
    found = w8a16_cases() + [
        {"name": "five row tiles", "params": {"M": 515, "N": 32, "K": 64}},
        {"name": "two column tiles, the second narrow", "params": {"M": 70, "N": 336, "K": 96}},
        {"name": "a row in pieces", "params": {"M": 3, "N": 32, "K": 8192 + 32}},
    ]
    edits: list[tuple[str, dict[str, int], Edit]] = [
        ("halves between codes", small, _ties),
        ("the largest element at either end", small, _largest_at_ends),
    ]
    return found + [{"name": n, "params": p, "edit": e} for n, p, e in edits]


def grouped_cases() -> list[Case]:
    """Cases of a grouped W8A8 GEMM: group_sizes int32 [G] beside A, W [G, N, K] and w_scale."""
    many = {"M": 300, "N": 80, "K": 64, "G": 7}
    small = {"M": 18, "N": 48, "K": 96, "G": 5}
    sizes: list[tuple[str, dict[str, int], list[int]]] = [
        ("all rows in the first group", many, [300, 0, 0, 0, 0, 0, 0]),
        ("all rows in the last group", many, [0, 0, 0, 0, 0, 0, 300]),
        ("empty groups between", many, [0, 130, 0, 0, 1, 0, 169]),
        ("one row a group", {**many, "M": 7}, [1] * 7),
        ("no rows at all", many, [0] * 7),
        ("rows behind the last group", many, [17, 0, 64, 0, 33, 2, 0]),
        ("one row of many", many, [0, 0, 1, 0, 0, 0, 0]),
        ("more rows than A has", many, [200, 99, 50, 300, 0, 0, 7]),
        ("groups that end at tiles", {**many, "M": 384}, [128, 0, 128, 64, 64, 0, 0]),
        ("one group", {"M": 33, "N": 32, "K": 64, "G": 1}, [33]),
        ("one row in each of many groups", {"M": 40, "N": 16, "K": 32, "G": 40}, [1] * 40),
        ("many groups", {"M": 40, "N": 32, "K": 32, "G": 64}, [0, 1, 2, 0] * 13),
    ]
    edits: list[tuple[str, dict[str, int], Edit]] = [
        ("zero rows", small, _zero_activations),
        ("subnormal rows", small, subnormal_rows),
        ("NaN and Inf rows", small, non_finite_rows),
        ("random bit patterns", small, random_bits),
        ("equal large values", {"M": 6, "N": 32, "K": 1024, "G": 2}, _equal_large),
        ("extreme channel scales", small, _extreme_group_scales),
    ]
    found: list[Case] = [{**c, "params": {**c["params"], "G": 3}} for c in shape_cases(32)]
    found += [{"name": n, "params": p, "edit": _group_sizes(v)} for n, p, v in sizes]
    return found + [{"name": n, "params": p, "edit": e} for n, p, e in edits]


def _group_sizes(sizes: list[int]) -> Edit:
    """Sets group_sizes, as far as there are groups and each has at most all rows of A."""

    def edit(inputs: Inputs) -> None:
        given = inputs["group_sizes"]
        given[:] = 0
        count = min(len(given), len(sizes))
        given[:count] = np.minimum(sizes[:count], len(inputs["A"]))

    return edit


def _extreme_group_scales(inputs: Inputs) -> None:
    """The special values of `_extreme_channel_scales` in the first and last group."""
    for scale in (inputs["w_scale"][0], inputs["w_scale"][-1]):
        _extreme_channel_scales({"w_scale": scale})


def bf16_cases() -> list[Case]:
    """Cases of the plain bf16 GEMM, whose W is bf16 too."""
    small = {"M": 18, "N": 48, "K": 96}
    edits: list[tuple[str, dict[str, int], Edit]] = [
        ("equal large values", {"M": 6, "N": 32, "K": 1024}, _equal_large),
        ("zero rows", small, zero_rows),
        ("subnormal rows", small, subnormal_rows),
        ("products below the normal range", small, _tiny_products),
        ("NaN and Inf rows", small, non_finite_rows),
        ("random bit patterns", small, random_bits),
        ("cancellation", {"M": 16, "N": 16, "K": 512}, _cancellation),
    ]
    return shape_cases(32) + [{"name": n, "params": p, "edit": e} for n, p, e in edits]


def _set_rows(a: Array, values: list[float]) -> None:
    """Row i of `a` becomes values[i] throughout, for as many rows as there are."""
    for row, value in zip(a, values, strict=False):
        row[:] = np.float32(value)


def _equal_large(inputs: Inputs) -> None:
    """Rows of one value each and W at its largest: sums that no int32 times 254 can hold."""
    _set_rows(inputs["A"], [1000.0, -1000.0, 1.0, 1e30, 3e38])
    inputs["W"][:] = 127
    inputs["W"][-1] = -127


def zero_rows(inputs: Inputs) -> None:
    """First and last row of A zero, the second minus zero; one zero row of W."""
    a = inputs["A"]
    a[-1] = 0.0
    _set_rows(a, [0.0, -0.0])
    inputs["W"][len(inputs["W"]) // 2] = 0


def subnormal_rows(inputs: Inputs) -> None:
    """Rows of bf16 subnormals (bits 1 .. 0x7F), and rows scaled to about 2**-126 and 2**-100."""
    a = inputs["A"]
    bits = np.arange(a.shape[1], dtype=np.uint16)
    patterns = [bits % 0x80, np.full_like(bits, 1), (bits % 0x80) | 0x8000, bits % 0x100]
    for row, pattern in zip(a, patterns, strict=False):
        row.view(np.uint16)[:] = pattern
    for row, exponent in zip(a[len(patterns) :], (-126, -113, -101, -100, -99), strict=False):
        row[:] = (row.astype(np.float32) * np.float32(2.0**exponent)).astype(BF16)


def non_finite_rows(inputs: Inputs) -> None:
    """NaN (quiet, negative, with payload), Inf, -Inf and both, at several places of rows."""
    a = inputs["A"].view(np.uint16)
    last = a.shape[1] - 1
    plants = [
        {0: 0x7FC0},
        {last: 0xFFC1},
        {last // 2: 0x7F81},
        {1: 0x7F80},
        {last: 0xFF80},
        {2: 0x7F80, last - 1: 0xFF80},
        {},
        {3: 0x7F80, last: 0x7FFF},
    ]
    for row, plant in zip(a, plants, strict=False):
        for column, bits in plant.items():
            row[column] = bits


def random_bits(inputs: Inputs) -> None:
    """All bit patterns in A: two thirds of the rows finite, the others as they fall."""
    a = inputs["A"].view(np.uint16)
    rng = np.random.default_rng(20240713)
    a[:] = rng.integers(0, 1 << 16, a.shape, np.uint16)
    finite = a[: 2 * len(a) // 3]
    finite[(finite & 0x7F80) == 0x7F80] ^= 0x4000


def _extreme_channel_scales(inputs: Inputs) -> None:
    """Channel scales 0, -0, subnormal, negative, huge, Inf and NaN; the rest as drawn."""
    tiny = [0.0, -0.0, 1e-45, -1e-40, 1.1754942e-38]
    special = np.array([*tiny, -0.5, 3e36, 3.4028235e38, np.inf, -np.inf, np.nan], np.float32)
    scale = inputs["w_scale"]
    count = min(len(scale), len(special))
    scale[:count] = special[:count]


def outlier_channels(inputs: Inputs) -> None:
    """Every 32nd channel of A is 50 times larger than the others."""
    a = inputs["A"]
    a[:, ::32] = (a[:, ::32].astype(np.float32) * np.float32(50.0)).astype(BF16)


def _tiny_products(inputs: Inputs) -> None:
    """Products around 2**-149 .. 2**-126, where a separate multiplication would round."""
    for name in ("A", "W"):
        x = inputs[name].astype(np.float32) * np.float32(2.0**-68)
        inputs[name][:] = x.astype(BF16)


def _cancellation(inputs: Inputs) -> None:
    """The second half of K repeats the first with the opposite sign: large sums end small."""
    a, w = inputs["A"], inputs["W"]
    half = a.shape[1] // 2
    a[:, half : 2 * half] = -a[:, :half]
    w[:, half : 2 * half] = w[:, :half]


def quantize_cases(k_unit: int = 32) -> list[Case]:
    """Cases of the kernels that only quantise A bf16 [M, K]; `k_unit`: least legal K."""
    shapes = [
        (1, k_unit),
        (1, 4 * k_unit),
        (17, 2 * k_unit),
        (130, 3 * k_unit),
        (5, 5 * k_unit),
        (33, 20 * k_unit),
        (3, 4096),
        (37, 1024),
        (2, 8192 + k_unit),
        (3, 20 * 1024),
        (301, 2048),
    ]
    found: list[Case] = [{"name": "default shape", "params": {}}]
    found += [{"name": f"{m} x {k}", "params": {"M": m, "K": k}} for m, k in shapes]
    small = {"M": 18, "K": 96 if k_unit == 32 else 2 * k_unit}
    edits: list[tuple[str, dict[str, int], Edit]] = [
        ("rows of one value", small, _one_value),
        ("zero rows", small, _zero_activations),
        ("subnormal rows", small, subnormal_rows),
        ("NaN and Inf rows", small, non_finite_rows),
        ("NaN and Inf in long rows", {"M": 8, "K": 8192 + 2 * k_unit}, non_finite_rows),
        ("random bit patterns", small, random_bits),
        ("random bit patterns, more rows", {"M": 64, "K": 256}, random_bits),
        ("outlier channels", {"M": 16, "K": 256}, outlier_channels),
        ("halves between codes", small, _ties),
        ("the largest element at either end", small, _largest_at_ends),
    ]
    return found + [{"name": n, "params": p, "edit": e} for n, p, e in edits]


def _one_value(inputs: Inputs) -> None:
    """Rows of one value each, up to the largest finite one."""
    _set_rows(inputs["A"], [1000.0, -1000.0, 1.0, 1e30, 3.3e38, -3.3e38, 1e-30])


def _zero_activations(inputs: Inputs) -> None:
    """First and last row of A zero, the second minus zero."""
    inputs["A"][-1] = 0.0
    _set_rows(inputs["A"], [0.0, -0.0])


def _ties(inputs: Inputs) -> None:
    """Rows whose largest element is 127 times a power of two: quotients end in one half."""
    a = inputs["A"]
    halves = (np.arange(a.shape[1]) % 254 - 126.5).astype(np.float32)
    for i, row in enumerate(a):
        row[:] = (halves * np.float32(2.0 ** (i - 8))).astype(BF16)
        row[i % a.shape[1]] = np.float32(127.0 * 2.0 ** (i - 8))


def _largest_at_ends(inputs: Inputs) -> None:
    """Rows whose largest element is the first, the last or next to them, of either sign."""
    a = inputs["A"]
    for i, row in enumerate(a):
        row[(0, -1, 1, -2)[i % 4]] = np.float32(100.0 if i % 3 else -100.0)
