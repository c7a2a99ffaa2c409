"""The ``arg`` word of a vector step: which operand is where. Pure Python integers.

bits 0-7    address operand          bits 28-31  log2 of the lanes per repeat, L (6..8)
bits 8-15   block stride operand     bits 32-39  repeat count operand
bits 16-23  repeat stride operand    bits 40-47  value: a further operand, or a number
bits 24-27  temporary T0..T2         bits 48-55  extra: a further operand, or a code below

"Operand" means its index in ``ops`` (8 and up); 0 stands for "dense" in the two stride fields.
"""

from __future__ import annotations

ADDRESS, BLOCK, REPEAT, TEMP, LANES, COUNT, VALUE, EXTRA = 0, 8, 16, 24, 28, 32, 40, 48

# Rounding modes (extra of the convert steps).
RINT, FLOOR, CEIL, AWAY, TRUNC, ODD = range(6)
ROUNDS = {
    "none": RINT,
    "rint": RINT,
    "floor": FLOOR,
    "ceil": CEIL,
    "round": AWAY,
    "trunc": TRUNC,
    "odd": ODD,
}

# How ``fill`` reads a register, how ``store_reduced`` writes a result (extra).
WORD, F16, BF16, S16, S8 = range(5)
SCALARS = {
    "f32": WORD, "s32": WORD, "u32": WORD, "b32": WORD, "f16": F16, "bf16": BF16,
    "s16": S16, "u16": S16, "b16": S16, "s8": S8, "u8": S8, "b8": S8,
}  # fmt: skip

# Integer ranges (extra of the saturate steps).
RANGES = {"s32": 0, "s16": 1, "s8": 2, "u8": 3}

# Small floating-point formats (value of the widen and narrow steps).
SMALL_FORMATS = {"e4m3": 0, "e5m2": 1, "e2m1": 2}

# Neutral elements of the reductions (extra of ``pad``).
NEUTRAL = {"add": 0, "max": 1, "min": 2}


def pack(
    *,
    lanes: int,
    count: int,
    address: int = 0,
    block: int = 0,
    repeat: int = 0,
    temp: int = 0,
    value: int = 0,
    extra: int = 0,
) -> int:
    """Build an ``arg`` word; ``lanes`` is L itself (64, 128 or 256)."""
    fields = ((address, ADDRESS, 8), (block, BLOCK, 8), (repeat, REPEAT, 8), (temp, TEMP, 4),
              (lanes.bit_length() - 1, LANES, 4), (count, COUNT, 8), (value, VALUE, 8),
              (extra, EXTRA, 8))  # fmt: skip
    word = 0
    for field, position, width in fields:
        if not 0 <= field < 1 << width:
            raise ValueError(f"field at bit {position} does not hold {field}")
        word |= field << position
    return word
