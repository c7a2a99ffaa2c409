"""AVX-512 routines for MXFP8 with e4m3 on both sides: exact integer dots, one odd rounding a block.

An element is ``(32 * high + low) * 2^-9`` with 16-bit integers, of which at most one is not zero:
``high`` takes magnitudes from 1/2 on, ``low`` the smaller ones, which are rare if the scales fit.
Dots of high parts are dense; those with low parts visit only the pairs of k that hold any.
All arguments are ``int64``; addresses are raw.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from npuemu.units.cube.ir import (
    CANONICAL_NAN,
    F32,
    F32X16,
    F64,
    F64X8,
    I16,
    I32,
    I32X16,
    I64,
    call,
    load,
    loop,
    routine,
    shuffle,
    splat,
    splat_constant,
    store,
)
from npuemu.units.cube.kernels import ROWS, Tile
from npuemu.units.cube.transpose import load_fractal, transposed

LOW = 1 << 18
"""Bytes from the high parts of an operand to its low parts."""
CUT = 5
"""``high`` holds the elements with an exponent field above this."""
PAIRS = 16
"""Pairs of k in a block: bytes 0 and 2, then bytes 1 and 3, of each of its 8 dwords."""
I16X32 = ir.VectorType(I16, 32)
I64X8 = ir.VectorType(I64, 8)
DOWN, UP = 9, 10
"""Rounding operands of AVX-512: toward -inf and +inf, no exceptions."""


def _parts(builder: Any, codes: Any) -> tuple[Any, Any, Any]:
    """High parts, low parts and NaN marks (all as <16 x i32>) of two codes a dword."""

    def constant(value: int) -> ir.Constant:
        return splat_constant(I16X32, value)

    codes = builder.bitcast(codes, I16X32)
    magnitude = builder.and_(codes, constant(0x7F))
    field = builder.lshr(magnitude, constant(3))
    is_normal = builder.icmp_unsigned("!=", field, constant(0))
    whole = builder.and_(magnitude, constant(7))
    whole = builder.select(is_normal, builder.or_(whole, constant(8)), whole)
    exponent = builder.select(is_normal, builder.sub(field, constant(1)), constant(0))
    is_high = builder.icmp_unsigned(">=", exponent, constant(CUT))
    shift = builder.select(is_high, builder.sub(exponent, constant(CUT)), exponent)
    value = builder.shl(whole, shift)
    negative = builder.icmp_unsigned(">=", codes, constant(0x80))
    value = builder.select(negative, builder.sub(constant(0), value), value)
    nan = builder.sext(builder.icmp_unsigned("==", magnitude, constant(0x7F)), I16X32)
    high = builder.select(is_high, value, constant(0))
    low = builder.select(is_high, constant(0), value)
    return tuple(builder.bitcast(v, I32X16) for v in (high, low, nan))  # type: ignore[return-value]


def _split(builder: Any, dwords: Any) -> list[Any]:
    """Bytes 0 and 2, then 1 and 3, of every dword as 16-bit codes."""
    mask = splat_constant(I32X16, 0x00FF00FF)
    moved = builder.lshr(dwords, splat_constant(I32X16, 8))
    return [builder.and_(dwords, mask), builder.and_(moved, mask)]


def _any(builder: Any, vectors: list[Any]) -> Any:
    total = vectors[0]
    for vector in vectors[1:]:
        total = builder.or_(total, vector)
    return total


def _nonzero(builder: Any, vector: Any) -> Any:
    """A bit a lane, as i16."""
    flags = builder.icmp_unsigned("!=", vector, splat_constant(I32X16, 0))
    return builder.bitcast(flags, I16)


def _poison(builder: Any, scales: Any, nan: Any) -> None:
    """Make the f32 scale of every marked lane NaN."""
    bits = load(builder, I32X16, scales)
    marked = builder.icmp_unsigned("!=", nan, splat_constant(I32X16, 0))
    store(builder, builder.select(marked, splat_constant(I32X16, CANONICAL_NAN), bits), scales)


def _decode_rows(
    builder: Any, source: Any, step: Any, count: Any, out: Any, scales: Any, masks: Any
) -> None:
    """A fractals -> 16 rows x 16 pairs of k, high and ``LOW`` further low, 1024 bytes a fractal.

    scales: 16 f32 a fractal, where a row with a NaN gets NaN; masks: two words (rows 0 to 7, 8 to
    15) a fractal, a bit for every pair of k with a low part.
    """

    def fractal(address: Any, to: Any, scale: Any, mask: Any) -> list[Any]:
        nans, lows = [], []
        for v, dwords in enumerate(load_fractal(builder, address)):
            parts = [_parts(builder, codes) for codes in _split(builder, dwords)]
            for plane in range(2):
                left, right = (parts[p][plane] for p in range(2))
                for row in range(2):
                    lanes = [*range(8 * row, 8 * row + 8), *range(16 + 8 * row, 24 + 8 * row)]
                    both = shuffle(builder, left, right, lanes)
                    store(builder, both, to, plane * LOW + 128 * v + 64 * row)
                    if plane == 1:
                        lows.append(both)
            nans.append(builder.or_(parts[0][2], parts[1][2]))
        _poison(builder, scale, _any(builder, transposed(builder, nans)))
        for half in range(2):
            bits = _nonzero(builder, _any(builder, lows[8 * half : 8 * half + 8]))
            store(builder, builder.zext(bits, I32), mask, 4 * half)
        steps = (step, I64(1024), I64(64), I64(8))
        return [builder.add(p, s) for p, s in zip((address, to, scale, mask), steps, strict=True)]

    loop(builder, count, [source, out, scales, masks], fractal)


def _decode_columns(
    builder: Any, source: Any, step: Any, count: Any, out: Any, scales: Any, masks: Any
) -> None:
    """B fractals -> a vector of 16 columns for every pair of k; otherwise as `_decode_rows`."""

    def fractal(address: Any, to: Any, scale: Any, mask: Any) -> list[Any]:
        nans, used = [], I32(0)
        for d, dwords in enumerate(transposed(builder, load_fractal(builder, address))):
            for odd, codes in enumerate(_split(builder, dwords)):
                pair = 8 * odd + d
                high, low, nan = _parts(builder, codes)
                store(builder, high, to, 64 * pair)
                store(builder, low, to, LOW + 64 * pair)
                nans.append(nan)
                some = builder.icmp_unsigned("!=", _nonzero(builder, low), I16(0))
                used = builder.or_(used, builder.select(some, I32(1 << pair), I32(0)))
        _poison(builder, scale, _any(builder, nans))
        store(builder, used, mask)
        steps = (step, I64(1024), I64(64), I64(8))
        return [builder.add(p, s) for p, s in zip((address, to, scale, mask), steps, strict=True)]

    loop(builder, count, [source, out, scales, masks], fractal)


def _pair_step(builder: Any, start: Any, vector: Any, word: Any) -> Any:
    """``start[i] += sum of 2 products s16 * s16`` in every dword (VPDPWSSD)."""
    arguments = [start, vector, splat(builder, word)]
    return call(builder, "llvm.x86.avx512.vpdpwssd.512", I32X16, arguments)


def _dense(builder: Any, left: Any, right: Any) -> list[Any]:
    """Dots of the high parts of 8 rows."""
    sums = [splat_constant(I32X16, 0)] * ROWS
    for pair in range(PAIRS):
        vector = load(builder, I32X16, right, 64 * pair)
        for row in range(ROWS):
            word = load(builder, I32, left, 64 * row + 4 * pair)
            sums[row] = _pair_step(builder, sums[row], vector, word)
    return sums


def _sparse(builder: Any, mask: Any, left: Any, right: Any, sums: list[Any]) -> list[Any]:
    """Add the dots over the pairs of k in ``mask`` (i32)."""

    def pair(bits: Any, *work: Any) -> list[Any]:
        number = builder.zext(call(builder, "llvm.cttz.i32", I32, [bits, ir.IntType(1)(0)]), I64)
        vector = load(builder, I32X16, builder.add(right, builder.mul(number, I64(64))))
        words = builder.add(left, builder.mul(number, I64(4)))
        found = [
            _pair_step(builder, work[row], vector, load(builder, I32, words, 64 * row))
            for row in range(ROWS)
        ]
        return [builder.and_(bits, builder.sub(bits, I32(1))), *found]

    count = builder.zext(call(builder, "llvm.ctpop.i32", I32, [mask]), I64)
    return loop(builder, count, [mask, *sums], pair)[1:]


def _halves(builder: Any, vector: Any) -> list[Any]:
    return [shuffle(builder, vector, vector, range(8 * h, 8 * h + 8)) for h in range(2)]


def _doubles(builder: Any, dots: list[Any]) -> list[Any]:
    return [builder.sitofp(half, F64X8) for dot in dots for half in _halves(builder, dot)]


def _block_dots(builder: Any, left: Any, right: Any, rows: Any, columns: Any) -> list[Any]:
    """16 vectors of doubles: 8 rows times two halves of 16 columns, in units of 2^-8."""
    dense = _dense(builder, left, right)
    plain = _doubles(builder, dense)
    some = builder.icmp_unsigned("!=", builder.or_(rows, columns), I32(0))
    before = builder.block
    with builder.if_then(some):
        zero = [splat_constant(I32X16, 0)] * ROWS
        low_left, low_right = builder.add(left, I64(LOW)), builder.add(right, I64(LOW))
        mixed = _sparse(builder, columns, left, low_right, zero)
        mixed = _sparse(builder, rows, low_left, right, mixed)
        least = _sparse(builder, builder.and_(rows, columns), low_left, low_right, zero)
        total = []
        for dot, mix, low in zip(
            plain, _doubles(builder, mixed), _doubles(builder, least), strict=True
        ):
            dot = builder.fadd(dot, builder.fmul(mix, splat_constant(F64X8, 2.0**-CUT)))
            total.append(builder.fadd(dot, builder.fmul(low, splat_constant(F64X8, 4.0**-CUT))))
        after = builder.block
    result = []
    for dot, more in zip(plain, total, strict=True):
        phi = builder.phi(F64X8)
        phi.add_incoming(dot, before)
        phi.add_incoming(more, after)
        result.append(phi)
    return result


def _add_once(builder: Any, dot: Any, scale: Any, total: Any) -> Any:
    """``dot * scale + total`` as f32 values in f64, rounded once.

    The sum rounded down and rounded up differ if it is inexact; then the odd one of the two keeps,
    29 bits below the end of an f32, that something was lost.
    """
    down, up = (
        call(builder, "llvm.x86.avx512.vfmadd.pd.512", F64X8, [dot, scale, total, I32(mode)])
        for mode in (DOWN, UP)
    )
    last = builder.and_(builder.bitcast(down, I64X8), splat_constant(I64X8, 1))
    odd = builder.icmp_unsigned("!=", last, splat_constant(I64X8, 0))
    return builder.fptrunc(builder.select(odd, down, up), ir.VectorType(F32, 8))


def _multiply(
    builder: Any, a: Any, a_scales: Any, a_masks: Any,
    b: Any, b_scales: Any, b_masks: Any, count: Any, *place: Any,
) -> None:  # fmt: skip
    """8 rows x 16 columns, ``count`` blocks of 32; ``place`` as for the kernels of other types."""
    tile = Tile(builder, 1, place)
    eight = ir.VectorType(F32, 8)
    starts = [tile.first(row, 0, F32X16) for row in range(ROWS)]
    totals = [builder.fpext(half, F64X8) for start in starts for half in _halves(builder, start)]
    unit = splat_constant(F64X8, 2.0**-8)

    def block(*state: Any) -> list[Any]:
        (left, left_scales, rows, right, right_scales, columns), work = state[:6], state[6:]
        masks = [load(builder, I32, address) for address in (rows, columns)]
        dots = _block_dots(builder, left, right, *masks)
        others = [
            builder.fmul(builder.fpext(load(builder, eight, right_scales, 32 * h), F64X8), unit)
            for h in range(2)
        ]
        found = []
        for row in range(ROWS):
            own = splat(builder, builder.fpext(load(builder, F32, left_scales, 4 * row), F64), 8)
            for h in range(2):
                cell = 2 * row + h
                scale = builder.fmul(own, others[h])
                total = _add_once(builder, dots[cell], scale, work[cell])
                found.append(builder.fpext(total, F64X8))
        steps = zip(state[:6], (1024, 64, 8, 1024, 64, 8), strict=True)
        return [*(builder.add(address, I64(step)) for address, step in steps), *found]

    addresses = [a, a_scales, a_masks, b, b_scales, b_masks]
    totals = loop(builder, count, [*addresses, *totals], block)[6:]
    narrow = [builder.fptrunc(total, eight) for total in totals]
    pairs = zip(narrow[::2], narrow[1::2], strict=True)
    tile.write_floats([shuffle(builder, left, right, range(16)) for left, right in pairs])


decode_rows = routine("cube_mx8_rows", 6, _decode_rows)
decode_columns = routine("cube_mx8_columns", 6, _decode_columns)
multiply = routine("cube_mx8", 15, _multiply)
