"""binary16 operands in integer arithmetic: the same bits on every CPU."""

from __future__ import annotations

from npuemu.jit import view_f32, view_u16
from npuemu.units.vector.arg import TEMP
from npuemu.units.vector.codes import code_f16, widen_f16
from npuemu.units.vector.lanes import STAGE, TOO_LONG, collect, lane_total, scatter, target, temp


def load_f16(ctx: int, ops: int, arg: int) -> int:
    """Operand lanes, binary16 -> float32 temporary."""
    n = lane_total(ops, arg)
    if n < 0:
        return TOO_LONG
    source = view_u16(collect(ctx, ops, arg, 1), n)
    out = view_f32(temp(ctx, (arg >> TEMP) & 15), n)
    for i in range(n):
        out[i] = widen_f16(source[i])
    return 0


def store_f16(ctx: int, ops: int, arg: int) -> int:
    """float32 temporary -> destination lanes, binary16, nearest even, canonical NaN."""
    n = lane_total(ops, arg)
    address = target(ctx, ops, arg, 1)
    out = view_u16(address, n)
    values = view_f32(temp(ctx, (arg >> TEMP) & 15), n)
    for i in range(n):
        out[i] = code_f16(values[i])
    if address == temp(ctx, STAGE):
        scatter(ctx, ops, arg, 1)
    return 0
