"""A launch: memories, cores and state arrays of one run, and the loop's helper outside jitted
code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from npuemu.engine import compiled
from npuemu.engine import state as st
from npuemu.engine.areas import AREAS
from npuemu.engine.breaks import Breaks
from npuemu.engine.decode import Decoded
from npuemu.engine.jitter import draw
from npuemu.engine.loop import run
from npuemu.engine.records import Records
from npuemu.engine.workers import Workers
from npuemu.isa.footprint import SLOT_L0A_NZ
from npuemu.isa.shapes import MAX_ACTIVE_REGIONS, MAX_REGIONS
from npuemu.isa.table import MEM, PIPES
from npuemu.machine import Machine
from npuemu.observe.watch import Memory, Watch

MODES = {"full": st.MODE_FULL, "timing": st.MODE_TIMING, "numbers": st.MODE_NUMBERS}
SCRATCH_BYTES = 16 << 20
SLACK = 512
"""Bytes behind every memory: the Cube looks at whole fractals of 512 bytes, and a memory may end
within one; nothing changes them.
"""
EVENT_ROWS, LEDGER_ROWS = 1 << 14, 1 << 12
"""Rows of the tables of events and stalls, if no single step of the loop may need more."""
OPERANDS = st.C_TIMED - st.C_VALUE
POPS_PER_CALL = 1 << 21
LIVELOCK = 10_000_000
SPLIT = "cube:mmad_"
"""Units that the helper threads share."""
START_STREAM, LATEST_START = 1 << 21, 4096
CUBE_MEMORIES = ("L1", "L0A", "L0B", "L0C", "BT", "FB", "L0A_MX", "L0B_MX")
ROLES = {"in": st.ROLE_IN, "out": st.ROLE_OUT, "scratch": st.ROLE_SCRATCH}

Ints = NDArray[np.int64]


def aligned(size: int) -> NDArray[np.uint8]:
    """``size`` bytes of 0xFF at a 64-byte boundary, with slack behind."""
    raw = np.full(size + SLACK + 64, 0xFF, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size]


def zeros(*shape: int) -> NDArray[np.int64]:
    """An int64 array of zeros."""
    return np.zeros(shape, np.int64)


@dataclass
class State:
    """Everything a run is made of: the arrays behind `npuemu.engine.areas`, int64 unless said.

    Cores are numbered group * 3 + (0 cube, 1 and 2 vector).
    """

    code: Ints  # [rows, CODE_COLUMNS]
    program: Ints  # footprint programs
    starts: Ints  # first row of each footprint program
    values: Ints  # value file of the footprint interpreter
    out: Ints  # [MAX_ACTIVE_REGIONS + 1, 8] header and regions of the instruction in hand
    core: Ints  # [cores, CORE_COLUMNS]
    registers: Ints  # [cores, 32]
    pipe: Ints  # [cores * PIPES, PIPE_COLUMNS]
    queue: Ints  # [cores * PIPES * depth, SLOT_COLUMNS]
    flags: Ints  # [cores, 8 * 8 * 8] time a flag was raised; down: -1 - time of its last wait
    raised: Ints  # [cores, RAISED_COLUMNS] what raised flags and counters last
    stalls: Ints  # [cores * PIPES, STALLS]
    key: Ints  # [cores, PIPES]
    smallest: Ints  # [cores]
    counters: Ints  # [cores, 32] cross-core counters
    releases: Ints  # [cores, RELEASE_COLUMNS] releases of counted flags, oldest first
    arrivals: Ints  # [cores, 8 * 32] arrivals by mode and id
    cost: Ints  # [rows, COST_COLUMNS]
    machine: Ints  # [MACHINE_COLUMNS]
    g: Ints  # [GLOBAL_COLUMNS]
    tensors: Ints  # [tensors, TENSOR_COLUMNS]
    touched: NDArray[np.uint8]  # GM lines
    ctx: Ints  # [cores, 64]
    marks: Ints  # [cores, 64] the same over the marks of undefined bytes
    units: Ints  # addresses, 0 = not compiled
    plans: Ints  # [steps, 2] unit, argument
    profile: Ints  # [rows, PROFILE_COLUMNS]
    problem: Ints  # [DIAGNOSTIC_COLUMNS]
    trace: Ints  # [rows, TRACE_COLUMNS] events
    trace_values: Ints  # operand values of events, one after the other
    ledger: Ints  # [rows, LEDGER_COLUMNS] stalls
    result: Ints  # [8] scratch of the cost function
    memo: Ints  # [rows, MEMO_COLUMNS] footprint memo
    origin: Ints  # [MAX_REGIONS + 1] base operand of each region in hand
    owner: Ints  # [MAX_REGIONS + 1] tensor of each GM region in hand
    stop: Ints  # [BREAK_COLUMNS] where a break stands
    held: Ints  # [queue slots, HELD_COLUMNS] registers at dispatch; one row where nothing breaks


@dataclass
class Launch:
    """One run. ``tensors``: rows (address, bytes, role) in GM; ``gm``: its bytes, inputs in
    place. ``observe``: watch the buffers; ``check``: and the order of accesses. ``jitter``: seed of
    another legal timing, 0 for the machine's own. ``named``: ranges (memory
    number, low, high) of local memories that have names; ``window``: the cycles [first, last) whose
    events are recorded, None for none.
    """

    decoded: Decoded
    machine: Machine
    blocks: int
    gm: NDArray[np.uint8]
    tensors: list[tuple[int, int, str]]
    mode: str = "full"
    observe: bool = True
    check: bool = True
    named: Sequence[tuple[int, int, int]] = ()
    window: tuple[int, int] | None = None
    threads: int = 1
    max_cycles: int = 2_000_000_000
    jitter: int = 0
    notify: compiled.Notify | None = None
    progress: Callable[[int], None] | None = None
    breaks: Breaks | None = None
    records: Records = field(default_factory=Records)

    def __post_init__(self) -> None:
        self.cores = 3 * self.blocks
        self.scratch = np.empty(SCRATCH_BYTES + 64, np.uint8)
        self.workers = Workers(self.threads) if self.threads > 1 and self.mode != "timing" else None
        self.local = self._memories()
        self.watch = self._watch() if self.observe else None
        self.state = self._state()
        self.table = AREAS.table(self.state)

    def _memories(self) -> dict[tuple[int, str], NDArray[np.uint8]]:
        """Local memories by (core, name)."""
        found = {}
        capacity = self.machine.capacity
        for group in range(self.blocks):
            for name in CUBE_MEMORIES:
                found[3 * group, name] = aligned(capacity[name])
            for sub in (1, 2):
                found[3 * group + sub, "UB"] = aligned(capacity["UB"])
        return found

    def _seen_by(self, core: int) -> dict[str, tuple[int, str]]:
        """Memories that a core's instructions can name: name -> (owner, its name there)."""
        first, kind = core - core % 3, core % 3
        features = self.machine.features
        if kind == 0:
            seen = {name: (core, name) for name in CUBE_MEMORIES}
            if features & {"l0c_ub", "ub_l1"}:
                seen |= {"UB": (first + 1, "UB"), "UB1": (first + 2, "UB")}
            return seen
        seen = {"UB": (core, "UB")}
        if "ub_l1" in features:
            seen["L1"] = (first, "L1")
        return seen

    def memory(self, core: int, name: str) -> NDArray[np.uint8] | None:
        """The bytes that ``core`` calls memory ``name``; None if it has none."""
        if name == "GM":
            return self.gm
        owner = self._seen_by(core).get(name)
        return None if owner is None else self.local[owner]

    def _context(self) -> NDArray[np.int64]:
        ctx = zeros(self.cores, 64)
        for core in range(self.cores):
            row = ctx[core]
            row[0], row[1] = self.gm.ctypes.data, self.gm.size
            for name, owner in self._seen_by(core).items():
                row[2 * MEM[name]] = self.local[owner].ctypes.data
                row[2 * MEM[name] + 1] = self.local[owner].size
            row[32] = 1 if self.machine.file.layout.l0a == "NZ" else 0
            row[33] = max(0, core % 3 - 1)
            row[48] = self.workers.pool.ctypes.data if self.workers is not None else 0
            row[35], row[36] = (self.scratch.ctypes.data + 63) & -64, SCRATCH_BYTES
        return ctx

    def _watch(self) -> Watch:
        owners = [
            Memory(core, MEM[name], memory.size) for (core, name), memory in self.local.items()
        ]
        ranges = {
            role: [(start, start + size) for start, size, r in self.tensors if r == role and size]
            for role in ROLES
        }
        watch = Watch(
            self.cores,
            len(self.decoded.code),
            self.machine.file.die.queue_depth.value,
            owners,
            self.gm.size,
            tracked=ranges["scratch"] + ranges["out"],
            outputs=ranges["out"],
            protected=frozenset(p for p in range(7) if self.machine.protected(PIPES[p])) | {st.S},
            check=self.check,
            carry=self.mode != "timing",
            named=self.named,
            window=self.window,
        )
        for core in range(self.cores):
            watch.see(core, MEM["GM"], 0)
            for name, (owner, real) in self._seen_by(core).items():
                watch.see(core, MEM[name], owner * 16 + MEM[real])
        return watch

    def _marks(self, ctx: Ints) -> Ints:
        """Contexts over the marks of undefined bytes: units move those as they move bytes."""
        marks = ctx.copy()
        if self.watch is not None and self.watch.marks:
            for core in range(self.cores):
                marks[core, 0] = self.watch.marks[0].ctypes.data
                for name, (owner, real) in self._seen_by(core).items():
                    address = self.watch.marks[owner * 16 + MEM[real]].ctypes.data
                    marks[core, 2 * MEM[name]] = address
        return marks

    def _core_rows(self) -> NDArray[np.int64]:
        rows = zeros(self.cores, st.CORE_COLUMNS)
        for core in range(self.cores):
            row = rows[core]
            kind = "cube" if core % 3 == 0 else "vector"
            row[st.K_KIND] = st.KIND_CUBE if kind == "cube" else st.KIND_VECTOR
            row[st.K_GROUP], row[st.K_SUB] = core // 3, max(0, core % 3 - 1)
            row[st.K_MASK_LOW] = row[st.K_MASK_HIGH] = -1
            if kind in self.decoded.bases:
                row[st.K_BASE], row[st.K_LENGTH] = self.decoded.bases[kind]
            else:
                row[st.K_STATUS] = st.HALTED
        return rows

    def _machine_row(self) -> NDArray[np.int64]:
        file, row = self.machine.file, zeros(st.MACHINE_COLUMNS)
        row[st.X_C1V] = int("c1v" in self.machine.features)
        gm, banks = file.global_memory, file.banks
        row[st.X_DEPTH] = file.die.queue_depth.value
        row[st.X_CROSS_LATENCY] = file.sync.cross_core_latency.value
        row[st.X_SCALAR_CYCLES] = file.scalar.cycles.value
        row[st.X_LOAD_UB], row[st.X_LOAD_GM] = (
            file.scalar.load_local.value,
            file.scalar.load_global.value,
        )
        row[st.X_L2_UNIT] = max(1, st.FIXED_POINT // gm.l2_bytes_per_cycle.value)
        row[st.X_HBM_UNIT] = max(1, st.FIXED_POINT // gm.hbm_bytes_per_cycle.value)
        if self.jitter:
            row[st.X_L2_UNIT] *= 1 + draw(self.jitter, START_STREAM, -2) % 8
            row[st.X_HBM_UNIT] *= 1 + draw(self.jitter, START_STREAM, -3) % 8
        row[st.X_GM_ALIGN], row[st.X_GM_BURST] = gm.align.value, gm.smallest_request.value
        row[st.X_LINE_SHIFT] = gm.line.value.bit_length() - 1
        row[st.X_BANK_GROUP_SHIFT], row[st.X_BANK_GROUP_MASK] = (
            banks.group_shift.value,
            banks.groups.value - 1,
        )
        row[st.X_BANK_SHIFT], row[st.X_BANK_MASK] = banks.bank_shift.value, banks.banks.value - 1
        row[st.X_READS_PER_GROUP], row[st.X_WRITE_LAG] = (
            banks.reads_per_group.value,
            banks.write_lag.value,
        )
        return row

    def _start_late(self, core: Ints, pipe: Ints, stalls: Ints, key: Ints) -> None:
        """Other legal timings: the cores start at different times."""
        for c in range(self.cores):
            if core[c, st.K_STATUS] != st.HALTED:
                late = draw(self.jitter, START_STREAM, c) % LATEST_START
                core[c, st.K_CLOCK] = late
                key[c, st.S] = late << st.TIME_SHIFT | c << 3
                pipe[c * st.PIPES, st.P_CURSOR] = late
                stalls[c * st.PIPES, st.STALL_DISPATCH] = late
                if self.watch is not None:
                    self.records.late(c * st.PIPES, int(core[c, st.K_BASE]), late)

    def _state(self) -> State:
        cores, decoded = self.cores, self.decoded
        slots = cores * st.PIPES * self.machine.file.die.queue_depth.value
        core = self._core_rows()
        key = np.full((cores, st.PIPES), st.INFINITE, np.int64)
        running = core[:, st.K_STATUS] != st.HALTED
        key[running, st.S] = np.flatnonzero(running) << 3
        pipe = zeros(cores * st.PIPES, st.PIPE_COLUMNS)
        pipe[:, [st.P_ROW, st.P_EVENT, st.P_LEFT]] = -1
        stalls = zeros(cores * st.PIPES, st.STALLS)
        if self.jitter:
            self._start_late(core, pipe, stalls, key)
        g = zeros(st.GLOBAL_COLUMNS)
        g[st.G_MAX_CYCLES], g[st.G_BUDGET] = self.max_cycles, POPS_PER_CALL
        g[st.G_LIVELOCK], g[st.G_MODE] = LIVELOCK, MODES[self.mode]
        if self.watch is not None:
            g[st.G_WATCH] = self.watch.address
            g[st.G_ORDER] = self.watch.address if self.check else 0
        g[st.G_JITTER] = self.jitter
        g[st.G_CORES], g[st.G_TENSORS] = cores, len(self.tensors)
        g[st.G_BREAKS] = int(self.breaks is not None)
        events, stalled = self._record(g)
        tensors = zeros(len(self.tensors), st.TENSOR_COLUMNS)
        line = self.machine.file.global_memory.line.value
        shift = line.bit_length() - 1
        for row, (address, size, role) in zip(tensors, self.tensors, strict=True):
            row[:3] = address, address + size, ROLES[role]
            row[st.N_FRESH] = (
                ((address + size - 1) >> shift) - (address >> shift) + 1 if size else 0
            )
        ctx = self._context()
        values = decoded.values.copy()
        values[SLOT_L0A_NZ] = 1 if self.machine.file.layout.l0a == "NZ" else 0
        return State(
            code=decoded.code if self.breaks is None else self.breaks.marked(decoded.code),
            program=decoded.programs,
            starts=decoded.starts,
            values=values,
            out=zeros(MAX_ACTIVE_REGIONS + 1, 8),
            core=core,
            registers=np.full((cores, 32), -1, np.int64),
            pipe=pipe,
            queue=zeros(slots, st.SLOT_COLUMNS),
            flags=np.full((cores, 512), -1, np.int64),
            raised=zeros(cores, st.RAISED_COLUMNS),
            stalls=stalls,
            key=key,
            smallest=key.min(axis=1),
            counters=zeros(cores, 32),
            releases=zeros(cores, st.RELEASE_COLUMNS),
            arrivals=zeros(cores, 256),
            cost=decoded.cost,
            machine=self._machine_row(),
            g=g,
            tensors=tensors,
            touched=np.zeros(self.gm.size // line + 2, np.uint8),
            ctx=ctx,
            marks=self._marks(ctx),
            units=self._ready_units(),
            plans=decoded.plans,
            profile=zeros(len(decoded.code), st.PROFILE_COLUMNS),
            problem=zeros(st.DIAGNOSTIC_COLUMNS),
            trace=zeros(events, st.TRACE_COLUMNS),
            trace_values=zeros(events * OPERANDS),
            ledger=zeros(stalled, st.LEDGER_COLUMNS),
            result=zeros(8),
            memo=np.full((decoded.memos + 1, st.MEMO_COLUMNS), -1, np.int64),
            origin=zeros(MAX_REGIONS + 1),
            owner=zeros(MAX_REGIONS + 1),
            stop=zeros(st.BREAK_COLUMNS),
            held=zeros(slots if self.breaks is not None else 1, st.HELD_COLUMNS),
        )

    def _record(self, g: Ints) -> tuple[int, int]:
        """What is recorded, into the global words; rows of the tables of events and stalls.

        ``most``: no step of the loop meets more instructions than all queues hold.
        """
        most = self.cores * st.PIPES * self.machine.file.die.queue_depth.value + 64
        events, stalled = 1, 1
        g[st.G_TRACE_LIMIT] = g[st.G_LEDGER_LIMIT] = st.INFINITE
        if self.window is not None:
            events = max(EVENT_ROWS, 2 * most)
            g[st.G_TRACE_ON], g[st.G_TRACE_LIMIT] = 1, events - most
            g[st.G_TRACE_FROM], g[st.G_TRACE_TO] = self.window
        if self.watch is not None:
            stalled = max(LEDGER_ROWS, 1 << (2 * most).bit_length())
            g[st.G_LEDGER], g[st.G_LEDGER_LIMIT] = stalled - 1, stalled // 2 - most // 2
        return events, stalled

    def run(self) -> int:
        """Run to the end; returns DONE, ERROR or DEADLOCK. The state tells the rest."""
        if self.workers is None:
            return self._run()
        self.workers.start()
        try:
            return self._run()
        finally:
            self.workers.stop()

    def _is_split(self, name: str) -> bool:
        return self.workers is not None and name.startswith(SPLIT)

    def _ready_units(self) -> Ints:
        """Addresses of the units that are loaded already; the loop asks for the others."""
        names = self.decoded.units
        found = [0 if self._is_split(name) else compiled.loaded(name) for name in names]
        return np.array(found, np.int64)

    def _unit_address(self, name: str) -> int:
        if self.workers is not None and self._is_split(name):
            return self.workers.unit(name.removeprefix(SPLIT))
        return compiled.address(name, self.notify)

    def _run(self) -> int:
        e = self.state
        numbers = self.mode != "timing"
        units = list(self.decoded.units) if numbers else []
        if self.watch is not None:
            units.insert(0, compiled.OBSERVERS)
        compiled.announce(units, self.notify)
        while True:
            status = int(run(self.table.ctypes.data))
            if self.breaks is not None:
                self.breaks.report(self, status)
            if status == st.BREAK:
                continue
            if not compiled.is_cached(compiled.ENGINE):
                compiled.mark(compiled.ENGINE)
            if status == st.NEED_UNIT:
                unit = int(e.g[st.G_NEED])
                e.units[unit] = self._unit_address(self.decoded.units[unit])
            elif status == st.WATCH_FULL:
                assert self.watch is not None
                if e.g[st.G_OBSERVER] == 0:
                    e.g[st.G_OBSERVER] = compiled.address(compiled.OBSERVERS, self.notify)
                else:
                    self.watch.make_room()
            elif status == st.RECORDS_FULL:
                self.records.drain(e)
            elif status == st.YIELD:
                if self.progress is not None:
                    self.progress(int(e.g[st.G_NOW]))
            else:
                self._finish()
                return status

    def _finish(self) -> None:
        if self.watch is not None:
            self.watch.finish()
        self.records.drain(self.state)
