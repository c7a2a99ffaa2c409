"""Runs programs on the emulator and keeps what no report shows: every memory at the end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuemu.asm.program import Program
from npuemu.engine.launch import Launch
from npuemu.machine import Machine, load
from npuemu.observe.recording import Recording
from npuemu.runner import Options, Session, recording, report

MAX_CYCLES = 10_000_000
Place = tuple[int, int]
RACES = (201, 202, 203)


@cache
def machine(name: str) -> Machine:
    """A built-in machine, read once."""
    return load(name)


@dataclass
class State:
    """What a run left: report, GM, local memories by (core, name), flags and counters that are up.

    flags: (core, source pipe, destination pipe, event); counters: value by (core, id);
    races: pairs of (core, instruction of its section).
    """

    report: dict[str, Any]
    gm: NDArray[np.uint8]
    memories: dict[tuple[int, str], NDArray[np.uint8]]
    flags: set[tuple[int, int, int, int]]
    counters: dict[tuple[int, int], int]
    races: set[frozenset[Place]]
    recording: Recording


_latest: list[Session] = []


def session(program: Program) -> Session:
    """Decoding is most of a small run: the last program's is kept."""
    if not _latest or _latest[0].program is not program:
        _latest[:] = [Session(program, machine(program.machine))]
    return _latest[0]


def races(launch: Launch) -> set[frozenset[Place]]:
    """The pairs of instructions that the launch's observers report; of one place if it is alone."""
    assert launch.watch is not None
    bases = {kind: base for kind, (base, _) in launch.decoded.bases.items()}

    def place(pipe: int, row: int) -> Place:
        core = pipe // 8
        return core, row - bases["vector" if core % 3 else "cube"]

    found = [f for f in launch.watch.found() if f.kind in RACES]
    return {frozenset({place(f.pipe_a, f.row_a), place(f.pipe_b, f.row_b)}) for f in found}


def run(program: Program, gm: NDArray[np.uint8], mode: str = "full") -> State:
    """One run on ``gm`` (changed in place)."""
    known = session(program)
    options = Options(mode=mode, max_cycles=MAX_CYCLES, record=(0, MAX_CYCLES))
    launch = known.launch(gm, options, observe=True)
    found = report(known, launch, launch.run())
    flags = {
        (int(core), int(index) >> 6, int(index) >> 3 & 7, int(index) & 7)
        for core, index in zip(*(launch.state.flags >= 0).nonzero(), strict=True)
    }
    counters = {
        (int(c), int(i)): int(launch.state.counters[c, i])
        for c, i in zip(*(launch.state.counters > 0).nonzero(), strict=True)
    }
    return State(found, gm, launch.local, flags, counters, races(launch), recording(known, launch))
