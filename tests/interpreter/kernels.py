"""Small random kernels of one instruction each, for any record of the vector, cube and FIX tables.

Every kernel moves a tensor of random bytes into the memories concerned, executes the instruction
with random operands and moves all that it may have written into an output tensor.
"""

from __future__ import annotations

import random
import struct

from tests.interpreter.decode import Field, Spec, enums
from tests.interpreter.machine import Machine

WINDOW = 8192
"""Bytes of UB that a vector kernel fills and dumps."""

SPECIAL = {
    "f32": (0, 0x80000000, 0x7F800000, 0xFF800000, 0x7FC00001, 0xFF800001, 1, 0x80000001)
    + (0x7F7FFFFF, 0x3F800000, 0x00800000, 0xBF800000, 0x4B000001, 0xCF000000, 0x3F000000)
    + (0x40200000, 0x42B17218, 0xC2CFF1B5, 0x477FF000, 0x33800000, 0x43000000, 0x7149F2CA),
    "f16": (0, 0x8000, 0x7C00, 0xFC00, 0x7E01, 0xFC01, 1, 0x8001, 0x7BFF, 0x3C00, 0x0400)
    + (0xBC00, 0x4100, 0x3800, 0x57F8, 0xD808, 0x5BFC),
    "bf16": (0, 0x8000, 0x7F80, 0xFF80, 0x7FC1, 0xFF81, 1, 0x8001, 0x7F7F, 0x3F80, 0x0080)
    + (0xBF80, 0x4020, 0x4300, 0xCF00, 0x3F00),
}
"""Bits at the edges of the formats: zeros, Inf, NaN, subnormals, ties."""


def lane_values(rng: random.Random, kind: str, count: int) -> bytes:
    """`count` elements: random bits, ordinary numbers and edges."""
    small = enums()["xtype"]["bits"].get(kind)
    if small:
        return rng.randbytes(count * small // 8)
    size = int(enums()["vtype"]["bits"][kind]) // 8
    found = []
    for _ in range(count):
        choice = rng.random()
        if kind in SPECIAL and choice < 0.3:
            found.append(rng.choice(SPECIAL[kind]))
        elif kind in SPECIAL and choice < 0.7:
            (bits,) = struct.unpack(
                "<I", struct.pack("<f", rng.gauss(0, 1) * 2 ** rng.randint(-9, 9))
            )
            found.append(bits if kind == "f32" else _narrow(kind, bits))
        elif choice < 0.8:
            found.append(rng.choice((0, 1, (1 << 8 * size) - 1, 1 << (8 * size - 1))))
        else:
            found.append(rng.getrandbits(8 * size))
    return b"".join(bits.to_bytes(size, "little") for bits in found)


def _narrow(kind: str, bits: int) -> int:
    """Some 16-bit number near an f32."""
    if kind == "bf16":
        return bits >> 16
    (value,) = struct.unpack("<f", struct.pack("<I", bits))
    return int.from_bytes(struct.pack("<e", value), "little")


def _mask_lines(rng: random.Random, lanes: int, paired: bool) -> list[str]:
    choice = rng.random()
    if choice < 0.35:
        return []
    if choice < 0.65:
        count = rng.choice((0, 1, lanes, rng.randint(0, 3 * lanes))) << paired
        return ["set_mask_count", f"set_vector_mask -1, {count}"]
    if lanes > 128 or paired:
        return []
    high, low = rng.getrandbits(31), rng.getrandbits(31) & -(1 << rng.randint(0, 31))
    return [f"li r28, {low | rng.getrandbits(32) << 32}", f"set_vector_mask {high}, r28"]


def _vector_operand(rng: random.Random, field: Field) -> str:
    if field.name == "scalar":
        return "r20"
    if field.kind == "reg":
        return {"dst": "r10", "src": "r11", "src0": "r12", "src1": "r13"}.get(field.name, "r14")
    if field.name == "rep":
        return f"rep={rng.choice((0, 1, 2, 3))}"
    if field.name == "count":
        return str(rng.choice((0, 1, 7, 8, 15, 16, 31, 32, 255)))
    if field.name.endswith("_rep"):
        return f"{field.name}={rng.choice((0, 1, 5, 8, 8, 8, 9))}"
    return f"{field.name}={rng.choice((0, 1, 1, 1, 2))}"


def vector_kernel(rng: random.Random, spec: Spec, suffixes: tuple[str, ...], lanes: int) -> str:
    """A vector instruction on random places of a window of UB."""
    operands = [_vector_operand(rng, f) for f in spec.fields if f.kind != "enum"]
    if spec.name == "vgather":
        operands = ["r10", "r15", "r14", "2048", *operands[4:]]
    places = [f"li r{r}, {32 * rng.randint(0, 64)}" for r in (10, 11, 12, 13, 14)]
    return "\n".join(
        [
            ".kernel one",
            ".machines ascend910b1, ascend950pr",
            f".tensor X u8 [{WINDOW}] in",
            ".tensor S u32 [2] in",
            f".tensor Y u8 [{WINDOW}] out",
            ".section vector",
            "subblock_idx r1",
            "bne r1, 0, end",
            *places,
            f"li r15, {WINDOW - 1024}",
            "li r1, X",
            "li r2, Y",
            "li r3, 0",
            "li r4, S",
            "ld.b64 r20, GM, r4",
            f"mov_gm_ub r3, r1, len={WINDOW}",
            "set_flag MTE2, V, 0",
            "wait_flag MTE2, V, 0",
            *_mask_lines(rng, lanes, "e2m1" in suffixes[0]),
            f"{'.'.join((spec.name, *suffixes))} {', '.join(operands)}",
            "set_flag V, MTE3, 0",
            "wait_flag V, MTE3, 0",
            f"mov_ub_gm r2, r3, len={WINDOW}",
            "end:",
            "halt",
        ]
    )


def suffix_choices(spec: Spec, machine: Machine, vector_types: list[str]) -> list[tuple[str, ...]]:
    """Every combination of suffixes of a vector instruction that the machine has."""
    if spec.name == "vconv":
        return [(pair, mode) for pair, modes in machine.casts.items() for mode in modes]
    fields = {field.name: field for field in spec.fields}
    kinds = [kind for kind in fields["type"].symbols.values() if kind in vector_types]
    if "cond" in fields:
        return [(kind, cond) for kind in kinds for cond in fields["cond"].symbols.values()]
    return [(kind,) for kind in kinds]
