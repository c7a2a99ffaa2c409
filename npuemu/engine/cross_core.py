"""Cross-core flags: counters, arrivals, and the instructions that move them."""

from __future__ import annotations

from npuemu.engine import areas as area
from npuemu.engine import scalar as sc
from npuemu.engine.events import record
from npuemu.engine.jitter import delay
from npuemu.engine.ledger import who
from npuemu.engine.queues import label, pop, problem, refresh, settle
from npuemu.engine.state import (
    BLOCKED_CROSS,
    C_OPCODE,
    C_VALUE,
    G_CORES,
    G_EVENT,
    G_ORDER,
    G_SETTER,
    G_SETTER_EVENT,
    G_SETTER_WHO,
    G_TRACE_ON,
    K_CLOCK,
    K_COUNT,
    K_GROUP,
    K_KIND,
    K_STATUS,
    K_SUB,
    K_WAIT,
    KIND_CUBE,
    O_DISPATCH,
    O_ROW,
    O_TOLD,
    O_VALUE,
    P_BLOCKED,
    P_CURSOR,
    P_HEAD,
    P_INSTRUCTIONS,
    P_READY,
    P_ROW,
    PIPES,
    RELEASE_EVENT,
    RELEASE_WHO,
    RUNNING,
    STALL_CROSS,
    STALL_DISPATCH,
    TIME_SHIFT,
    WAIT_FLAG,
    X_CROSS_LATENCY,
    X_DEPTH,
    S,
)
from npuemu.jit import njit
from npuemu.observe import clocks
from npuemu.observe.recording import CROSS_SET, CROSS_WAIT

COUNTER_OVERFLOW = 114
CROSS_STREAM = 1 << 20
ARRIVAL_LINES = 96
"""Gathered modes (all, pair, cv) x 32 ids."""
MODE_ALL, MODE_PAIR, MODE_CV, MODE_C1V = 0, 1, 2, 4


@njit(forceinline=True)
def _move_release(e, c, source, target):
    """Move one release of a counter, with who made it, to another place."""
    releases = area.releases(e, c)
    releases[target] = releases[source]
    releases[RELEASE_WHO + target] = releases[RELEASE_WHO + source]
    releases[RELEASE_EVENT + target] = releases[RELEASE_EVENT + source]


@njit
def count_up(e, c, flag, time):
    """Cross-core counter ``flag`` of core ``c`` goes up, visible at ``time``; wakes the pipes
    waiting for it.
    """
    n = area.counters(e, c)[flag]
    if n == 15:
        return False
    at = n
    while at > 0 and area.releases(e, c)[(flag << 4) + at - 1] > time:
        _move_release(e, c, (flag << 4) + at - 1, (flag << 4) + at)
        at -= 1
    releases, place = area.releases(e, c), (flag << 4) + at
    releases[place] = time
    releases[RELEASE_WHO + place] = area.g(e)[G_SETTER_WHO]
    releases[RELEASE_EVENT + place] = area.g(e)[G_SETTER_EVENT]
    if area.g(e)[G_ORDER] != 0:
        clocks.insert_release(area.g(e)[G_ORDER], c * PIPES, c * 32 + flag, at, n)
    area.counters(e, c)[flag] = n + 1
    area.raised(e, c)[512 + flag] = area.g(e)[G_SETTER]
    for p in range(1, 7):
        if area.pipe(e, c * PIPES + p)[P_BLOCKED] == BLOCKED_CROSS:
            settle(e, c, 1 << p)
    core = area.core(e, c)
    if core[K_STATUS] == WAIT_FLAG and core[K_WAIT] == 512 + flag:
        core[K_STATUS] = RUNNING
        area.key(e, c)[S] = max(core[K_CLOCK], time) << TIME_SHIFT | c << 3
    refresh(e, c)
    return True


@njit
def take_arrival(e, c, row):
    """Take the oldest arrival of core ``c`` in line ``row`` (mode * 32 + id)."""
    w, count = area.g(e)[G_ORDER], area.arrivals(e, c)[row]
    if w != 0:
        clocks.carry_arrival(w, c * ARRIVAL_LINES + row, count)
    area.arrivals(e, c)[row] = count - 1


@njit
def start_carrying(e):
    """A gathered flag fires: what it carries is collected from its arrivals."""
    if area.g(e)[G_ORDER] != 0:
        clocks.empty_carry(area.g(e)[G_ORDER])


@njit(signature="boolean(int64, int64, int64, int64, int64, int64, int64, int64, int64)")
def gather_arrivals(e, mode, flag, first, last, step, time, target_first, target_last):
    """When cores ``first .. last`` have all arrived, take one arrival from each and count up the
    targets.
    """
    row = mode << 5 | flag
    for c in range(first, last, step):
        if area.arrivals(e, c)[row] == 0:
            return True
    start_carrying(e)
    for c in range(first, last, step):
        take_arrival(e, c, row)
    for c in range(target_first, target_last, step):
        if not count_up(e, c, flag, time):
            return False
    return True


@njit(signature="void(int64, int64, int64, int64, int64)")
def arrive(e, c, p, mode, flag):
    """Pipe ``p`` of core ``c`` arrives at a gathered flag, or has one that carries it alone."""
    w, core = area.g(e)[G_ORDER], area.core(e, c)
    alone = mode == MODE_C1V or (mode == MODE_CV and core[K_KIND] == KIND_CUBE)
    row = mode << 5 | flag
    if w != 0:
        if alone:
            clocks.hand_over(w, c * PIPES + p, clocks.carry(w))
        else:
            if mode == MODE_ALL and area.g(e)[G_CORES] > 3:
                clocks.widen(w)
            at = (c * ARRIVAL_LINES + row) * 16 + area.arrivals(e, c)[row]
            clocks.hand_over(w, c * PIPES + p, clocks.arrival(w, at))
    if not alone:
        area.arrivals(e, c)[row] += 1


@njit(signature=f"boolean({', '.join(['int64'] * 6)})")
def cross_set(e, c, p, mode, flag, time):
    """Fire a cross-core flag of core ``c``; False when a counter would exceed 15."""
    core, pipe = area.core(e, c), area.pipe(e, c * PIPES + p)
    time += delay(e, CROSS_STREAM + c * PIPES + p, pipe[P_INSTRUCTIONS] + core[K_COUNT])
    if mode != MODE_C1V and area.arrivals(e, c)[mode << 5 | flag] == 15:
        return False
    arrive(e, c, p, mode, flag)
    cube, first = core[K_KIND] == KIND_CUBE, core[K_GROUP] * 3
    if mode == MODE_CV and cube:
        return count_up(e, first + 1, flag, time) and count_up(e, first + 2, flag, time)
    if mode == MODE_C1V:
        if cube:
            return count_up(e, first + 1 + (flag >> 4), flag & 15, time)
        return count_up(e, first, (flag & 15) + 16 * core[K_SUB], time)
    if mode == MODE_CV:
        return gather_arrivals(e, mode, flag, first + 1, first + 3, 1, time, first, first + 1)
    if mode == MODE_PAIR:
        return gather_arrivals(e, mode, flag, first + 1, first + 3, 1, time, first + 1, first + 3)
    n = area.g(e)[G_CORES]
    if cube:
        return gather_arrivals(e, mode, flag, 0, n, 3, time, 0, n)
    for sub in range(1, 3):
        for other in range(sub, n, 3):
            if area.arrivals(e, other)[mode << 5 | flag] == 0:
                return True
    start_carrying(e)
    for sub in range(1, 3):
        for other in range(sub, n, 3):
            take_arrival(e, other, mode << 5 | flag)
    for sub in range(1, 3):
        for other in range(sub, n, 3):
            if not count_up(e, other, flag, time):
                return False
    return True


@njit
def fire(e, c, p, row, dispatch, flag, time):
    """Remember the cross-core set in hand, code row ``row`` on pipe ``p``: who waits will ask."""
    g, x = area.g(e), c * PIPES + p
    g[G_SETTER], g[G_SETTER_WHO] = row, who(row, area.pipe(e, x)[P_ROW])
    if g[G_TRACE_ON] != 0:
        detail = area.code(e, row)[C_VALUE] << 8 | flag
        record(e, x, CROSS_SET, row, dispatch, time, time, time, -1, detail)
        g[G_SETTER_EVENT] = g[G_EVENT]


@njit(forceinline=True)
def _take_release(e, c, p, flag):
    """Pipe ``p`` decrements a counter: its oldest release is gone."""
    n = area.counters(e, c)[flag] - 1
    if area.g(e)[G_ORDER] != 0:
        clocks.learn_release(area.g(e)[G_ORDER], c * PIPES + p, c * 32 + flag, n + 1)
    area.counters(e, c)[flag] = n
    for i in range(n):
        _move_release(e, c, (flag << 4) + i + 1, (flag << 4) + i)


@njit(signature="int64(int64, int64, int64, int64, int64, int64)")
def meet_counter(e, c, x, row, dispatch, flag):
    """Pipe ``x`` of core ``c`` takes the oldest release of a counter with the wait of code row
    ``row``: the pipe's stall, and its event. Returns the time of the release.
    """
    pipe, releases = area.pipe(e, x), area.releases(e, c)
    time, whom = releases[flag << 4], releases[RELEASE_WHO + (flag << 4)]
    link = releases[RELEASE_EVENT + (flag << 4)]
    label(e, x, STALL_DISPATCH, dispatch, row, 0, 0)
    start = pipe[P_CURSOR]
    label(e, x, STALL_CROSS, time, row, 512 + flag, whom)
    if area.g(e)[G_TRACE_ON] != 0:
        ready = max(max(pipe[P_READY], dispatch), time)
        record(e, x, CROSS_WAIT, row, dispatch, start, ready, pipe[P_CURSOR], link, flag - 256)
    _take_release(e, c, x % PIPES, flag)
    return time


@njit
def cross_event(e, c, p, time):
    """A cross-core set or wait at the head of a queue takes its turn."""
    x = c * PIPES + p
    index = x * area.machine(e)[X_DEPTH] + area.pipe(e, x)[P_HEAD]
    slot = area.queue(e, index)
    row, w = slot[O_ROW], area.g(e)[G_ORDER]
    if area.code(e, row)[C_OPCODE] == sc.CROSS_SET:
        if slot[O_TOLD] == 1:
            clocks.learn(w, x, clocks.queued(w, index))
        pop(e, c, x, time)
        fire(e, c, p, row, slot[O_DISPATCH], slot[O_VALUE + 2], time)
        if not cross_set(
            e, c, p, slot[O_VALUE], slot[O_VALUE + 2], time + area.machine(e)[X_CROSS_LATENCY]
        ):
            return problem(e, COUNTER_OVERFLOW, c, p, row, time, slot[O_VALUE + 2], 0, 0)
    else:
        flag = slot[O_VALUE + 1]
        if area.counters(e, c)[flag] == 0 or area.releases(e, c)[flag << 4] > time:
            return settle(e, c, 1 << p)  # another pipe of this core was faster
        if slot[O_TOLD] == 1:
            clocks.learn(w, x, clocks.queued(w, index))
        meet_counter(e, c, x, row, slot[O_DISPATCH], flag)
        area.pipe(e, x)[P_READY] = max(area.pipe(e, x)[P_READY], time)
        pop(e, c, x, time)
    return settle(e, c, 1 << p)
