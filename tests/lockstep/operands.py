"""Random operands of a record: mostly small and legal, now and then at the ends of their ranges."""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace

from npuemu.isa.codec import immediate_range
from npuemu.isa.table import Operand, Record
from npuemu.machine import Machine
from tests.lockstep.layout import BLOCK, NEXT, OTHER, OWN, SHARED_PART, SLICE, Array, Layout, Linear
from tests.lockstep.regions import ISA, Mask

Form = tuple[tuple[str, int], ...]
"""Values of a record's suffixes."""
EDGES = (
    0, 1, -1, 2, 31, 32, 63, 64, 65, 255, 1 << 31, (1 << 31) - 1, -(1 << 31), (1 << 32) - 1,
    (1 << 63) - 1, -(1 << 63),
)  # fmt: skip
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 3.4e38, -65504.0, 1e-45, 1e-40, 5.9e-8, 2.0, -127.0)
BITS = (
    0x7FC00000, 0xFF800001, 0x7F800000, 0xFF800000, 0x7C00, 0xFC00, 0x7E01, 0x7F80, 0xFF80, 0x8000,
    0x80000000, 1, 0x7F7FFFFF, 0x7BFF, 0x0001, 0x00800000,
)  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """An operand's value. ``register``: it comes in a register; ``raw``: any register will do."""

    value: Linear
    register: bool = False
    raw: bool = False
    step: int = 0
    """What a round of the loop adds to it."""
    held: int | None = None
    """The register that holds it all the time."""

    def after(self, rounds: int) -> Chosen:
        """The operand some rounds later."""
        return replace(self, value=replace(self.value, base=self.value.base + rounds * self.step))


_FORMS: dict[tuple[str, str], tuple[Form, ...]] = {}
_COVERS: dict[str, tuple[tuple[Record, Form], ...]] = {}


def forms(machine: Machine, record: Record) -> tuple[Form, ...]:
    """Every combination of suffixes that a machine accepts; empty when it lacks the record."""
    key = machine.name, record.name
    if key not in _FORMS:
        found: list[Form] = [()]
        for operand in record.suffixes:
            assert operand.enum is not None
            numbers = [operand.enum.values[s] for s in operand.symbols()]
            found = [(*f, (operand.name, n)) for f in found for n in numbers]
        plain = {o.name: 0 for o in record.operands}
        _FORMS[key] = tuple(f for f in found if machine.refuse(record, plain | dict(f)) is None)
    return _FORMS[key]


def cover(machine: Machine) -> tuple[tuple[Record, Form], ...]:
    """Every form of every data instruction that the machine has."""
    if machine.name not in _COVERS:
        _COVERS[machine.name] = tuple(
            (r, form) for r in ISA.records if r.is_data for form in forms(machine, r)
        )
    return _COVERS[machine.name]


def data_register(rng: random.Random) -> int:
    """64 bits for a register that holds data."""
    match rng.randrange(5):
        case 0:
            return rng.choice(EDGES)
        case 1:
            return int(struct.unpack("<I", struct.pack("<f", rng.choice(FLOATS)))[0])
        case 2:
            return rng.choice(BITS)
        case 3:  # a quantisation word: a moderate scale and an offset
            scale = struct.unpack("<I", struct.pack("<f", rng.uniform(-2.0, 2.0)))[0]
            return int(scale) | rng.getrandbits(9) << 37
        case _:
            return rng.getrandbits(64) - (1 << 63)


def is_address(record: Record, operand: Operand) -> bool:
    """A plain register that a region or a condition of the record uses."""
    texts = " ".join((*record.reads, *record.writes, *record.let))
    return operand.kind == "reg" and operand.mem is None and operand.name in texts


@dataclass
class Draw:
    """Draws operands for one core kind of a program."""

    rng: random.Random
    layout: Layout
    kind: str
    exchange: float
    """How often another core's part of GM is read."""

    def small(self, operand: Operand, effort: int) -> int:
        """A number for a count, a length or a stride; smaller the more often it was refused."""
        rng, align = self.rng, operand.align
        low, high = immediate_range(operand) if operand.kind != "reg" else (0, 4096)
        top = rng.choice((1, 2, 3, 4, 8, 16, 24, 40, 64, 200, 700))
        top = max(1, top >> effort // 8)
        value = rng.choice((top, rng.randint(0, top), rng.randint(0, top)))
        if operand.default is not None and rng.random() < 0.4:
            value = operand.default
        elif rng.random() < 0.25:
            value = rng.choice((16, 32, 64)) if align == 1 else value
        value = value if value % align == 0 else value * align
        return max(low, min(high, value)) // align * align

    def local(self, operand: Operand, own: bool) -> int:
        """An address in the window of a local memory; ``own``: it is this core's memory."""
        assert operand.mem is not None
        start, size = self.layout.windows[operand.mem]
        if operand.mem in ("L1", "UB") and size > 2 * SHARED_PART:
            shared = self.rng.random() < (0.1 if own else 0.9)
            start, size = (
                (start + size - SHARED_PART, SHARED_PART) if shared else (start, size - SHARED_PART)
            )
        step = max(operand.align, self.rng.choice((1, 32, 32, 256, 1024)))
        return (start + self.rng.randrange(size)) // step * step

    def mine(self, kind: str, write: bool) -> Linear:
        """An address in a sliced tensor: in this core's slice or, to read, in another's."""
        rng = self.rng
        tensor = rng.choice(self.layout.sliced(kind))
        offset = self.offset(SLICE)
        if write:
            return Linear(tensor.address + offset, SLICE)
        return self.part(kind, tensor, offset, self.exchange)

    def part(self, kind: str, tensor: Array, offset: int, foreign: float = 1.0) -> Linear:
        """A place to read in the slices of a kind; ``foreign``: how often it is not its own."""
        rng, base = self.rng, tensor.address + offset
        if kind != self.kind:
            if kind == "cube":
                return Linear(base, SLICE, BLOCK)
            return Linear(base + rng.randrange(2) * SLICE, 2 * SLICE, BLOCK)
        index = OWN
        if rng.random() < foreign:
            index = rng.choice((NEXT, OTHER) if kind == "vector" else (NEXT,))
        return Linear(base, SLICE, index)

    def offset(self, size: int) -> int:
        """A place in ``size`` bytes, aligned more or less."""
        step = self.rng.choice((1, 2, 4, 32, 32, 128, 512))
        return self.rng.randrange(size) // step * step

    def global_address(self, write: bool) -> Linear:
        """An address in GM: what is written is this core's own."""
        if write:
            return self.mine(self.kind, True)
        if self.rng.random() < 0.6:
            tensor = self.rng.choice(self.layout.inputs())
            return Linear(tensor.address + self.offset(tensor.nbytes))
        kinds = [k for k in ("cube", "vector") if self.layout.sliced(k)]
        kind = self.kind if self.rng.random() > self.exchange else self.rng.choice(kinds)
        return self.mine(kind, False)

    def operand(self, record: Record, operand: Operand, effort: int) -> Chosen:
        """One operand that is not a suffix."""
        rng = self.rng
        if operand.enum is not None:
            symbols = operand.symbols()
            return Chosen(Linear(operand.enum.values[rng.choice(symbols)]))
        if operand.mem == "GM":
            writes = any(f"(GM, {operand.name}," in text for text in record.writes)
            return Chosen(self.global_address(writes), register=True)
        if operand.mem is not None:
            own = operand.mem not in ("L1", "UB") or self.kind == (
                "cube" if operand.mem == "L1" else "vector"
            )
            return Chosen(Linear(self.local(operand, own)), register=True)
        if operand.kind == "reg":
            if is_address(record, operand):
                value = rng.choice((0, 8, 64, 128, 192, 256, 512))
                if rng.random() < 0.8:
                    value += self.layout.windows["FB" if operand.name == "scale" else "BT"][0]
                return Chosen(Linear(value), register=True)
            return Chosen(Linear(data_register(rng)), register=True, raw=rng.random() < 0.4)
        return Chosen(
            Linear(self.small(operand, effort)),
            register=operand.kind == "x" and rng.random() < 0.2,
        )

    def operands(self, record: Record, form: Form, effort: int) -> dict[str, Chosen]:
        """All operands; now and then one count is 0 and the others are anything."""
        rng = self.rng
        found = {n: Chosen(Linear(v)) for n, v in form}
        found |= {
            o.name: self.operand(record, o, effort) for o in record.operands if o.name not in found
        }
        if rng.random() < 0.04:
            numbers = [o for o in record.operands if o.kind in ("x", "imm") and o.hi > 15]
            if numbers:
                zero = rng.choice(numbers)
                for o in numbers:
                    low, high = immediate_range(o)
                    extreme = rng.choice((low, high, found[o.name].value.base)) // o.align * o.align
                    found[o.name] = Chosen(Linear(0 if o is zero else extreme))
        return found


def draw_mask(rng: random.Random, record: Record, values: Mapping[str, int]) -> Mask:
    """A mask that suits a vector instruction: all ones, holes, a few lanes, or a count."""
    symbols = [str(o.enum.symbol(values[o.name])) for o in record.suffixes if o.enum is not None]
    wide = any(ISA.enums["vtype"].bits.get(s) == 8 or "e2m1" in s for s in symbols)
    kind = rng.randrange(8)
    if kind < 2 or (wide and rng.random() < 0.5):
        counts = (0, 1, 16, 31, 64, 65, 127, 128, 200, rng.randrange(300))
        return Mask(rng.choice(counts), rng.getrandbits(64) if kind else 0, True)
    if wide or kind < 5:
        return Mask()
    if kind == 5:
        return Mask(rng.getrandbits(64), rng.getrandbits(64))
    if kind == 6:
        lanes = rng.choice((0, 1, 8, 16, 40, 63, 64, 100))
        bits = (1 << lanes) - 1
        return Mask(bits & ((1 << 64) - 1), bits >> 64)
    return Mask(rng.getrandbits(64) & rng.getrandbits(64), rng.choice((0, rng.getrandbits(64))))
