"""A data instruction starts: checked, costed, executed, observed, accounted for."""

from __future__ import annotations

from npuemu.engine import areas as area
from npuemu.engine.breaks import stop_at
from npuemu.engine.cost import cost
from npuemu.engine.footprint import (
    H_ELEMENTS,
    H_MACS,
    H_OPERAND,
    H_REGIONS,
    H_UNITS,
    H_VALUE,
    active_regions,
    footprint,
    has_holes,
)
from npuemu.engine.jitter import delay
from npuemu.engine.memory import GM, check_region, count_traffic
from npuemu.engine.queues import MAX_CYCLES, label, pop, problem, settle
from npuemu.engine.state import (
    BREAK,
    BREAK_EFFECT,
    C_BREAK,
    C_COST,
    C_FOOTPRINT,
    C_PLAN,
    C_PLAN_LENGTH,
    F_COUNT,
    F_ELEMENTS,
    F_MACS,
    F_WORK,
    F_WRAPS,
    G_BREAKS,
    G_JITTER,
    G_MAX_CYCLES,
    G_MODE,
    G_NEED,
    G_OBSERVER,
    G_TRACE,
    G_TRACE_ROWS,
    G_WATCH,
    MODE_TIMING,
    NEED_UNIT,
    O_DISPATCH,
    O_MASK_MODE,
    O_ROW,
    O_TOLD,
    P_BUSY,
    P_CURSOR,
    P_END,
    P_FREE,
    P_HEAD,
    P_INSTRUCTIONS,
    P_READY,
    PIPES,
    STALL_BANDWIDTH,
    STALL_BANK,
    STALL_BARRIER,
    STALL_DISPATCH,
    TRACE_FULL,
    WATCH_ACCESS,
    WATCH_FULL,
    WATCH_ROOM,
    X_DEPTH,
    V,
)
from npuemu.jit import call_unit, njit
from npuemu.observe import clocks

TRACE_MARGIN = 8
CTX_WRAPS = 40
"""Word of a context in which units count INT32 words that wrapped."""


@njit
def check_regions(e, c, regions):
    """Bounds of all regions in hand; (status, row of the bad one)."""
    for i in range(1, regions + 1):
        status = check_region(e, c, i)
        if status != 0:
            return status, i
    return 0, 0


@njit(forceinline=True)
def account(e, x, dispatch, time, end):
    """Give every cycle of pipe ``x`` up to ``end`` its label."""
    pipe = area.pipe(e, x)
    label(e, x, STALL_DISPATCH, min(dispatch, time))
    label(e, x, STALL_BARRIER, time)
    own = end - pipe[P_CURSOR]
    if own > 0:
        bank = min(area.result(e)[2], own)
        bandwidth = min(area.result(e)[3], own - bank)
        area.stalls(e, x)[STALL_BANK] += bank
        area.stalls(e, x)[STALL_BANDWIDTH] += bandwidth
        pipe[P_BUSY] += own - bank - bandwidth
        pipe[P_CURSOR] = end


@njit
def observe(e, x, time):
    """Show the observers what the instruction at the head of queue ``x`` reads and writes."""
    g = area.g(e)
    if g[G_WATCH] == 0:
        return
    slot = area.queue(e, x * area.machine(e)[X_DEPTH] + area.pipe(e, x)[P_HEAD])
    if x % PIPES == V and has_holes(slot):
        active_regions(e, area.code(e, slot[O_ROW])[C_FOOTPRINT], slot)
    area.result(e)[5] = time
    call_unit(g[G_OBSERVER], e, WATCH_ACCESS, x)


@njit
def start_data(e, c, p, time):
    """Start the data instruction at the head of queue (c, p): check it, cost it, execute it,
    account for it.
    """
    x = c * PIPES + p
    pipe = area.pipe(e, x)
    index = x * area.machine(e)[X_DEPTH] + pipe[P_HEAD]
    slot = area.queue(e, index)
    row = slot[O_ROW]
    code = area.code(e, row)
    g = area.g(e)
    plan, steps = code[C_PLAN], code[C_PLAN_LENGTH]
    numbers = g[G_MODE] != MODE_TIMING
    if numbers:
        for i in range(plan, plan + steps):
            if area.units(e)[area.plans(e, i)[0]] == 0:
                g[G_NEED] = area.plans(e, i)[0]
                return NEED_UNIT
    if area.g(e)[G_TRACE_ROWS] > 0 and g[G_TRACE] + TRACE_MARGIN > area.g(e)[G_TRACE_ROWS]:
        return TRACE_FULL
    status = footprint(e, code, slot)
    if status != 0:
        return problem(
            e, status, c, p, row, time, area.out(e, 0)[H_OPERAND], area.out(e, 0)[H_VALUE], 0
        )
    regions = area.out(e, 0)[H_REGIONS]
    status, bad = check_regions(e, c, regions)
    if status != 0:
        return problem(e, status, c, p, row, time, -2, bad, 0)
    if g[G_WATCH] != 0:
        if g[G_OBSERVER] == 0 or call_unit(g[G_OBSERVER], e, WATCH_ROOM, x) == 0:
            return WATCH_FULL
        if slot[O_TOLD] == 1:
            clocks.learn(g[G_WATCH], x, clocks.queued(g[G_WATCH], index))
    for i in range(1, regions + 1):
        if area.out(e, i)[0] == GM:
            count_traffic(e, i)
    # back to back is not idle, even with no tail behind the work: a barrier or a gap makes it so
    idle = time >= pipe[P_END] and (time > pipe[P_FREE] or pipe[P_READY] >= time)
    counter = slot[O_MASK_MODE] == 1
    cost(e, code[C_COST], regions, area.out(e, 0)[H_UNITS], time, idle, counter)
    if g[G_JITTER] != 0:
        extra = delay(e, x, pipe[P_INSTRUCTIONS])
        area.result(e)[0] += extra
        area.result(e)[1] += extra
    if numbers:
        address, wraps = area.slot_address(e, index), area.ctx(e, c)[CTX_WRAPS]
        context = area.context(e, c)
        for i in range(plan, plan + steps):
            status = call_unit(
                area.units(e)[area.plans(e, i)[0]], context, address, area.plans(e, i)[1]
            )
            if status != 0:
                observe(e, x, time)  # values that race may be what the unit refuses
                return problem(e, status, c, p, row, time, -1, 0, 0)
        area.profile(e, row)[F_WRAPS] += area.ctx(e, c)[CTX_WRAPS] - wraps
    end = area.result(e)[1]
    if end > g[G_MAX_CYCLES]:
        return problem(e, MAX_CYCLES, c, p, row, time, g[G_MAX_CYCLES], 0, 0)
    observe(e, x, time)
    account(e, x, slot[O_DISPATCH], time, end)
    profile = area.profile(e, row)
    profile[F_COUNT] += 1
    profile[F_WORK] += area.result(e)[4]
    profile[F_MACS] += area.out(e, 0)[H_MACS]
    profile[F_ELEMENTS] += area.out(e, 0)[H_ELEMENTS]
    if area.g(e)[G_TRACE_ROWS] > 0:
        line = area.trace(e, g[G_TRACE])
        line[0], line[1], line[2], line[3] = x, row, time, end
        g[G_TRACE] += 1
    pipe[P_FREE] = area.result(e)[0]
    pipe[P_END] = max(pipe[P_END], end)
    pop(e, c, x, time)
    status = settle(e, c, 1 << p)
    if g[G_BREAKS] != 0 and code[C_BREAK] & BREAK_EFFECT != 0:
        stop_at(e, c, p, row, time, index)
        return BREAK if status == 0 else status
    return status
