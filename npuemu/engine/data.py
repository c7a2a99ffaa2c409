"""A data instruction starts: checked, costed, executed, observed, accounted for."""

from __future__ import annotations

from npuemu.engine import areas as area
from npuemu.engine.breaks import stop_at
from npuemu.engine.cost import cost
from npuemu.engine.events import record, record_values
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
from npuemu.engine.ledger import book
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
    F_BUSY,
    F_BYTES,
    F_COUNT,
    F_ELEMENTS,
    F_HEAD,
    F_MACS,
    F_WORK,
    F_WRAPS,
    G_BREAKS,
    G_EVENT,
    G_JITTER,
    G_MAX_CYCLES,
    G_MODE,
    G_NEED,
    G_OBSERVER,
    G_TRACE_ON,
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
    P_EVENT,
    P_FREE,
    P_HEAD,
    P_INSTRUCTIONS,
    P_READY,
    P_ROW,
    PIPES,
    STALL_BANDWIDTH,
    STALL_BANK,
    STALL_BARRIER,
    STALL_DISPATCH,
    T_HEAD,
    WATCH_ACCESS,
    WATCH_FULL,
    WATCH_ROOM,
    X_DEPTH,
    V,
)
from npuemu.jit import call_unit, njit
from npuemu.observe import clocks
from npuemu.observe.recording import DATA

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
def account(e, x, row, dispatch, time, end):
    """Give every cycle of pipe ``x`` up to ``end`` its label; code row ``row`` starts at
    ``time``.
    """
    pipe, profile = area.pipe(e, x), area.profile(e, row)
    label(e, x, STALL_DISPATCH, min(dispatch, time), row, 0, 0)
    label(e, x, STALL_BARRIER, time, row, 0, 0)
    own = end - pipe[P_CURSOR]
    if own > 0:
        bank = min(area.result(e)[2], own)
        bandwidth = min(area.result(e)[3], own - bank)
        area.stalls(e, x)[STALL_BANK] += bank
        area.stalls(e, x)[STALL_BANDWIDTH] += bandwidth
        if bank > 0:
            book(e, x, STALL_BANK, row, 0, 0, bank)
        if bandwidth > 0:
            book(e, x, STALL_BANDWIDTH, row, 0, 0, bandwidth)
        pipe[P_BUSY] += own - bank - bandwidth
        profile[F_BUSY] += own - bank - bandwidth
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
    written, moved = 0, 0
    for i in range(1, regions + 1):
        region = area.out(e, i)
        size = region[3] * region[5] * region[7]
        if region[0] == GM:
            count_traffic(e, i)
            moved += size
        written += size * region[1]
    # back to back is not idle, even with no tail behind the work: a barrier or a gap makes it so
    idle = time >= pipe[P_END] and (time > pipe[P_FREE] or pipe[P_READY] >= time)
    counter = slot[O_MASK_MODE] == 1
    cost(e, code[C_COST], regions, area.out(e, 0)[H_UNITS], time, idle, counter)
    head = area.cost(e, code[C_COST])[T_HEAD] if idle else 0
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
    account(e, x, row, slot[O_DISPATCH], time, end)
    profile = area.profile(e, row)
    profile[F_COUNT] += 1
    profile[F_WORK] += area.result(e)[4]
    profile[F_MACS] += area.out(e, 0)[H_MACS]
    profile[F_ELEMENTS] += area.out(e, 0)[H_ELEMENTS]
    profile[F_HEAD] += head
    profile[F_BYTES] += written
    pipe[P_FREE], pipe[P_ROW] = area.result(e)[0], row
    if g[G_TRACE_ON] != 0:
        record(e, x, DATA, row, slot[O_DISPATCH], time, pipe[P_FREE], end, -1, moved)
        record_values(e, code, slot, head)
        pipe[P_EVENT] = g[G_EVENT]
    pipe[P_END] = max(pipe[P_END], end)
    pop(e, c, x, time)
    status = settle(e, c, 1 << p)
    if g[G_BREAKS] != 0 and code[C_BREAK] & BREAK_EFFECT != 0:
        stop_at(e, c, p, row, time, index)
        return BREAK if status == 0 else status
    return status
