"""binary16 operands on CPUs that convert them (F16C)."""

from __future__ import annotations

import numpy as np

from npuemu.jit import view_f32, view_u16
from npuemu.units.vector.arg import TEMP
from npuemu.units.vector.bits import half_extend, half_truncate
from npuemu.units.vector.codes import F16_NAN
from npuemu.units.vector.lanes import STAGE, TOO_LONG, collect, lane_total, scatter, target, temp


def load_f16(ctx: int, ops: int, arg: int) -> int:
    """Operand lanes, binary16 -> float32 temporary."""
    n = lane_total(ops, arg)
    if n < 0:
        return TOO_LONG
    source = view_u16(collect(ctx, ops, arg, 1), n)
    out = view_f32(temp(ctx, (arg >> TEMP) & 15), n)
    for i in range(n):
        out[i] = half_extend(source[i])
    return 0


def store_f16(ctx: int, ops: int, arg: int) -> int:
    """float32 temporary -> destination lanes, binary16, nearest even, canonical NaN."""
    n = lane_total(ops, arg)
    address = target(ctx, ops, arg, 1)
    out = view_u16(address, n)
    values = view_f32(temp(ctx, (arg >> TEMP) & 15), n)
    for i in range(n):
        value = values[i]
        out[i] = half_truncate(value) if value == value else np.uint16(F16_NAN)
    if address == temp(ctx, STAGE):
        scatter(ctx, ops, arg, 1)
    return 0
