"""Inputs and awkward verify cases shared by the attention golden definitions.

A case is a dict: `name`, `params` (what is absent keeps the kernel's default) and, where values
matter, `edit(inputs)`, which overwrites parts of freshly drawn inputs in place. An edit works for
every shape, so that a caller may override the parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
from golden_attention import shape_of

Array = np.ndarray[Any, np.dtype[Any]]
Inputs = dict[str, Array]
Case = dict[str, Any]
Edit = Callable[[Inputs], None]

BF16 = np.dtype(ml_dtypes.bfloat16)
SMALL = {"H": 2, "NQ": 10, "G": 2, "KV": 72, "D": 32, "TM": 16, "TK": 64}


def _normal(rng: np.random.Generator, *shape: int) -> Array:
    return rng.standard_normal(shape, np.float32).astype(BF16)


def _queries(params: dict[str, int], rng: np.random.Generator) -> Inputs:
    """Q bf16 [H, NQ, G, D] normal, kv_len int32 [H]: every key is valid."""
    s = shape_of(params)
    return {"Q": _normal(rng, s.h, s.nq, s.g, s.d), "kv_len": np.full(s.h, s.kv, np.int32)}


def bf16_inputs(params: dict[str, int], seed: int) -> Inputs:
    """Q bf16 [H, NQ, G, D], K, V bf16 [H, KV, D] standard normal; kv_len int32 [H], all KV."""
    s, rng = shape_of(params), np.random.default_rng(seed)
    drawn = _queries(params, rng)
    return drawn | {name: _normal(rng, s.h, s.kv, s.d) for name in ("K", "V")}


def kv8_inputs(params: dict[str, int], seed: int) -> Inputs:
    """Q bf16 normal; K8, V8 int8 [H, KV, D], all codes; k_scale, v_scale float32 [H, D] in
    2**-7 .. 2**-6, so that scaled keys and values have about unit variance; kv_len all KV.
    """
    s, rng = shape_of(params), np.random.default_rng(seed)
    drawn = _queries(params, rng)
    for name in ("K8", "V8"):
        drawn[name] = rng.integers(-128, 128, (s.h, s.kv, s.d), np.int8)
    for name in ("k_scale", "v_scale"):
        drawn[name] = rng.uniform(2.0**-7, 2.0**-6, (s.h, s.d)).astype(np.float32)
    return drawn


def bf16_cases() -> list[Case]:
    """Cases of the kernel whose cache is bf16."""
    small, causal = SMALL, SMALL | {"CAUSAL": 1}
    square = causal | {"NQ": 68, "G": 1, "KV": 68}
    return _shape_cases() + _edited(
        ("NaN and Inf keys", small, non_finite_keys),
        ("NaN and Inf keys, causal", causal, non_finite_keys),
        ("NaN and Inf values", small, non_finite_values),
        ("NaN and Inf values that the mask hides", causal, non_finite_values),
        ("NaN and Inf beyond the valid keys", small, _non_finite_beyond),
        ("keys of all bit patterns", small, lambda x: _random_bits(x, "K")),
        ("values of all bit patterns", small, lambda x: _random_bits(x, "V")),
        ("all bit patterns, causal", square, lambda x: _random_bits(x, "Q", "K", "V")),
        ("scores beyond float32", small, _overflowing_scores),
        ("a first tile of minus infinities", small, _minus_infinity_tile),
        ("subnormal values", small, _subnormal_values),
    )


def kv8_cases() -> list[Case]:
    """Cases of the kernels whose cache is int8 with float32 scales per channel."""
    small, causal = SMALL, SMALL | {"CAUSAL": 1}
    return _shape_cases() + _edited(
        ("zero scales", small, _zero_scales),
        ("extreme key scales", small | {"H": 5}, _extreme_key_scales),
        ("extreme value scales", causal, _extreme_value_scales),
        ("subnormal and huge value scales", small, _far_value_scales),
        ("negative scales, hidden row tiles", causal | {"NQ": 40}, _negative_scales),
        ("codes -128 and 127", small, _edge_codes),
        ("zero cache", causal, _zero_cache),
        ("outlier channels", small, _outlier_channels),
    )


def resident_cases() -> list[Case]:
    """Cases of a kernel with the parameter RESIDENT: the other traffic, the same bits."""
    shapes = {
        "not resident": {},
        "not resident, one key": {"H": 1, "NQ": 1, "G": 1, "KV": 1, "D": 32},
        "not resident, decode": {"H": 2, "NQ": 1, "G": 8, "KV": 300, "D": 128},
        "not resident, row tiles": SMALL | {"NQ": 25, "CAUSAL": 1},
    }
    return [{"name": name, "params": p | {"RESIDENT": 0}} for name, p in shapes.items()]


def _shape_cases() -> list[Case]:
    """Shapes, and values that every kernel has; the default shape first."""
    return _plain(_SHAPES) + _plain(_CAUSAL) + _edited(*_LENGTHS, *_VALUES)


def _plain(shapes: dict[str, dict[str, int]]) -> list[Case]:
    return [{"name": name, "params": params} for name, params in shapes.items()]


def _edited(*edits: tuple[str, dict[str, int], Edit]) -> list[Case]:
    return [{"name": name, "params": params, "edit": edit} for name, params, edit in edits]


def _cache(inputs: Inputs, name: str) -> Array:
    """The keys ("K") or values ("V"), bf16 or int8."""
    return inputs[name] if name in inputs else inputs[f"{name}8"]


def _plant(rows: Array, values: list[float]) -> None:
    """One value in the middle of each of the first rows of bf16 [rows, D]."""
    for row, value in zip(rows, values, strict=False):
        row[len(row) // 2] = np.float32(value)


def _random_lengths(inputs: Inputs) -> None:
    """kv_len anything in 0 .. KV."""
    length = inputs["kv_len"]
    length[:] = np.random.default_rng(7).integers(0, length.max() + 1, len(length))


def _empty_heads(inputs: Inputs) -> None:
    """No valid key in the first and the last head, one in the second."""
    inputs["kv_len"][1:2] = 1
    inputs["kv_len"][[0, -1]] = 0


def _no_keys(inputs: Inputs) -> None:
    inputs["kv_len"][:] = 0


def _short_lengths(inputs: Inputs) -> None:
    """Head h has 2 h + 3 valid keys, or all."""
    length = inputs["kv_len"]
    length[:] = np.minimum(length, 3 + 2 * np.arange(len(length)))


def _odd_lengths(inputs: Inputs) -> None:
    """Head h lacks its last 2 h + 1 keys."""
    length = inputs["kv_len"]
    length[:] = np.maximum(length - 1 - 2 * np.arange(len(length)), 0)


def _large_scores(inputs: Inputs) -> None:
    """Q forty times larger: nearly all weight on one key, subnormal and zero p."""
    q = inputs["Q"]
    q[:] = (q.astype(np.float32) * np.float32(40.0)).astype(BF16)


def _equal_scores(inputs: Inputs) -> None:
    """Every key the same: all p are 1."""
    keys = _cache(inputs, "K")
    keys[:] = keys[:, :1]


def _zero_queries(inputs: Inputs) -> None:
    """Q zero, minus zero in every second query."""
    inputs["Q"][:] = 0.0
    inputs["Q"][:, 1::2] = -0.0


def _sorted_scores(inputs: Inputs, order: int) -> None:
    """Queries all ones and keys in ascending (1) or descending (-1) order of their sums."""
    inputs["Q"][:] = 1.0
    for keys in _cache(inputs, "K"):
        sums = keys.astype(np.float32).sum(axis=1)
        keys[:] = keys[np.argsort(order * sums, kind="stable")]


def _cancelling(inputs: Inputs) -> None:
    """The second half of the keys repeats the first and its values are the opposite ones: what is
    left of an output is what the roundings on the way made of it.
    """
    keys, values = _cache(inputs, "K"), _cache(inputs, "V")
    half = keys.shape[1] // 2
    keys[:, half : 2 * half] = keys[:, :half]
    if values.dtype == np.int8:
        np.maximum(values, -127, out=values)
    values[:, half : 2 * half] = -values[:, :half]


def _far_smaller_weights(inputs: Inputs) -> None:
    """Scores that fall from 0 to between -60 and -110, and values that are 0 but for the last keys:
    outputs far below the weights of the first tiles, made of tiny and of subnormal p.
    """
    q, keys, values = inputs["Q"], _cache(inputs, "K"), _cache(inputs, "V")
    depth, count = q.shape[3], keys.shape[1]
    fall = -np.arange(count) / max(count - 1, 1)
    slope = np.linspace(60.0, 110.0, q.shape[1]) * np.sqrt(depth)
    q[:], keys[:] = 0.0, 0
    q[..., 0] = (slope / 2).astype(np.float32).astype(BF16)[None, :, None]
    if keys.dtype == np.int8:
        keys[..., 0] = np.rint(fall * 127)
        inputs["k_scale"][:, 0] = np.float32(2 / 127)
    else:
        keys[..., 0] = (fall * 2).astype(np.float32).astype(BF16)
    values[:, : count * 2 // 3] = 0


def _subnormal_queries(inputs: Inputs) -> None:
    """Queries of bf16 subnormals, and near 2**-126 and 2**-100."""
    q = inputs["Q"]
    q.view(np.uint16)[:] &= np.uint16(0x807F)
    for i, exponent in enumerate((-126, -113, -101, -100, -99)):
        row = q[:, i + 1 : i + 2]
        row[:] = (row.astype(np.float32) * np.float32(2.0**20)).astype(BF16)
        row[:] = (row.astype(np.float32) * np.float32(2.0 ** (exponent + 113))).astype(BF16)


def _non_finite_queries(inputs: Inputs) -> None:
    """NaN, Inf and -Inf in some queries, the others as drawn."""
    _plant(inputs["Q"][0, :, 0], [np.nan, 1.0, np.inf, -np.inf, 2.0, np.nan])
    _plant(inputs["Q"][-1, ::-1, -1], [np.inf, 1.0, np.nan])


def _random_bits(inputs: Inputs, *names: str) -> None:
    """All bit patterns in bf16 tensors: two thirds of the rows finite, the others as they fall."""
    rng = np.random.default_rng(20240713)
    for name in names:
        bits = inputs[name].reshape(-1, inputs[name].shape[-1]).view(np.uint16)
        bits[:] = rng.integers(0, 1 << 16, bits.shape, np.uint16)
        finite = bits[: 2 * len(bits) // 3]
        finite[(finite & 0x7F80) == 0x7F80] ^= 0x4000


def non_finite_keys(inputs: Inputs) -> None:
    """An Inf key in head 0 (scores of both infinities, by the query's sign), a NaN in the last key
    of the last head.
    """
    keys = inputs["K"]
    _plant(keys[0, 1:], [np.inf])
    keys[-1, -1, 0] = np.nan


def non_finite_values(inputs: Inputs) -> None:
    """NaN and Inf in the last values of every head (a causal mask hides them from the first
    queries, and 0 * Inf = NaN stands), Inf and -Inf in one channel of the first.
    """
    values = inputs["V"]
    values[:, -1, 0], values[:, -2:-1, 1], values[:, -3:-2, 2] = np.inf, np.nan, -np.inf
    values[0, 0, 3] = np.inf
    values[-1, :2, 4] = np.array([np.inf, -np.inf], BF16)[: len(values[-1, :2])]


def _non_finite_beyond(inputs: Inputs) -> None:
    """Short kv_len, and NaN and Inf in all keys and values beyond: they must not matter."""
    _odd_lengths(inputs)
    for h, n in enumerate(inputs["kv_len"].tolist()):
        inputs["K"][h, n:], inputs["V"][h, n:] = np.nan, np.inf


def _overflowing_scores(inputs: Inputs) -> None:
    """Keys near 2**62, queries from there upwards: huge scores, then both infinities."""
    q, keys = inputs["Q"], inputs["K"]
    keys[:] = (keys.astype(np.float32) * np.float32(2.0**62)).astype(BF16)
    factors = np.exp2(np.linspace(60.0, 65.0, q.shape[1])).astype(np.float32)
    q[:] = (q.astype(np.float32) * factors[None, :, None, None]).astype(BF16)


def _minus_infinity_tile(inputs: Inputs) -> None:
    """All keys but the last few of every head score -Inf for positive queries, +Inf for others."""
    q, keys = inputs["Q"], inputs["K"]
    q[..., 0] = 1.0
    q[:, -1:, :, 0] = -1.0
    keys[:, : max(keys.shape[1] - 4, 1), 0] = -np.inf


def _subnormal_values(inputs: Inputs) -> None:
    """Values of bf16 subnormals, where every product and sum of the chain is subnormal too."""
    inputs["V"].view(np.uint16)[:] &= np.uint16(0x807F)


def _zero_scales(inputs: Inputs) -> None:
    """Scales +0 and -0 in some channels, all key scales of the last head zero."""
    for name in ("k_scale", "v_scale"):
        inputs[name][:, ::3] = 0.0
        inputs[name][:, 1::5] = -0.0
    inputs["k_scale"][-1] = 0.0


def _extreme_key_scales(inputs: Inputs) -> None:
    """Scales 0, -0, subnormal and negative in head 0; one huge, Inf or NaN channel in each of the
    others (such a channel reaches every score of its head).
    """
    scale = inputs["k_scale"]
    scale[0, :6] = [0.0, -0.0, 1e-45, -1e-40, 1.1754942e-38, -0.5]
    for row, value in zip(scale[1:], (2e36, np.inf, np.nan, 3.4028235e38), strict=False):
        row[3] = value


def _extreme_value_scales(inputs: Inputs) -> None:
    """Scales 0, -0, subnormal, negative, huge, Inf and NaN, one a channel."""
    special = [0.0, -0.0, 1e-45, -1e-40, 1.1754942e-38, -0.5, 3e36, 3.4028235e38]
    special += [np.inf, -np.inf, np.nan]
    count = min(inputs["v_scale"].shape[1], len(special))
    inputs["v_scale"][:, :count] = np.array(special[:count], np.float32)


def _far_value_scales(inputs: Inputs) -> None:
    """Value scales from 2**-149 to 2**127: outputs below and beyond the range of bf16."""
    scale = inputs["v_scale"]
    powers = np.linspace(-149, 127, scale.shape[1]).round()
    scale[:] = np.exp2(powers).astype(np.float32)


def _negative_scales(inputs: Inputs) -> None:
    """Negative scales and few valid keys: hidden rows give -0, row tiles without a key +0."""
    _short_lengths(inputs)
    for name in ("k_scale", "v_scale"):
        inputs[name][:] *= np.float32(-1.0)


def _edge_codes(inputs: Inputs) -> None:
    """Codes -128 and 127 alone."""
    for name in ("K8", "V8"):
        codes = inputs[name]
        codes[:] = np.where(codes < 0, np.int8(-128), np.int8(127))


def _zero_cache(inputs: Inputs) -> None:
    inputs["K8"][:] = 0
    inputs["V8"][:, ::2] = 0


def _outlier_channels(inputs: Inputs) -> None:
    """Every 16th channel of Q and of the key scales is 20 times larger."""
    q, scale = inputs["Q"], inputs["k_scale"]
    q[..., ::16] = (q[..., ::16].astype(np.float32) * np.float32(20.0)).astype(BF16)
    scale[:, ::16] *= np.float32(20.0)


_SHAPES = {
    "default shape": {},
    "one query, one key": {"H": 1, "NQ": 1, "G": 1, "KV": 1, "D": 32},
    "decode, one head, odd length": {"H": 1, "NQ": 1, "G": 1, "KV": 333, "D": 64},
    "decode, groups of 8, long": {"H": 2, "NQ": 1, "G": 8, "KV": 1000, "D": 128},
    "last tile of one key": {"H": 1, "NQ": 17, "G": 1, "KV": 129, "D": 64, "TK": 128},
    "several row tiles": {"H": 1, "NQ": 50, "G": 1, "KV": 100, "D": 64, "TM": 16, "TK": 64},
    "many KV tiles": {"H": 1, "NQ": 6, "G": 3, "KV": 450, "D": 32, "TM": 32, "TK": 64},
    "odd tiles": {"H": 2, "NQ": 9, "G": 5, "KV": 130, "D": 32, "TM": 7, "TK": 48},
    "least KV tiles": {"H": 1, "NQ": 3, "G": 1, "KV": 100, "D": 32, "TM": 1, "TK": 16},
    "long KV tile": {"H": 1, "NQ": 9, "G": 4, "KV": 600, "D": 32, "TM": 32, "TK": 512},
    "high row tile": {"H": 1, "NQ": 34, "G": 4, "KV": 140, "D": 64, "TM": 128, "TK": 128},
    "D 96": {"H": 2, "NQ": 7, "G": 2, "KV": 90, "D": 96},
    "D 128": {"H": 1, "NQ": 33, "G": 2, "KV": 65, "D": 128},
    "many heads": {"H": 35, "NQ": 1, "G": 2, "KV": 20, "D": 32},
}
_CAUSAL = {
    "causal square": {"H": 1, "NQ": 96, "G": 1, "KV": 96, "D": 64, "CAUSAL": 1, "TM": 32, "TK": 64},
    "causal groups of 3": {"H": 2, "NQ": 20, "G": 3, "KV": 70, "D": 32, "CAUSAL": 1, "TM": 16},
    "causal, odd tiles": {"NQ": 30, "G": 3, "KV": 75, "D": 32, "CAUSAL": 1, "TM": 11, "TK": 16},
    "causal, more queries than keys": {"NQ": 90, "KV": 40, "D": 32, "CAUSAL": 1, "TM": 16},
    "causal decode of 4": {"H": 3, "NQ": 4, "G": 8, "KV": 200, "D": 64, "CAUSAL": 1},
}
_LENGTHS: list[tuple[str, dict[str, int], Edit]] = [
    ("random lengths", {"H": 6, "NQ": 5, "G": 2, "KV": 301, "D": 64}, _random_lengths),
    ("random lengths, causal", SMALL | {"H": 5, "KV": 150, "CAUSAL": 1}, _random_lengths),
    ("odd lengths", SMALL | {"H": 4, "KV": 140}, _odd_lengths),
    ("empty heads", {"H": 4, "NQ": 3, "G": 2, "KV": 80, "D": 32}, _empty_heads),
    ("no keys at all", {"H": 2, "NQ": 3, "G": 1, "KV": 16, "D": 32}, _no_keys),
    ("causal, hidden row tiles", SMALL | {"H": 3, "NQ": 40, "CAUSAL": 1}, _short_lengths),
]
_VALUES: list[tuple[str, dict[str, int], Edit]] = [
    ("large scores", SMALL, _large_scores),
    ("equal scores", SMALL | {"CAUSAL": 1}, _equal_scores),
    ("zero queries", SMALL, _zero_queries),
    ("ascending scores", SMALL | {"KV": 200}, lambda x: _sorted_scores(x, 1)),
    ("descending scores", SMALL | {"KV": 200}, lambda x: _sorted_scores(x, -1)),
    ("cancelling values", {"H": 2, "NQ": 24, "G": 2, "KV": 150, "D": 64, "TK": 64}, _cancelling),
    ("far smaller weights", SMALL | {"KV": 200}, _far_smaller_weights),
    ("far smaller weights, causal", SMALL | {"KV": 200, "CAUSAL": 1}, _far_smaller_weights),
    ("subnormal queries", SMALL, _subnormal_queries),
    ("NaN and Inf queries", SMALL, _non_finite_queries),
    ("queries of all bit patterns", SMALL, lambda x: _random_bits(x, "Q")),
]
