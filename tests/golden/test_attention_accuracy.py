"""The attention golden definitions are attention: float64 softmax within a bound.

Per output element, with u = 2**-24 (float32) and v = 2**-9 (bf16), A = sum p |V| / sum p:

- S and x: dx = scale * (D + 4) u sum |q k|; a rounded Q' or K' adds scale * e sum |q k|, with e = v
  (bf16) or, where Q' is split, half an MSD step of its row for every element.
- p and alpha: relative error 2 dx + 4 u a tile; bf16(p) adds v, a split p half an MSD step of the
  tile's largest p. l: KV + 64 additions of u. PV: KV u.
- V' = bf16(v8 * scale) adds v, O = bf16 adds v; all of them relative to A.

Wrong attention (one key too many or too few, another scale, K for V) must break the bound.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from golden_loader import golden

U, V = 2.0**-24, 2.0**-9
MSD_STEP = (1 + 2.0**-16) / 64516  # half a step, relative to the largest of a row
SHAPES = {
    "prefill": {"H": 2, "NQ": 40, "G": 2, "KV": 300, "D": 64, "CAUSAL": 1, "TM": 64, "TK": 128},
    "decode": {"H": 2, "NQ": 1, "G": 8, "KV": 700, "D": 128, "CAUSAL": 0, "TM": 16, "TK": 64},
}
KERNELS = ("attn_bf16", "attn_kv8_dequant", "attn_kv8_lift", "attn_kv8_msd")
Arrays = dict[str, Any]


def _drawn(kernel: str, params: dict[str, int]) -> tuple[Arrays, Arrays]:
    """(inputs with uneven lengths, float64 Q [H, R, D], K and V [H, KV, D] with their scales)."""
    inputs = golden(kernel).inputs(params, 9)
    inputs["kv_len"][:] = [params["KV"] - 3, params["KV"] // 2 + 1]
    wide = {"Q": inputs["Q"].astype(np.float64).reshape(params["H"], -1, params["D"])}
    for name in ("K", "V"):
        if kernel == "attn_bf16":
            wide[name] = inputs[name].astype(np.float64)
        else:
            scale = inputs[f"{name.lower()}_scale"].astype(np.float64)[:, None, :]
            wide[name] = inputs[f"{name}8"].astype(np.float64) * scale
    return inputs, wide


def _softmax(wide: Arrays, h: int, n: int, params: dict[str, int]) -> np.ndarray:
    """Weights float64 [R, n]."""
    scores = wide["Q"][h] @ wide["K"][h, :n].T / np.sqrt(params["D"])
    if params["CAUSAL"]:
        query = np.arange(len(scores))[:, None] // params["G"]
        scores[np.arange(n)[None, :] > query + n - params["NQ"]] = -np.inf
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def _bound(
    kernel: str, inputs: Arrays, wide: Arrays, h: int, n: int, params: dict[str, int]
) -> np.ndarray:
    """The bound of the module's text, float64 [R, D] in units of the output."""
    q, k, v = (np.abs(x) for x in (wide["Q"][h], wide["K"][h, :n], wide["V"][h, :n]))
    weights = _softmax(wide, h, n, params)
    products = q @ k.T
    dx = (params["D"] + 4) * U * products
    if kernel in ("attn_kv8_dequant", "attn_kv8_lift"):
        dx += (V + U) * products
    if kernel == "attn_kv8_msd":
        scaled = q * inputs["k_scale"][h].astype(np.float64)[None, :]
        codes = np.abs(inputs["K8"][h, :n].astype(np.float64)).sum(axis=1)
        dx += MSD_STEP * scaled.max(axis=1, keepdims=True) * codes[None, :]
    tiles = -(-n // params["TK"])
    relative = 2 * dx.max(axis=1, keepdims=True) / np.sqrt(params["D"])
    relative = relative + (4 * tiles + 2 * n + 64) * U + V
    relative = relative + {"attn_bf16": V, "attn_kv8_dequant": 2 * V, "attn_kv8_lift": V}.get(
        kernel, 0.0
    )
    bound = relative * (weights @ v)
    if kernel == "attn_kv8_msd":
        for first in range(0, n, params["TK"]):
            keys = slice(first, first + params["TK"])
            step = MSD_STEP * weights[:, keys].max(axis=1, keepdims=True)
            bound += step * v[keys].sum(axis=0)[None, :]
    return bound * 1.01


def _worst(kernel: str, params: dict[str, int], wrong: str = "") -> float:
    """The largest |golden - float64 attention| / bound over all heads."""
    inputs, wide = _drawn(kernel, params)
    out = golden(kernel).golden(inputs, params)["O"].astype(np.float64)
    worst = 0.0
    for h, length in enumerate(inputs["kv_len"].tolist()):
        n = length + {"one key more": 1, "one key less": -1}.get(wrong, 0)
        weights = _softmax(wide, h, n, params | ({"D": 100} if wrong == "another scale" else {}))
        values = wide["K" if wrong == "keys for values" else "V"][h, :n]
        error = np.abs(out[h].reshape(-1, params["D"]) - weights @ values)
        bound = _bound(kernel, inputs, wide, h, n, params)
        worst = max(worst, float((error / bound).max()))
    return worst


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_golden_is_attention_within_the_bound(kernel: str, shape: str) -> None:
    assert 0.01 < _worst(kernel, SHAPES[shape]) <= 1.0


@pytest.mark.parametrize(
    "wrong", ["one key more", "one key less", "another scale", "keys for values"]
)
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_bound_tells_wrong_attention(kernel: str, wrong: str) -> None:
    assert _worst(kernel, SHAPES["prefill"], wrong) > 1.5


def test_the_split_is_more_accurate_than_both_bf16_forms() -> None:
    """Against float64, before the output's rounding matters: mean error of the three int8 forms."""
    errors = {}
    for kernel in KERNELS[1:]:
        inputs, wide = _drawn(kernel, SHAPES["decode"])
        out = golden(kernel).golden(inputs, SHAPES["decode"])["O"].astype(np.float64)
        exact = np.stack([
            _softmax(wide, h, n, SHAPES["decode"]) @ wide["V"][h, :n]
            for h, n in enumerate(inputs["kv_len"].tolist())
        ])  # fmt: skip
        errors[kernel] = float(np.abs(out.reshape(exact.shape) - exact).mean())
    assert errors["attn_kv8_msd"] < errors["attn_kv8_lift"] < errors["attn_kv8_dequant"]
