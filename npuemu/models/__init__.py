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
from npuemu.models import gemm_w8a8, quantize_int8, quantize_mx
from npuemu.models.attention import attention
from npuemu.models.cube_gemm import CubeGemm, Formats
from npuemu.models.estimate import Estimate
from npuemu.models.gemm_w4a8 import W4A8Ring
from npuemu.models.gemm_w4a16_lift import LiftW4Ring
from npuemu.models.gemm_w4a16_msd import GemmW4A16Msd
from npuemu.models.gemm_w8a16 import GemmW8A16
from npuemu.models.gemm_w8a16_msd import GemmW8A16Msd
from npuemu.models.gemm_w8a16_ring import DequantRing, LiftRing
from npuemu.models.plan import Plan


@dataclass(frozen=True)
class Model:
    """A kernel's model and the machines that it was compared on; others of their kind work too."""

    machines: tuple[str, ...]
    estimate: Callable[[Plan], Estimate]


def _w8a16(plan: Plan, lift: bool) -> Estimate:
    """Through the ring in L1 where the vector cores reach it, else through GM."""
    if "ub_l1" in plan.machine.features:
        return (LiftRing if lift else DequantRing)(plan).estimate()
    return GemmW8A16(plan, lift).estimate()


_950 = ("ascend950pr",)
_BOTH = ("ascend910b1", *_950)
_MXFP4 = Formats("b4", "mxfp4", mx=True)
MODELS: dict[str, Model] = {
    "attn_bf16": Model(_BOTH, attention),
    "attn_kv8_dequant": Model(_BOTH, attention),
    "attn_kv8_lift": Model(_BOTH, attention),
    "attn_kv8_msd": Model(_BOTH, attention),
    "gemm_bf16": Model(_BOTH, lambda p: CubeGemm(p, Formats("b16", "bf16")).estimate()),
    "gemm_mxfp4": Model(_950, lambda p: CubeGemm(p, _MXFP4).estimate()),
    "gemm_w4a16_lift": Model(_950, lambda p: LiftW4Ring(p).estimate()),
    "gemm_w4a16_msd": Model(_950, lambda p: GemmW4A16Msd(p, _MXFP4).estimate()),
    "gemm_w4a8": Model(_950, lambda p: W4A8Ring(p).estimate()),
    "gemm_w8a16_dequant": Model(_BOTH, lambda p: _w8a16(p, lift=False)),
    "gemm_w8a16_lift": Model(_BOTH, lambda p: _w8a16(p, lift=True)),
    "gemm_w8a16_msd": Model(_BOTH, lambda p: GemmW8A16Msd(p).estimate()),
    "gemm_w8a8": Model(_BOTH, gemm_w8a8.estimate),
    "gemm_w8a8_grouped": Model(_BOTH, gemm_w8a8.estimate),
    "quantize_int8": Model(_BOTH, quantize_int8.estimate),
    "quantize_int8_msd": Model(_BOTH, quantize_int8.estimate),
    "quantize_mxfp4": Model(_BOTH, quantize_mx.estimate),
    "quantize_mxfp4_msd": Model(_BOTH, quantize_mx.estimate),
    "quantize_mxfp8": Model(_BOTH, quantize_mx.estimate),
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
