"""FIX: words of L0C on their way out, converted."""

from __future__ import annotations

from tests.interpreter.arithmetic import (
    BF16,
    F16,
    F32,
    ZERO,
    Number,
    decode,
    encode,
    integer,
    maximum,
    multiply,
    rounded,
    to_integer,
)
from tests.interpreter.cube import l0c_place
from tests.interpreter.step import Step

SCALE_MASK = 0xFFFFE000
SIZE = {"none_b32": 4, "f32_bf16": 2, "f32_f16": 2, "s32_f16": 2, "s32_s8": 1, "f32_s8": 1}
RESULT = {"none_b32": F32, "f32_bf16": BF16, "f32_f16": F16, "s32_f16": F16}


def _number(conversion: str, word: int) -> Number:
    """An L0C word as what the conversion takes it for; an integer is rounded to f32 first."""
    if conversion[0] == "s":
        return rounded(F32, integer(word - (1 << 32) if word >> 31 else word))
    return decode(F32, word)


def _quantised(conversion: str, x: Number, word: int) -> int:
    """The conversions that multiply by a scale."""
    product = rounded(F32, multiply(x, decode(F32, word & SCALE_MASK)))
    if conversion == "s32_f16":
        return encode(F16, product)
    added = word >> 37 & 0x1FF
    whole = to_integer(product, "rint", -(1 << 200), 1 << 200)
    whole += added - 512 if added > 255 else added
    return max(-128, min(127, whole)) & 0xFF


def convert(conversion: str, word: int, scale: int, relu: int) -> int:
    """Result bits of one L0C word; `scale` is the 64-bit quantisation word, if one is used."""
    if conversion in ("s32_f16", "s32_s8", "f32_s8"):
        bits = _quantised(conversion, _number(conversion, word), scale)
    elif conversion == "none_b32":
        bits = word
    else:
        bits = encode(RESULT[conversion], decode(F32, word))
    if not relu:
        return bits
    fmt = RESULT.get(conversion)
    if fmt is None:
        return 0 if bits > 127 else bits
    return encode(fmt, maximum(decode(fmt, bits), ZERO))


def _scale(step: Step, j: int) -> int:
    source = step.symbol("quant")
    if source == "vector":
        return step.access.number("FB", step["scale"] + 8 * j, 8)
    return step["scale"] & ((1 << 64) - 1) if source == "scalar" else 0


def _out(step: Step, memory: str, rows: range, columns: range) -> None:
    """The part of the tile in `rows` and `columns`, as a tile of its own at dst."""
    conversion = step.symbol("conv")
    size = SIZE[conversion]
    width = 32 if size == 1 else 16
    scales = [_scale(step, j) for j in columns] if rows else []
    block = len(columns) if step["nz2nd"] else width
    for first in range(0, len(columns), max(block, 1)):
        for i in range(len(rows)):
            for j in range(first, min(first + block, len(columns))):
                place = l0c_place(step["src"], rows[i], columns[j], step["src_stride"])
                word = step.access.number("L0C", place, 4)
                bits = convert(conversion, word, scales[j], step["relu"])
                if step["nz2nd"]:
                    at = i * step["dst_stride"] + j * size
                else:
                    at = j // width * step["dst_stride"] + (i * width + j % width) * size
                step.access.write(memory, step["dst"] + at, bits.to_bytes(size, "little"))


def fix_l0c_gm(step: Step) -> None:
    """L0C to GM."""
    _out(step, "GM", range(step["m"]), range(step["n"]))


def fix_l0c_l1(step: Step) -> None:
    """L0C to L1."""
    _out(step, "L1", range(step["m"]), range(step["n"]))


def fix_l0c_ub(step: Step) -> None:
    """L0C to one UB or split over both."""
    m, n, core = step["m"], step["n"], step.symbol("core")
    if core == "split_m":
        _out(step, "UB", range(m // 2), range(n))
        _out(step, "UB1", range(m // 2, m), range(n))
    elif core == "split_n":
        _out(step, "UB", range(m), range(n // 2))
        _out(step, "UB1", range(m), range(n // 2, n))
    else:
        _out(step, "UB1" if core == "aiv1" else "UB", range(m), range(n))


UNITS = {unit.__name__: unit for unit in (fix_l0c_gm, fix_l0c_l1, fix_l0c_ub)}
