"""The event loop: data instructions in time order over all cores, flags moved eagerly, scalar units run ahead.

Two-level minimum: each core keeps one key ``time << 10 | core << 3 | pipe`` a pipe, and its smallest; the
loop takes the smallest core. Flags and barriers only move time stamps, so they are executed as soon as they
head a queue; everything that touches memory waits for its turn in time.
"""

from __future__ import annotations

from npuemu.engine import areas as area
from npuemu.engine import scalar as sc
from npuemu.engine.cost import cost
from npuemu.engine.footprint import H_ELEMENTS, H_MACS, H_OPERAND, H_REGIONS, H_UNITS, H_VALUE, footprint
from npuemu.engine.memory import SIZES, check_region, count_traffic, scalar_load, scalar_store, set_region, tensor_of
from npuemu.engine.state import (
    BLOCKED_CROSS,
    BLOCKED_FLAG,
    C_COST,
    C_FOOTPRINT,
    C_OPCODE,
    C_OPERANDS,
    C_PIPE,
    C_PLAN,
    C_PLAN_LENGTH,
    C_REGISTERS,
    C_TIMED,
    C_VALUE,
    D_A,
    D_B,
    D_C,
    D_CODE,
    D_CORE,
    D_CYCLE,
    D_PIPE,
    D_ROW,
    DEADLOCK,
    DONE,
    ERROR,
    F_COUNT,
    F_ELEMENTS,
    F_GM,
    F_MACS,
    F_WORK,
    G_BUDGET,
    G_CORES,
    G_LIVELOCK,
    G_LOG_LIMIT,
    G_MAX_CYCLES,
    G_MODE,
    G_NEED,
    G_NOW,
    G_OBSERVE,
    G_POPS,
    G_SCALAR_RUN,
    G_TENSORS,
    G_TRACE,
    G_TRACE_ROWS,
    HALTED,
    INFINITE,
    K_BASE,
    K_BUSY,
    K_CLOCK,
    K_COUNT,
    K_GROUP,
    K_HALT,
    K_KIND,
    K_LENGTH,
    K_MASK_HIGH,
    K_MASK_LOW,
    K_MASK_MODE,
    K_PC,
    K_POISON,
    K_STATUS,
    K_SUB,
    K_WAIT,
    KIND_CUBE,
    LOG_FULL,
    MEMORY,
    MODE_TIMING,
    NEED_UNIT,
    NOT_BLOCKED,
    O_DISPATCH,
    O_MASK_HIGH,
    O_MASK_LOW,
    O_MASK_MODE,
    O_PC,
    O_POP,
    O_ROW,
    O_VALUE,
    P_BLOCKED,
    P_BUSY,
    P_COUNT,
    P_CURSOR,
    P_END,
    P_FREE,
    P_HEAD,
    P_INSTRUCTIONS,
    P_READY,
    PIPES,
    QUEUE_FULL,
    ROLE_IN,
    RUNNING,
    S,
    STALL_BANDWIDTH,
    STALL_BANK,
    STALL_BARRIER,
    STALL_CROSS,
    STALL_DISPATCH,
    STALL_FLAG,
    STALL_QUEUE,
    TIME_SHIFT,
    TRACE_FULL,
    WAIT_BARRIER,
    WAIT_FLAG,
    X_CROSS_LATENCY,
    X_DEPTH,
    X_LOAD_GM,
    X_LOAD_UB,
    X_SCALAR_CYCLES,
    YIELD,
)
from npuemu.jit import call_unit, njit
from npuemu.observe.occupancy import note_region

ALL_PIPES = 7
TWICE, COUNTER_OVERFLOW, LIVELOCK, MAX_CYCLES, POISON = 113, 114, 111, 112, 107
SPACE_MEMORY = (0, 1, 7)
MODE_ALL, MODE_PAIR, MODE_CV, MODE_C1V = 0, 1, 2, 4
TRACE_MARGIN = 8


@njit(signature="int64(int64, int64, int64, int64, int64, int64, int64, int64, int64)", forceinline=True)
def problem(e, code, c, p, row, time, a, b, d):  # type: ignore[no-untyped-def]
    """Describe why the run ends."""
    x = area.problem(e)
    x[D_CODE], x[D_CORE], x[D_PIPE], x[D_ROW], x[D_CYCLE] = code, c, p, row, time
    x[D_A], x[D_B], x[D_C] = a, b, d
    return ERROR


@njit(signature="void(int64, int64, int64, int64)", forceinline=True)
def label(e, x, cause, until):  # type: ignore[no-untyped-def]
    """Pipe ``x`` has been waiting for ``cause`` up to ``until``."""
    gap = until - area.pipe(e)[x, P_CURSOR]
    if gap > 0:
        area.stalls(e)[x, cause] += gap
        area.pipe(e)[x, P_CURSOR] = until


@njit(forceinline=True)
def pop(e, c, x, time):  # type: ignore[no-untyped-def]
    """The head of queue ``x`` leaves at ``time``; a scalar unit parked on this queue or a barrier goes on."""
    depth = area.machine(e)[X_DEPTH]
    pipe = area.pipe(e)[x]
    area.queue(e)[x * depth + pipe[P_HEAD], O_POP] = time
    pipe[P_HEAD] = (pipe[P_HEAD] + 1) % depth
    pipe[P_COUNT] -= 1
    pipe[P_INSTRUCTIONS] += 1
    area.g(e)[G_SCALAR_RUN] = 0
    core = area.core(e)[c]
    if core[K_STATUS] == QUEUE_FULL:
        if core[K_WAIT] == x:
            core[K_STATUS] = RUNNING
            area.key(e)[c, S] = core[K_CLOCK] << TIME_SHIFT | c << 3
    elif core[K_STATUS] == WAIT_BARRIER and pipe[P_COUNT] == 0:
        area.key(e)[c, S] = core[K_CLOCK] << TIME_SHIFT | c << 3


@njit(forceinline=True)
def raise_flag(e, c, index, time):  # type: ignore[no-untyped-def]
    """Raise a flag; wakes the scalar unit if it waits for it. False when the flag is still up at ``time``.

    A flag that is down holds ``-1 - time`` of the wait that cleared it: that may lie ahead.
    """
    old = area.flags(e)[c, index]
    if old >= 0 or time < -1 - old:
        return False
    area.flags(e)[c, index] = time
    core = area.core(e)[c]
    if core[K_STATUS] == WAIT_FLAG and core[K_WAIT] == index:
        core[K_STATUS] = RUNNING
        area.key(e)[c, S] = max(core[K_CLOCK], time) << TIME_SHIFT | c << 3
    return True


@njit
def settle(e, c, work):  # type: ignore[no-untyped-def]
    """Execute flags and barriers that head the queues in bit mask ``work``; set the keys of the pipes."""
    depth = area.machine(e)[X_DEPTH]
    while work != 0:
        p = 0
        while (work >> p) & 1 == 0:
            p += 1
        work &= ~(1 << p)
        x = c * PIPES + p
        pipe = area.pipe(e)[x]
        key = INFINITE
        pipe[P_BLOCKED] = NOT_BLOCKED
        while pipe[P_COUNT] > 0:
            slot = area.queue(e)[x * depth + pipe[P_HEAD]]
            row = slot[O_ROW]
            op = area.code(e)[row, C_OPCODE]
            ready = max(pipe[P_READY], slot[O_DISPATCH])
            if op == sc.SET_FLAG:
                time = max(ready, pipe[P_END])
                index = slot[O_VALUE] << 6 | slot[O_VALUE + 1] << 3 | slot[O_VALUE + 2]
                if area.flags(e)[c, index] >= 0 and area.g(e)[G_NOW] < time:
                    # its wait may still come before that time
                    key = time << TIME_SHIFT | c << 3 | p
                    break
                if not raise_flag(e, c, index, time):
                    return problem(e, TWICE, c, p, row, time, slot[O_VALUE], slot[O_VALUE + 1], slot[O_VALUE + 2])
                pop(e, c, x, time)
                if slot[O_VALUE + 1] != S:
                    work |= 1 << slot[O_VALUE + 1]
            elif op == sc.WAIT_FLAG:
                index = slot[O_VALUE] << 6 | slot[O_VALUE + 1] << 3 | slot[O_VALUE + 2]
                time = area.flags(e)[c, index]
                if time < 0:
                    pipe[P_BLOCKED] = BLOCKED_FLAG
                    break
                label(e, x, STALL_DISPATCH, slot[O_DISPATCH])
                label(e, x, STALL_FLAG + slot[O_VALUE], time)
                pipe[P_READY] = max(ready, time)
                area.flags(e)[c, index] = -1 - pipe[P_READY]
                pop(e, c, x, pipe[P_READY])
            elif op == sc.PIPE_BARRIER:
                pipe[P_READY] = max(ready, pipe[P_END])
                pop(e, c, x, pipe[P_READY])
            elif op == sc.CROSS_SET:
                key = max(ready, pipe[P_END]) << TIME_SHIFT | c << 3 | p
                break
            elif op == sc.CROSS_WAIT:
                flag = slot[O_VALUE + 1]
                if area.counters(e)[c, flag] == 0:
                    pipe[P_BLOCKED] = BLOCKED_CROSS
                else:
                    key = max(ready, area.releases(e)[c, flag << 4]) << TIME_SHIFT | c << 3 | p
                break
            else:
                key = max(ready, pipe[P_FREE]) << TIME_SHIFT | c << 3 | p
                break
        area.key(e)[c, p] = key
    return 0


@njit(forceinline=True)
def refresh(e, c):  # type: ignore[no-untyped-def]
    """Recompute the smallest key of a core."""
    best = area.key(e)[c, 0]
    for p in range(1, PIPES):
        best = min(best, area.key(e)[c, p])
    area.smallest(e)[c] = best


@njit
def count_up(e, c, flag, time):  # type: ignore[no-untyped-def]
    """Cross-core counter ``flag`` of core ``c`` goes up, visible at ``time``; wakes the pipes waiting for it."""
    n = area.counters(e)[c, flag]
    if n == 15:
        return False
    at = n
    while at > 0 and area.releases(e)[c, (flag << 4) + at - 1] > time:
        area.releases(e)[c, (flag << 4) + at] = area.releases(e)[c, (flag << 4) + at - 1]
        at -= 1
    area.releases(e)[c, (flag << 4) + at] = time
    area.counters(e)[c, flag] = n + 1
    for p in range(1, 7):
        if area.pipe(e)[c * PIPES + p, P_BLOCKED] == BLOCKED_CROSS:
            settle(e, c, 1 << p)
    core = area.core(e)[c]
    if core[K_STATUS] == WAIT_FLAG and core[K_WAIT] == 512 + flag:
        core[K_STATUS] = RUNNING
        area.key(e)[c, S] = max(core[K_CLOCK], time) << TIME_SHIFT | c << 3
    refresh(e, c)
    return True


@njit(signature="boolean(int64, int64, int64, int64, int64, int64, int64, int64, int64)")
def gather_arrivals(e, mode, flag, first, last, step, time, target_first, target_last):  # type: ignore[no-untyped-def]
    """When cores ``first .. last`` have all arrived, take one arrival from each and count up the targets."""
    row = mode << 5 | flag
    for c in range(first, last, step):
        if area.arrivals(e)[c, row] == 0:
            return True
    for c in range(first, last, step):
        area.arrivals(e)[c, row] -= 1
    for c in range(target_first, target_last, step):
        if not count_up(e, c, flag, time):
            return False
    return True


@njit
def cross_set(e, c, mode, flag, time):  # type: ignore[no-untyped-def]
    """Fire a cross-core flag of core ``c``; False when a counter would exceed 15."""
    core = area.core(e)[c]
    cube, first = core[K_KIND] == KIND_CUBE, core[K_GROUP] * 3
    if mode == MODE_CV and cube:
        return count_up(e, first + 1, flag, time) and count_up(e, first + 2, flag, time)
    if mode == MODE_C1V:
        if cube:
            return count_up(e, first + 1 + (flag >> 4), flag & 15, time)
        return count_up(e, first, (flag & 15) + 16 * core[K_SUB], time)
    area.arrivals(e)[c, mode << 5 | flag] += 1
    if area.arrivals(e)[c, mode << 5 | flag] > 15:
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
            if area.arrivals(e)[other, mode << 5 | flag] == 0:
                return True
    for sub in range(1, 3):
        for other in range(sub, n, 3):
            area.arrivals(e)[other, mode << 5 | flag] -= 1
            if not count_up(e, other, flag, time):
                return False
    return True


@njit(forceinline=True)
def take_release(e, c, flag):  # type: ignore[no-untyped-def]
    """Decrement a counter; returns the release time of its oldest flag."""
    time = area.releases(e)[c, flag << 4]
    n = area.counters(e)[c, flag] - 1
    area.counters(e)[c, flag] = n
    for i in range(n):
        area.releases(e)[c, (flag << 4) + i] = area.releases(e)[c, (flag << 4) + i + 1]
    return time


@njit
def cross_event(e, c, p, time):  # type: ignore[no-untyped-def]
    """A cross-core set or wait at the head of a queue takes its turn."""
    x = c * PIPES + p
    slot = area.queue(e)[x * area.machine(e)[X_DEPTH] + area.pipe(e)[x, P_HEAD]]
    row = slot[O_ROW]
    if area.code(e)[row, C_OPCODE] == sc.CROSS_SET:
        pop(e, c, x, time)
        if not cross_set(e, c, slot[O_VALUE], slot[O_VALUE + 2], time + area.machine(e)[X_CROSS_LATENCY]):
            return problem(e, COUNTER_OVERFLOW, c, p, row, time, slot[O_VALUE + 2], 0, 0)
    else:
        flag = slot[O_VALUE + 1]
        if area.counters(e)[c, flag] == 0 or area.releases(e)[c, flag << 4] > time:
            return settle(e, c, 1 << p)  # another pipe of this core was faster
        label(e, x, STALL_DISPATCH, slot[O_DISPATCH])
        label(e, x, STALL_CROSS, take_release(e, c, flag))
        area.pipe(e)[x, P_READY] = max(area.pipe(e)[x, P_READY], time)
        pop(e, c, x, time)
    return settle(e, c, 1 << p)


@njit(signature="void(int64, int64, int64, int64)")
def observe(e, c, regions, end):  # type: ignore[no-untyped-def]
    """Tell the occupancy observer about the regions of the instruction in hand: reads first, then writes."""
    for write in range(2):
        for i in range(1, regions + 1):
            region = area.out(e)[i]
            if region[1] == write and region[0] != 0:
                place = area.shadow(e)[c * 16 + region[0]]
                note_region(region, place[0], area.written(e), area.read(e), end, area.log(e), place[1])


@njit
def check_regions(e, c, regions):  # type: ignore[no-untyped-def]
    """Bounds of all regions in hand; (status, row of the bad one). Traffic is counted once all are good."""
    for i in range(1, regions + 1):
        status = check_region(area.out(e)[i], area.ctx(e)[c], area.tensors(e), area.g(e)[G_TENSORS])
        if status != 0:
            return status, i
    for i in range(1, regions + 1):
        if area.out(e)[i, 0] == 0:
            count_traffic(area.out(e)[i], area.tensors(e), area.g(e)[G_TENSORS])
    return 0, 0


@njit
def start_data(e, c, p, time):  # type: ignore[no-untyped-def]
    """Start the data instruction at the head of queue (c, p): check it, cost it, execute it, account for it."""
    x = c * PIPES + p
    pipe = area.pipe(e)[x]
    index = x * area.machine(e)[X_DEPTH] + pipe[P_HEAD]
    slot = area.queue(e)[index]
    row = slot[O_ROW]
    code = area.code(e)[row]
    g = area.g(e)
    plan, steps = code[C_PLAN], code[C_PLAN_LENGTH]
    numbers = g[G_MODE] != MODE_TIMING
    if numbers:
        for i in range(plan, plan + steps):
            if area.units(e)[area.plans(e)[i, 0]] == 0:
                g[G_NEED] = area.plans(e)[i, 0]
                return NEED_UNIT
    if g[G_OBSERVE] == 1 and area.log(e)[0, 0] > g[G_LOG_LIMIT]:
        return LOG_FULL
    if area.g(e)[G_TRACE_ROWS] > 0 and g[G_TRACE] + TRACE_MARGIN > area.g(e)[G_TRACE_ROWS]:
        return TRACE_FULL
    program = code[C_FOOTPRINT]
    status = footprint(area.program(e), area.starts(e)[program], area.starts(e)[program + 1], slot, area.values(e), area.out_address(e))
    if status != 0:
        return problem(e, status, c, p, row, time, area.out(e)[0, H_OPERAND], area.out(e)[0, H_VALUE], 0)
    regions = area.out(e)[0, H_REGIONS]
    status, bad = check_regions(e, c, regions)
    if status != 0:
        return problem(e, status, c, p, row, time, -2, bad, 0)
    # back to back is not idle, even where nothing follows the work (no tail): a barrier or a gap makes it so
    idle = time >= pipe[P_END] and (time > pipe[P_FREE] or pipe[P_READY] >= time)
    cost(
        area.cost(e)[code[C_COST]], area.machine(e), area.out(e)[1:], regions, area.out(e)[0, H_UNITS], time, idle, area.touched(e), g, area.result(e)
    )
    if numbers:
        address = area.slot_address(e, index)
        context = area.context(e, c)
        for i in range(plan, plan + steps):
            status = call_unit(area.units(e)[area.plans(e)[i, 0]], context, address, area.plans(e)[i, 1])
            if status != 0:
                return problem(e, status, c, p, row, time, -1, 0, 0)
    end = area.result(e)[1]
    if end > g[G_MAX_CYCLES]:
        return problem(e, MAX_CYCLES, c, p, row, time, g[G_MAX_CYCLES], 0, 0)
    if g[G_OBSERVE] == 1:
        observe(e, c, regions, end)
    account(e, x, slot[O_DISPATCH], time, end)
    profile = area.profile(e)[row]
    profile[F_COUNT] += 1
    profile[F_WORK] += area.result(e)[4]
    profile[F_MACS] += area.out(e)[0, H_MACS]
    profile[F_ELEMENTS] += area.out(e)[0, H_ELEMENTS]
    if area.g(e)[G_TRACE_ROWS] > 0:
        line = area.trace(e)[g[G_TRACE]]
        line[0], line[1], line[2], line[3] = x, row, time, end
        g[G_TRACE] += 1
    pipe[P_FREE] = area.result(e)[0]
    pipe[P_END] = max(pipe[P_END], end)
    pop(e, c, x, time)
    return settle(e, c, 1 << p)


@njit(forceinline=True)
def account(e, x, dispatch, time, end):  # type: ignore[no-untyped-def]
    """Give every cycle of pipe ``x`` up to ``end`` its label."""
    pipe = area.pipe(e)[x]
    label(e, x, STALL_DISPATCH, min(dispatch, time))
    label(e, x, STALL_BARRIER, time)
    own = end - pipe[P_CURSOR]
    if own > 0:
        bank = min(area.result(e)[2], own)
        bandwidth = min(area.result(e)[3], own - bank)
        area.stalls(e)[x, STALL_BANK] += bank
        area.stalls(e)[x, STALL_BANDWIDTH] += bandwidth
        pipe[P_BUSY] += own - bank - bandwidth
        pipe[P_CURSOR] = end


@njit(forceinline=True)
def dispatch(e, c, row, p):  # type: ignore[no-untyped-def]
    """Put an instruction into queue (c, p). 0: done, 1: the queue is full and the scalar unit parked."""
    x = c * PIPES + p
    depth = area.machine(e)[X_DEPTH]
    pipe, core, code = area.pipe(e)[x], area.core(e)[c], area.code(e)[row]
    if pipe[P_COUNT] == depth:
        core[K_STATUS] = QUEUE_FULL
        core[K_WAIT] = x
        return 1
    slot = area.queue(e)[x * depth + (pipe[P_HEAD] + pipe[P_COUNT]) % depth]
    if slot[O_POP] > core[K_CLOCK]:
        label(e, c * PIPES, STALL_QUEUE, slot[O_POP])
        core[K_CLOCK] = slot[O_POP]
    slot[O_PC] = row - core[K_BASE]
    slot[O_ROW] = row
    slot[O_DISPATCH] = core[K_CLOCK]
    slot[O_MASK_LOW], slot[O_MASK_HIGH], slot[O_MASK_MODE] = core[K_MASK_LOW], core[K_MASK_HIGH], core[K_MASK_MODE]
    registers, mask = area.registers(e)[c], code[C_REGISTERS]
    for i in range(code[C_OPERANDS]):
        value = code[C_VALUE + i]
        slot[O_VALUE + i] = registers[value] if (mask >> i) & 1 else value
    pipe[P_COUNT] += 1
    return 0


@njit(forceinline=True)
def spend(e, c, cycles):  # type: ignore[no-untyped-def]
    """The scalar unit is busy for ``cycles``."""
    core = area.core(e)[c]
    core[K_CLOCK] += cycles
    core[K_BUSY] += cycles
    core[K_COUNT] += 1
    area.pipe(e)[c * PIPES, P_CURSOR] = core[K_CLOCK]


@njit
def drained(e, c):  # type: ignore[no-untyped-def]
    """When all queues of a core are empty: the time its last pipe completes; -1 otherwise."""
    latest = 0
    for p in range(1, 7):
        pipe = area.pipe(e)[c * PIPES + p]
        if pipe[P_COUNT] > 0:
            return -1
        latest = max(latest, max(pipe[P_END], pipe[P_READY]))
    return latest


@njit
def scalar_access(e, c, row, time):  # type: ignore[no-untyped-def]
    """A scalar load or store takes its turn in time."""
    core, code, registers = area.core(e)[c], area.code(e)[row], area.registers(e)[c]
    kind, target, space = code[C_VALUE], code[C_VALUE + 1], code[C_VALUE + 2]
    if (core[K_POISON] >> code[C_VALUE + 3]) & 1:
        return problem(e, POISON, c, S, row, time, 0, 0, 0)
    address = registers[code[C_VALUE + 3]] + code[C_VALUE + 4]
    mem, size = SPACE_MEMORY[space], SIZES[kind]
    write = 1 if code[C_OPCODE] == sc.ST else 0
    if address % size != 0:
        return problem(e, 102, c, S, row, time, 3, address, 0)
    set_region(area.out_address(e), mem, write, address, size)
    if address < 0 or address >= 1 << 48:
        return problem(e, 103, c, S, row, time, 3, address, 0)
    status = check_region(area.out(e)[1], area.ctx(e)[c], area.tensors(e), area.g(e)[G_TENSORS])
    if status != 0:
        return problem(e, status, c, S, row, time, -2, 1, 0)
    if mem == 0:
        count_traffic(area.out(e)[1], area.tensors(e), area.g(e)[G_TENSORS])
    cycles = area.machine(e)[X_LOAD_GM] if mem == 0 else area.machine(e)[X_LOAD_UB]
    if write == 1:
        cycles = area.machine(e)[X_SCALAR_CYCLES]
    pointer = area.ctx(e)[c, 2 * mem] + address
    if write == 1:
        scalar_store(pointer, kind, registers[target])
    else:
        registers[target] = scalar_load(pointer, kind)
        computed = mem != 0 or area.tensors(e)[tensor_of(area.tensors(e), area.g(e)[G_TENSORS], address, address + size), 2] != ROLE_IN
        if area.g(e)[G_MODE] == MODE_TIMING and computed:
            core[K_POISON] |= 1 << target
        else:
            core[K_POISON] &= ~(1 << target)
    if mem != 0 and area.g(e)[G_OBSERVE] == 1:
        observe(e, c, 1, time + cycles)
    spend(e, c, cycles)
    core[K_PC] += 1
    return 0


@njit(forceinline=True)
def scalar_sync(e, c, row, op, turn):  # type: ignore[no-untyped-def]
    """Flags and barriers of the scalar unit itself. 0: go on, 1: parked, 2: not its turn yet, else a problem."""
    core, code = area.core(e)[c], area.code(e)[row]
    clock = core[K_CLOCK]
    v0, v1, v2 = code[C_VALUE], code[C_VALUE + 1], code[C_VALUE + 2]
    if op == sc.PIPE_BARRIER:
        time = drained(e, c)
        if time < 0:
            core[K_STATUS] = WAIT_BARRIER
            return 1
        core[K_STATUS] = RUNNING
        if time > clock:
            label(e, c * PIPES, STALL_BARRIER, time)
            core[K_CLOCK] = time
        return 0
    if (code[C_REGISTERS] >> 2) & 1:
        v2 = area.registers(e)[c, v2]
    index = v0 << 6 | v1 << 3 | v2
    time = area.flags(e)[c, index]
    if op == sc.SET_FLAG:
        if time >= 0 and not turn:
            return 2
        if not raise_flag(e, c, index, clock):
            return problem(e, TWICE, c, S, row, clock, v0, v1, v2)
        return settle(e, c, 1 << v1)
    if time < 0:
        core[K_STATUS] = WAIT_FLAG
        core[K_WAIT] = index
        return 1
    if time > clock:
        label(e, c * PIPES, STALL_FLAG + v0, time)
        core[K_CLOCK] = time
    area.flags(e)[c, index] = -1 - core[K_CLOCK]
    return 0


@njit(forceinline=True)
def scalar_cross(e, c, row, op):  # type: ignore[no-untyped-def]
    """Cross-core set or wait on the scalar unit, at its turn in time. 0: go on, 1: parked, else a problem."""
    core, code = area.core(e)[c], area.code(e)[row]
    clock = core[K_CLOCK]
    at = 2 if op == sc.CROSS_SET else 1
    flag = code[C_VALUE + at]
    if (code[C_REGISTERS] >> at) & 1:
        flag = area.registers(e)[c, flag]
    if op == sc.CROSS_SET:
        if not cross_set(e, c, code[C_VALUE], flag, clock + area.machine(e)[X_CROSS_LATENCY]):
            return problem(e, COUNTER_OVERFLOW, c, S, row, clock, flag, 0, 0)
        return 0
    if area.counters(e)[c, flag] == 0:
        core[K_STATUS] = WAIT_FLAG
        core[K_WAIT] = 512 + flag
        return 1
    time = take_release(e, c, flag)
    if time > clock:
        label(e, c * PIPES, STALL_CROSS, time)
        core[K_CLOCK] = time
    return 0


@njit(signature="boolean(int64[::1], int64[::1], int64, int64)", forceinline=True)
def poisoned(core, code, first, last):  # type: ignore[no-untyped-def]
    """Whether a register operand among ``first .. last`` that time may depend on is poison."""
    if core[K_POISON] == 0:
        return False
    for i in range(first, last):
        if (code[C_TIMED] >> i) & 1 and (core[K_POISON] >> code[C_VALUE + i]) & 1:
            return True
    return False


@njit(forceinline=True)
def simple(e, c, row, op):  # type: ignore[no-untyped-def]
    """Register and branch instructions. 0: go on, else a problem."""
    core, code, registers = area.core(e)[c], area.code(e)[row], area.registers(e)[c]
    v0, v1, v2 = code[C_VALUE], code[C_VALUE + 1], code[C_VALUE + 2]
    core[K_PC] += 1
    if sc.BEQ <= op <= sc.BGEU:
        if poisoned(core, code, 0, 2):
            return problem(e, POISON, c, S, row, core[K_CLOCK], 0, 0, 0)
        if sc.taken(op, registers[v0], registers[v1] if (code[C_REGISTERS] >> 1) & 1 else v1):
            core[K_PC] = v2
        return 0
    if op == sc.JMP:
        core[K_PC] = v0
        return 0
    if op == sc.SET_VECTOR_MASK:
        if poisoned(core, code, 0, 2):
            return problem(e, POISON, c, S, row, core[K_CLOCK], 0, 0, 0)
        core[K_MASK_HIGH] = registers[v0] if code[C_REGISTERS] & 1 else v0
        core[K_MASK_LOW] = registers[v1] if code[C_REGISTERS] & 2 else v1
        return 0
    if op == sc.SET_MASK_NORM or op == sc.SET_MASK_COUNT:
        core[K_MASK_MODE] = 1 if op == sc.SET_MASK_COUNT else 0
        return 0
    poison = poisoned(core, code, 1, 3)
    if op == sc.LI:
        registers[v0] = v1
    elif op == sc.MOV:
        registers[v0] = registers[v1]
    elif op == sc.NOT:
        registers[v0] = ~registers[v1]
    elif op == sc.BLOCK_IDX:
        registers[v0] = core[K_GROUP]
    elif op == sc.BLOCK_NUM:
        registers[v0] = area.g(e)[G_CORES] // 3
    elif op == sc.SUBBLOCK_IDX:
        registers[v0] = core[K_SUB]
    else:
        b = registers[v2] if (code[C_REGISTERS] >> 2) & 1 else v2
        if (op == sc.DIV or op == sc.REM) and b == 0:
            if not poison:
                return problem(e, sc.DIVISION_BY_ZERO, c, S, row, core[K_CLOCK], 0, 0, 0)
            b = 1
        registers[v0] = sc.alu(op, registers[v1], b)
    if poison:
        core[K_POISON] |= 1 << v0
    else:
        core[K_POISON] &= ~(1 << v0)
    return 0


@njit(signature="int64(int64, int64, int64, int64, int64)")
def check_event(e, c, row, op, p):  # type: ignore[no-untyped-def]
    """Refuse an event or flag id that comes from a register and is poison or out of range."""
    core, code = area.core(e)[c], area.code(e)[row]
    at = 1 if op == sc.CROSS_WAIT else 2
    if op == sc.PIPE_BARRIER or not (code[C_REGISTERS] >> at) & 1:
        return 0
    if (core[K_POISON] >> code[C_VALUE + at]) & 1:
        return problem(e, POISON, c, p, row, core[K_CLOCK], 0, 0, 0)
    value, highest = area.registers(e)[c, code[C_VALUE + at]], 7
    if op == sc.CROSS_SET or op == sc.CROSS_WAIT:
        both = core[K_KIND] == KIND_CUBE and (op == sc.CROSS_WAIT or code[C_VALUE] == MODE_C1V)
        highest = 31 if both else 15
    if value < 0 or value > highest:
        return problem(e, 101, c, p, row, core[K_CLOCK], at, value, highest)
    return 0


@njit
def run_scalar(e, c, turn):  # type: ignore[no-untyped-def]
    """Run a scalar unit ahead until it must wait. ``turn``: its memory or cross-core access may go first."""
    core = area.core(e)[c]
    g, key = area.g(e), area.key(e)
    core[K_STATUS] = RUNNING
    while True:
        row = core[K_BASE] + core[K_PC]
        code = area.code(e)[row]
        op, p = code[C_OPCODE], code[C_PIPE]
        g[G_SCALAR_RUN] += 1
        if g[G_SCALAR_RUN] > g[G_LIVELOCK]:
            return problem(e, LIVELOCK, c, S, row, core[K_CLOCK], 0, 0, 0)
        if core[K_CLOCK] > g[G_MAX_CYCLES]:
            return problem(e, MAX_CYCLES, c, S, row, core[K_CLOCK], g[G_MAX_CYCLES], 0, 0)
        if sc.SET_FLAG <= op <= sc.CROSS_WAIT:
            status = check_event(e, c, row, op, p)
            if status != 0:
                return status
        if p != S:
            if poisoned(core, code, 0, code[C_OPERANDS]):
                return problem(e, POISON, c, S, row, core[K_CLOCK], 0, 0, 0)
            if dispatch(e, c, row, p) != 0:
                key[c, S] = INFINITE
                return 0
            g[G_SCALAR_RUN] = 0
            core[K_PC] += 1
            if area.pipe(e)[c * PIPES + p, P_COUNT] == 1:
                status = settle(e, c, 1 << p)
                if status != 0:
                    return status
            spend(e, c, area.machine(e)[X_SCALAR_CYCLES])
        elif op == sc.HALT:
            core[K_STATUS] = HALTED
            spend(e, c, area.machine(e)[X_SCALAR_CYCLES])
            core[K_HALT] = core[K_CLOCK]
            key[c, S] = INFINITE
            return 0
        elif op == sc.LD or op == sc.ST or op == sc.CROSS_SET or op == sc.CROSS_WAIT:
            if not turn:
                core[K_STATUS] = MEMORY
                key[c, S] = core[K_CLOCK] << TIME_SHIFT | c << 3
                return 0
            turn = False
            if g[G_OBSERVE] == 1 and area.log(e)[0, 0] > g[G_LOG_LIMIT]:
                core[K_STATUS] = MEMORY
                key[c, S] = core[K_CLOCK] << TIME_SHIFT | c << 3
                return LOG_FULL
            if op == sc.LD or op == sc.ST:
                status = scalar_access(e, c, row, core[K_CLOCK])
                if status != 0:
                    return status
            else:
                status = scalar_cross(e, c, row, op)
                if status == 1:
                    key[c, S] = INFINITE
                    return 0
                if status != 0:
                    return status
                core[K_PC] += 1
                spend(e, c, area.machine(e)[X_SCALAR_CYCLES])
        elif op == sc.SET_FLAG or op == sc.WAIT_FLAG or op == sc.PIPE_BARRIER:
            status = scalar_sync(e, c, row, op, turn)
            turn = False
            if status == 1:
                key[c, S] = INFINITE
                return 0
            if status == 2:
                core[K_STATUS] = MEMORY
                key[c, S] = core[K_CLOCK] << TIME_SHIFT | c << 3
                return 0
            if status != 0:
                return status
            core[K_PC] += 1
            spend(e, c, area.machine(e)[X_SCALAR_CYCLES])
        else:
            status = simple(e, c, row, op)
            if status != 0:
                return status
            spend(e, c, area.machine(e)[X_SCALAR_CYCLES])


@njit(forceinline=True)
def head_row(e, c, p):  # type: ignore[no-untyped-def]
    """Row of the instruction that a pipe, or the scalar unit, stands at."""
    if p == S:
        return area.core(e)[c, K_BASE] + area.core(e)[c, K_PC]
    x = c * PIPES + p
    return area.queue(e)[x * area.machine(e)[X_DEPTH] + area.pipe(e)[x, P_HEAD], O_ROW]


@njit
def run(e):  # type: ignore[no-untyped-def]
    """Process events until all is done, a limit is met, or Python has to help; the state tells where it stands."""
    g = area.g(e)
    cores = area.g(e)[G_CORES]
    pops = 0
    while True:
        best = INFINITE
        for c in range(cores):
            best = min(best, area.smallest(e)[c])
        if best == INFINITE:
            for c in range(cores):
                if area.core(e)[c, K_STATUS] != HALTED or drained(e, c) < 0:
                    return DEADLOCK
            return DONE
        if pops >= g[G_BUDGET]:
            return YIELD
        pops += 1
        time = best >> TIME_SHIFT
        c = (best >> 3) & 127
        p = best & 7
        g[G_NOW] = time
        if time > g[G_MAX_CYCLES]:
            return problem(e, MAX_CYCLES, c, p, head_row(e, c, p), time, g[G_MAX_CYCLES], 0, 0)
        if p == S:
            # a woken unit takes its turn now: its clock may lie behind the event that woke it
            status = run_scalar(e, c, area.core(e)[c, K_STATUS] == MEMORY)
        else:
            op = area.code(e)[head_row(e, c, p), C_OPCODE]
            if op == sc.SET_FLAG:
                status = settle(e, c, 1 << p)
            elif op == sc.CROSS_SET or op == sc.CROSS_WAIT:
                status = cross_event(e, c, p, time)
            else:
                status = start_data(e, c, p, time)
        refresh(e, c)
        if status != 0:
            return status
