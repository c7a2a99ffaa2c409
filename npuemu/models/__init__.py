"""Closed-form models of kernels: cycles and traffic from the machine file's cost records alone.

``estimate("gemm_bf16", "ascend910b1", M=256, N=4096, K=4096, blocks=24)``; the kernel is assembled,
since its text holds its tiling, and nothing is run. Formulas: `docs/models.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

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

Model = Callable[[Plan], Estimate]
"""What a kernel would take, of what the assembler decided for a shape."""

MODELS: dict[str, Model] = {
    "attn_bf16": attention.estimate,
    "attn_kv8_dequant": attention.estimate,
    "attn_kv8_lift": attention.estimate,
    "attn_kv8_msd": attention.estimate,
    "gemm_bf16": cube.bf16,
    "gemm_mxfp4": cube.mxfp4,
    "gemm_w4a16_lift": w4a16_lift.estimate,
    "gemm_w4a16_msd": w4a16_msd.estimate,
    "gemm_w4a8": w4a8.estimate,
    "gemm_w8a16_dequant": w8a16.dequant,
    "gemm_w8a16_lift": w8a16.lift,
    "gemm_w8a16_msd": w8a16_msd.estimate,
    "gemm_w8a8": w8a8.estimate,
    "gemm_w8a8_grouped": w8a8.estimate,
    "quantize_int8": int8.estimate,
    "quantize_int8_msd": int8.estimate,
    "quantize_mxfp4": mx.estimate,
    "quantize_mxfp4_msd": mx.estimate,
    "quantize_mxfp8": mx.estimate,
}
"""Models by kernel; each serves all machines of its kernel, and others of their kind."""


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
    return MODELS[kernel](Plan(program, target, steering))


__all__ = ["MODELS", "Estimate", "Model", "Plan", "estimate"]
