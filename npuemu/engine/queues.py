"""Queues of the pipes: dispatch, flags and barriers, accounting of waits, and how a run ends in
a problem.
"""

from __future__ import annotations

from npuemu.engine import areas as area
from npuemu.engine import scalar as sc
from npuemu.engine.events import record
from npuemu.engine.ledger import book, who
from npuemu.engine.state import (
    BLOCKED_CROSS,
    BLOCKED_FLAG,
    C_OPCODE,
    C_OPERANDS,
    C_REGISTERS,
    C_VALUE,
    D_A,
    D_B,
    D_C,
    D_CODE,
    D_CORE,
    D_CYCLE,
    D_PIPE,
    D_ROW,
    ERROR,
    G_EVENT,
    G_NOW,
    G_ORDER,
    G_SCALAR_RUN,
    G_TRACE_ON,
    INFINITE,
    K_BASE,
    K_CLOCK,
    K_MASK_HIGH,
    K_MASK_LOW,
    K_MASK_MODE,
    K_STATUS,
    K_WAIT,
    NOT_BLOCKED,
    O_DISPATCH,
    O_EVENT,
    O_MASK_HIGH,
    O_MASK_LOW,
    O_MASK_MODE,
    O_PC,
    O_POP,
    O_ROW,
    O_TOLD,
    O_VALUE,
    P_BLOCKED,
    P_COUNT,
    P_CURSOR,
    P_END,
    P_EVENT,
    P_FREE,
    P_HEAD,
    P_INSTRUCTIONS,
    P_LEFT,
    P_READY,
    P_ROW,
    PIPES,
    QUEUE_FULL,
    RAISED_AFTER,
    RAISED_EVENT,
    RUNNING,
    STALL_DISPATCH,
    STALL_FLAG,
    STALL_QUEUE,
    TIME_SHIFT,
    WAIT_BARRIER,
    WAIT_FLAG,
    X_DEPTH,
    S,
)
from npuemu.jit import njit
from npuemu.observe import clocks
from npuemu.observe.order import check_raise
from npuemu.observe.recording import BARRIER, FULL, SET, WAIT

MAX_CYCLES, TWICE = 112, 113


@njit(
    signature="int64(int64, int64, int64, int64, int64, int64, int64, int64, int64)",
    forceinline=True,
)
def problem(e, code, c, p, row, time, a, b, d):
    """Describe why the run ends."""
    x = area.problem(e)
    x[D_CODE], x[D_CORE], x[D_PIPE], x[D_ROW], x[D_CYCLE] = code, c, p, row, time
    x[D_A], x[D_B], x[D_C] = a, b, d
    return ERROR


@njit(signature="void(int64, int64, int64, int64, int64, int64, int64)", forceinline=True)
def label(e, x, cause, until, row, flag, whom):
    """Pipe ``x`` has been waiting for ``cause`` up to ``until``, with code row ``row`` at its head,
    for ``flag`` (0 for none) and for ``whom`` (see `npuemu.engine.ledger`).
    """
    gap = until - area.pipe(e, x)[P_CURSOR]
    if gap > 0:
        area.stalls(e, x)[cause] += gap
        area.pipe(e, x)[P_CURSOR] = until
        book(e, x, cause, row, flag, whom, gap)


@njit(forceinline=True)
def pop(e, c, x, time):
    """The head of queue ``x`` leaves at ``time``; a scalar unit parked on this queue or a
    barrier goes on.
    """
    depth = area.machine(e)[X_DEPTH]
    pipe = area.pipe(e, x)
    slot = area.queue(e, x * depth + pipe[P_HEAD])
    slot[O_POP] = time
    slot[O_EVENT] = pipe[P_LEFT] = area.g(e)[G_EVENT]
    pipe[P_HEAD] = (pipe[P_HEAD] + 1) % depth
    pipe[P_COUNT] -= 1
    pipe[P_INSTRUCTIONS] += 1
    area.g(e)[G_SCALAR_RUN] = 0
    core = area.core(e, c)
    if core[K_STATUS] == QUEUE_FULL:
        if core[K_WAIT] == x:
            core[K_STATUS] = RUNNING
            area.key(e, c)[S] = core[K_CLOCK] << TIME_SHIFT | c << 3
    elif core[K_STATUS] == WAIT_BARRIER and pipe[P_COUNT] == 0:
        area.key(e, c)[S] = core[K_CLOCK] << TIME_SHIFT | c << 3


@njit(forceinline=True)
def raise_flag(e, c, p, index, time, row, dispatch):
    """Code row ``row`` on pipe ``p`` raises a flag; wakes the scalar unit if it waits for it.
    False when the flag is still up at ``time``.

    A flag that is down holds ``-1 - time`` of the wait that cleared it: that may lie ahead.
    """
    old = area.flags(e, c)[index]
    if old >= 0 or time < -1 - old:
        return False
    area.flags(e, c)[index] = time
    raised = area.raised(e, c)
    raised[index], raised[RAISED_AFTER + index] = row, area.pipe(e, c * PIPES + p)[P_ROW]
    if area.g(e)[G_TRACE_ON] != 0:
        record(e, c * PIPES + p, SET, row, dispatch, time, time, time, -1, index)
        raised[RAISED_EVENT + index] = area.g(e)[G_EVENT]
    if area.g(e)[G_ORDER] != 0:
        w, x = area.g(e)[G_ORDER], c * PIPES + p
        to = c * PIPES + ((index >> 3) & 7)
        check_raise(w, x, to, c * 512 + index, index & 7, row, time)
        clocks.hand_over(w, x, clocks.flag(w, c * 512 + index))
    core = area.core(e, c)
    if core[K_STATUS] == WAIT_FLAG and core[K_WAIT] == index:
        core[K_STATUS] = RUNNING
        area.key(e, c)[S] = max(core[K_CLOCK], time) << TIME_SHIFT | c << 3
    return True


@njit(forceinline=True)
def raiser(e, c, index):
    """Who raised a flag of core ``c`` last."""
    raised = area.raised(e, c)
    return who(raised[index], raised[RAISED_AFTER + index])


@njit(signature="void(int64, int64, int64, int64, int64, int64, int64)")
def meet_flag(e, c, x, row, dispatch, index, time):
    """Pipe ``x`` of core ``c`` meets its flag, which rose at ``time``, with the ``wait_flag`` of
    code row ``row``: the pipe's stall, and its event.
    """
    pipe = area.pipe(e, x)
    label(e, x, STALL_DISPATCH, dispatch, row, 0, 0)
    start = pipe[P_CURSOR]
    label(e, x, STALL_FLAG + (index >> 6), time, row, index, raiser(e, c, index))
    pipe[P_READY] = max(max(pipe[P_READY], dispatch), time)
    area.flags(e, c)[index] = -1 - pipe[P_READY]
    if area.g(e)[G_TRACE_ON] != 0:
        link = area.raised(e, c)[RAISED_EVENT + index]
        record(e, x, WAIT, row, dispatch, start, pipe[P_READY], pipe[P_CURSOR], link, index)


@njit
def settle(e, c, work):
    """Execute flags and barriers that head the queues in bit mask ``work``; set the keys of the
    pipes.
    """
    depth, w = area.machine(e)[X_DEPTH], area.g(e)[G_ORDER]
    while work != 0:
        p = 0
        while (work >> p) & 1 == 0:
            p += 1
        work &= ~(1 << p)
        x = c * PIPES + p
        pipe = area.pipe(e, x)
        key = INFINITE
        pipe[P_BLOCKED] = NOT_BLOCKED
        while pipe[P_COUNT] > 0:
            slot = area.queue(e, x * depth + pipe[P_HEAD])
            row = slot[O_ROW]
            op = area.code(e, row)[C_OPCODE]
            ready = max(pipe[P_READY], slot[O_DISPATCH])
            if slot[O_TOLD] == 1 and sc.SET_FLAG <= op <= sc.PIPE_BARRIER:
                clocks.learn(w, x, clocks.queued(w, x * depth + pipe[P_HEAD]))
            if op == sc.SET_FLAG:
                time = max(ready, pipe[P_END])
                index = slot[O_VALUE] << 6 | slot[O_VALUE + 1] << 3 | slot[O_VALUE + 2]
                if area.flags(e, c)[index] >= 0 and area.g(e)[G_NOW] < time:
                    # its wait may still come before that time
                    key = time << TIME_SHIFT | c << 3 | p
                    break
                if not raise_flag(e, c, p, index, time, row, slot[O_DISPATCH]):
                    return problem(
                        e,
                        TWICE,
                        c,
                        p,
                        row,
                        time,
                        slot[O_VALUE],
                        slot[O_VALUE + 1],
                        slot[O_VALUE + 2],
                    )
                pop(e, c, x, time)
                if slot[O_VALUE + 1] != S:
                    work |= 1 << slot[O_VALUE + 1]
            elif op == sc.WAIT_FLAG:
                index = slot[O_VALUE] << 6 | slot[O_VALUE + 1] << 3 | slot[O_VALUE + 2]
                time = area.flags(e, c)[index]
                if time < 0:
                    pipe[P_BLOCKED] = BLOCKED_FLAG
                    break
                meet_flag(e, c, x, row, slot[O_DISPATCH], index, time)
                if w != 0:
                    clocks.take(w, x, c * 512 + index, row)
                pop(e, c, x, pipe[P_READY])
            elif op == sc.PIPE_BARRIER:
                pipe[P_READY] = max(ready, pipe[P_END])
                if area.g(e)[G_TRACE_ON] != 0:
                    time, link = pipe[P_READY], pipe[P_EVENT]
                    record(e, x, BARRIER, row, slot[O_DISPATCH], time, time, time, link, 0)
                if w != 0:
                    clocks.complete(w, x)
                pop(e, c, x, pipe[P_READY])
            elif op == sc.CROSS_SET:
                key = max(ready, pipe[P_END]) << TIME_SHIFT | c << 3 | p
                break
            elif op == sc.CROSS_WAIT:
                flag = slot[O_VALUE + 1]
                if area.counters(e, c)[flag] == 0:
                    pipe[P_BLOCKED] = BLOCKED_CROSS
                else:
                    key = max(ready, area.releases(e, c)[flag << 4]) << TIME_SHIFT | c << 3 | p
                break
            else:
                key = max(ready, pipe[P_FREE]) << TIME_SHIFT | c << 3 | p
                break
        area.key(e, c)[p] = key
    return 0


@njit(forceinline=True)
def refresh(e, c):
    """Recompute the smallest key of a core."""
    best = area.key(e, c)[0]
    for p in range(1, PIPES):
        best = min(best, area.key(e, c)[p])
    area.smallest(e)[c] = best


@njit(forceinline=True)
def dispatch(e, c, row, p):
    """Put an instruction into queue (c, p). 0: done, 1: the queue is full and the scalar unit
    parked.
    """
    x = c * PIPES + p
    depth = area.machine(e)[X_DEPTH]
    pipe, core, code = area.pipe(e, x), area.core(e, c), area.code(e, row)
    if pipe[P_COUNT] == depth:
        core[K_STATUS] = QUEUE_FULL
        core[K_WAIT] = x
        return 1
    slot = area.queue(e, x * depth + (pipe[P_HEAD] + pipe[P_COUNT]) % depth)
    if slot[O_POP] > core[K_CLOCK]:
        label(e, c * PIPES, STALL_QUEUE, slot[O_POP], row, 0, who(-1, slot[O_ROW]))
        if area.g(e)[G_TRACE_ON] != 0:
            start, end, link = core[K_CLOCK], slot[O_POP], slot[O_EVENT]
            record(e, c * PIPES, FULL, row, start, start, end, end, link, p)
        core[K_CLOCK] = slot[O_POP]
    slot[O_PC] = row - core[K_BASE]
    slot[O_ROW] = row
    slot[O_DISPATCH] = core[K_CLOCK]
    w = area.g(e)[G_ORDER]
    if w != 0:
        index = x * depth + (pipe[P_HEAD] + pipe[P_COUNT]) % depth
        slot[O_TOLD] = clocks.dispatched(w, c * PIPES, x, index)
    slot[O_MASK_LOW], slot[O_MASK_HIGH], slot[O_MASK_MODE] = (
        core[K_MASK_LOW],
        core[K_MASK_HIGH],
        core[K_MASK_MODE],
    )
    registers, mask = area.registers(e, c), code[C_REGISTERS]
    for i in range(code[C_OPERANDS]):
        value = code[C_VALUE + i]
        slot[O_VALUE + i] = registers[value] if (mask >> i) & 1 else value
    pipe[P_COUNT] += 1
    return 0


@njit
def drained(e, c):
    """When all queues of a core are empty: the time its last pipe completes; -1 otherwise."""
    latest = 0
    for p in range(1, 7):
        pipe = area.pipe(e, c * PIPES + p)
        if pipe[P_COUNT] > 0:
            return -1
        latest = max(latest, max(pipe[P_END], pipe[P_READY]))
    return latest
