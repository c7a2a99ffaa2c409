"""Closed-form models of kernels: cycles and traffic from the machine file's cost records alone.

``estimate("gemm_bf16", "ascend910b1", M=256, N=4096, K=4096, blocks=24)``; the kernel is assembled,
since its text holds its tiling, and nothing is run. Formulas: `docs/models.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from npuemu import api
from npuemu.errors import UserError
from npuemu.machine import Machine
from npuemu.models.attention import model as attention
from npuemu.models.gemm import cube, w4a16_msd
from npuemu.models.parts.estimate import Estimate
from npuemu.models.parts.plan import Plan
from npuemu.models.quantize import int8, mx
from npuemu.models.ring import w4a8, w4a16_lift, w8a16
from npuemu.models.w8a8 import model as w8a8
from npuemu.models.w8a16_msd import model as w8a16_msd


@dataclass(frozen=True)
class Model:
    """A kernel's model and the machines that it was compared on; others of their kind work too."""

    machines: tuple[str, ...]
    estimate: Callable[[Plan], Estimate]


_950 = ("ascend950pr",)
_BOTH = ("ascend910b1", *_950)
MODELS: dict[str, Model] = {
    "attn_bf16": Model(_BOTH, attention.estimate),
    "attn_kv8_dequant": Model(_BOTH, attention.estimate),
    "attn_kv8_lift": Model(_BOTH, attention.estimate),
    "attn_kv8_msd": Model(_BOTH, attention.estimate),
    "gemm_bf16": Model(_BOTH, cube.bf16),
    "gemm_mxfp4": Model(_950, cube.mxfp4),
    "gemm_w4a16_lift": Model(_950, w4a16_lift.estimate),
    "gemm_w4a16_msd": Model(_950, w4a16_msd.estimate),
    "gemm_w4a8": Model(_950, w4a8.estimate),
    "gemm_w8a16_dequant": Model(_BOTH, w8a16.dequant),
    "gemm_w8a16_lift": Model(_BOTH, w8a16.lift),
    "gemm_w8a16_msd": Model(_BOTH, w8a16_msd.estimate),
    "gemm_w8a8": Model(_BOTH, w8a8.estimate),
    "gemm_w8a8_grouped": Model(_BOTH, w8a8.estimate),
    "quantize_int8": Model(_BOTH, int8.estimate),
    "quantize_int8_msd": Model(_BOTH, int8.estimate),
    "quantize_mxfp4": Model(_BOTH, mx.estimate),
    "quantize_mxfp4_msd": Model(_BOTH, mx.estimate),
    "quantize_mxfp8": Model(_BOTH, mx.estimate),
}
"""Models by kernel."""


def estimate(
    kernel: str,
    machine: str | Machine,
    *,
    blocks: int = 1,
    inputs: Mapping[str, Sequence[int]] | None = None,
    **params: int,
) -> Estimate:
    """What a kernel would take: cycles and bytes; a `UserError` where there is no model.

    params: as `npuemu.load` takes them. inputs: integer tensors that steer the kernel
    (``group_sizes``, ``kv_len``); by default as full as they may be.
    """
    if kernel not in MODELS:
        raise UserError(f"no model of {kernel!r} (there are: {', '.join(MODELS)})")
    target = machine if isinstance(machine, Machine) else api.machine(machine)
    program = api.load(kernel, machine=target, blocks=blocks, **params)
    steering = {name: tuple(int(v) for v in values) for name, values in (inputs or {}).items()}
    return MODELS[kernel].estimate(Plan(program, target, steering))


__all__ = ["MODELS", "Estimate", "Model", "Plan", "estimate"]
