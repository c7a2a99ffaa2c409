"""V on a unit of elements that becomes MX codes where there is no bf16 arithmetic and no cast to
MX formats: `include/quantize_mx_f32.inc`, `quantize_e2m1_f32.inc`, `quantize_e4m3_f32.inc`.

A line of a table is an instruction: its lanes - in elements n of the unit and blocks b of 32,
up to a multiple of 8 -, its mnemonic, its result and its sources. ``--`` is `v_order`, ``load``
and ``stored`` are waits, ``release`` and ``made`` flags. Places in UB are named as in the text;
``name+32`` lies 32 bytes on and ``name+2n`` 2 n bytes, ``name/`` is every other block, ``name!``
one block.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from npuemu.models.parts.banks import Operand
from npuemu.models.parts.estimate import align_up, cdiv
from npuemu.models.parts.plan import Plan
from npuemu.models.parts.vector import Steady, VectorPipe, unit_times

_MAXIMA = """
load
1/2n vand.b16          s_h/      s_in/    s_magnitude+32!
1/2n vand.b16          s_h+32/   s_in+32/ s_magnitude!
1/2n vshl.b32          s_x       s_in
1/4n vand.b32          s_x+2n/   s_in/    s_odd+32!
1/4n vand.b32          s_x+2n+32/ s_in+32/ s_odd!
release
--
1/2n vmax.s16          s_r       s_h/     s_h+32/
--
1/4n vshl.b32          s_h+256   s_r
--
1/4n vmax.f32          s_h+256   s_h+256  s_r
--
1/4n vcgmax.f32        s_w       s_h+256
--
"""
_EXPONENTS = """
b    vadds.s32         s_bad     s_w
b    vmaxs.s32         s_e       s_w
--
b    vadds.s32         s_e       s_e
b    vshr.s32          s_bad     s_bad
--
b    vshr.u32          s_e       s_e
b    vshr.u32          s_255     s_bad
--
"""
_SCALE = (
    "b vadds.s32 {0} s_e", "b vor.b32 {0} {0} s_255", "b vconv.s32_s16.none {0} {0}",
    "b vconv.s16_f16.rint {0} {0}", "b vconv.f16_u8.rint {1} {0}",
)  # fmt: skip
"""Scale codes of a part, in five steps; {0}: their words, {1}: their bytes."""
_FACTOR = ("b vmuls.s32 s_f s_e", "b vadds.s32 s_f s_f", "b vmuls.f32 s_f s_f")
_SPREAD = """
8b   vbrcb.b32         s_factors/    s_f
8b   vbrcb.b32         s_factors+32/ s_f
"""
_PRODUCTS = """
1/2n vmul.f32          s_x       s_x      s_factors
1/2n vmul.f32          s_x+2n    s_x+2n   s_factors
"""
_NARROW = """
n    vconv.f32_f16.odd s_h       s_x
--
"""
_HIGH = """
n    vmins.f16         s_y       s_h
--
n    vmaxs.f16         s_y       s_y
--
n    vadd.f16          s_y       s_y      s_h
--
n    vmuls.f16         s_r       s_y
--
"""
_LOW = (
    "n vmlas.f16 s_y s_r s_y\n"
    "1/2n vand.b16 s_z/ s_h/ s_upper+32!\n1/2n vand.b16 s_z+32/ s_h+32/ s_upper!",
    "n vmuls.f16 s_y s_y", "n vmin.f16 s_h+256 s_y s_z", "n vmuls.f16 s_z s_z",
    "n vmax.f16 s_z s_h+256 s_z", "n vadd.f16 s_y s_y s_z", "n vmuls.f16 s_y s_y",
)  # fmt: skip
_BYTES = (
    "n vmuls.s16 {0} {0}", "1/2n vshr.u16 {0} {0}", "1/2n vor.b16 {1} {1} {2}",
    "1/2n vshr.u16 {1} {1}", "1/2n vand.b16 {1} {1} s_keep+256",
    "1/2n vconv.s16_f16.rint {1} {1}", "1/2n vconv.f16_u8.rint {3} {1}",
)  # fmt: skip
"""Bytes of codes in seven steps: {0}: lanes, {1}, {2}: the halves that join, {3}: the bytes."""
_E4M3 = """
1/2n vand.b16          s_y/      s_h/     s_magnitude+32!
1/2n vand.b16          s_y+32/   s_h+32/  s_magnitude!
1/2n vand.b16          s_z/      s_h/     s_sign+32!
1/2n vand.b16          s_z+32/   s_h+32/  s_sign!
--
n    vmins.s16         s_y       s_y
1/2n vshr.u16          s_z       s_z
--
n    vconv.s16_f16.rint s_y      s_y
--
n    vmuls.f16         s_y       s_y
--
n    vmuls.f16         s_y       s_y
--
1/2n vshl.b16          s_y+1n    s_y+1n
--
n    vor.b16           s_y       s_y      s_z
--
1/2n vor.b16           s_codes   s_y      s_y+1n
made
--
"""


def _scale(step: int, parts: int) -> list[str]:
    """A step towards the scale codes of the parts."""
    places = (("s_hs", "s_high_scale"), ("s_ls", "s_low_scale"))[:parts]
    return [_SCALE[step].format(*place) for place in places]


def _e2m1(parts: int) -> str:
    """MXFP4 in one part or two, from A in UB to the bytes."""
    high = [line.format("s_r", "s_r", "s_r+1n", "s_codes") for line in _BYTES]
    low = [line.format("s_y", "s_y+1n", "s_y", "s_low_codes") for line in _BYTES]
    extra = ("b vnot.b32 s_bad s_bad", "", "b vconv.s32_s16.none s_255 s_bad", "")
    spread = _SPREAD + "16b vbrcb.b16 s_keep+256 s_255"
    factor = (*_FACTOR, spread)
    text = [_MAXIMA, _EXPONENTS]
    for step in range(4):
        text += [*_scale(step, parts), factor[step], extra[step], "--"]
    text += [_PRODUCTS, "stored", *_scale(4, parts), "--", _NARROW, _HIGH]
    if parts == 1:
        return "\n".join([*text, "\n--\n".join(high), "made"])
    for step in range(14):
        text += [_LOW[step] if step < 7 else low[step - 7]]
        text += [high[step - 1] if 0 < step < 8 else "", "--"]
    return "\n".join([*text[:-1], "made", "--"])


def _e4m3() -> str:
    """MXFP8, from A in UB to the bytes."""
    text = [_MAXIMA, _EXPONENTS]
    for step in range(4):
        factor = (*_FACTOR, "b vor.b32 s_f s_f s_bad")[step]
        text += [*_scale(step, 1), factor, "--"]
    text += [_SPREAD, "stored", *_scale(4, 1), "--", _PRODUCTS, "--", _NARROW, _E4M3]
    return "\n".join(text)


PROGRAMS = {
    "quantize_mxfp4": _e2m1(1), "quantize_mxfp4_msd": _e2m1(2), "quantize_mxfp8": _e4m3(),
}  # fmt: skip
"""V on a unit, by kernel."""
_PLACE = re.compile(r"(?P<name>\w+?)(\+(?P<n>\d)n)?(\+(?P<bytes>\d+))?(?P<mark>[/!]?)$")
_MARKS: dict[str, Callable[[VectorPipe], None]] = {
    "--": VectorPipe.barrier,
    "load": lambda v: v.wait("load"),
    "stored": lambda v: v.wait("stored"),
    "release": lambda v: v.signal("release"),
    "made": lambda v: v.signal("made"),
}
_SIZES = {"16": 2, "32": 4, "8": 1}


def _size(kind: str) -> int:
    """Bytes of a lane of a type by name."""
    return _SIZES[kind.lstrip("abcdefghijklmnopqrstuvwxyz")]


class _Unit:
    """Runs a table on V for a unit of ``n`` elements."""

    def __init__(self, v: VectorPipe, n: int) -> None:
        self.v, self.n, self.blocks = v, n, align_up(n // 32, 8)

    def _lanes(self, text: str) -> int:
        times, count = re.fullmatch(r"([\d/]*)([nb])", text).groups()  # type: ignore[union-attr]
        top, _, bottom = (times or "1").partition("/")
        return int(top) * (self.n if count == "n" else self.blocks) // int(bottom or 1)

    def _side(self, text: str, step: int) -> Operand:
        found = _PLACE.match(text)
        assert found is not None
        offset = int(found["n"] or 0) * self.n + int(found["bytes"] or 0)
        if found["mark"] == "!":
            return self.v.at(found["name"], offset, 0)
        if found["mark"] == "/":
            return self.v.at(found["name"], offset, 2 * step, 64)
        return self.v.at(found["name"], offset, step)

    def line(self, text: str) -> None:
        """One line of a table."""
        if text in _MARKS:
            _MARKS[text](self.v)
            return
        count, name, result, *sources = text.split()
        kinds = name.split(".")[1].split("_")
        read, written = _size(kinds[0]), _size(kinds[-1])
        lanes = 256 // max(read, written)
        into, out = lanes * written, lanes * read
        if name.startswith("vbrcb"):
            out = 8 * read
        elif name.startswith("vcg"):
            into = 8 * written
        sides = [self._side(source, out) for source in sources]
        self.v.op(name, cdiv(self._lanes(count), lanes), self._side(result, into), *sides)


def times(plan: Plan, elements: int) -> Steady:
    """V on a unit of the plan's kernel."""
    lines = [line for line in PROGRAMS[plan.program.name].splitlines() if line]

    def unit(v: VectorPipe) -> None:
        work = _Unit(v, elements)
        for line in lines:
            work.line(line)

    return unit_times(plan, unit)
