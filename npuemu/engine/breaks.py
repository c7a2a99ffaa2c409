"""Breaks: the run stops at chosen instructions, Python looks at it, and it goes on as if nothing
had been.

A row of the code carries what it stops for. A data instruction stops the run when its effect is in
memory, any other when the scalar unit is done with it. Nothing of the run is changed, and a scalar
unit that was stopped goes on before anything else happens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from npuemu.engine import areas as area
from npuemu.engine import state as st
from npuemu.engine.state import (
    B_CORE,
    B_CYCLE,
    B_PIPE,
    B_ROW,
    B_SLOT,
    K_POISON,
    P_COUNT,
    P_HEAD,
    X_DEPTH,
)
from npuemu.jit import njit

if TYPE_CHECKING:
    from npuemu.engine.launch import Launch

REGISTERS = 32


@njit(forceinline=True)
def hold(e, c, x):
    """Keep the registers of core ``c`` for the instruction that queue ``x`` took last."""
    depth, pipe = area.machine(e)[X_DEPTH], area.pipe(e, x)
    held = area.held(e, x * depth + (pipe[P_HEAD] + pipe[P_COUNT] - 1) % depth)
    for i in range(REGISTERS):
        held[i] = area.registers(e, c)[i]
    held[REGISTERS] = area.core(e, c)[K_POISON]


@njit(forceinline=True)
def stop_at(e, c, p, row, cycle, slot):
    """Say where the run stops; ``slot`` is the queue slot that the instruction had, or -1."""
    at = area.stop(e)
    at[B_ROW], at[B_CORE], at[B_PIPE], at[B_CYCLE], at[B_SLOT] = row + 1, c, p, cycle, slot


@dataclass(frozen=True)
class Stop:
    """Where a run stands still: ``row`` of the code has just been executed.

    cycle: when it started; registers: as they were at its dispatch, of an instruction of S after
    it; unknown: bit mask of those whose values timing mode does not compute. follows: the core's
    next instruction is the next row (a branch was not taken).
    """

    row: int
    core: int
    pipe: int
    cycle: int
    registers: NDArray[np.int64]
    unknown: int
    follows: bool


class Breaks:
    """Which rows a run stops at, and who is told.

    rows: BREAK bits by row. met(launch, stop): called at every stop; reach(cycle): whenever the
    loop returns, with the cycle that the run has come to.
    """

    def __init__(
        self,
        rows: Mapping[int, int],
        met: Callable[[Launch, Stop], None],
        reach: Callable[[int], None],
    ) -> None:
        self.rows, self.met, self.reach = dict(rows), met, reach

    def marked(self, code: NDArray[np.int64]) -> NDArray[np.int64]:
        """A copy of the decoded code with the rows marked."""
        code = code.copy()
        for row, bits in self.rows.items():
            code[row, st.C_BREAK] = bits
        return code

    def report(self, launch: Launch, status: int) -> None:
        """The loop has returned: say where it stands, if a break is pending."""
        e = launch.state
        at = e.stop
        if at[st.B_ROW]:
            self.met(launch, _stop(launch))
            at[st.B_ROW] = 0
        if status in (st.DONE, st.ERROR, st.DEADLOCK):
            self.reach(st.INFINITE)
        else:
            self.reach(int(e.g[st.G_NOW]))


def _stop(launch: Launch) -> Stop:
    e = launch.state
    row, core, pipe, cycle, slot = e.stop[: st.B_RESUME].tolist()
    k = e.core[core]
    held = slot >= 0
    return Stop(
        row - 1,
        core,
        pipe,
        cycle,
        (e.held[slot, :REGISTERS] if held else e.registers[core]).copy(),
        int(e.held[slot, REGISTERS] if held else k[st.K_POISON]),
        int(k[st.K_BASE] + k[st.K_PC]) == row,
    )
