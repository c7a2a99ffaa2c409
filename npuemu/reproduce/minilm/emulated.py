"""The encoder's matrix products on an emulated NPU, in one of several schemes.

A scheme names the kernel of the linear layers and that of the attention; how a weight or a cache is
stored follows from what the kernel reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np

from npuemu import api
from npuemu.formats.quantize import quantize_int8, quantize_mxfp4

Array = np.ndarray[Any, np.dtype[Any]]
BF16 = np.dtype(ml_dtypes.bfloat16)


def _bf16(weight: Array) -> dict[str, Array]:
    return {"W": weight.astype(BF16)}


def _int8(weight: Array) -> dict[str, Array]:
    codes, scale = quantize_int8(np.ascontiguousarray(weight, np.float32))
    return {"W": codes, "w_scale": scale}


def _mxfp4(weight: Array) -> dict[str, Array]:
    rows = np.ascontiguousarray(weight, np.float32)
    codes, scale = quantize_mxfp4(rows, scale_rule="even", rounding="rint")
    return {"W": codes, "W_scale": scale}


STORED: Mapping[str, Callable[[Array], dict[str, Array]]] = {
    "bf16": _bf16,
    "w8": _int8,
    "w4": _mxfp4,
}
"""How a float32 weight [N, K] is stored, by how the kernel's name behind ``gemm_`` begins."""


@dataclass(frozen=True)
class Scheme:
    """Which kernels multiply."""

    name: str
    gemm: str
    attention: str

    def store(self, weight: Array) -> dict[str, Array]:
        """The GEMM kernel's input tensors of a weight float32 [N, K]."""
        kind = self.gemm.removeprefix("gemm_")
        return next(put(weight) for begin, put in STORED.items() if kind.startswith(begin))


SCHEMES = (
    Scheme("bf16", "gemm_bf16", "attn_bf16"),
    Scheme("w8a16_dequant", "gemm_w8a16_dequant", "attn_kv8_dequant"),
    Scheme("w8a16_lift", "gemm_w8a16_lift", "attn_kv8_lift"),
    Scheme("w8a16_msd", "gemm_w8a16_msd", "attn_kv8_msd"),
    Scheme("w8a8", "gemm_w8a8", "attn_kv8_msd"),
    Scheme("w4a16_lift", "gemm_w4a16_lift", "attn_kv8_lift"),
    Scheme("w4a16_msd", "gemm_w4a16_msd", "attn_kv8_msd"),
    Scheme("w4a8", "gemm_w4a8", "attn_kv8_msd"),
)
"""The MXFP4 and W8A8 schemes keep the INT8 cache: no kernel here has a narrower one."""


@dataclass
class Bill:
    """What launches cost in all: cycles, bytes of global memory, launches, findings."""

    cycles: int = 0
    gm_read: int = 0
    gm_written: int = 0
    launches: int = 0
    findings: list[str] = field(default_factory=list)

    def add(self, run: api.Run) -> None:
        """One more launch."""
        self.cycles += run.cycles
        self.gm_read += run.report["traffic"]["gm_read_bytes"]
        self.gm_written += run.report["traffic"]["gm_write_bytes"]
        self.launches += 1
        self.findings += [str(found) for found in run.diagnostics]


@dataclass
class EmulatedBackend:
    """A `Backend` (see the model) whose products are launches on ``machine``.

    Activations are rounded to bf16 on their way in; results come back as bf16 values in float32.
    """

    scheme: Scheme
    machine: str = "ascend950pr"
    blocks: int = 32
    advance: Callable[[str], None] = lambda _: None
    """Called before each launch with what it is."""
    linear_bill: Bill = field(default_factory=Bill)
    attention_bill: Bill = field(default_factory=Bill)
    _stored: dict[str, dict[str, Array]] = field(default_factory=dict)

    def linear(self, x: Array, name: str, weight: Array) -> Array:
        """x float32 [tokens, in] times the stored weight transposed: float32 [tokens, out]."""
        self.advance(f"{self.scheme.gemm}  {name}")
        if name not in self._stored:
            self._stored[name] = self.scheme.store(weight)
        sizes = {"M": len(x), "N": len(weight), "K": weight.shape[1]}
        inputs = {"A": x.astype(BF16), **self._stored[name]}
        return self._launch(self.scheme.gemm, inputs, sizes, self.linear_bill, "C")

    def attention(self, q: Array, k: Array, v: Array, lengths: Sequence[int]) -> Array:
        """See `Backend`; every sentence and head in one launch."""
        self.advance(self.scheme.attention)
        sentences, heads, longest, head = q.shape
        flat = (sentences * heads, longest, head)
        keys, values = k.reshape(flat), v.reshape(flat)
        inputs = {
            "Q": q.reshape(flat).astype(BF16).reshape(flat[0], longest, 1, head),
            "kv_len": np.repeat(np.asarray(lengths, np.int32), heads),
        }
        if "kv8" in self.scheme.attention:
            inputs["K8"], inputs["k_scale"] = _channels(keys)
            inputs["V8"], inputs["v_scale"] = _channels(values)
        else:
            inputs["K"], inputs["V"] = keys.astype(BF16), values.astype(BF16)
        sizes = {"H": flat[0], "NQ": longest, "G": 1, "KV": longest, "D": head, "CAUSAL": 0}
        out = self._launch(self.scheme.attention, inputs, sizes, self.attention_bill, "O")
        return out.reshape(q.shape)

    def _launch(
        self,
        kernel: str,
        inputs: Mapping[str, Array],
        sizes: Mapping[str, int],
        bill: Bill,
        out: str,
    ) -> Array:
        program = api.load(kernel, machine=self.machine, blocks=self.blocks, **sizes)
        run = api.run(program, self.machine, inputs)
        bill.add(run)
        return np.asarray(run.outputs[out].astype(np.float32))


def _channels(cache: Array) -> tuple[Array, Array]:
    """float32 [H, KV, D] -> int8 of the same shape and float32 scale [H, D], one a channel."""
    heads, keys, head = cache.shape
    rows = np.ascontiguousarray(cache.swapaxes(1, 2), np.float32).reshape(heads * head, keys)
    codes, scale = quantize_int8(rows)
    stored = codes.reshape(heads, head, keys).swapaxes(1, 2)
    return np.ascontiguousarray(stored), scale.reshape(heads, head)
