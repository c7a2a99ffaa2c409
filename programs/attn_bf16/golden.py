"""attn_bf16: attention over a bf16 KV cache, with the online softmax of `golden_attention`.

Q bf16 [H, NQ, G, D], K and V bf16 [H, KV, D], kv_len int32 [H] -> O bf16 [H, NQ, G, D]. Per row
tile of TM rows and KV tile of TK keys (both are part of the definition):

    S  = float32 fused multiply-add chain of Q and K over ascending d, from +0
    PV = float32 fused multiply-add chain of bf16(p) and V over the tile's ascending keys, from +0
    O  = bf16(fl(O / max(l, 2**-126)))        +0 for a row tile that sees no key at all
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

if (shared := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.append(shared)

from golden_attention import Head, attend, bf16_head, shape_of
from golden_attention_cases import bf16_cases, bf16_inputs

Array = np.ndarray[Any, np.dtype[Any]]


def inputs(params: dict[str, int], seed: int) -> dict[str, Array]:
    """Q, K, V bf16, standard normal; kv_len int32 [H], all KV."""
    return bf16_inputs(params, seed)


def golden(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """O bf16 [H, NQ, G, D]."""
    shape = shape_of(params)
    q = inputs["Q"].reshape(shape.h, shape.rows, shape.d)

    def head(h: int, n: int) -> Head:
        return bf16_head(q[h], inputs["K"][h, :n], inputs["V"][h, :n])

    return {"O": attend(shape, inputs["kv_len"], head)}


def cases() -> list[dict[str, Any]]:
    """Awkward shapes and values for verification."""
    return bf16_cases()
