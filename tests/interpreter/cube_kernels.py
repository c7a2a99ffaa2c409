"""Small random kernels of one `mmad`, one fractal load or one FIX instruction."""

from __future__ import annotations

import random
import struct

TILE = 16384
"""Bytes of L0A, L0B and L0C that these kernels fill."""
MXFP8 = ("mxfp8_e4m3", "mxfp8_e5m2", "mxfp8_e4m3_e5m2", "mxfp8_e5m2_e4m3")
WIDTHS = {"b32": 4, "16": 2, "s8": 1}
"""Bytes of a result by the end of the conversion's name."""
FIX_INPUT = 256 + 512 + 7 * 512
DUMP = 8192
"""Bytes that come back from L1 or one UB."""
HEAD = """.kernel one
.machines ascend910b1, ascend950pr
.tensor X u8 [{size}] in
.tensor Y u8 [{out}] out
.section cube
li r1, X
li r2, Y
li r3, 0
"""
FIX_SETUP = f"""mov_gm_l1 r3, r1, len={FIX_INPUT}
set_flag MTE2, MTE1, 0
wait_flag MTE2, MTE1, 0
set_flag MTE2, FIX, 0
wait_flag MTE2, FIX, 0
li r10, 256
li r11, 64
li r12, 768
li r13, {768 + 4 * 512}
mov_l1_fb r11, r10, 512
mov_l1_bt r3, r3, 192
load_l1_l0a.b8 r3, r12, 4, 1, 4
load_l1_l0b.b8 r3, r13, 3, 1, 3
set_flag MTE1, M, 0
wait_flag MTE1, M, 0
mmad.s8 r3, r3, r3, 64, 48, 1, init=bias, bias=r3
set_flag M, FIX, 0
wait_flag M, FIX, 0
pipe_barrier FIX
"""
DUMP_L1 = f"""set_flag FIX, S, 0
wait_flag FIX, S, 0
li r20, 0
next:
add r21, r16, r20
add r22, r2, r20
ld.b64 r23, L1, r21
st.b64 r23, GM, r22
add r20, r20, 8
blt r20, {DUMP // 2}, next
halt
"""
DUMP_UB = f"""cross_core_set_flag cv, FIX, 0
halt
.section vector
li r2, Y
li r3, 0
subblock_idx r4
mul r4, r4, {DUMP}
add r2, r2, r4
cross_core_wait_flag MTE3, 0
mov_ub_gm r2, r3, len={DUMP}
halt
"""


def operand_values(rng: random.Random, kind: str, size: int) -> bytes:
    """Bytes of a Cube operand; few of them special, or every sum would be a NaN."""
    if kind in ("s8", "mxfp4"):
        return rng.randbytes(size)
    if kind in MXFP8:
        top = rng.choice((0x7C, 0x7C, 0x7C, 0x80))
        return bytes(rng.choice((0, 128)) + rng.randrange(top) for _ in range(size))
    extreme = rng.choice((0, 0, 0, 0.01))
    spread = rng.choice((0, 4, 14))
    found = []
    for _ in range(size // 2):
        if rng.random() < extreme:
            found.append(rng.getrandbits(16))
            continue
        value = rng.choice(
            (0.0, -0.0, rng.gauss(0, 1), rng.gauss(0, 1) * 2 ** rng.randint(-14, spread))
        )
        if kind == "f16":
            found.append(int.from_bytes(struct.pack("<e", max(-6e4, min(6e4, value))), "little"))
        else:
            exponent = rng.choice((0, 0, 0, -60, 40))
            bits = struct.unpack("<I", struct.pack("<f", value * 2.0**exponent))[0] >> 16
            found.append(bits)
    return b"".join(bits.to_bytes(2, "little") for bits in found)


def word_values(rng: random.Random, count: int) -> bytes:
    """f32 or s32 words: ordinary numbers, small integers, edges."""
    edges: tuple[int, ...] = (
        0,
        0x80000000,
        0x7F800000,
        0xFF800000,
        0x7F800001,
        0xFFC12345,
        1,
        0x80000001,
    )
    edges += (0x7FFFFFFF, 0x3F000000, 0x477FF000, 0x33000001, 0x7F7FFFFF, 0x3FC00000)
    found = []
    for _ in range(count):
        choice = rng.random()
        if choice < 0.2:
            found.append(rng.choice(edges))
        elif choice < 0.6:
            value = rng.gauss(0, 1) * 2 ** rng.randint(-20, 18)
            found.append(struct.unpack("<I", struct.pack("<f", value))[0])
        elif choice < 0.8:
            found.append(rng.randint(-40000, 40000) & 0xFFFFFFFF)
        else:
            found.append(rng.getrandbits(32))
    return b"".join(bits.to_bytes(4, "little") for bits in found)


def mmad_kernel(rng: random.Random, kind: str) -> tuple[str, bytes]:
    """Text and input of an `mmad` of any init, twice where it accumulates.

    The input: TILE bytes each of A and B, scales, and a bias.
    """
    m, n = rng.choice((0, 1, 5, 16, 17, 30)), rng.choice((1, 3, 16, 19, 33))
    scaled = kind.startswith("mx")
    k = rng.choice((64, 128)) if scaled else rng.choice((0, 1, 7, 16, 31, 32, 40))
    scales, bias = 2 * TILE, 2 * TILE + 1024
    size = bias + 1024
    out = 48 * 33 * 4
    lines = [HEAD.format(size=size, out=out)]
    lines.append(f"mov_gm_l1 r3, r1, len={size}\nset_flag MTE2, MTE1, 0\nwait_flag MTE2, MTE1, 0")
    lines.append(f"li r10, {TILE}\nli r11, {scales}\nli r12, {bias}\nli r13, 512\nli r14, 64")
    blocks = TILE // 512
    lines.append(f"load_l1_l0a.b16 r3, r3, {blocks}, 1, {blocks}")
    lines.append(f"load_l1_l0b.b16 r3, r10, {blocks}, 1, {blocks}\nmov_l1_bt r14, r12, 512")
    if scaled:
        columns, stride = k // 64, rng.choice((k // 32, k // 32 + 6, 12))
        lines.append("load_l1_l0a_mx r3, r11, 1, 16, 32\nload_l1_l0b_mx r3, r11, 1, 16, 32")
        lines.append(
            f"pipe_barrier MTE1\nload_l1_l0a_mx r3, r11, {-(-m // 16)}, {columns}, {stride}"
        )
        lines.append(f"load_l1_l0b_mx r3, r11, {-(-n // 16)}, {columns}, {stride}")
    init = rng.choice(("zero", "bias"))
    lines.append("set_flag MTE1, M, 0\nwait_flag MTE1, M, 0")
    lines.append(f"mmad.{kind} r3, r3, r3, {m}, {n}, {k}, init={init}, bias=r14")
    if rng.random() < 0.5:
        lines.append(f"mmad.{kind} r3, r13, r13, {m}, {n}, {k}, init=acc")
    lines.append("set_flag M, FIX, 0\nwait_flag M, FIX, 0")
    stride = max(1, -(-m // 16))
    lines.append(f"fix_l0c_gm.none_b32 r2, r3, {m}, {n}, {stride}, {4 * n}\nhalt")
    codes = bytes(
        rng.choice((255, *range(60, 190))) if rng.random() < 0.02 else rng.randint(100, 150)
        for _ in range(1024)
    )
    data = operand_values(rng, kind, TILE) + operand_values(rng, kind, TILE) + codes
    return "\n".join(lines), data + word_values(rng, 256)


def fix_kernel(rng: random.Random, target: str, conversion: str, quant: str) -> tuple[str, bytes]:
    """Text and input of a FIX instruction on 64 x 48 words: a bias, plus an integer product.

    The input: 48 bias words, quantisation words, and s8 operands of the product.
    """
    m, n = rng.choice((0, 1, 2, 16, 18, 40)), rng.choice((0, 1, 16, 20, 32, 40))
    core = rng.choice(("aiv0", "aiv1", "split_m", "split_n")) if target == "ub" else ""
    m, n = (m + m % 2 if core == "split_m" else m), (n // 32 * 32 if core == "split_n" else n)
    element = next(b for end, b in WIDTHS.items() if conversion.endswith(end))
    nz2nd = rng.randint(0, 1)
    stride = n * element + 8 if nz2nd else m * 16 * max(element, 2) + rng.choice((0, 32))
    scale = "r11" if quant == "vector" else "r15"
    used = f", quant={quant}, scale={scale}" if quant != "none" else ""
    operands = f", {m}, {n}, 4, {stride}{used}, relu={rng.randint(0, 1)}, nz2nd={nz2nd}"
    lines = [HEAD.format(size=FIX_INPUT, out=2 * DUMP), FIX_SETUP]
    lines.append(f"li r15, {_scale_word(rng)}")
    lines += _emit(target, conversion, operands, core)
    factors = [_scale_word(rng).to_bytes(8, "little") for _ in range(64)]
    product = bytes(rng.choice((0, 1, 2, 255, 77)) for _ in range(7 * 512))
    return "\n".join(lines), word_values(rng, 64) + b"".join(factors) + product


def _scale_word(rng: random.Random) -> int:
    value = rng.choice((0.001, 1.0, -0.7, 3e4, 1e-30, rng.gauss(0, 2)))
    bits: int = struct.unpack("<I", struct.pack("<f", value))[0]
    if rng.random() < 0.15:
        bits = rng.choice((0x7F800000, 0x7FC00000, 0, 0x80000000, 0x00002000, 0x7F800001))
    return bits | rng.getrandbits(20) << 32


def _emit(target: str, conversion: str, operands: str, core: str) -> list[str]:
    """The FIX instruction and the way of its result into Y."""
    if target == "gm":
        return [f"fix_l0c_gm.{conversion} r2, r3{operands}", "halt"]
    if target == "l1":
        return [f"li r16, 16384\nfix_l0c_l1.{conversion} r16, r3{operands}", DUMP_L1]
    return [f"fix_l0c_ub.{conversion} r3, r3{operands}, core={core}", DUMP_UB]
