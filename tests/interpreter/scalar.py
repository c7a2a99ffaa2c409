"""The scalar unit's arithmetic, branches, loads and stores."""

from __future__ import annotations

from collections.abc import Callable

from tests.interpreter.decode import enums
from tests.interpreter.memory import Access, Memories

MASK = (1 << 64) - 1


def signed(value: int, bits: int = 64) -> int:
    """Two's complement."""
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def _quotient(a: int, b: int) -> int:
    q = abs(signed(a)) // abs(signed(b))
    return -q if (signed(a) < 0) != (signed(b) < 0) else q


ALU: dict[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": _quotient,
    "rem": lambda a, b: signed(a) - signed(b) * _quotient(a, b),
    "shl": lambda a, b: a << b if b < 64 else 0,
    "shr": lambda a, b: a >> b if b < 64 else 0,
    "sra": lambda a, b: signed(a) >> min(b, 63),
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "min": lambda a, b: min(signed(a), signed(b)),
    "max": lambda a, b: max(signed(a), signed(b)),
}
"""Both operands as unsigned 64-bit numbers."""

BRANCHES: dict[str, Callable[[int, int], bool]] = {
    "beq": lambda a, b: a == b,
    "bne": lambda a, b: a != b,
    "blt": lambda a, b: signed(a) < signed(b),
    "bge": lambda a, b: signed(a) >= signed(b),
    "bgt": lambda a, b: signed(a) > signed(b),
    "ble": lambda a, b: signed(a) <= signed(b),
    "bltu": lambda a, b: a < b,
    "bgeu": lambda a, b: a >= b,
}


def _check(
    memories: Memories, core: int, space: str, address: int, size: int, writes: bool
) -> str | None:
    if address % size:
        return "E102"
    if space != "GM" and (space == "UB") != (core % 3 > 0):
        return "E103"
    return memories.fault(core, space, address, address + size, writes)


def load(access: Access, space: str, kind: str, address: int) -> tuple[int, str | None]:
    """`ld`: the value, extended to 64 bits, and a fault instead."""
    bits = int(enums()["mtype"]["bits"][kind])
    fault = _check(access.memories, access.core, space, address, bits // 8, False)
    if fault:
        return 0, fault
    value = access.number(space, address, bits // 8)
    return (signed(value, bits) if kind[0] == "s" else value) & MASK, None


def store(access: Access, space: str, kind: str, address: int, value: int) -> str | None:
    """`st`: low bits of the value, or a fault."""
    size = int(enums()["mtype"]["bits"][kind]) // 8
    fault = _check(access.memories, access.core, space, address, size, True)
    if fault:
        return fault
    access.write(space, address, (value & ((1 << 8 * size) - 1)).to_bytes(size, "little"))
    access.commit()
    return None
