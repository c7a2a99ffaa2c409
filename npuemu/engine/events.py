"""Events of a recorded run, as the engine meets them: rows of `npuemu.observe.recording.EVENT`."""

from __future__ import annotations

from npuemu.engine import areas as area
from npuemu.engine.state import (
    C_OPERANDS,
    C_REGISTERS,
    G_EVENT,
    G_LEDGER_LIMIT,
    G_LEDGER_USED,
    G_TRACE,
    G_TRACE_BASE,
    G_TRACE_FROM,
    G_TRACE_LIMIT,
    G_TRACE_TO,
    G_TRACE_VALUES,
    O_VALUE,
    TRACE_COLUMNS,
)
from npuemu.jit import njit

(E_PLACE, E_ROW, E_DISPATCH, E_START, E_FREE, E_END, E_LINK, E_DETAIL) = range(8)
(E_BANK, E_BANDWIDTH, E_HEAD) = range(8, 11)
KIND_SHIFT = 16
"""E_PLACE: pipe of the launch, and the event's kind above it."""
NO_EVENT = -1


@njit(forceinline=True)
def is_full(e):
    """Whether the loop has to make room for events or for the ledger of stalls."""
    g = area.g(e)
    return g[G_TRACE] > g[G_TRACE_LIMIT] or g[G_LEDGER_USED] > g[G_LEDGER_LIMIT]


@njit(forceinline=True)
def is_recorded(e, start, end):
    """Whether an event that lasts from ``start`` to ``end`` is kept."""
    g = area.g(e)
    return start < g[G_TRACE_TO] and end >= g[G_TRACE_FROM]


@njit(signature=f"void({', '.join(['int64'] * 10)})")
def record(e, x, kind, row, dispatch, start, free, end, link, detail):
    """Keep an event; its number, or -1 if it lies outside the window, is left in ``G_EVENT``."""
    g = area.g(e)
    if not is_recorded(e, start, end):
        g[G_EVENT] = NO_EVENT
        return
    line = area.trace(e, g[G_TRACE])
    line[E_PLACE], line[E_ROW] = kind << KIND_SHIFT | x, row
    line[E_DISPATCH], line[E_START], line[E_FREE], line[E_END] = dispatch, start, free, end
    line[E_LINK], line[E_DETAIL] = link, detail
    for i in range(E_BANK, TRACE_COLUMNS):
        line[i] = 0
    g[G_EVENT] = g[G_TRACE_BASE] + g[G_TRACE]
    g[G_TRACE] += 1


@njit
def record_values(e, code, slot, head):
    """What the last event, a data instruction, has beside its times: operand values that came from
    registers, cycles lost and cycles of head.
    """
    g = area.g(e)
    if g[G_EVENT] == NO_EVENT:
        return
    line, result = area.trace(e, g[G_TRACE] - 1), area.result(e)
    line[E_BANK], line[E_BANDWIDTH], line[E_HEAD] = result[2], result[3], head
    values, mask = area.trace_values(e), code[C_REGISTERS]
    for i in range(code[C_OPERANDS]):
        if (mask >> i) & 1:
            values[g[G_TRACE_VALUES]] = slot[O_VALUE + i]
            g[G_TRACE_VALUES] += 1
