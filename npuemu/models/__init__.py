"""Closed-form models of kernels: cycles and traffic from the machine file's cost records alone.

``estimate("gemm_bf16", "ascend910b1", M=256, N=4096, K=4096, blocks=24)``; the kernel is assembled,
since its text holds its tiling, and nothing is run. Formulas: `docs/models.md`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence

from npuemu import api
from npuemu.asm.program import INTEGER_RANGE, Program
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
    (``group_sizes``, ``kv_len``), flat; by default full caches and even groups. A value that the
    kernel refuses is a `UserError`.
    """
    if kernel not in MODELS:
        raise UserError(f"no model of {kernel!r} (there are: {', '.join(MODELS)})")
    target = machine if isinstance(machine, Machine) else api.machine(machine)
    program = api.load(kernel, machine=target, blocks=blocks, **params)
    steering = {name: _steering(program, name, values) for name, values in (inputs or {}).items()}
    return MODELS[kernel](Plan(program, target, steering))


def _steering(program: Program, name: str, values: Sequence[int]) -> tuple[int, ...]:
    """The values of an integer input; `UserError` where the kernel would not take them."""
    known = {t.name: t for t in program.tensors if t.role == "in" and t.dtype == "s32"}
    if name not in known:
        names = ", ".join(known) or "none"
        raise UserError(f"{program.name} has no integer input {name!r} (it has: {names})")
    count, (least, most) = math.prod(known[name].shape), known[name].bounds or INTEGER_RANGE["s32"]
    try:
        found = tuple(operator.index(value) for value in values)
    except TypeError:
        raise UserError(f"{name} takes {count} integers, not {values!r}") from None
    if len(found) != count:
        raise UserError(f"{name} takes {count} integers, not {len(found)}")
    for index, value in enumerate(found):
        if not least <= value <= most:
            raise UserError(f"{name}[{index}] is {value}: must be {least} .. {most}")
    return found


__all__ = ["MODELS", "Estimate", "Model", "Plan", "estimate"]
