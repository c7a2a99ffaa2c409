"""attn_kv8_lift: the int8 KV cache becomes bf16 unscaled (exact); Q and O carry the scales.

Q bf16 [H, NQ, G, D], K8 and V8 int8 [H, KV, D], k_scale and v_scale float32 [H, D], kv_len int32
[H] -> O bf16 [H, NQ, G, D]:

    Q' = bf16(fl(f32(q) * k_scale[d]))         K' = bf16(k8)        V' = bf16(v8)

then as attn_bf16, but for the last line: O = bf16(fl(fl(O / max(l, 2**-126)) * v_scale[d])); a row
tile that sees no key at all gives +0 whatever v_scale is. TM and TK are part of the definition.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

if (shared := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.append(shared)

from golden_arithmetic import to_bf16
from golden_attention import Head, attend, bf16_head, shape_of
from golden_attention_cases import kv8_cases, kv8_inputs

Array = np.ndarray[Any, np.dtype[Any]]


def inputs(params: dict[str, int], seed: int) -> dict[str, Array]:
    """Q bf16, K8 and V8 int8, k_scale and v_scale float32, kv_len int32 [H], all KV."""
    return kv8_inputs(params, seed)


def golden(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """O bf16 [H, NQ, G, D]."""
    shape = shape_of(params)
    q = inputs["Q"].astype(np.float32).reshape(shape.h, shape.rows, shape.d)
    with np.errstate(all="ignore"):
        scaled = to_bf16(q * inputs["k_scale"].astype(np.float32)[:, None, :])

    def head(h: int, n: int) -> Head:
        return bf16_head(scaled[h], inputs["K8"][h, :n], inputs["V8"][h, :n])

    return {"O": attend(shape, inputs["kv_len"], head, inputs["v_scale"].astype(np.float32))}


def cases() -> list[dict[str, Any]]:
    """Awkward shapes and values for verification."""
    return kv8_cases()
