"""Closed-form models of kernels: cycles and traffic from the machine file's cost records alone.

``estimate("gemm_bf16", "ascend910b1", M=256, N=4096, K=4096, blocks=24)``; nothing is run.
Formulas: `docs/models.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from npuemu.errors import UserError
from npuemu.machine import Machine, load
from npuemu.models.estimate import Estimate, Shape
from npuemu.models.gemm_bf16 import GemmBf16
from npuemu.models.gemm_w8a16 import GemmW8A16
from npuemu.models.gemm_w8a16_msd import GemmW8A16Msd


@dataclass(frozen=True)
class Model:
    """A kernel's model and the machines that it was compared on; others of their kind work too."""

    machines: tuple[str, ...]
    estimate: Callable[[Shape, Machine], Estimate]


_SPLIT = ("ascend910b1",)  # cube and vector cores meet in GM
MODELS: dict[str, Model] = {
    "gemm_bf16": Model((*_SPLIT, "ascend950pr"), lambda s, m: GemmBf16(s, m).estimate()),
    "gemm_w8a16_dequant": Model(_SPLIT, lambda s, m: GemmW8A16(s, m, lift=False).estimate()),
    "gemm_w8a16_lift": Model(_SPLIT, lambda s, m: GemmW8A16(s, m, lift=True).estimate()),
    "gemm_w8a16_msd": Model(_SPLIT, lambda s, m: GemmW8A16Msd(s, m).estimate()),
}
"""Models by kernel."""


def estimate(
    kernel: str, machine: str | Machine, *, M: int, N: int, K: int, blocks: int = 1
) -> Estimate:
    """What a kernel would take: cycles and bytes; a `UserError` where there is no model."""
    if kernel not in MODELS:
        raise UserError(f"no model of {kernel!r} (there are: {', '.join(MODELS)})")
    target = load(machine) if isinstance(machine, str) else machine
    if M < 1 or N < 16 or N % 16 or K < 32 or K % 32:
        raise UserError(f"M={M} N={N} K={K}: M is 1 or more, N a multiple of 16, K of 32")
    if not 1 <= blocks <= target.groups:
        raise UserError(f"{blocks} blocks, but {target.name} has {target.groups} core groups")
    return MODELS[kernel].estimate(Shape(M, N, K, blocks), target)


__all__ = ["MODELS", "Estimate", "Model", "estimate"]
