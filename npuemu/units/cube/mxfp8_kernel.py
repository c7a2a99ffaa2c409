"""AVX-512 routines for MXFP8 with e4m3 on both sides: exact integer dots, one odd rounding a block.

An element is ``(32 * high + low) * 2^-9`` with 16-bit integers, of which at most one is not zero:
``high`` takes magnitudes from 1/2 on, ``low`` the smaller ones, which are rare if the scales fit.
Dots of high parts are dense; those with low parts visit only the pairs of k that hold any. A dot
that float32 holds for sure, by the notes of its operands, takes the short way to its sum.
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
NEVER = 0x7FFFFFFF
"""A note that no product of notes with it is small."""
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


def _dot_pairs(builder: Any, start: Any, left: Any, right: Any) -> Any:
    """``start[i] += sum of 2 products s16 * s16`` in every dword (VPDPWSSD)."""
    return call(builder, "llvm.x86.avx512.vpdpwssd.512", I32X16, [start, left, right])


def _any(builder: Any, vectors: list[Any]) -> Any:
    total = vectors[0]
    for vector in vectors[1:]:
        total = builder.or_(total, vector)
    return total


def _nonzero(builder: Any, vector: Any) -> Any:
    """A bit a lane, as i16."""
    flags = builder.icmp_unsigned("!=", vector, splat_constant(I32X16, 0))
    return builder.bitcast(flags, I16)


def _poison(builder: Any, scales: Any, nan: Any) -> Any:
    """Make the f32 scale of every marked lane NaN; the bits of all scales."""
    bits = load(builder, I32X16, scales)
    marked = builder.icmp_unsigned("!=", nan, splat_constant(I32X16, 0))
    bits = builder.select(marked, splat_constant(I32X16, CANONICAL_NAN), bits)
    store(builder, bits, scales)
    return bits


def _size(builder: Any, vector: Any) -> Any:
    """Magnitudes of 16-bit lanes, as dwords."""
    lanes = builder.bitcast(vector, I16X32)
    negative = builder.icmp_signed("<", lanes, splat_constant(I16X32, 0))
    opposite = builder.sub(splat_constant(I16X32, 0), lanes)
    return builder.bitcast(builder.select(negative, opposite, lanes), I32X16)


def _greatest(builder: Any, vector: Any, steps: tuple[int, ...]) -> Any:
    """Lanes 0 (and 8, without the step 8): the largest unsigned lane of the 16 (of its 8)."""
    for step in steps:
        lanes = [lane ^ step for lane in range(16)]
        other = shuffle(builder, vector, vector, lanes)
        vector = builder.select(builder.icmp_unsigned(">", other, vector), other, vector)
    return vector


def _unless_extreme(builder: Any, scales: Any, words: Any) -> Any:
    """``words``, and `NEVER` in lanes whose scale (f32 bits) is far from 1 or NaN."""
    low = builder.icmp_unsigned(">=", scales, splat_constant(I32X16, 75 << 23))
    high = builder.icmp_unsigned("<=", scales, splat_constant(I32X16, 180 << 23))
    # Not 0: zeros under an extreme scale must not take the short way either.
    words = builder.or_(words, splat_constant(I32X16, 1))
    return builder.select(builder.and_(low, high), words, splat_constant(I32X16, NEVER))


def _decode_rows(
    builder: Any, source: Any, step: Any, count: Any, out: Any, scales: Any, notes: Any
) -> None:
    """A fractals -> 16 rows x 16 pairs of k, high and ``LOW`` further low, 1024 bytes a fractal.

    scales: 16 f32 a fractal, where a row with a NaN gets NaN; notes: 16 bytes a fractal, for rows 0
    to 7 and 8 to 15 a bit for every pair of k with a low part, then for both the largest sum of
    magnitudes of a row in units of 2^-9 (`NEVER` if a scale is extreme).
    """
    weights = (splat_constant(I32X16, 0x00200020), splat_constant(I32X16, 0x00010001))

    def fractal(address: Any, to: Any, scale: Any, note: Any) -> list[Any]:
        nans, lows, sums = [], [], []
        for v, dwords in enumerate(load_fractal(builder, address)):
            parts = [_parts(builder, codes) for codes in _split(builder, dwords)]
            total = splat_constant(I32X16, 0)
            for plane in range(2):
                left, right = (parts[p][plane] for p in range(2))
                for part in (left, right):
                    total = _dot_pairs(builder, total, _size(builder, part), weights[plane])
                for row in range(2):
                    lanes = [*range(8 * row, 8 * row + 8), *range(16 + 8 * row, 24 + 8 * row)]
                    both = shuffle(builder, left, right, lanes)
                    store(builder, both, to, plane * LOW + 128 * v + 64 * row)
                    if plane == 1:
                        lows.append(both)
            nans.append(builder.or_(parts[0][2], parts[1][2]))
            sums.append(total)
        bits = _poison(builder, scale, _any(builder, transposed(builder, nans)))
        columns = transposed(builder, sums)
        size = columns[0]
        for column in columns[1:]:
            size = builder.add(size, column)
        words = _greatest(builder, _unless_extreme(builder, bits, size), (4, 2, 1))
        for half in range(2):
            used = _nonzero(builder, _any(builder, lows[8 * half : 8 * half + 8]))
            store(builder, builder.zext(used, I32), note, 4 * half)
            store(builder, builder.extract_element(words, I32(8 * half)), note, 8 + 4 * half)
        steps = (step, I64(1024), I64(64), I64(16))
        return [builder.add(p, s) for p, s in zip((address, to, scale, note), steps, strict=True)]

    loop(builder, count, [source, out, scales, notes], fractal)


def _width(builder: Any, magnitudes: list[Any], scales: Any, low: Any) -> Any:
    """Largest magnitude of B's high parts over the power of two (64 at most) that divides all."""
    some, top = magnitudes[0], magnitudes[0]
    for magnitude in magnitudes[1:]:
        some = builder.or_(some, magnitude)
        top, other = (builder.bitcast(v, I16X32) for v in (top, magnitude))
        top = builder.select(builder.icmp_unsigned(">", other, top), other, top)
        top = builder.bitcast(top, I32X16)
    half = splat_constant(I32X16, 0xFFFF)
    upper = builder.lshr(top, splat_constant(I32X16, 16))
    lower = builder.and_(top, half)
    top = builder.select(builder.icmp_unsigned(">", upper, lower), upper, lower)
    top = _greatest(builder, _unless_extreme(builder, scales, top), (8, 4, 2, 1))
    for step in (8, 4, 2, 1):
        lanes = [lane ^ step for lane in range(16)]
        some = builder.or_(some, shuffle(builder, some, some, lanes))
    top, some = (builder.extract_element(v, I32(0)) for v in (top, some))
    some = builder.or_(builder.or_(some, builder.lshr(some, I32(16))), I32(64))
    zeros = call(builder, "llvm.cttz.i32", I32, [some, ir.IntType(1)(0)])
    is_never = builder.icmp_unsigned("==", top, I32(NEVER))
    blocked = builder.or_(is_never, builder.icmp_unsigned("!=", low, I32(0)))
    return builder.select(blocked, I32(NEVER), builder.or_(builder.lshr(top, zeros), I32(1)))


def _decode_columns(
    builder: Any, source: Any, step: Any, count: Any, out: Any, scales: Any, notes: Any
) -> None:
    """B fractals -> a vector of 16 columns for every pair of k; otherwise as `_decode_rows`.

    notes: 16 bytes a fractal, the pairs with a low part, then `_width` (`NEVER` with low parts).
    """

    def fractal(address: Any, to: Any, scale: Any, note: Any) -> list[Any]:
        nans, used, sizes = [], I32(0), []
        for d, dwords in enumerate(transposed(builder, load_fractal(builder, address))):
            for odd, codes in enumerate(_split(builder, dwords)):
                pair = 8 * odd + d
                high, low, nan = _parts(builder, codes)
                store(builder, high, to, 64 * pair)
                store(builder, low, to, LOW + 64 * pair)
                nans.append(nan)
                sizes.append(_size(builder, high))
                some = builder.icmp_unsigned("!=", _nonzero(builder, low), I16(0))
                used = builder.or_(used, builder.select(some, I32(1 << pair), I32(0)))
        bits = _poison(builder, scale, _any(builder, nans))
        store(builder, used, note)
        store(builder, _width(builder, sizes, bits, used), note, 8)
        steps = (step, I64(1024), I64(64), I64(16))
        return [builder.add(p, s) for p, s in zip((address, to, scale, note), steps, strict=True)]

    loop(builder, count, [source, out, scales, notes], fractal)


def _pair_step(builder: Any, start: Any, vector: Any, word: Any) -> Any:
    """`_dot_pairs` with one dword of A for all columns."""
    return _dot_pairs(builder, start, vector, splat(builder, word))


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


def _wide_dots(builder: Any, dense: list[Any], left: Any, right: Any, masks: list[Any]) -> Any:
    """16 vectors of doubles: 8 rows times two halves of 16 columns, in units of 2^-8."""
    rows, columns = masks
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
    return [_join(builder, pair, before, after) for pair in zip(plain, total, strict=True)]


def _join(builder: Any, values: tuple[Any, Any], first: Any, second: Any) -> Any:
    """The value of the branch that was taken."""
    phi = builder.phi(values[0].type)
    phi.add_incoming(values[0], first)
    phi.add_incoming(values[1], second)
    return phi


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


def _add_narrow(
    builder: Any, dense: list[Any], left: Any, right: Any, rows: Any,
    scales: tuple[Any, Any], totals: list[Any],
) -> list[Any]:  # fmt: skip
    """Add dots that float32 holds exactly: one fused multiply-add rounds once."""
    shift = splat_constant(I32X16, CUT)
    dots = [builder.shl(dot, shift) for dot in dense]
    dots = _sparse(builder, rows, builder.add(left, I64(LOW)), right, dots)
    unit = splat_constant(F32X16, 2.0 ** (-8 - CUT))
    other = builder.fmul(load(builder, F32X16, scales[1]), unit)
    found = []
    for row in range(ROWS):
        own = splat(builder, load(builder, F32, scales[0], 4 * row))
        arguments = [builder.sitofp(dots[row], F32X16), builder.fmul(own, other), totals[row]]
        found.append(call(builder, "llvm.fma.v16f32", F32X16, arguments))
    return found


def _add_wide(
    builder: Any, dense: list[Any], left: Any, right: Any, masks: list[Any],
    scales: tuple[Any, Any], totals: list[Any],
) -> list[Any]:  # fmt: skip
    """Add any dots, any scales."""
    dots = _wide_dots(builder, dense, left, right, masks)
    unit, eight = splat_constant(F64X8, 2.0**-8), ir.VectorType(F32, 8)
    others = [
        builder.fmul(builder.fpext(load(builder, eight, scales[1], 32 * h), F64X8), unit)
        for h in range(2)
    ]
    found = []
    for row in range(ROWS):
        own = splat(builder, builder.fpext(load(builder, F32, scales[0], 4 * row), F64), 8)
        halves = [
            _add_once(
                builder, dots[2 * row + h], builder.fmul(own, others[h]), builder.fpext(old, F64X8)
            )
            for h, old in enumerate(_halves(builder, totals[row]))
        ]
        found.append(shuffle(builder, halves[0], halves[1], range(16)))
    return found


def _multiply(
    builder: Any, a: Any, a_scales: Any, a_notes: Any,
    b: Any, b_scales: Any, b_notes: Any, count: Any, *place: Any,
) -> None:  # fmt: skip
    """8 rows x 16 columns, ``count`` blocks of 32; ``place`` as for the kernels of other types."""
    tile = Tile(builder, 1, place)
    starts = [tile.first(row, 0, F32X16) for row in range(ROWS)]

    def block(*state: Any) -> list[Any]:
        (left, own, rows, right, other, columns), totals = state[:6], list(state[6:])
        masks = [load(builder, I32, note) for note in (rows, columns)]
        sizes = [builder.zext(load(builder, I32, note, 8), I64) for note in (rows, columns)]
        dense = _dense(builder, left, right)
        narrow = builder.icmp_unsigned("<=", builder.mul(*sizes), I64(1 << 24))
        with builder.if_else(narrow) as (few_bits, many_bits):
            with few_bits:
                first = _add_narrow(builder, dense, left, right, masks[0], (own, other), totals)
                first_end = builder.block
            with many_bits:
                second = _add_wide(builder, dense, left, right, masks, (own, other), totals)
                second_end = builder.block
        pairs = zip(first, second, strict=True)
        found = [_join(builder, pair, first_end, second_end) for pair in pairs]
        steps = zip(state[:6], (1024, 64, 16, 1024, 64, 16), strict=True)
        return [*(builder.add(address, I64(step)) for address, step in steps), *found]

    addresses = [a, a_scales, a_notes, b, b_scales, b_notes]
    tile.write_floats(loop(builder, count, [*addresses, *starts], block)[6:])


decode_rows = routine("cube_mx8_rows", 6, _decode_rows)
decode_columns = routine("cube_mx8_columns", 6, _decode_columns)
multiply = routine("cube_mx8", 15, _multiply)
