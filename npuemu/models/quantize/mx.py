"""V on a unit of elements that becomes MX codes, in one part or two: `include/quantize_mx.inc`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from npuemu.models.parts.estimate import Estimate, align_up, cdiv
from npuemu.models.parts.plan import Plan
from npuemu.models.parts.vector import Steady, VectorPipe, unit_times
from npuemu.models.quantize import mx_f32, units
from npuemu.models.quantize.units import Run, Unit


def split_unit(plan: Plan, elements: int, marked: bool = False) -> int:
    """Cycles of V from one unit to the next: MXFP4 in two parts. marked: as the macro's."""
    return _times(plan, elements, KINDS["quantize_mxfp4_msd"], marked).cycles


@dataclass(frozen=True)
class Kind:
    """A quantiser: how V makes the codes of a unit; tensors of codes and of scales; elements of a
    byte of codes.
    """

    encode: Callable[[VectorPipe, int], None]
    codes: tuple[str, ...]
    scales: tuple[str, ...]
    per_byte: int


def estimate(plan: Plan) -> Estimate:
    """The kernels of `KINDS`: units of a flat range, every vector core's share of them."""
    kind, count = KINDS[plan.program.name], plan["M"] * plan["K"]
    size, mx = plan["quantize_unit"], "mx" in plan.machine.features
    pairs = [
        ((codes, kind.per_byte), (scales, 32))
        for codes, scales in zip(kind.codes, kind.scales, strict=True)
    ]
    each = (
        [pair[i] for i in (0, 1) for pair in pairs] if mx else [t for pair in pairs for t in pair]
    )
    times = {
        n: _times(plan, n, kind) if mx else mx_f32.times(plan, n)
        for n in {min(size, count), (count - 1) % size + 1}
    }

    def unit(u: int) -> Unit:
        at, n = u * size, min(size, count - u * size)
        stores = [Run(name, at // per_byte, n // per_byte) for name, per_byte in each]
        return Unit(times[n], [Run("A", 2 * at, 2 * n)], [stores])

    traffic = {"A": (2 * count, 0), **{name: (0, count // per_byte) for name, per_byte in each}}
    return units.estimate(plan, cdiv(count, size), unit, (2, 2) if mx else (1, 1), traffic)


def _times(plan: Plan, count: int, kind: Kind, marked: bool = True) -> Steady:
    def unit(v: VectorPipe) -> None:
        v.wait("load")
        _maxima(v, count)
        v.wait("stored")
        _scales(v, count, len(kind.scales), marked)
        kind.encode(v, count)
        v.signal("made")

    return unit_times(plan, unit)


def _maxima(v: VectorPipe, count: int) -> None:
    """Largest |a| of blocks of 32: neighbouring 32-byte blocks twice, then in a block."""
    b, value, half = (partial(v.at, name) for name in ("s_b", "s_value", "s_half"))
    v.op("vabs.bf16", cdiv(count, 128), b(), v.at("s_in"))
    every_other = b(0, 512, 64), b(32, 512, 64)
    v.op("vmax.bf16", cdiv(count, 256), half(), *every_other)
    v.op("vconv.bf16_f32.none", cdiv(count, 128), value(), half(0, 128))
    v.op("vmax.f32", cdiv(count, 256), half(), value(0, 512, 64), value(32, 512, 64))
    v.op("vcgmax.f32", cdiv(count, 256), v.at("s_max", 0, 32), half())
    blocks = align_up(count // 32, 8)
    v.op("vconv.f32_bf16.rint", cdiv(blocks, 64), v.at("s_m", 0, 128), v.at("s_max"))


def _scales(v: VectorPipe, count: int, parts: int, marked: bool) -> None:
    """Exponents of the blocks, a lane each: scales of the parts, and a factor sixteen times."""
    blocks = align_up(count // 32, 8)
    reps = cdiv(blocks, 128)
    m, alpha, t = v.at("s_m"), v.at("s_alpha"), v.at("s_t")
    v.op("vadds.s16", reps, alpha, m)
    for name in ("vshr.u16", "vshl.b16", "vmaxs.s16"):
        v.op(name, reps, alpha, alpha)
    v.op("vsub.bf16", reps, m, m, m)
    for name in ("s_high_scale", "s_low_scale")[:parts]:
        v.op("vadds.s16", reps, t, alpha)
        v.op("vadd.bf16", reps, t, t, m)
        v.op("vconv.bf16_e8m0.trunc", reps, v.at(name, 0, 128), t)
    for name in ("vneg.s16", "vadds.s16", "vadds.s16"):
        v.op(name, reps, alpha, alpha)
    if marked:
        v.op("vadd.bf16", reps, alpha, alpha, m)
    v.op("vbrcb.b16", cdiv(blocks, 8), v.at("s_wide"), v.at("s_alpha", 0, 16))


def _elements(v: VectorPipe, count: int) -> None:
    """a times the factor of its block: first halves of blocks, then second ones."""
    for half in (0, 32):
        result, a = v.at("s_b", half, 512, 64), v.at("s_in", half, 512, 64)
        v.op("vmul.bf16", cdiv(count, 256), result, a, v.at("s_wide"))
    v.signal("release")


def _codes_e2m1(v: VectorPipe, count: int) -> None:
    _elements(v, count)
    v.op("vconv.bf16_e2m1.rint", cdiv(count, 128), v.at("s_high", 0, 64), v.at("s_b"))


def _codes_two(v: VectorPipe, count: int) -> None:
    """The high part's codes, what they leave, and the low part's."""
    _codes_e2m1(v, count)
    full = cdiv(count, 128)
    b, value = v.at("s_b"), v.at("s_value")
    v.op("vconv.e2m1_bf16.none", full, value, v.at("s_high", 0, 64))
    v.op("vsub.bf16", full, b, b, value)
    v.op("vmuls.bf16", full, b, b)
    v.op("vconv.bf16_e2m1.rint", full, v.at("s_low", 0, 64), b)


def _codes_e4m3(v: VectorPipe, count: int) -> None:
    """By way of f32."""
    _elements(v, count)
    full = cdiv(count, 64)
    v.op("vconv.bf16_f32.none", full, v.at("s_single"), v.at("s_b", 0, 128))
    v.op("vconv.f32_e4m3.rint", full, v.at("s_codes", 0, 64), v.at("s_single"))


KINDS = {
    "quantize_mxfp4": Kind(_codes_e2m1, ("Q",), ("Q_scale",), 2),
    "quantize_mxfp4_msd": Kind(_codes_two, ("High", "Low"), ("High_scale", "Low_scale"), 2),
    "quantize_mxfp8": Kind(_codes_e4m3, ("Q",), ("Q_scale",), 1),
}
"""Quantisers by kernel."""
