"""The scalar unit runs ahead until it must wait."""

from __future__ import annotations

from npuemu.engine import areas as area
from npuemu.engine import scalar as sc
from npuemu.engine.breaks import hold, stop_at
from npuemu.engine.cross_core import COUNTER_OVERFLOW, MODE_C1V, cross_set, fire, meet_counter
from npuemu.engine.events import is_full, record
from npuemu.engine.jitter import delay
from npuemu.engine.ledger import who
from npuemu.engine.memory import (
    SIZES,
    check_region,
    count_traffic,
    scalar_load,
    scalar_store,
    set_region,
    tensor_of,
)
from npuemu.engine.queues import (
    MAX_CYCLES,
    TWICE,
    dispatch,
    drained,
    label,
    meet_flag,
    problem,
    raise_flag,
    settle,
)
from npuemu.engine.state import (
    B_RESUME,
    BREAK,
    BREAK_HOLD,
    BREAK_STEP,
    C_BREAK,
    C_OPCODE,
    C_OPERANDS,
    C_PIPE,
    C_REGISTERS,
    C_TIMED,
    C_VALUE,
    F_SCALAR,
    F_STEPS,
    G_BREAKS,
    G_CORES,
    G_JITTER,
    G_LIVELOCK,
    G_MAX_CYCLES,
    G_MODE,
    G_OBSERVER,
    G_ORDER,
    G_SCALAR_RUN,
    G_TRACE_ON,
    G_WATCH,
    HALTED,
    INFINITE,
    K_BASE,
    K_BUSY,
    K_CLOCK,
    K_COUNT,
    K_GROUP,
    K_HALT,
    K_KIND,
    K_MASK_HIGH,
    K_MASK_LOW,
    K_MASK_MODE,
    K_PC,
    K_POISON,
    K_STATUS,
    K_SUB,
    K_WAIT,
    KIND_CUBE,
    MEMORY,
    MODE_TIMING,
    P_COUNT,
    P_CURSOR,
    P_END,
    P_LEFT,
    P_READY,
    P_ROW,
    PIPES,
    ROLE_IN,
    RUNNING,
    STALL_BARRIER,
    TIME_SHIFT,
    WAIT_BARRIER,
    WAIT_FLAG,
    WATCH_FULL,
    WATCH_ROOM,
    WATCH_SCALAR,
    X_C1V,
    X_CROSS_LATENCY,
    X_LOAD_GM,
    X_LOAD_UB,
    X_SCALAR_CYCLES,
    S,
)
from npuemu.jit import call_unit, njit
from npuemu.observe import clocks
from npuemu.observe.recording import BARRIER, HALT

LIVELOCK, POISON = 111, 107
SPACE_MEMORY = (0, 1, 7)
SPACE_GM = 0
PARKED, LATER = 1, 2
"""Beside 0 (go on) and problems: waits for somebody, waits for its turn in time."""


@njit(forceinline=True)
def spend(e, c, row, cycles):
    """The scalar unit is busy for ``cycles`` with code row ``row``."""
    core, profile = area.core(e, c), area.profile(e, row)
    profile[F_STEPS] += 1
    profile[F_SCALAR] += cycles
    core[K_CLOCK] += cycles
    core[K_BUSY] += cycles
    core[K_COUNT] += 1
    area.pipe(e, c * PIPES)[P_CURSOR] = core[K_CLOCK]


@njit(forceinline=True)
def load_cycles(e, code):
    """Cycles of a scalar load: from global memory or from a local one."""
    return area.machine(e)[X_LOAD_GM if code[C_VALUE + 2] == SPACE_GM else X_LOAD_UB]


@njit
def scalar_access(e, c, row, time):
    """A scalar load or store takes its turn in time."""
    core, code, registers = area.core(e, c), area.code(e, row), area.registers(e, c)
    g = area.g(e)
    kind, target, space = code[C_VALUE], code[C_VALUE + 1], code[C_VALUE + 2]
    if (core[K_POISON] >> code[C_VALUE + 3]) & 1:
        return problem(e, POISON, c, S, row, time, 0, 0, 0)
    address = registers[code[C_VALUE + 3]] + code[C_VALUE + 4]
    mem, size = SPACE_MEMORY[space], SIZES[kind]
    write = 1 if code[C_OPCODE] == sc.ST else 0
    if address % size != 0:
        return problem(e, 102, c, S, row, time, 3, address, 0)
    set_region(e, mem, write, address, size)
    if address < 0 or address >= 1 << 48:
        return problem(e, 103, c, S, row, time, 3, address, 0)
    status = check_region(e, c, 1)
    if mem != 0 and (mem == 7) != (core[K_KIND] != KIND_CUBE):
        status = 103  # pipes may reach another core's memory, the scalar unit does not
    if status != 0:
        return problem(e, status, c, S, row, time, -2, 1, 0)
    if g[G_WATCH] != 0:
        if g[G_OBSERVER] == 0 or call_unit(g[G_OBSERVER], e, WATCH_ROOM, c * PIPES) == 0:
            return WATCH_FULL
    if mem == 0:
        count_traffic(e, 1)
    pointer = area.ctx(e, c)[2 * mem] + address
    if write == 1:
        scalar_store(pointer, kind, registers[target])
    else:
        registers[target] = scalar_load(pointer, kind)
        computed = mem != 0 or area.tensors(e, tensor_of(e, address, address + size))[2] != ROLE_IN
        if g[G_MODE] == MODE_TIMING and computed:
            core[K_POISON] |= 1 << target
        else:
            core[K_POISON] &= ~(1 << target)
    if g[G_WATCH] != 0:
        cycles = area.machine(e)[X_SCALAR_CYCLES] if write == 1 else load_cycles(e, code)
        area.result(e)[1], area.result(e)[5] = time + cycles, time
        call_unit(g[G_OBSERVER], e, WATCH_SCALAR, c * PIPES)
    return 0


@njit
def meet_all(e, c, row, clock, time):
    """The scalar unit has waited at a barrier of all pipes, the last of which ended at ``time``."""
    latest = 1
    for p in range(2, PIPES):
        pipe, other = area.pipe(e, c * PIPES + p), area.pipe(e, c * PIPES + latest)
        if max(pipe[P_END], pipe[P_READY]) > max(other[P_END], other[P_READY]):
            latest = p
    pipe, end = area.pipe(e, c * PIPES + latest), max(clock, time)
    label(e, c * PIPES, STALL_BARRIER, time, row, 0, who(-1, pipe[P_ROW]))
    if area.g(e)[G_TRACE_ON] != 0:
        record(e, c * PIPES, BARRIER, row, clock, clock, end, end, pipe[P_LEFT], 0)
    area.core(e, c)[K_CLOCK] = end


@njit(forceinline=True)
def scalar_sync(e, c, row, op, turn):
    """Flags and barriers of the scalar unit itself."""
    core, code = area.core(e, c), area.code(e, row)
    clock, w = core[K_CLOCK], area.g(e)[G_ORDER]
    v0, v1, v2 = code[C_VALUE], code[C_VALUE + 1], code[C_VALUE + 2]
    if op == sc.PIPE_BARRIER:
        time = drained(e, c)
        if time < 0:
            core[K_STATUS] = WAIT_BARRIER
            return PARKED
        core[K_STATUS] = RUNNING
        meet_all(e, c, row, clock, time)
        if w != 0:
            clocks.drain(w, c * PIPES)
        return 0
    if (code[C_REGISTERS] >> 2) & 1:
        v2 = area.registers(e, c)[v2]
    index = v0 << 6 | v1 << 3 | v2
    time = area.flags(e, c)[index]
    if op == sc.SET_FLAG:
        if time >= 0 and not turn:
            return LATER
        if not raise_flag(e, c, S, index, clock, row, clock):
            return problem(e, TWICE, c, S, row, clock, v0, v1, v2)
        return settle(e, c, 1 << v1)
    if time < 0:
        core[K_STATUS] = WAIT_FLAG
        core[K_WAIT] = index
        return PARKED
    meet_flag(e, c, c * PIPES, row, clock, index, time)
    core[K_CLOCK] = max(clock, time)
    if w != 0:
        clocks.take(w, c * PIPES, c * 512 + index, row)
    return 0


@njit(forceinline=True)
def scalar_cross(e, c, row, op):
    """Cross-core set or wait on the scalar unit, at its turn in time."""
    core, code = area.core(e, c), area.code(e, row)
    clock = core[K_CLOCK]
    at = 2 if op == sc.CROSS_SET else 1
    flag = code[C_VALUE + at]
    if (code[C_REGISTERS] >> at) & 1:
        flag = area.registers(e, c)[flag]
    if op == sc.CROSS_SET:
        fire(e, c, S, row, clock, flag, clock)
        if not cross_set(e, c, S, code[C_VALUE], flag, clock + area.machine(e)[X_CROSS_LATENCY]):
            return problem(e, COUNTER_OVERFLOW, c, S, row, clock, flag, 0, 0)
        return 0
    if area.counters(e, c)[flag] == 0:
        core[K_STATUS] = WAIT_FLAG
        core[K_WAIT] = 512 + flag
        return PARKED
    time = meet_counter(e, c, c * PIPES, row, clock, flag)
    core[K_CLOCK] = max(clock, time)
    return 0


@njit(forceinline=True)
def poisoned(core, code, first, last):
    """Whether a register operand among ``first .. last`` that time depends on is poison."""
    if core[K_POISON] == 0:
        return False
    for i in range(first, last):
        if (code[C_TIMED] >> i) & 1 and (core[K_POISON] >> code[C_VALUE + i]) & 1:
            return True
    return False


@njit(forceinline=True)
def simple(e, c, row, op):
    """Register and branch instructions."""
    core, code, registers = area.core(e, c), area.code(e, row), area.registers(e, c)
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


@njit
def check_event(e, c, row, op, p):
    """Refuse an event or flag id that comes from a register and is poison or out of range.

    Checked before the instruction is queued or executed: the id indexes the engine's own tables.
    """
    core, code = area.core(e, c), area.code(e, row)
    at = 1 if op == sc.CROSS_WAIT else 2
    if op == sc.PIPE_BARRIER or not (code[C_REGISTERS] >> at) & 1:
        return 0
    if (core[K_POISON] >> code[C_VALUE + at]) & 1:
        return problem(e, POISON, c, p, row, core[K_CLOCK], 0, 0, 0)
    value, highest = area.registers(e, c)[code[C_VALUE + at]], 7
    if op == sc.CROSS_SET or op == sc.CROSS_WAIT:
        both = core[K_KIND] == KIND_CUBE and area.machine(e)[X_C1V] == 1
        both = both and (op == sc.CROSS_WAIT or code[C_VALUE] == MODE_C1V)
        highest = 31 if both else 15
    if value < 0 or value > highest:
        return problem(e, 101, c, p, row, core[K_CLOCK], at, value, highest)
    return 0


@njit(forceinline=True)
def issue(e, c, row, p):
    """Put a data instruction or a flag of another pipe into its queue."""
    core, code = area.core(e, c), area.code(e, row)
    if poisoned(core, code, 0, code[C_OPERANDS]):
        return problem(e, POISON, c, S, row, core[K_CLOCK], 0, 0, 0)
    if dispatch(e, c, row, p) != 0:
        return PARKED
    if area.g(e)[G_BREAKS] != 0 and code[C_BREAK] & BREAK_HOLD != 0:
        hold(e, c, c * PIPES + p)
    area.g(e)[G_SCALAR_RUN] = 0
    if area.pipe(e, c * PIPES + p)[P_COUNT] == 1:
        return settle(e, c, 1 << p)
    return 0


@njit(forceinline=True)
def access(e, c, row, op):
    """A memory access or a cross-core flag of the scalar unit, at its turn in time."""
    if op == sc.CROSS_SET or op == sc.CROSS_WAIT:
        return scalar_cross(e, c, row, op)
    return scalar_access(e, c, row, area.core(e, c)[K_CLOCK])


@njit(forceinline=True)
def check_step(e, c, row, op, p):
    """Limits and ids, before an instruction of the scalar unit's stream is looked at."""
    g, clock = area.g(e), area.core(e, c)[K_CLOCK]
    g[G_SCALAR_RUN] += 1
    if g[G_SCALAR_RUN] > g[G_LIVELOCK]:
        return problem(e, LIVELOCK, c, S, row, clock, 0, 0, 0)
    if clock > g[G_MAX_CYCLES]:
        return problem(e, MAX_CYCLES, c, S, row, clock, g[G_MAX_CYCLES], 0, 0)
    if sc.SET_FLAG <= op <= sc.CROSS_WAIT:
        return check_event(e, c, row, op, p)
    return 0


@njit
def run_scalar(e, c, turn):
    """Run a scalar unit ahead until it must wait. ``turn``: an access that waits for its turn in
    time may go first.
    """
    core, key = area.core(e, c), area.key(e, c)
    core[K_STATUS] = RUNNING
    while True:
        row = core[K_BASE] + core[K_PC]
        code = area.code(e, row)
        op, p = code[C_OPCODE], code[C_PIPE]
        status = check_step(e, c, row, op, p)
        if status != 0:
            return status
        if is_full(e):  # the loop makes room, then it is this unit's turn again
            core[K_STATUS] = MEMORY
            key[S] = core[K_CLOCK] << TIME_SHIFT | c << 3
            return 0
        step, cycles = 1, area.machine(e)[X_SCALAR_CYCLES]
        if p != S:
            status = issue(e, c, row, p)
            if area.g(e)[G_JITTER] != 0:
                cycles += delay(e, c * PIPES, core[K_COUNT])
        elif op == sc.LD or op == sc.ST or op == sc.CROSS_SET or op == sc.CROSS_WAIT:
            status = access(e, c, row, op) if turn else LATER
            turn = False
            if op == sc.LD:
                cycles = load_cycles(e, code)
        elif op == sc.SET_FLAG or op == sc.WAIT_FLAG or op == sc.PIPE_BARRIER:
            status = scalar_sync(e, c, row, op, turn)
            turn = False
        elif op == sc.HALT:
            core[K_STATUS] = HALTED
            step = 0
        else:
            status = simple(e, c, row, op)
            step = 0
        if status == LATER or status == WATCH_FULL:
            core[K_STATUS] = MEMORY
            key[S] = core[K_CLOCK] << TIME_SHIFT | c << 3
            return 0 if status == LATER else WATCH_FULL
        if status == PARKED or core[K_STATUS] == HALTED:
            key[S] = INFINITE
        if status != 0:
            return 0 if status == PARKED else status
        core[K_PC] += step
        spend(e, c, row, cycles)
        turn = False  # it was this instruction's
        if core[K_STATUS] == HALTED:
            core[K_HALT] = time = core[K_CLOCK]
            if area.g(e)[G_TRACE_ON] != 0:
                record(e, c * PIPES, HALT, row, time, time, time, time, -1, 0)
            return 0
        if area.g(e)[G_BREAKS] != 0 and code[C_BREAK] & BREAK_STEP != 0:
            stop_at(e, c, S, row, core[K_CLOCK] - cycles, -1)
            area.stop(e)[B_RESUME] = c + 1
            return BREAK
