"""attn_kv8_msd: the int8 KV cache stays as it is; Q and p are split into two int8 parts.

Q bf16 [H, NQ, G, D], K8 and V8 int8 [H, KV, D], k_scale and v_scale float32 [H, D], kv_len int32
[H] -> O bf16 [H, NQ, G, D]. Every fl() is one float32 rounding to nearest even:

    Q' = fl(f32(q) * k_scale[d]), float32; per row split into h, l and s2 (`split_int8`)
    S  = fl(fma(f32(hK), 254, f32(lK)) * s2)               hK, lK exact int32
    p of a KV tile is split per row in the same way: M = max(max p, 2**-100), s2p
    PV = fl(fma(f32(hV), 254, f32(lV)) * s2p)
    O  = bf16(fl(fl(O / max(l, 2**-126)) * v_scale[d]))

and the softmax of `golden_attention`. A row tile that sees no key at all gives +0 whatever v_scale
is. TM and TK are part of the definition; RESIDENT moves no bit.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

if (shared := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.append(shared)

from golden_arithmetic import to_bf16
from golden_attention import Head, attend32, msd_head, shape_of
from golden_attention_cases import kv8_cases, kv8_inputs, resident_cases

Array = np.ndarray[Any, np.dtype[Any]]


def inputs(params: dict[str, int], seed: int) -> dict[str, Array]:
    """Q bf16, K8 and V8 int8, k_scale and v_scale float32, kv_len int32 [H], all KV."""
    return kv8_inputs(params, seed)


def golden(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """O bf16 [H, NQ, G, D]."""
    return {"O": to_bf16(unrounded(inputs, params)["O"])}


def unrounded(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """O as float32 [H, NQ, G, D], before the last rounding."""
    shape = shape_of(params)
    q = inputs["Q"].astype(np.float32).reshape(shape.h, shape.rows, shape.d)
    with np.errstate(all="ignore"):
        scaled = q * inputs["k_scale"].astype(np.float32)[:, None, :]

    def head(h: int, n: int) -> Head:
        return msd_head(scaled[h], inputs["K8"][h, :n], inputs["V8"][h, :n])

    return {"O": attend32(shape, inputs["kv_len"], head, inputs["v_scale"].astype(np.float32))}


def cases() -> list[dict[str, Any]]:
    """Awkward shapes and values for verification; no row tile is higher than 64, or the parts of
    P and Q would not fit beside a KV tile of 128.
    """
    chosen = kv8_cases() + resident_cases()
    for case in chosen:
        if case["params"].get("TM", 0) > 64:
            case["params"] = case["params"] | {"TM": 64}
    return chosen
