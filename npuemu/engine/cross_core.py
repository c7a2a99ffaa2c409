"""Cross-core flags: counters, arrivals, and the instructions that move them."""

from __future__ import annotations

from npuemu.engine import areas as area
from npuemu.engine import scalar as sc
from npuemu.engine.queues import label, pop, problem, refresh, settle
from npuemu.engine.state import (
    BLOCKED_CROSS,
    C_OPCODE,
    G_CORES,
    K_CLOCK,
    K_GROUP,
    K_KIND,
    K_STATUS,
    K_SUB,
    K_WAIT,
    KIND_CUBE,
    O_DISPATCH,
    O_ROW,
    O_VALUE,
    P_BLOCKED,
    P_HEAD,
    P_READY,
    PIPES,
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

COUNTER_OVERFLOW = 114
MODE_ALL, MODE_PAIR, MODE_CV, MODE_C1V = 0, 1, 2, 4


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
        area.releases(e, c)[(flag << 4) + at] = area.releases(e, c)[(flag << 4) + at - 1]
        at -= 1
    area.releases(e, c)[(flag << 4) + at] = time
    area.counters(e, c)[flag] = n + 1
    for p in range(1, 7):
        if area.pipe(e, c * PIPES + p)[P_BLOCKED] == BLOCKED_CROSS:
            settle(e, c, 1 << p)
    core = area.core(e, c)
    if core[K_STATUS] == WAIT_FLAG and core[K_WAIT] == 512 + flag:
        core[K_STATUS] = RUNNING
        area.key(e, c)[S] = max(core[K_CLOCK], time) << TIME_SHIFT | c << 3
    refresh(e, c)
    return True


@njit(signature="boolean(int64, int64, int64, int64, int64, int64, int64, int64, int64)")
def gather_arrivals(e, mode, flag, first, last, step, time, target_first, target_last):
    """When cores ``first .. last`` have all arrived, take one arrival from each and count up the
    targets.
    """
    row = mode << 5 | flag
    for c in range(first, last, step):
        if area.arrivals(e, c)[row] == 0:
            return True
    for c in range(first, last, step):
        area.arrivals(e, c)[row] -= 1
    for c in range(target_first, target_last, step):
        if not count_up(e, c, flag, time):
            return False
    return True


@njit
def cross_set(e, c, mode, flag, time):
    """Fire a cross-core flag of core ``c``; False when a counter would exceed 15."""
    core = area.core(e, c)
    cube, first = core[K_KIND] == KIND_CUBE, core[K_GROUP] * 3
    if mode == MODE_CV and cube:
        return count_up(e, first + 1, flag, time) and count_up(e, first + 2, flag, time)
    if mode == MODE_C1V:
        if cube:
            return count_up(e, first + 1 + (flag >> 4), flag & 15, time)
        return count_up(e, first, (flag & 15) + 16 * core[K_SUB], time)
    area.arrivals(e, c)[mode << 5 | flag] += 1
    if area.arrivals(e, c)[mode << 5 | flag] > 15:
        return False
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
    for sub in range(1, 3):
        for other in range(sub, n, 3):
            area.arrivals(e, other)[mode << 5 | flag] -= 1
            if not count_up(e, other, flag, time):
                return False
    return True


@njit(forceinline=True)
def take_release(e, c, flag):
    """Decrement a counter; returns the release time of its oldest flag."""
    time = area.releases(e, c)[flag << 4]
    n = area.counters(e, c)[flag] - 1
    area.counters(e, c)[flag] = n
    for i in range(n):
        area.releases(e, c)[(flag << 4) + i] = area.releases(e, c)[(flag << 4) + i + 1]
    return time


@njit
def cross_event(e, c, p, time):
    """A cross-core set or wait at the head of a queue takes its turn."""
    x = c * PIPES + p
    slot = area.queue(e, x * area.machine(e)[X_DEPTH] + area.pipe(e, x)[P_HEAD])
    row = slot[O_ROW]
    if area.code(e, row)[C_OPCODE] == sc.CROSS_SET:
        pop(e, c, x, time)
        if not cross_set(
            e, c, slot[O_VALUE], slot[O_VALUE + 2], time + area.machine(e)[X_CROSS_LATENCY]
        ):
            return problem(e, COUNTER_OVERFLOW, c, p, row, time, slot[O_VALUE + 2], 0, 0)
    else:
        flag = slot[O_VALUE + 1]
        if area.counters(e, c)[flag] == 0 or area.releases(e, c)[flag << 4] > time:
            return settle(e, c, 1 << p)  # another pipe of this core was faster
        label(e, x, STALL_DISPATCH, slot[O_DISPATCH])
        label(e, x, STALL_CROSS, take_release(e, c, flag))
        area.pipe(e, x)[P_READY] = max(area.pipe(e, x)[P_READY], time)
        pop(e, c, x, time)
    return settle(e, c, 1 << p)
