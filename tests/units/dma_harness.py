"""Runs one compiled unit on guarded memories, beside a plain copy for an oracle."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from npuemu.jit import compile_unit
from npuemu.units import fixpipe, load, move

SIZES = {
    "gm": 1 << 18,
    "l1": 1 << 17,
    "l0a": 1 << 15,
    "l0b": 1 << 15,
    "l0c": 1 << 17,
    "bt": 1 << 10,
    "fb": 1 << 12,
    "ub": 1 << 16,
    "l0a_mx": 1 << 12,
    "l0b_mx": 1 << 12,
    "ub1": 1 << 16,
}
GUARD = 4096
SCRATCH_BYTES = 16 << 20
PACKAGES = {"mov": move, "nd2nz": move, "load": load, "fix": fixpipe}


@cache
def compiled(name: str) -> Any:
    """The compiled unit ``name``."""
    return compile_unit(PACKAGES[name.split("_")[0]].resolve(name))


@cache
def scratch() -> npt.NDArray[np.uint8]:
    """Working memory of all units, its content undefined."""
    return np.full(SCRATCH_BYTES + 64, 0xEE, np.uint8)


class Device:
    """All memories of a core, filled with 0xFF, between guard bytes."""

    def __init__(self, l0a_layout: str = "zZ") -> None:
        self.blocks: dict[str, npt.NDArray[np.uint8]] = {}
        self.ctx = np.zeros(64, np.int64)
        for number, (name, size) in enumerate(SIZES.items()):
            block = np.full(size + 2 * GUARD + 512, 0xA5, np.uint8)
            skip = -block.ctypes.data % 512
            self.blocks[name] = block[skip : skip + size + 2 * GUARD]
            self[name][:] = 0xFF
            self.ctx[2 * number] = self[name].ctypes.data
            self.ctx[2 * number + 1] = size
        self.ctx[32] = l0a_layout == "NZ"
        self.ctx[35] = scratch().ctypes.data + -scratch().ctypes.data % 64
        self.ctx[36] = SCRATCH_BYTES

    def __getitem__(self, name: str) -> npt.NDArray[np.uint8]:
        """The bytes of memory ``name``."""
        return self.blocks[name][GUARD:-GUARD]

    def copy(self) -> dict[str, bytearray]:
        """The memories as an oracle takes them."""
        return {name: bytearray(self[name].tobytes()) for name in SIZES}

    def run(self, name: str, *operands: int) -> None:
        """Execute unit ``name``; its operands as the instruction's record orders them."""
        ops = np.zeros(32, np.int64)
        words = np.array([o & (2**64 - 1) for o in operands], np.uint64)
        ops[8 : 8 + len(operands)] = words.view(np.int64)
        before = ops.copy()
        assert compiled(name).ctypes(self.ctx.ctypes.data, ops.ctypes.data, 0) == 0
        assert np.array_equal(ops, before)

    def check(self, expected: dict[str, bytearray]) -> None:
        """Every byte of every memory is as expected and no guard byte was touched."""
        for name in SIZES:
            wanted = np.frombuffer(expected[name], np.uint8)
            wrong = np.flatnonzero(self[name] != wanted)
            assert not wrong.size, f"{name}: {wrong.size} bytes differ, first at {wrong[0]}"
            block = self.blocks[name]
            assert (block[:GUARD] == 0xA5).all() and (block[-GUARD:] == 0xA5).all(), name


def randomise(device: Device, rng: np.random.Generator, *names: str) -> None:
    """Fill memories with random bytes."""
    for name in names:
        device[name][:] = rng.integers(0, 256, SIZES[name], dtype=np.uint8)


def digest() -> str:
    """A hash over the results of one instruction of every unit: the same on every CPU."""
    rng = np.random.default_rng(11)
    device = Device()
    randomise(device, rng, "gm", "l0c", "fb")
    device.run("mov_gm_l1", 64, 32, 5, 96, 200, 128)
    device.run("mov_gm_ub", 64, 33, 5, 70, 200, 128, 3, 5)
    device.run("nd2nz_gm_l1", 32768, 77, 33, 250, 260, 48)
    device.run("load_l1_l0a", 1, 0, 32768, 2, 3, 8, 0)
    device.run("load_l1_l0a", 2, 4096, 32768, 2, 3, 4, 1)
    device.run("load_l1_l0b", 1, 0, 32768, 2, 3, 8, 1)
    device.run("load_l1_l0a_mx", 0, 32768, 2, 3, 16)
    for conv in range(6):
        quant = 2 if conv > 2 else 0
        dst = conv * 16384
        device.run("fix_l0c_gm", conv, dst, 0, 37, 45, 4, 256, quant, 512, 0, 1)
        device.run("fix_l0c_gm", conv, dst + 10240, 0, 37, 45, 4, 2560, quant, 512, 1, 0)
    total = hashlib.sha256()
    for name in SIZES:
        total.update(device[name].tobytes())
    return total.hexdigest()
