"""attn_kv8_dequant: the int8 KV cache is dequantised to bf16 first, then as attn_bf16.

Q bf16 [H, NQ, G, D], K8 and V8 int8 [H, KV, D], k_scale and v_scale float32 [H, D], kv_len int32
[H] -> O bf16 [H, NQ, G, D]:

    K' = bf16(fl(f32(k8) * k_scale[d]))        V' = bf16(fl(f32(v8) * v_scale[d]))

Two roundings, nearest even, overflow to Inf. TM and TK are part of the definition.
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
    q = inputs["Q"].reshape(shape.h, shape.rows, shape.d)

    def cache(name: str, h: int, n: int) -> Array:
        scale = inputs[f"{name}_scale"][h].astype(np.float32)
        return to_bf16(inputs[f"{name.upper()}8"][h, :n].astype(np.float32) * scale[None, :])

    def head(h: int, n: int) -> Head:
        return bf16_head(q[h], cache("k", h, n), cache("v", h, n))

    return {"O": attend(shape, inputs["kv_len"], head)}


def cases() -> list[dict[str, Any]]:
    """Awkward shapes and values for verification."""
    return kv8_cases()
