"""Preparation of operands for the AVX-512 kernels: re-lay B, widen or decode A, sums and scales.

A fractal is 16 rows (of A or of B's columns) x 32 bytes of k. "Panel" below is what a kernel reads
of B: for 16 columns, consecutive 64-byte vectors in ascending k. All arguments are ``int64``;
addresses are raw, steps are bytes between fractals that follow each other in k.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from npuemu.units.cube.ir import (
    CANONICAL_NAN,
    F16,
    F32X16,
    I8,
    I8X64,
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
from npuemu.units.cube.transpose import load_fractal, transposed

E2M1_DOUBLED = (0, 1, 2, 3, 4, 6, 8, 12)
"""Twice the magnitude of the E2M1 codes 0..7."""
B_OFFSET = 12
"""Added to B's doubled E2M1 values, so that they are unsigned."""


def _signed_table() -> list[int]:
    return [*E2M1_DOUBLED, *(-v for v in E2M1_DOUBLED)]


def _lookup(builder: Any, table: list[int], codes: Any) -> Any:
    """Bytes of ``table`` by the low nibbles ``codes`` (<64 x i8>, each 0..15)."""
    lanes = ir.Constant(I8X64, [I8(v & 0xFF) for v in table * 4])
    return call(builder, "llvm.x86.avx512.pshuf.b.512", I8X64, [lanes, codes])


def _nibbles(builder: Any, dwords: Any) -> tuple[Any, Any]:
    """Low and high nibbles of every byte, as <64 x i8> in 0..15."""
    mask = splat_constant(I32X16, 0x0F0F0F0F)
    low = builder.and_(dwords, mask)
    high = builder.and_(builder.lshr(dwords, splat_constant(I32X16, 4)), mask)
    return builder.bitcast(low, I8X64), builder.bitcast(high, I8X64)


def dot_step(builder: Any, start: Any, unsigned: Any, signed: Any) -> Any:
    """``start[i] += sum of 4 products u8 * s8`` in every dword (VPDPBUSD)."""
    return call(builder, "llvm.x86.avx512.vpdpbusd.512", I32X16, [start, unsigned, signed])


def _unpack_s8(builder: Any, source: Any, step: Any, count: Any, last: Any, panel: Any) -> None:
    """B fractals -> panel of unsigned bytes (value + 128), k past the end as value 0.

    ``last`` = number of valid k bytes (1..32) of the last fractal.
    """

    def fractal(left: Any, address: Any, out: Any) -> list[Any]:
        final = builder.icmp_signed("==", left, I64(1))
        valid = builder.trunc(builder.select(final, last, I64(32)), I8)
        numbers = ir.Constant(I8X64, [I8(lane % 32) for lane in range(64)])
        mask = builder.sext(builder.icmp_unsigned("<", numbers, splat(builder, valid, 64)), I8X64)
        words = builder.bitcast(mask, I32X16)
        flip = splat_constant(I32X16, 0x80808080)
        rows = [builder.and_(r, words) for r in load_fractal(builder, address)]
        for d, vector in enumerate(transposed(builder, rows)):
            store(builder, builder.xor(vector, flip), out, 64 * d)
        return [builder.sub(left, I64(1)), builder.add(address, step), builder.add(out, I64(512))]

    loop(builder, count, [count, source, panel], fractal)


def _unpack_bf16(builder: Any, source: Any, step: Any, count: Any, panel: Any) -> None:
    """B fractals of bf16 -> panel of f32, one vector per k."""
    high = splat_constant(I32X16, 0xFFFF0000)

    def fractal(address: Any, out: Any) -> list[Any]:
        for d, vector in enumerate(transposed(builder, load_fractal(builder, address))):
            store(builder, builder.shl(vector, splat_constant(I32X16, 16)), out, 128 * d)
            store(builder, builder.and_(vector, high), out, 128 * d + 64)
        return [builder.add(address, step), builder.add(out, I64(1024))]

    loop(builder, count, [source, panel], fractal)


def _widen_halves(builder: Any, bits: Any) -> Any:
    """<16 x i16> bits of f16 -> <16 x float>, exact."""
    return builder.fpext(builder.bitcast(bits, ir.VectorType(F16, 16)), F32X16)


def _unpack_f16(builder: Any, source: Any, step: Any, count: Any, panel: Any) -> None:
    """B fractals of f16 -> panel of f32, one vector per k."""
    halves = ir.VectorType(I16, 16)

    def fractal(address: Any, out: Any) -> list[Any]:
        for d, vector in enumerate(transposed(builder, load_fractal(builder, address))):
            high = builder.lshr(vector, splat_constant(I32X16, 16))
            for part, words in enumerate((vector, high)):
                wide = _widen_halves(builder, builder.trunc(words, halves))
                store(builder, wide, out, 128 * d + 64 * part)
        return [builder.add(address, step), builder.add(out, I64(1024))]

    loop(builder, count, [source, panel], fractal)


def _unpack_mx(builder: Any, source: Any, step: Any, count: Any, panel: Any) -> None:
    """B fractals of E2M1 -> panel of unsigned bytes (2 * value + 12): per dword low, high nibbles.

    The order of k inside a 32-block is free (its dot is exact); A is decoded in the same order.
    """
    table = [v + B_OFFSET for v in _signed_table()]

    def fractal(address: Any, out: Any) -> list[Any]:
        for d, vector in enumerate(transposed(builder, load_fractal(builder, address))):
            for part, codes in enumerate(_nibbles(builder, vector)):
                store(builder, _lookup(builder, table, codes), out, 128 * d + 64 * part)
        return [builder.add(address, step), builder.add(out, I64(1024))]

    loop(builder, count, [source, panel], fractal)


def _widen_bf16(builder: Any, source: Any, step: Any, count: Any, out: Any) -> None:
    """A fractals of bf16 -> f32 fractals (16 rows x 16 k, 64 bytes a row), contiguous in k."""
    halves = ir.VectorType(I16, 16)

    def fractal(address: Any, to: Any) -> list[Any]:
        for row in range(16):
            wide = builder.zext(load(builder, halves, address, 32 * row), I32X16)
            store(builder, builder.shl(wide, splat_constant(I32X16, 16)), to, 64 * row)
        return [builder.add(address, step), builder.add(to, I64(1024))]

    loop(builder, count, [source, out], fractal)


def _widen_f16(builder: Any, source: Any, step: Any, count: Any, out: Any) -> None:
    """A fractals of f16 -> f32 fractals, as for bf16."""
    halves = ir.VectorType(I16, 16)

    def fractal(address: Any, to: Any) -> list[Any]:
        for row in range(16):
            words = load(builder, halves, address, 32 * row)
            store(builder, _widen_halves(builder, words), to, 64 * row)
        return [builder.add(address, step), builder.add(to, I64(1024))]

    loop(builder, count, [source, out], fractal)


def _sum(builder: Any, vectors: list[Any]) -> Any:
    total = vectors[0]
    for vector in vectors[1:]:
        total = builder.add(total, vector)
    return total


def _row_starts_s8(builder: Any, source: Any, step: Any, count: Any, out: Any) -> None:
    """-128 * sum of every row of 16 x (32 * count) signed bytes, as 16 int32 at ``out``."""
    ones = splat_constant(I32X16, 0x01010101)

    def fractal(address: Any, *sums: Any) -> list[Any]:
        rows = load_fractal(builder, address)
        added = [dot_step(builder, s, ones, r) for s, r in zip(sums, rows, strict=True)]
        return [builder.add(address, step), *added]

    zero = splat_constant(I32X16, 0)
    sums = loop(builder, count, [source, *[zero] * 8], fractal)[1:]
    total = _sum(builder, transposed(builder, sums))
    store(builder, builder.sub(zero, builder.shl(total, splat_constant(I32X16, 7))), out)


def _decode_mx(builder: Any, source: Any, step: Any, count: Any, out: Any, starts: Any) -> None:
    """A fractals of E2M1 -> 1024 bytes: 512 of low nibbles, 512 of high, each 2 * value, signed.

    ``starts``: 128 bytes a fractal: -12 * (sum of the 32-block) as 16 int32 of block 0, then 1.
    """
    twelve = splat_constant(I32X16, B_OFFSET * 0x01010101)
    zero = splat_constant(I32X16, 0)

    def fractal(address: Any, to: Any, start: Any) -> list[Any]:
        sums = []
        for v, words in enumerate(load_fractal(builder, address)):
            parts = [_lookup(builder, _signed_table(), c) for c in _nibbles(builder, words)]
            low, high = (builder.bitcast(p, I32X16) for p in parts)
            store(builder, low, to, 64 * v)
            store(builder, high, to, 512 + 64 * v)
            sums.append(dot_step(builder, dot_step(builder, zero, twelve, low), twelve, high))
        columns = transposed(builder, sums)
        for block in range(2):
            total = _sum(builder, columns[4 * block : 4 * block + 4])
            store(builder, builder.sub(zero, total), start, 64 * block)
        steps = (step, I64(1024), I64(128))
        return [builder.add(p, s) for p, s in zip((address, to, start), steps, strict=True)]

    loop(builder, count, [source, out, starts], fractal)


def _decode_scales(builder: Any, source: Any, step: Any, count: Any, out: Any) -> None:
    """E8M0 scale fractals (16 rows x 2 bytes) -> 16 f32 of block 0, 16 of block 1 each.

    0 gives 2^-127 (subnormal), 255 gives NaN.
    """
    halves = ir.VectorType(I16, 16)

    def fractal(address: Any, to: Any) -> list[Any]:
        pairs = builder.zext(load(builder, halves, address), I32X16)
        low = builder.and_(pairs, splat_constant(I32X16, 0xFF))
        for block, code in enumerate((low, builder.lshr(pairs, splat_constant(I32X16, 8)))):
            bits = builder.shl(code, splat_constant(I32X16, 23))
            tiny = builder.icmp_unsigned("==", code, splat_constant(I32X16, 0))
            bits = builder.select(tiny, splat_constant(I32X16, 0x00400000), bits)
            nan = builder.icmp_unsigned("==", code, splat_constant(I32X16, 255))
            bits = builder.select(nan, splat_constant(I32X16, CANONICAL_NAN), bits)
            store(builder, bits, to, 64 * block)
        return [builder.add(address, step), builder.add(to, I64(128))]

    loop(builder, count, [source, out], fractal)


def _scale_range(builder: Any, source: Any, step: Any, count: Any, rows: Any) -> Any:
    """``greatest << 8 | least`` scale byte of the first ``rows`` (1..16) rows."""
    kind = ir.VectorType(I8, 32)
    numbers = ir.Constant(kind, [I8(lane // 2) for lane in range(32)])
    limit = splat(builder, builder.trunc(rows, I8), 32)
    used = builder.icmp_signed("<", numbers, limit)
    full, none = splat_constant(kind, 0xFF), splat_constant(kind, 0)

    def fractal(address: Any, least: Any, greatest: Any) -> list[Any]:
        codes = load(builder, kind, address)
        low, high = builder.select(used, codes, full), builder.select(used, codes, none)
        least = builder.select(builder.icmp_unsigned("<", low, least), low, least)
        greatest = builder.select(builder.icmp_unsigned(">", high, greatest), high, greatest)
        return [builder.add(address, step), least, greatest]

    _, least, greatest = loop(builder, count, [source, full, none], fractal)
    for width in (16, 8, 4, 2, 1):
        lanes = [lane + width if lane < width else lane for lane in range(32)]
        low = shuffle(builder, least, least, lanes)
        high = shuffle(builder, greatest, greatest, lanes)
        least = builder.select(builder.icmp_unsigned("<", low, least), low, least)
        greatest = builder.select(builder.icmp_unsigned(">", high, greatest), high, greatest)
    low = builder.zext(builder.extract_element(least, I32(0)), I64)
    high = builder.zext(builder.extract_element(greatest, I32(0)), I64)
    return builder.or_(builder.shl(high, I64(8)), low)


unpack_s8 = routine("cube_unpack_s8", 5, _unpack_s8)
unpack_bf16 = routine("cube_unpack_bf16", 4, _unpack_bf16)
unpack_f16 = routine("cube_unpack_f16", 4, _unpack_f16)
unpack_mx = routine("cube_unpack_mx", 4, _unpack_mx)
widen_bf16 = routine("cube_widen_bf16", 4, _widen_bf16)
widen_f16 = routine("cube_widen_f16", 4, _widen_f16)
row_starts_s8 = routine("cube_row_starts_s8", 4, _row_starts_s8)
decode_mx = routine("cube_decode_mx", 5, _decode_mx)
decode_scales = routine("cube_decode_scales", 4, _decode_scales)
scale_range = routine("cube_scale_range", 4, _scale_range, returns=True)
