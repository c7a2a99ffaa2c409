"""The event loop: data instructions in time order over all cores, flags moved eagerly, scalar
units run ahead.

Two-level minimum: each core keeps one key ``time << 10 | core << 3 | pipe`` a pipe, and its
smallest; the
loop takes the smallest core. Flags and barriers only move time stamps, so they are executed as
soon as they
head a queue; everything that touches memory waits for its turn in time.
"""

from __future__ import annotations

from npuemu.engine import areas as area
from npuemu.engine import scalar as sc
from npuemu.engine.cross_core import cross_event
from npuemu.engine.data import start_data
from npuemu.engine.events import is_full
from npuemu.engine.queues import MAX_CYCLES, drained, problem, refresh, settle
from npuemu.engine.scalar_unit import run_scalar
from npuemu.engine.state import (
    B_RESUME,
    C_OPCODE,
    DEADLOCK,
    DONE,
    G_BUDGET,
    G_CORES,
    G_MAX_CYCLES,
    G_NOW,
    HALTED,
    INFINITE,
    K_BASE,
    K_PC,
    K_STATUS,
    MEMORY,
    O_ROW,
    P_HEAD,
    PIPES,
    RECORDS_FULL,
    TIME_SHIFT,
    X_DEPTH,
    YIELD,
    S,
)
from npuemu.jit import njit


@njit(forceinline=True)
def head_row(e, c, p):
    """Row of the instruction that a pipe, or the scalar unit, stands at."""
    if p == S:
        return area.core(e, c)[K_BASE] + area.core(e, c)[K_PC]
    x = c * PIPES + p
    return area.queue(e, x * area.machine(e)[X_DEPTH] + area.pipe(e, x)[P_HEAD])[O_ROW]


@njit
def run(e):
    """Process events until all is done, a limit is met, or Python has to help; the state tells
    where it stands.
    """
    g = area.g(e)
    cores = area.g(e)[G_CORES]
    pops = 0
    if area.stop(e)[B_RESUME] != 0:  # a break has stopped this scalar unit between two instructions
        c = area.stop(e)[B_RESUME] - 1
        area.stop(e)[B_RESUME] = 0
        status = run_scalar(e, c, False)
        refresh(e, c)
        if status != 0:
            return status
    while True:
        best = INFINITE
        for c in range(cores):
            best = min(best, area.smallest(e)[c])
        if best == INFINITE:
            for c in range(cores):
                if area.core(e, c)[K_STATUS] != HALTED or drained(e, c) < 0:
                    return DEADLOCK
            return DONE
        if pops >= g[G_BUDGET]:
            return YIELD
        if is_full(e):
            return RECORDS_FULL
        pops += 1
        time = best >> TIME_SHIFT
        c = (best >> 3) & 127
        p = best & 7
        g[G_NOW] = time
        if time > g[G_MAX_CYCLES]:
            return problem(e, MAX_CYCLES, c, p, head_row(e, c, p), time, g[G_MAX_CYCLES], 0, 0)
        if p == S:
            # a woken unit takes its turn now: its clock may lie behind the event that woke it
            status = run_scalar(e, c, area.core(e, c)[K_STATUS] == MEMORY)
        else:
            op = area.code(e, head_row(e, c, p))[C_OPCODE]
            if op == sc.SET_FLAG:
                status = settle(e, c, 1 << p)
            elif op == sc.CROSS_SET or op == sc.CROSS_WAIT:
                status = cross_event(e, c, p, time)
            else:
                status = start_data(e, c, p, time)
        refresh(e, c)
        if status != 0:
            return status
