"""The engine shows its observers what an instruction touches, and what it orders."""

from __future__ import annotations

from npuemu.engine import areas as area
from npuemu.engine.footprint import H_REGIONS
from npuemu.engine.memory import GM
from npuemu.engine.state import (
    C_PLAN,
    C_PLAN_LENGTH,
    G_MODE,
    G_ORDER,
    G_WATCH,
    MODE_TIMING,
    MTE1,
    MTE2,
    MTE3,
    N_ROLE,
    O_DISPATCH,
    O_ROW,
    PIPES,
    ROLE_IN,
    ROLE_OUT,
    S,
)
from npuemu.jit import call_unit, njit
from npuemu.observe import areas as watch
from npuemu.observe.access import ask, begin
from npuemu.observe.areas import H_UNDEFINED, R_STATE, TAINTED, V_VERSION, WROTE
from npuemu.observe.clocks import clock, complete
from npuemu.observe.tiles import mark_region, touch_region, touch_runs


@njit(forceinline=True)
def is_watched(e, i):
    """Whether region ``i`` in hand is watched: all but input tensors, which nobody can write."""
    return area.out(e, i)[0] != GM or area.tensors(e, area.owner(e)[i])[N_ROLE] != ROLE_IN


@njit
def room_for(e, regions):
    """Whether the observers have room for the regions in hand."""
    granules, parts, size = 0, 0, 0
    for i in range(1, regions + 1):
        if is_watched(e, i):
            r = area.out(e, i)
            runs = r[3] * r[5]
            granules += runs * ((r[7] >> 5) + 2)
            size += runs * r[7]
            if (r[2] | r[4] | r[6] | r[7]) & 31 != 0:
                parts += 2 * runs
    return ask(area.g(e)[G_WATCH], granules, parts, size)


@njit
def touch_regions(e, c, regions, write, current):
    """Access ``current`` reads (or writes) its regions."""
    w = area.g(e)[G_WATCH]
    for i in range(1, regions + 1):
        region = area.out(e, i)
        if region[1] == write and is_watched(e, i):
            place = watch.place(w, c * 16 + region[0])
            if region[0] == GM:
                touch_runs(w, place, region, current)
            else:
                touch_region(w, place, region, current)


@njit
def carries_bytes(e, p, regions):
    """Whether an instruction moves bytes as they are, and not into a result of the kernel."""
    if p != MTE1 and p != MTE2 and p != MTE3:
        return 0
    for i in range(1, regions + 1):
        region = area.out(e, i)
        if region[0] == GM and region[1] == 1:
            if area.tensors(e, area.owner(e)[i])[N_ROLE] == ROLE_OUT:
                return 0
    return 1


@njit
def carry_marks(e, c, regions, row, index):
    """Let the instruction's units move the marks of undefined bytes as they moved the bytes."""
    w, code = area.g(e)[G_WATCH], area.code(e, row)
    for i in range(1, regions + 1):
        region = area.out(e, i)
        if region[1] == 0 and is_watched(e, i):
            mark_region(w, watch.place(w, c * 16 + region[0]), region)
    address, context = area.slot_address(e, index), area.marks_context(e, c)
    for i in range(code[C_PLAN], code[C_PLAN] + code[C_PLAN_LENGTH]):
        call_unit(area.units(e)[area.plans(e, i)[0]], context, address, area.plans(e, i)[1])


@njit
def watch_access(e, c, p, index, start, end):
    """The instruction in queue slot ``index`` of pipe (c, p) touches its regions."""
    w, regions = area.g(e)[G_WATCH], area.out(e, 0)[H_REGIONS]
    slot = area.queue(e, index)
    row, x, carries = slot[O_ROW], c * PIPES + p, carries_bytes(e, p, regions)
    current = begin(w, x, row, slot[O_DISPATCH], start, end, carries)
    touch_regions(e, c, regions, 0, current)
    state = 0
    if watch.header(w)[H_UNDEFINED] == 1 and area.g(e)[G_MODE] != MODE_TIMING:
        carry_marks(e, c, regions, row, index)
        state |= TAINTED
    for i in range(1, regions + 1):
        if area.out(e, i)[1] == 1:
            state |= WROTE
    watch.record(w, current)[R_STATE] |= state
    touch_regions(e, c, regions, 1, current)


@njit
def watch_scalar(e, c, row, start, end):
    """The scalar unit has loaded or stored the region in hand; it goes on when that is done."""
    w, scalar = area.g(e)[G_WATCH], c * PIPES + S
    current = begin(w, scalar, row, start, start, end, 0)
    write = area.out(e, 1)[1]
    watch.record(w, current)[R_STATE] |= WROTE * write
    touch_regions(e, c, 1, write, current)
    if area.g(e)[G_ORDER] != 0:
        complete(w, scalar)
        clock(w, scalar)[V_VERSION] += 1
