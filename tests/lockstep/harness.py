"""Runs programs on the emulator and keeps what no report shows: every memory at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuemu import runner
from npuemu.asm.program import Program
from npuemu.engine.decode import Decoded
from npuemu.engine.launch import Launch
from npuemu.machine import Machine, load

MAX_CYCLES = 10_000_000
_decoded: list[Any] = []


@cache
def machine(name: str) -> Machine:
    """A built-in machine, read once."""
    return load(name)


@dataclass
class State:
    """What a run left: report, GM, local memories by (core, name), flags and counters that are up.

    flags: (core, source pipe, destination pipe, event); counters: value by (core, id).
    """

    report: dict[str, Any]
    gm: NDArray[np.uint8]
    memories: dict[tuple[int, str], NDArray[np.uint8]]
    flags: set[tuple[int, int, int, int]]
    counters: dict[tuple[int, int], int]


@contextmanager
def launches() -> Iterator[list[Launch]]:
    """The launches that `runner.execute` builds meanwhile."""
    kept: list[Launch] = []
    original = runner.Launch

    class Kept(original):  # type: ignore[misc, valid-type]
        """Remembers itself."""

        def __post_init__(self) -> None:
            super().__post_init__()
            kept.append(self)

    decode = runner.decode_program

    def decoded(code: dict[str, tuple[int, ...]], machine: Machine) -> Decoded:
        """Decoding is most of a small run: the last program's is kept."""
        if not _decoded or _decoded[0] is not code:
            _decoded[:] = [code, decode(code, machine)]
        return _decoded[1]  # type: ignore[no-any-return]

    runner.Launch, runner.decode_program = Kept, decoded  # type: ignore[misc]
    try:
        yield kept
    finally:
        runner.Launch, runner.decode_program = original, decode  # type: ignore[misc]


def run(program: Program, gm: NDArray[np.uint8], mode: str = "full") -> State:
    """One run on ``gm`` (changed in place)."""
    with launches() as kept:
        report, _, _ = runner.execute(
            program, machine(program.machine), gm, mode, True, 1, MAX_CYCLES, None, False
        )
    launch = kept[0]
    flags = {
        (int(core), int(index) >> 6, int(index) >> 3 & 7, int(index) & 7)
        for core, index in zip(*(launch.state.flags >= 0).nonzero(), strict=True)
    }
    counters = {
        (int(c), int(i)): int(launch.state.counters[c, i])
        for c, i in zip(*(launch.state.counters > 0).nonzero(), strict=True)
    }
    return State(report, gm, launch.local, flags, counters)
