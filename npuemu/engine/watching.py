"""The engine shows its observers what an instruction touches.

Compiled as a unit of its own and called by address: the event loop is compiled without it, beside
it, and a run that nobody observes never loads it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from npuemu.engine import areas as area
from npuemu.engine.footprint import H_REGIONS, has_holes
from npuemu.engine.memory import GM
from npuemu.engine.state import (
    C_PLAN,
    C_PLAN_LENGTH,
    FIX,
    G_ORDER,
    G_WATCH,
    K_BASE,
    K_PC,
    MTE1,
    MTE2,
    MTE3,
    N_ROLE,
    O_DISPATCH,
    O_ROW,
    P_HEAD,
    PIPES,
    ROLE_IN,
    ROLE_OUT,
    WATCH_ACCESS,
    WATCH_ROOM,
    X_DEPTH,
    V,
)
from npuemu.isa.table import MEM
from npuemu.jit import call_unit, njit
from npuemu.observe import areas as watch
from npuemu.observe.access import ask, begin
from npuemu.observe.areas import H_CLOSELY, H_MARKS, H_UNDEFINED, R_STATE, TAINTED, V_VERSION, WROTE
from npuemu.observe.clocks import clock, complete
from npuemu.observe.tiles import mark_region, touch_region, touch_runs

L0C = MEM["L0C"]


@njit(forceinline=True)
def _is_watched(e, i):
    """Whether region ``i`` in hand is watched: all but input tensors, which nobody can write."""
    return area.out(e, i)[0] != GM or area.tensors(e, area.owner(e)[i])[N_ROLE] != ROLE_IN


@njit
def _room(e, x):
    """Whether the observers have room for the regions in hand."""
    regions = area.out(e, 0)[H_REGIONS]
    granules, parts, size = 0, 0, 0
    for i in range(1, regions + 1):
        if _is_watched(e, i):
            r = area.out(e, i)
            runs = r[3] * r[5]
            granules += runs * ((r[7] >> 5) + 2)
            size += runs * r[7]
            if (r[2] | r[4] | r[6] | r[7]) & 31 != 0:
                parts += 2 * runs
    slot = area.queue(e, x * area.machine(e)[X_DEPTH] + area.pipe(e, x)[P_HEAD])
    if x % PIPES == V and has_holes(slot):
        parts = granules
    return ask(area.g(e)[G_WATCH], granules, parts, size)


@njit(signature="void(int64, int64, int64, int64, int64)")
def _touch_regions(e, c, regions, write, current):
    """Access ``current`` reads (or writes) its regions."""
    w = area.g(e)[G_WATCH]
    for i in range(1, regions + 1):
        region = area.out(e, i)
        if region[1] == write and _is_watched(e, i):
            place = watch.place(w, c * 16 + region[0])
            if region[0] == GM:
                touch_runs(w, place, region, current)
            else:
                touch_region(w, place, region, current)


@njit
def _carries_bytes(e, p, regions):
    """Whether an instruction moves bytes as they are, and not into a result of the kernel. What
    FIX takes from L0C it converts.
    """
    if p != MTE1 and p != MTE2 and p != MTE3 and p != FIX:
        return 0
    for i in range(1, regions + 1):
        region = area.out(e, i)
        if region[0] == L0C:
            return 0
        if region[0] == GM and region[1] == 1:
            if area.tensors(e, area.owner(e)[i])[N_ROLE] == ROLE_OUT:
                return 0
    return 1


@njit(forceinline=True)
def _high(region):
    """One past the last byte of a region row."""
    return region[2] + (region[3] - 1) * region[4] + (region[5] - 1) * region[6] + region[7]


@njit
def _in_place(e, regions):
    """Whether a region that is written may share bytes with one that is read."""
    for i in range(1, regions + 1):
        a = area.out(e, i)
        for j in range(1, regions + 1 if a[1] == 0 else 0):
            b = area.out(e, j)
            if b[1] == 1 and a[0] == b[0] and a[2] < _high(b) and b[2] < _high(a):
                return 1
    return 0


@njit
def _carry_marks(e, c, regions, row, index):
    """Let the instruction's units move the marks of undefined bytes as they moved the bytes."""
    w, code = area.g(e)[G_WATCH], area.code(e, row)
    for i in range(1, regions + 1):
        region = area.out(e, i)
        if region[1] == 0 and _is_watched(e, i):
            mark_region(w, watch.place(w, c * 16 + region[0]), region)
    address, context = area.slot_address(e, index), area.marks_context(e, c)
    for i in range(code[C_PLAN], code[C_PLAN] + code[C_PLAN_LENGTH]):
        call_unit(area.units(e)[area.plans(e, i)[0]], context, address, area.plans(e, i)[1])


@njit
def _access(e, x):
    """The data instruction at the head of the queue of pipe ``x`` touches its regions."""
    w, result = area.g(e)[G_WATCH], area.result(e)
    c, p = x // PIPES, x % PIPES
    index = x * area.machine(e)[X_DEPTH] + area.pipe(e, x)[P_HEAD]
    slot = area.queue(e, index)
    regions = area.out(e, 0)[H_REGIONS]
    row, carries, in_place = slot[O_ROW], _carries_bytes(e, p, regions), _in_place(e, regions)
    current = begin(w, x, row, slot[O_DISPATCH], result[5], result[1], carries, in_place)
    _touch_regions(e, c, regions, 0, current)
    state = 0
    if watch.header(w)[H_UNDEFINED] == 1 and watch.header(w)[H_MARKS] == 1:
        _carry_marks(e, c, regions, row, index)
        state |= TAINTED
        watch.header(w)[H_CLOSELY] = 1
    for i in range(1, regions + 1):
        if area.out(e, i)[1] == 1:
            state |= WROTE
    watch.record(w, current)[R_STATE] |= state
    _touch_regions(e, c, regions, 1, current)


@njit
def _scalar(e, x):
    """The scalar unit ``x`` has loaded or stored the region in hand, and goes on after that."""
    w, core, result = area.g(e)[G_WATCH], area.core(e, x // PIPES), area.result(e)
    row, start = core[K_BASE] + core[K_PC], result[5]
    current = begin(w, x, row, start, start, result[1], 0, 0)
    write = area.out(e, 1)[1]
    watch.record(w, current)[R_STATE] |= WROTE * write
    _touch_regions(e, x // PIPES, 1, write, current)
    if area.g(e)[G_ORDER] != 0:
        complete(w, x)
        clock(w, x)[V_VERSION] += 1


def resolve(name: str) -> Callable[..., Any]:
    """The unit of this room."""
    return {"observe": observe}[name]


def observe(e, what, x):
    """Unit of the observers, see `npuemu.engine.state` for ``what``: it asks for room for the
    regions in hand (1: there is), or tells of an access of pipe ``x`` that starts at ``result[5]``
    and ends at ``result[1]``.
    """
    if what == WATCH_ROOM:
        return 1 if _room(e, x) else 0
    if what == WATCH_ACCESS:
        _access(e, x)
    else:
        _scalar(e, x)
    return 1
