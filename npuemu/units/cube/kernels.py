"""AVX-512 micro-kernels: 8 rows of A times 16 or 32 columns of B, accumulators in registers.

Vectors run over n, never over k, so every output word keeps its own ascending-k chain whatever
the tiling. A is broadcast dword by dword from fractal order; B comes as panels (see ``pack``); C is
read and written in L0C order, where 16 columns of a row are one 64-byte vector. Only the first
``rows`` x ``columns`` words are read or written. All arguments are ``int64``:

``start, start_row, start_panel, start_columns``: where the start values lie, their steps per row
and per 16 columns, and how many columns of them exist (0: the start value is +0).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from npuemu.units.cube.ir import (
    CANONICAL_NAN,
    F32,
    F32X16,
    F64X8,
    I32,
    I32X16,
    I64,
    call,
    lanes_below,
    load,
    loop,
    masked_load,
    masked_store,
    routine,
    shuffle,
    splat,
    splat_constant,
)
from npuemu.units.cube.pack import dot_step

ROWS = 8
UNROLL = 4


class Tile:
    """Addresses and masks of the C words of one kernel call, and where their start values lie."""

    def __init__(self, builder: Any, panels: int, arguments: tuple[Any, ...]) -> None:
        self.builder = builder
        self.panels = panels
        (self.start, self.start_row, self.start_panel, self.start_columns) = arguments[:4]
        (self.c, self.c_panel, self.rows, self.columns) = arguments[4:]

    def _mask(self, row: int, panel: int, columns: Any) -> Any:
        builder = self.builder
        used = builder.icmp_signed(">", self.rows, I64(row))
        limit = builder.trunc(builder.select(used, columns, I64(0)), I32)
        return lanes_below(builder, limit, 16 * panel)

    def _address(self, base: Any, step: Any, panel: int) -> Any:
        builder = self.builder
        return builder.add(base, builder.mul(step, I64(panel))) if panel else base

    def first(self, row: int, panel: int, kind: Any) -> Any:
        """The start vector of a row; lanes outside the tile are zero."""
        builder = self.builder
        base = self._address(self.start, self.start_panel, panel)
        where = builder.add(base, builder.mul(self.start_row, I64(row)))
        return masked_load(builder, kind, where, self._mask(row, panel, self.start_columns))

    def write(self, row: int, panel: int, value: Any) -> None:
        """Store a row's vector into L0C, the tile's words only."""
        builder = self.builder
        base = self._address(self.c, self.c_panel, panel)
        where = builder.add(base, I64(64 * row))
        masked_store(builder, value, where, self._mask(row, panel, self.columns))

    def cells(self) -> list[tuple[int, int]]:
        """(row, panel) of every accumulator, in order."""
        return [(row, panel) for row in range(ROWS) for panel in range(self.panels)]

    def write_integers(self, dots: list[Any]) -> Any:
        """Store start + dot modulo 2^32; returns how many words left the int32 range."""
        builder = self.builder
        plain = builder.icmp_signed("==", self.start_columns, I64(0))
        with builder.if_else(plain, likely=True) as (without, adding):
            with without:
                for (row, panel), dot in zip(self.cells(), dots, strict=True):
                    self.write(row, panel, dot)
                first_end = builder.block
            with adding:
                wraps = self._add_integers(dots)
                second_end = builder.block
        result = builder.phi(I64)
        result.add_incoming(I64(0), first_end)
        result.add_incoming(wraps, second_end)
        return result

    def _add_integers(self, dots: list[Any]) -> Any:
        builder = self.builder
        wraps = splat_constant(I32X16, 0)
        for (row, panel), dot in zip(self.cells(), dots, strict=True):
            first = self.first(row, panel, I32X16)
            value = builder.add(first, dot)
            # A sum of two int32 left the range iff its sign differs from both signs.
            left_range = builder.and_(builder.xor(first, value), builder.xor(dot, value))
            sign = builder.lshr(left_range, splat_constant(I32X16, 31))
            wraps = builder.add(wraps, sign)
            self.write(row, panel, value)
        for width in (8, 4, 2, 1):
            lanes = [lane + width if lane < width else lane for lane in range(16)]
            wraps = builder.add(wraps, shuffle(builder, wraps, wraps, lanes))
        return builder.zext(builder.extract_element(wraps, I32(0)), I64)

    def write_floats(self, values: list[Any]) -> None:
        """Store f32 results, every NaN as the canonical one."""
        nan = splat_constant(I32X16, CANONICAL_NAN)
        for (row, panel), value in zip(self.cells(), values, strict=True):
            bits = self.builder.bitcast(value, I32X16)
            bad = self.builder.fcmp_unordered("uno", value, value)
            self.write(row, panel, self.builder.select(bad, nan, bits))


def _advance(builder: Any, pairs: list[tuple[Any, Any]]) -> list[Any]:
    return [builder.add(address, step) for address, step in pairs]


def _s8(panels: int) -> Callable[..., Any]:
    """INT8: returns how many words left the int32 range.

    ``a`` is raw L0A; ``row_starts`` holds -128 * row sum, the price of B's unsigned form.
    """

    def emit(
        builder: Any, a: Any, a_step: Any, row_starts: Any,
        b: Any, panel_step: Any, count: Any, *place: Any,
    ) -> Any:  # fmt: skip
        tile = Tile(builder, panels, place)
        sums = [splat(builder, load(builder, I32, row_starts, 4 * r)) for r, _ in tile.cells()]

        def fractal(left: Any, right: Any, *sums: Any) -> list[Any]:
            work = list(sums)
            others = [right] + [builder.add(right, panel_step)] * (panels - 1)
            for d in range(8):
                vectors = [load(builder, I32X16, other, 64 * d) for other in others]
                for row in range(ROWS):
                    word = splat(builder, load(builder, I32, left, 32 * row + 4 * d))
                    for panel in range(panels):
                        cell = row * panels + panel
                        work[cell] = dot_step(builder, work[cell], vectors[panel], word)
            return [*_advance(builder, [(left, a_step), (right, I64(512))]), *work]

        dots = loop(builder, count, [a, b, *sums], fractal)[2:]
        return tile.write_integers(dots)

    return emit


def _f32(panels: int) -> Callable[..., Any]:
    """BF16 / F16: A and B already widened to f32; one fused multiply-add per k, ascending.

    ``a``: f32 fractals of 16 rows x 16 k; ``b``: one vector per k; ``k`` steps are executed, so
    nothing beyond k is ever added.
    """

    def emit(builder: Any, a: Any, b: Any, panel_step: Any, k: Any, *place: Any) -> None:
        tile = Tile(builder, panels, place)
        sums = [tile.first(row, panel, F32X16) for row, panel in tile.cells()]

        def steps(unroll: int, a_step: int) -> Callable[..., list[Any]]:
            def body(left: Any, right: Any, *sums: Any) -> list[Any]:
                work = list(sums)
                others = [right] + [builder.add(right, panel_step)] * (panels - 1)
                for q in range(unroll):
                    vectors = [load(builder, F32X16, other, 64 * q) for other in others]
                    for row in range(ROWS):
                        word = splat(builder, load(builder, F32, left, 64 * row + 4 * q))
                        for panel in range(panels):
                            cell = row * panels + panel
                            arguments = [word, vectors[panel], work[cell]]
                            work[cell] = call(builder, "llvm.fma.v16f32", F32X16, arguments)
                moved = [(left, I64(a_step)), (right, I64(64 * unroll))]
                return [*_advance(builder, moved), *work]

            return body

        def fractal(*state: Any) -> list[Any]:
            # A short body: with all 16 k in one block LLVM hoists the broadcasts and spills them.
            state = loop(builder, I64(16 // UNROLL), state, steps(UNROLL, 4 * UNROLL))
            return [builder.add(state[0], I64(1024 - 64)), *state[1:]]

        state = loop(builder, builder.ashr(k, I64(4)), [a, b, *sums], fractal)
        state = loop(builder, builder.and_(k, I64(15)), state, steps(1, 4))
        tile.write_floats(state[2:])

    return emit


MX_BIAS = 129 << 23
"""Two E8M0 biases, less one f32 bias, plus 2 for the doubled elements of both sides."""


def _scaled_narrow(builder: Any, dot: Any, left: Any, right: Any, total: Any) -> Any:
    """``fma(dot, 2^(sum of exponents), total)``; the scale product must be a normal f32."""
    scale = builder.bitcast(builder.add(left, right), F32X16)
    return call(builder, "llvm.fma.v16f32", F32X16, [builder.sitofp(dot, F32X16), scale, total])


def _scaled_wide(builder: Any, dot: Any, left: Any, right: Any, total: Any) -> Any:
    """The same for any scales: f64 holds the product exactly, and f64 sum then cast rounds as once.

    ``left``: f64 vector, ``right``: f32 vector of scales (NaN allowed).
    """
    halves = []
    for lanes in (range(8), range(8, 16)):
        part = shuffle(builder, dot, dot, lanes)
        scale = builder.fmul(left, builder.fpext(shuffle(builder, right, right, lanes), F64X8))
        term = builder.fmul(builder.sitofp(part, F64X8), scale)
        old = builder.fpext(shuffle(builder, total, total, lanes), F64X8)
        halves.append(builder.fptrunc(builder.fadd(term, old), ir.VectorType(F32, 8)))
    return shuffle(builder, halves[0], halves[1], range(16))


def _mx(wide: bool) -> Callable[..., Any]:
    """MXFP4, 8 x 16: per 32-block an exact int32 dot, then scale and add with one rounding.

    ``a``: decoded fractals; ``row_starts``, ``a_scales``: 128 bytes a fractal (two blocks of 16
    rows); ``b``: panel; ``b_scales``: 128 bytes a fractal; ``count`` fractals of two blocks.
    """

    def block(builder: Any, h: int, addresses: list[Any], totals: list[Any]) -> list[Any]:
        left, starts, a_scales, right, b_scales = addresses
        dots = [splat(builder, load(builder, I32, starts, 64 * h + 4 * r)) for r in range(ROWS)]
        for d in range(4 * h, 4 * h + 4):
            for part in range(2):
                vector = load(builder, I32X16, right, 128 * d + 64 * part)
                for row in range(ROWS):
                    word = load(builder, I32, left, 512 * part + 32 * row + 4 * d)
                    dots[row] = dot_step(builder, dots[row], vector, splat(builder, word))
        if wide:
            scales = load(builder, F32X16, b_scales, 64 * h)
        else:
            bits = load(builder, I32X16, b_scales, 64 * h)
            scales = builder.sub(bits, splat_constant(I32X16, MX_BIAS))
        result = []
        for row in range(ROWS):
            where = 64 * h + 4 * row
            if wide:
                scale = builder.fpext(load(builder, F32, a_scales, where), ir.DoubleType())
                quarter = builder.fmul(scale, ir.Constant(ir.DoubleType(), 0.25))
                factor = splat(builder, quarter, 8)
                result.append(_scaled_wide(builder, dots[row], factor, scales, totals[row]))
            else:
                factor = splat(builder, load(builder, I32, a_scales, where))
                result.append(_scaled_narrow(builder, dots[row], factor, scales, totals[row]))
        return result

    def emit(
        builder: Any, a: Any, row_starts: Any, a_scales: Any,
        b: Any, b_scales: Any, count: Any, *place: Any,
    ) -> None:  # fmt: skip
        tile = Tile(builder, 1, place)
        sums = [tile.first(row, 0, F32X16) for row in range(ROWS)]

        def fractal(*state: Any) -> list[Any]:
            addresses, totals = list(state[:5]), list(state[5:])
            for h in range(2):
                totals = block(builder, h, addresses, totals)
            steps = [1024, 128, 128, 1024, 128]
            moved = _advance(builder, [(p, I64(s)) for p, s in zip(addresses, steps, strict=True)])
            return [*moved, *totals]

        state = loop(builder, count, [a, row_starts, a_scales, b, b_scales, *sums], fractal)
        tile.write_floats(state[5:])

    return emit


s8_16 = routine("cube_s8_16", 14, _s8(1), returns=True)
s8_32 = routine("cube_s8_32", 14, _s8(2), returns=True)
f32_16 = routine("cube_f32_16", 12, _f32(1))
f32_32 = routine("cube_f32_32", 12, _f32(2))
mx_narrow = routine("cube_mx_narrow", 14, _mx(False))
mx_wide = routine("cube_mx_wide", 14, _mx(True))
