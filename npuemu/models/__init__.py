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
from npuemu.models.attention import attention
from npuemu.models.estimate import Estimate, Shape
from npuemu.models.gemm_bf16 import GemmBf16
from npuemu.models.gemm_w8a16 import GemmW8A16
from npuemu.models.gemm_w8a16_msd import GemmW8A16Msd
from npuemu.models.plan import Plan


@dataclass(frozen=True)
class Model:
    """A kernel's model and the machines that it was compared on; others of their kind work too."""

    machines: tuple[str, ...]
    estimate: Callable[[Plan], Estimate]


def _shape(plan: Plan) -> Shape:
    return Shape(plan["M"], plan["N"], plan["K"], plan.blocks)


_SPLIT = ("ascend910b1",)  # cube and vector cores meet in GM
_BOTH = (*_SPLIT, "ascend950pr")
MODELS: dict[str, Model] = {
    "attn_bf16": Model(_BOTH, attention),
    "attn_kv8_dequant": Model(_BOTH, attention),
    "attn_kv8_lift": Model(_BOTH, attention),
    "attn_kv8_msd": Model(_BOTH, attention),
    "gemm_bf16": Model(_BOTH, lambda p: GemmBf16(_shape(p), p.machine).estimate()),
    "gemm_w8a16_dequant": Model(
        _SPLIT, lambda p: GemmW8A16(_shape(p), p.machine, lift=False).estimate()
    ),
    "gemm_w8a16_lift": Model(
        _SPLIT, lambda p: GemmW8A16(_shape(p), p.machine, lift=True).estimate()
    ),
    "gemm_w8a16_msd": Model(_SPLIT, lambda p: GemmW8A16Msd(_shape(p), p.machine).estimate()),
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
