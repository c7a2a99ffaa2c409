"""Kernels of one data instruction whose registers hold values at and beyond the edges."""

from __future__ import annotations

import random

from tests.interpreter.decode import Field, Spec
from tests.interpreter.kernels import suffix_choices
from tests.interpreter.machine import Machine

TENSORS = """.kernel edge
.machines ascend910b1, ascend950pr
.tensor A u8 [4096] in
.tensor B u8 [3000] out
.tensor C u8 [64] scratch
"""
GM_EDGES = (4096, 4096 + 4096, 8704, 8704 + 3000, 12288, 12288 + 64)
VECTOR_TYPES = ["f32", "f16", "s32", "s16", "s8", "u32", "u16", "u8", "b32", "b16", "b8"]
CAST_MODES = ("s16", "s32", "f32", "u8", "s8")


def _address(rng: random.Random, field: Field, capacity: dict[str, int]) -> int:
    unit = max(field.align, 1)
    if field.mem == "GM":
        near = rng.choice(GM_EDGES)
        return near + rng.choice((0, 0, 0, -1, 1, -32, 32, -64, 2048))
    size = capacity.get(str(field.mem), 4096)
    choice = rng.random()
    if choice < 0.5:
        return unit * rng.randint(0, 8)
    if choice < 0.85:
        return (size - rng.choice((32, 64, 256, 512, 1024, 2048, 4096))) // unit * unit
    return rng.choice((size, -unit, -1, 1, unit // 2, 1 << 48, (1 << 48) - unit, -(1 << 63)))


def _number(rng: random.Random, field: Field) -> int:
    lo, hi = field.lo or 0, field.hi if field.hi is not None else (1 << field.bits) - 1
    choice = rng.random()
    if choice < 0.9:
        value = rng.choice((0, 1, 2, 3, 4, 8, 16, 17, 32, 64, 100, 255))
        return min(value * (field.align if choice < 0.85 else 1), hi)
    return rng.choice((lo, hi, hi + 1, lo - 1, -1))


def fault_kernel(rng: random.Random, spec: Spec, machine: Machine, suffix: tuple[str, ...]) -> str:
    """The instruction with random registers, alone in its section."""
    lines = [TENSORS, f".section {spec.core}"]
    if spec.core == "vector":
        lines.append("subblock_idx r1\nbne r1, 0, end")
    operands, register = [], 2
    for field in spec.fields:
        if field.kind == "enum":
            if field.symbols[min(field.symbols)] not in suffix and field.name not in SUFFIXES:
                operands.append(rng.choice(list(field.symbols.values())))
            continue
        if field.kind == "imm":
            operands.append(str(rng.choice((0, 1, 1, (1 << field.bits) - 1))))
            continue
        if field.kind == "reg" and field.mem is not None:
            value = _address(rng, field, machine.capacity)
        elif field.kind == "reg":
            value = rng.choice((0, 0, 64, 8, 4, 1000, 100000))
        else:
            value = _number(rng, field)
        lines.append(f"li r{register}, {value}")
        operands.append(f"r{register}")
        register += 1
    if spec.core == "vector" and rng.random() < 0.5:
        count = rng.choice((0, 1, 63, 64, 100, 300, 3000, 524289, 2_000_000))
        lines.append(f"set_mask_count\nset_vector_mask 0, {count}")
    elif spec.core == "vector" and rng.random() < 0.5:
        lines.append(f"set_vector_mask {rng.choice((0, -1, 1))}, {rng.choice((0, 1, -1, 255))}")
    lines.append(f"{'.'.join((spec.name, *suffix))} {', '.join(operands)}")
    return "\n".join([*lines, "end: halt"])


SUFFIXES = ("type", "conv", "pair", "round", "cond")


def suffixes_of(spec: Spec, machine: Machine, kinds: list[str]) -> list[tuple[str, ...]]:
    """Every combination of suffixes that the machine has."""
    if spec.pipe == "V":
        return suffix_choices(spec, machine, kinds)
    for field in spec.fields:
        if field.name in ("type", "conv"):
            symbols = [
                s
                for s in field.symbols.values()
                if not s.startswith("mx") or "mx" in machine.features
            ]
            return [(symbol,) for symbol in symbols]
    return [()]
