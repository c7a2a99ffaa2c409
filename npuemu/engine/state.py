"""Columns of the engine's state arrays. Everything is int64, so a state is a value: copy the
arrays, go on later.
"""

from __future__ import annotations

# --- decoded code, one row an instruction
(C_OPCODE, C_PIPE, C_FOOTPRINT, C_COST, C_PLAN, C_PLAN_LENGTH, C_REGISTERS, C_OPERANDS) = range(8)
C_VALUE = 8
C_TIMED = 21
"""C_REGISTERS: operands read from registers; C_TIMED: those that more than data depends on."""
C_MEMO = 22  # row of the footprint memo, -1 for none
C_ADDRESSES = 23  # bit mask of the operands that are addresses
C_BREAK = 24  # what the run stops for at this row: BREAK_* bits, 0 for nothing
CODE_COLUMNS = 25
BREAK_HOLD, BREAK_EFFECT, BREAK_STEP = 1, 2, 4
"""Keep the registers at dispatch; stop after a data instruction's effect; stop after one of S."""

# --- footprint memo: the last execution of an instruction row
(M_REGIONS, M_UNITS, M_MACS, M_ELEMENTS, M_MASK_LOW, M_MASK_HIGH, M_MASK_MODE, M_SPARE) = range(8)
M_VALUE = 8  # operands of that execution; for addresses the alignment mask instead
M_ROW = 24  # regions, base relative to the operand named in the first column's upper half
MEMO_REGIONS = 9
MEMO_COLUMNS = M_ROW + 8 * MEMO_REGIONS
MEMO_ROWS = 2048

RAISED = 512 + 32
RAISED_AFTER, RAISED_EVENT, RAISED_COLUMNS = RAISED, 2 * RAISED, 3 * RAISED
"""Of each flag and each cross-core counter of a core: the code row that raised it last, the row of
the data instruction which that stood behind (-1: none), and the number of the event."""
RELEASES = 32 * 16
RELEASE_WHO, RELEASE_EVENT, RELEASE_COLUMNS = RELEASES, 2 * RELEASES, 3 * RELEASES
"""Of each count of a core's cross-core counters, oldest first: release time, who, event."""

# --- a queue slot is what a unit sees as `ops`: header, then operand values
(O_PC, O_DISPATCH, O_MASK_LOW, O_MASK_HIGH, O_MASK_MODE, O_POP, O_ROW, O_TOLD) = range(8)
O_VALUE = 8
"""O_TOLD: whether the scalar unit's knowledge of what is complete is kept with the slot."""
O_EVENT = 31
"""Number of the event that was in the slot when its instruction left."""
SLOT_COLUMNS = 32

# --- a core
(
    K_PC,
    K_CLOCK,
    K_STATUS,
    K_HALT,
    K_MASK_LOW,
    K_MASK_HIGH,
    K_MASK_MODE,
    K_POISON,
    K_KIND,
    K_BASE,
    K_LENGTH,
    K_WAIT,
    K_BUSY,
    K_COUNT,
    K_GROUP,
    K_SUB,
) = range(16)
CORE_COLUMNS = 16
RUNNING, QUEUE_FULL, WAIT_FLAG, WAIT_BARRIER, MEMORY, HALTED = range(6)
KIND_CUBE, KIND_VECTOR = 0, 1

# --- a pipe
(P_HEAD, P_COUNT, P_FREE, P_END, P_READY, P_CURSOR, P_BUSY, P_INSTRUCTIONS, P_BLOCKED) = range(9)
(P_ROW, P_EVENT, P_LEFT) = range(9, 12)
"""P_ROW, P_EVENT: the last data instruction that started: its code row, its event; P_LEFT: event of
the last instruction of any kind that left the queue."""
PIPE_COLUMNS = 12
NOT_BLOCKED, BLOCKED_FLAG, BLOCKED_CROSS = range(3)

PIPES = 8  # seven, padded
(S, V, M, MTE1, MTE2, MTE3, FIX) = range(7)

# --- stall causes: 0 dispatch, 1..7 flag raised by pipe 0..6, then
STALL_DISPATCH = 0
STALL_FLAG = 1
STALL_BARRIER = 8
STALL_CROSS = 9
STALL_BANK = 10
STALL_BANDWIDTH = 11
STALL_QUEUE = 12
STALLS = 16
STALL_NAMES = {
    STALL_DISPATCH: "dispatch",
    STALL_BARRIER: "barrier",
    STALL_CROSS: "cross_core_flag",
    STALL_BANK: "bank_conflict",
    STALL_BANDWIDTH: "shared_bandwidth",
    STALL_QUEUE: "queue_full",
}

# --- cost rows (from the machine file)
(
    T_HEAD,
    T_TAIL,
    T_FIXED,
    T_NUM,
    T_DEN,
    T_FLOOR,
    T_ISOLATED,
    T_KIND,
    T_MISS_NUM,
    T_MISALIGNED,
) = range(10)
COST_COLUMNS = 12
COST_PLAIN, COST_GM, COST_VECTOR = range(3)

# --- machine scalars
(
    X_DEPTH,
    X_CROSS_LATENCY,
    X_SCALAR_CYCLES,
    X_LOAD_UB,
    X_LOAD_GM,
    X_L2_UNIT,
    X_HBM_UNIT,
    X_GM_ALIGN,
    X_GM_BURST,
    X_BANK_GROUP_SHIFT,
    X_BANK_GROUP_MASK,
    X_BANK_SHIFT,
    X_BANK_MASK,
    X_READS_PER_GROUP,
    X_LINE_SHIFT,
    X_WRITE_LAG,
    X_C1V,
) = range(17)
MACHINE_COLUMNS = 24
FIXED_POINT = 1 << 20
"""Shared bandwidth is kept in 2^-20 of a cycle."""

# --- run-wide
(
    G_L2_FREE,
    G_HBM_FREE,
    G_NOW,
    G_SCALAR_RUN,
    G_TRACE,
    G_MAX_CYCLES,
    G_BUDGET,
    G_MODE,
    G_LIVELOCK,
    G_NEED,
    G_WATCH,
    G_ORDER,
    G_CORES,
    G_TENSORS,
    G_TRACE_ON,
    G_JITTER,
    G_SETTER,
    G_OBSERVER,
    G_EVENT,
    G_SETTER_WHO,
    G_SETTER_EVENT,
    G_LEDGER,
    G_LEDGER_USED,
    G_LEDGER_LIMIT,
    G_TRACE_BASE,
    G_TRACE_LIMIT,
    G_TRACE_VALUES,
    G_TRACE_FROM,
    G_TRACE_TO,
    G_L2_BYTES,
    G_HBM_BYTES,
    G_BREAKS,
) = range(32)
GLOBAL_COLUMNS = 40
"""G_WATCH: address of the observers' state, 0: none; G_ORDER: the same where order is checked;
G_JITTER: seed of extra cycles, 0: none; G_SETTER: code row of the cross-core set in hand;
G_OBSERVER: address of the observers' unit, 0 until it is needed; G_EVENT: number of the last event
that was met, -1 if it is not recorded; G_SETTER_WHO, G_SETTER_EVENT: of the cross-core set in hand;
G_LEDGER: rows of the ledger of stalls - 1, 0: none is kept; G_LEDGER_LIMIT, G_TRACE_LIMIT: rows in
use beyond which the loop makes room; G_TRACE_BASE: events taken away so far; G_TRACE_FROM,
G_TRACE_TO: the window of recorded cycles; G_L2_BYTES, G_HBM_BYTES: what L2 and memory have sent;
G_BREAKS: whether rows break."""
(WATCH_ROOM, WATCH_ACCESS, WATCH_SCALAR) = range(3)
"""What the observers' unit is called for: is there room, a data instruction, a scalar access."""
MODE_FULL, MODE_TIMING, MODE_NUMBERS = range(3)

# --- tensors: address, end, role, bytes read, bytes written, lines not yet touched
(N_ADDRESS, N_END, N_ROLE, N_READ, N_WRITE, N_FRESH) = range(6)
TENSOR_COLUMNS = 6
ROLE_IN, ROLE_OUT, ROLE_SCRATCH = range(3)

# --- profile of an instruction row, over all cores
(
    F_COUNT,  # executions on its own pipe
    F_WORK,  # cycles of work
    F_MACS,  # multiply-adds
    F_ELEMENTS,  # active lanes
    F_WRAPS,  # INT32 words that wrapped
    F_BUSY,  # cycles of its pipe
    F_HEAD,  # those of them that are head
    F_BYTES,  # bytes it wrote
    F_STEPS,  # times the scalar unit met it
    F_SCALAR,  # cycles the scalar unit spent on it
) = range(10)
PROFILE_COLUMNS = 12

# --- the ledger of stalls, see `npuemu.engine.ledger`
(Y_KEY, Y_WHO, Y_CYCLES, Y_COUNT) = range(4)
LEDGER_COLUMNS = 4

# --- a diagnostic: code, core, pipe, pc row, cycle, and three details
(D_CODE, D_CORE, D_PIPE, D_ROW, D_CYCLE, D_A, D_B, D_C) = range(8)
DIAGNOSTIC_COLUMNS = 8

# --- why the loop returned
DONE, YIELD, NEED_UNIT, WATCH_FULL, RECORDS_FULL, ERROR, DEADLOCK, BREAK = range(8)

# --- where a break stands: row + 1 (0: none to report), core, pipe, cycle, queue slot (-1: none),
# core + 1 of the scalar unit that goes on first
(B_ROW, B_CORE, B_PIPE, B_CYCLE, B_SLOT, B_RESUME) = range(6)
BREAK_COLUMNS = 8
HELD_COLUMNS = 33
"""Registers of a queued instruction as they were at its dispatch, and which of them were poison."""

TIME_SHIFT = 10
INFINITE = (1 << 62) - 1

TRACE_COLUMNS = 11  # see `npuemu.engine.events`
