"""V on a unit of elements that becomes MXFP8, even and odd k apart:
`include/quantize_mxfp8_pairs.inc`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from npuemu.models.parts.estimate import align_up, cdiv
from npuemu.models.parts.plan import Plan
from npuemu.models.parts.vector import VectorPipe, steady

_OTHER = 32  # bytes that p_b lies behind its buffer
_BANK = 256  # and p_wide


def pairs_unit(plan: Plan, elements: int) -> int:
    """Cycles of V from one unit to the next."""

    def unit(v: VectorPipe) -> None:
        _maxima(v, elements)
        _scales(v, elements)
        _codes(v, elements)

    return steady(plan, unit)


def _maxima(v: VectorPipe, count: int) -> None:
    """Largest |a| of blocks of 32: of halves in bf16, then words of two maxima as f32."""
    b, wide = v.at("p_b_at", _OTHER), v.at("p_wide_at", _BANK)
    words = v.at("p_wide_at", _BANK + align_up(v.plan["PAIR_SIZE"], 512))
    v.op("vabs.bf16", cdiv(count, 128), b, v.at("p_in"))
    halves = (v.at("p_b_at", _OTHER + at, 512, 64) for at in (0, 32))
    reps = cdiv(count, 256)
    v.op("vmax.bf16", reps, wide, *halves)
    v.op("vshl.b32", reps, words, wide)
    v.op("vmax.f32", reps, words, words, wide)
    v.op("vcgmax.f32", reps, v.at("p_max", 0, 32), words)
    lanes = align_up(count // 32, 8)
    v.op("vconv.f32_bf16.trunc", cdiv(lanes, 64), v.at("p_m", 0, 128), v.at("p_max"))


def _scales(v: VectorPipe, count: int) -> None:
    """Exponents of the blocks, a lane each: scales, and 256 / alpha sixteen times."""
    lanes = align_up(count // 32, 8)
    do = partial(v.op, repeats=cdiv(lanes, 128))
    m, e, t = v.at("p_m"), v.at("p_e"), v.at("p_t")
    do("vadds.s16", result=e, first=m)
    do("vshr.u16", result=e, first=e)
    do("vmaxs.s16", result=e, first=e)
    do("vsub.bf16", result=m, first=m, second=m)
    do("vadds.s16", result=t, first=e)
    do("vshl.b16", result=t, first=t)
    do("vadd.bf16", result=t, first=t, second=m)
    do("vconv.bf16_e8m0.trunc", result=v.at("p_scales", 0, 128), first=t)
    for name in ("vneg.s16", "vadds.s16", "vshl.b16"):
        do(name, result=e, first=e)
    v.op("vbrcb.b16", cdiv(lanes, 8), v.at("p_spread"), v.at("p_e", 0, 16))


def _codes(v: VectorPipe, count: int) -> None:
    """a times 256 / alpha, halves of blocks; quarters of 64 elements apart to f32; to e4m3."""
    for half in (0, 32):
        b, a = v.at("p_b_at", _OTHER + half, 512, 64), v.at("p_in", half, 512, 64)
        v.op("vmul.bf16", cdiv(count, 256), b, a, v.at("p_spread"))
    for quarter, places in enumerate(((0, 2), (1, 3), (6, 4), (7, 5))):
        for name, place in zip(("vshl.b32", "vand.b32"), places, strict=True):
            to = replace(v.at("p_wide_at", _BANK + 32 * place, 2048), pitch=256)
            b = replace(v.at("p_b_at", _OTHER + 32 * quarter, 1024), pitch=128)
            v.op(name, cdiv(count, 512), to, b)
    v.op("vconv.f32_e4m3.rint", cdiv(count, 64), v.at("p_codes", 0, 64), v.at("p_wide_at", _BANK))
