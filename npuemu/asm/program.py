"""An assembled kernel: a value that the engine, the binary file and the disassembler share."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from npuemu.asm.errors import Location
from npuemu.asm.printed import Print

SECTIONS = ("cube", "vector")
ROLES = ("in", "out", "scratch")
DTYPE_BITS = {
    "bf16": 16,
    "f16": 16,
    "f32": 32,
    "s8": 8,
    "u8": 8,
    "s16": 16,
    "s32": 32,
    "u32": 32,
    "e2m1": 4,
    "e8m0": 8,
    "e4m3": 8,
    "e5m2": 8,
}
"""Tensor element types and their widths in bits; e2m1 is packed two a byte, even index low."""

INTEGER_RANGE = {
    "s8": (-(2**7), 2**7 - 1),
    "u8": (0, 2**8 - 1),
    "s16": (-(2**15), 2**15 - 1),
    "s32": (-(2**31), 2**31 - 1),
    "u32": (0, 2**32 - 1),
}
"""Smallest and largest value of the integer element types."""

GM_FIRST = 4096
GM_ALIGN = 512
GM_GAP = 512
GM_LIMIT = 8 << 30
MAX_INSTRUCTIONS = 1 << 18
WORD_BYTES = 16


def tensor_bytes(dtype: str, shape: tuple[int, ...]) -> int:
    """Bytes of a tensor in GM; the element count times the width is a whole number of bytes."""
    return math.prod(shape) * DTYPE_BITS[dtype] // 8


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named array in GM: ``address`` in bytes, row-major, ``role`` in, out or scratch.

    ``bounds``: smallest and largest value that an integer input may hold, if the kernel says so.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    role: str
    address: int
    nbytes: int
    bounds: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Buffer:
    """A named range of the local memory ``mem``: [address, address + nbytes)."""

    name: str
    mem: str
    address: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class Program:
    """A kernel bound to a machine, a block count and its parameters.

    code: 128-bit words of each section; a section that the kernel lacks is absent.
    locations: one `Location` an instruction. labels: instruction index by name, by section.
    constants: what the text's global `.const` came to; prints: its `.print` by section; source: its
    own file. All three are empty when read from a binary file.
    """

    name: str
    machine: str
    machines: tuple[str, ...]
    blocks: int
    params: dict[str, int]
    tensors: tuple[Tensor, ...]
    buffers: tuple[Buffer, ...]
    code: dict[str, tuple[int, ...]]
    locations: dict[str, tuple[Location, ...]]
    labels: dict[str, dict[str, int]]
    constants: dict[str, int] = field(default_factory=dict, compare=False)
    prints: dict[str, tuple[Print, ...]] = field(default_factory=dict, compare=False)
    source: str = field(default="", compare=False)

    @property
    def gm_bytes(self) -> int:
        """Bytes of GM from address 0 to past the last tensor, with its gap."""
        return max((t.address + t.nbytes for t in self.tensors), default=GM_FIRST) + GM_GAP

    def words(self, section: str) -> bytes:
        """The section's code as it lies in memory: 16 little-endian bytes an instruction."""
        return b"".join(w.to_bytes(WORD_BYTES, "little") for w in self.code[section])

    def tensor(self, name: str) -> Tensor:
        """The tensor of that name; KeyError if there is none."""
        for tensor in self.tensors:
            if tensor.name == name:
                return tensor
        raise KeyError(name)
