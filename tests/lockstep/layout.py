"""Where a random program keeps its data: tensors in GM, windows in local memories, who is who."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from npuemu.asm.program import DTYPE_BITS, GM_ALIGN, GM_FIRST, GM_GAP
from npuemu.machine import Machine

SLICE = 2048
"""Bytes of a core's own part of a tensor that cores write."""
INPUT_BYTES = 4096
INDEX_BYTES = 1024
"""Offsets of `vgather` in the tensor IDX lie below this."""
WINDOWS = {
    "L1": 16384, "UB": 16384, "L0A": 8192, "L0B": 8192, "L0C": 2048, "BT": 1024, "FB": 1024,
}  # fmt: skip
STEP = {"L0C": 2048, "L0A": 8192, "L0B": 8192, "BT": 1024, "FB": 1024}
SHARED_PART = 4096
"""Bytes at the end of the windows of L1 and UB that other cores write, where they can."""

OWN, BLOCK, NEXT, OTHER = "own", "block", "next", "other"
INDEX_REGISTERS = {OWN: 31, BLOCK: 30, NEXT: 29, OTHER: 28}


@dataclass(frozen=True)
class Linear:
    """A register's value on every core: ``base + stride * index``."""

    base: int
    stride: int = 0
    index: str = OWN

    def on(self, core: int, blocks: int) -> int:
        """The value on a core."""
        return self.base + self.stride * index_of(core, blocks, self.index)


def index_of(core: int, blocks: int, index: str) -> int:
    """What an index register holds on a core: numbers count the cores of its kind."""
    block, kind = divmod(core, 3)
    own, number = (block, blocks) if kind == 0 else (2 * block + kind - 1, 2 * blocks)
    return {OWN: own, BLOCK: block, NEXT: (own + 1) % number, OTHER: own ^ 1}[index]


def prologue(kind: str, used: Sequence[str]) -> list[str]:
    """Lines that fill the index registers."""
    own, block, after, other = (INDEX_REGISTERS[i] for i in (OWN, BLOCK, NEXT, OTHER))
    lines = [f"block_idx r{block}"]
    if kind == "cube":
        lines.append(f"mov r{own}, r{block}")
    else:
        lines += [f"subblock_idx r{other}", f"add r{own}, r{block}, r{block}",
                  f"add r{own}, r{own}, r{other}"]  # fmt: skip
    if NEXT in used:
        lines += [f"block_num r{other}", f"add r{after}, r{own}, 1"]
        if kind == "vector":
            lines.append(f"add r{other}, r{other}, r{other}")
        lines.append(f"rem r{after}, r{after}, r{other}")
    lines.append(f"xor r{other}, r{own}, 1")
    return lines


@dataclass(frozen=True)
class Array:
    """A tensor: its name, type, bytes, address and role."""

    name: str
    dtype: str
    nbytes: int
    address: int
    role: str
    kind: str = ""
    """Whose slices it holds: cube, vector, or nobody's."""

    @property
    def line(self) -> str:
        """Its declaration."""
        count = self.nbytes * 8 // DTYPE_BITS[self.dtype]
        return f".tensor {self.name} {self.dtype} [{count // 32}, 32] {self.role}"


@dataclass
class Layout:
    """Tensors and windows of one program."""

    machine: Machine
    blocks: int
    tensors: list[Array] = field(default_factory=list)
    windows: dict[str, tuple[int, int]] = field(default_factory=dict)

    def tensor(self, name: str) -> Array:
        """The tensor of that name."""
        return next(t for t in self.tensors if t.name == name)

    def sliced(self, kind: str) -> list[Array]:
        """Tensors that cores of a kind write."""
        return [t for t in self.tensors if t.kind == kind]

    def inputs(self) -> list[Array]:
        """Tensors of random bytes."""
        return [t for t in self.tensors if t.role == "in" and t.name != "IDX"]

    def inside(self, first: int, stop: int) -> Array | None:
        """The tensor that holds all these bytes of GM."""
        for tensor in self.tensors:
            if tensor.address <= first and stop <= tensor.address + tensor.nbytes:
                return tensor
        return None

    def legal(self, mem: str, first: int, stop: int) -> bool:
        """Whether a program may write these bytes of a local memory."""
        start, size = self.windows["UB" if mem == "UB1" else mem]
        return start <= first and stop <= start + size


def draw(rng: random.Random, machine: Machine, blocks: int, kinds: Sequence[str]) -> Layout:
    """Tensors of random types, windows at random places (the ends of the memories included)."""
    layout = Layout(machine, blocks)
    types = list(DTYPE_BITS)
    plan = [("X", INPUT_BYTES, "in", ""), ("W", INPUT_BYTES, "in", ""),
            ("IDX", INDEX_BYTES, "in", "")]  # fmt: skip
    for kind in kinds:
        number = blocks if kind == "cube" else 2 * blocks
        plan.append((f"OUT_{kind[0].upper()}", number * SLICE, "out", kind))
        plan.append((f"TMP_{kind[0].upper()}", number * SLICE, "scratch", kind))
    rng.shuffle(plan)
    cursor = GM_FIRST
    for name, nbytes, role, kind in plan:
        dtype = "u32" if name == "IDX" else rng.choice(types)
        layout.tensors.append(Array(name, dtype, nbytes, cursor, role, kind))
        cursor = -(-(cursor + nbytes + GM_GAP) // GM_ALIGN) * GM_ALIGN
    for mem, size in WINDOWS.items():
        places = (machine.capacity[mem] - size) // STEP.get(mem, 1024)
        at = rng.choice((0, places, rng.randint(0, places)))
        layout.windows[mem] = (at * STEP.get(mem, 1024), size)
    for mem in ("L0A", "L0B"):
        start, size = layout.windows[mem]
        layout.windows[f"{mem}_MX"] = (start // 16, size // 16)
    return layout
