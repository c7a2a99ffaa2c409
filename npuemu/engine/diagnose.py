"""Why a run ended early, in words: from the state arrays to diagnostics."""

from __future__ import annotations

from npuemu.engine import scalar as sc
from npuemu.engine import state as st
from npuemu.engine.cross_core import MODE_ALL, MODE_C1V, MODE_CV, MODE_PAIR
from npuemu.engine.findings import Findings, Where, core_name
from npuemu.engine.launch import LIVELOCK, Launch
from npuemu.isa.codec import Reg
from npuemu.isa.shapes import extent
from npuemu.isa.table import MEMORIES, PIPES
from npuemu.observe.diagnostics import KINDS, Diagnostic

Node = tuple[int, int]
"""(core, pipe)."""


class Diagnosis:
    """Reads a finished launch."""

    def __init__(self, launch: Launch, where: Where, tensors: list[str]) -> None:
        self.launch = launch
        self.e = launch.state
        self.where = where
        self.tensors = tensors

    def found(self, status: int) -> list[Diagnostic]:
        """All diagnostics of the run."""
        findings = Findings(self.launch, self.where, self.tensors)
        if status == st.DEADLOCK:
            return [self._deadlock(), *findings.found()]
        if status == st.ERROR:
            return [self._problem(), *findings.found()]
        races = findings.found()
        # what a race has overtaken may look unused
        unused = [] if races else findings.unused()
        return [*races, *self._wraps(), *self._leftovers(), *unused]

    def _head(self, core: int, pipe: int, cycle: int) -> str:
        return f"{core_name(core)}, pipe {PIPES[pipe]}, cycle {cycle}"

    def _problem(self) -> Diagnostic:
        p = self.e.problem
        code, core, pipe, row, cycle = (int(p[i]) for i in range(5))
        kind = KINDS[code]
        name = self.launch.decoded.records[row].name if row >= 0 else ""
        detail = self._detail(code, row, [int(v) for v in p[5:8]], core)
        place = self._head(core, pipe, cycle)
        where = self.where(row) if row >= 0 else ""
        text = f"{name + ': ' if name else ''}{detail} ({place})"
        repair = self._waits(core, int(p[5]), int(p[6])) if code == 113 else ""
        return Diagnostic(kind, text, where, None, repair)

    def _waits(self, core: int, src: int, dst: int) -> str:
        """Where the core's code waits for flags of these pipes: one is missing or too late."""
        decoded = self.launch.decoded
        base, length = decoded.bases["vector" if core % 3 else "cube"]
        places = [
            self.where(row).rpartition("/")[2].rpartition(":")[0]
            for row in range(base, base + length)
            if decoded.records[row].name == "wait_flag"
            and (decoded.operands[row]["src"], decoded.operands[row]["dst"]) == (src, dst)
        ]
        lines = ", ".join(dict.fromkeys(places)) or "nowhere"
        pair = f"{PIPES[src]}, {PIPES[dst]}"
        return f"a wait_flag {pair} must come between two raises; the code waits at: {lines}"

    def _detail(self, code: int, row: int, values: list[int], core: int) -> str:
        a, b, c = values
        if code == 113:
            first = self._raised(core, a << 6 | b << 3 | c)
            return (
                f"flag {PIPES[a]} -> {PIPES[b]} event {c} is raised again before it was waited "
                f"for; it was raised at {first}"
            )
        if code == 114:
            return f"cross-core flag {a} would count past 15: its waits are missing or too late"
        if code == 111:
            return f"{LIVELOCK:,} scalar instructions ran without progress on any pipe"
        if code == 112:
            return f"the run reached its limit of {a:,} cycles; raise it with --max-cycles"
        if code == 107:
            return "needs a value that the kernel computes; run in full mode"
        if code in (103, 104, 105) and a == -2:
            return self._region(code, b, core)
        if code == 116:
            if self.launch.decoded.records[row].name == "vconv":
                return "4-bit lanes need a mask of all ones, or an even count in counter mode"
            return "8-bit lanes need a mask of all ones; use counter mode for a tail"
        if code == 117:
            offset, lane = int(self.e.ctx[core, 41]), int(self.e.ctx[core, 42])
            return f"offset {offset} of lane {lane} is misaligned or reaches past span"
        if code == 118:
            return "more than 524,288 lanes (a count that repeats over the same blocks)"
        return self._operand(code, row, a, b, c)

    def _operand(self, code: int, row: int, index: int, value: int, highest: int) -> str:
        record = self.launch.decoded.records[row]
        if index < 0:
            return (
                KINDS[code].title
                if code != 101
                else "its operands do not go together (see its page in the manual)"
            )
        if code == 106:
            return "division by zero"
        operand = record.operands[index]
        if code == 102:
            align = operand.align if operand.align > 1 else "the access width"
            return f"{operand.name} = {value} is not a multiple of {align}"
        return f"{operand.name} = {value} is outside {operand.lo} .. {highest or operand.hi}"

    def _region(self, code: int, index: int, core: int) -> str:
        region = self.e.out[index]
        start, stop = extent(region)
        mem, write = MEMORIES[int(region[0])], "writes" if region[1] else "reads"
        span = f"{write} {mem} bytes {start} .. {stop - 1}"
        if code == 103:
            size = int(self.e.ctx[core, 2 * int(region[0]) + 1])
            own = (mem == "UB") == (core % 3 != 0) or self.e.problem[st.D_PIPE] != st.S
            if not size or not own:
                return f"{span}, but this core has no {mem}"
            return f"{span}, but {mem} has {size} bytes"
        names = self._near(start)
        if code == 105:
            return (
                f"{span}, inside input tensor {names}; outputs and scratch tensors can be written"
            )
        return f"{span}, which is not inside one tensor ({names})"

    def _near(self, address: int) -> str:
        """The tensor that holds or comes just before an address."""
        best = ""
        for name, row in zip(self.tensors, self.e.tensors, strict=True):
            start, end = int(row[st.N_ADDRESS]), int(row[st.N_END])
            if start <= address:
                best = f"{name} is {start} .. {end - 1}"
        return best or "no tensor starts before it"

    def _wraps(self) -> list[Diagnostic]:
        lines: dict[str, int] = {}
        for row in self.e.profile[:, st.F_WRAPS].nonzero()[0].tolist():
            where = self.where(row)
            lines[where] = lines.get(where, 0) + int(self.e.profile[row, st.F_WRAPS])
        return [
            Diagnostic(KINDS[120], f"{n:,} INT32 accumulator words wrapped modulo 2^32", where)
            for where, n in lines.items()
        ]

    def _leftovers(self) -> list[Diagnostic]:
        found = []
        for core, index in zip(*(self.e.flags >= 0).nonzero(), strict=True):
            src, dst, event = PIPES[index >> 6], PIPES[(index >> 3) & 7], index & 7
            text = f"flag {src} -> {dst} event {event} is still up ({core_name(int(core))})"
            found.append(Diagnostic(KINDS[121], text, self._raised(core, index)))
        for core, flag in zip(*(self.e.counters > 0).nonzero(), strict=True):
            text = f"cross-core flag {flag} was not waited for ({core_name(int(core))})"
            found.append(Diagnostic(KINDS[122], text, self._raised(core, 512 + flag)))
        return found

    def _raised(self, core: int, index: int) -> str:
        """Where a flag or cross-core counter was raised last."""
        return self.where(int(self.e.raised[core, index]))

    # --- deadlock

    def _head_row(self, node: Node) -> int:
        """Row of the instruction that a pipe (or the scalar unit) stands at."""
        core, pipe = node
        if pipe == st.S:
            k = self.e.core[core]
            return int(k[st.K_BASE] + k[st.K_PC])
        x = core * st.PIPES + pipe
        depth = int(self.e.machine[st.X_DEPTH])
        return int(self.e.queue[x * depth + self.e.pipe[x, st.P_HEAD], st.O_ROW])

    def _slot_value(self, node: Node, index: int) -> int:
        core, pipe = node
        if pipe == st.S:
            row = self.e.code[self._head_row(node)]
            value = int(row[st.C_VALUE + index])
            is_register = (int(row[st.C_REGISTERS]) >> index) & 1
            return int(self.e.registers[core, value]) if is_register else value
        x = core * st.PIPES + pipe
        slot = self.e.queue[x * int(self.e.machine[st.X_DEPTH]) + self.e.pipe[x, st.P_HEAD]]
        return int(slot[st.O_VALUE + index])

    def _waits_for(self, node: Node) -> tuple[str, Node | None]:
        """What a stuck pipe waits for, and the pipe that would have to provide it."""
        core, pipe = node
        status = int(self.e.core[core, st.K_STATUS])
        if pipe != st.S and self.e.pipe[core * st.PIPES + pipe, st.P_COUNT] == 0:
            if status == st.HALTED:
                return "has run all its instructions", None
            return "has an empty queue and waits for the scalar unit", (core, st.S)
        op = int(self.e.code[self._head_row(node), st.C_OPCODE])
        if pipe == st.S and status == st.HALTED:
            return "has halted", None
        if pipe == st.S and status == st.QUEUE_FULL:
            full = int(self.e.core[core, st.K_WAIT]) % st.PIPES
            return f"waits for room in the queue of {PIPES[full]}", (core, full)
        if op == sc.WAIT_FLAG:
            src, event = self._slot_value(node, 0), self._slot_value(node, 2)
            return f"waits for flag {PIPES[src]} -> {PIPES[pipe]} event {event}", (core, src)
        if op == sc.CROSS_WAIT:
            flag = self._slot_value(node, 1)
            if not self._anywhere(core, flag):
                return f"waits for cross-core flag {flag} (no set of the kernel reaches it)", None
            return f"waits for cross-core flag {flag}", self._provider(core, flag)
        if op == sc.PIPE_BARRIER:
            for other in range(1, 7):
                if self.e.pipe[core * st.PIPES + other, st.P_COUNT] > 0:
                    return f"waits at a barrier for {PIPES[other]}", (core, other)
        return "waits", None

    def _provider(self, core: int, flag: int) -> Node | None:
        """Where a cross-core flag would have to come from: a core of the group whose code sets it.

        A stuck one, if there is one; else the scalar unit of the first, which has halted.
        """
        first = core - core % 3
        others = [c for c in range(first, first + 3) if c != core and self._sets(c, core, flag)]
        stuck = [node for c in others if (node := self._stuck(c)) is not None]
        return stuck[0] if stuck else (others[0], st.S) if others else None

    def _sets(self, core: int, waiting: int, flag: int) -> bool:
        """Whether a core's code has a set of ``flag`` (or of one in a register) that reaches
        ``waiting``.
        """
        decoded = self.launch.decoded
        base, length = decoded.bases.get("cube" if core % 3 == 0 else "vector", (0, 0))
        across = (core % 3 == 0) != (waiting % 3 == 0)
        modes = (MODE_CV, MODE_C1V) if across else (MODE_ALL, MODE_PAIR)
        for row in range(base, base + length):
            if decoded.records[row].name == "cross_core_set_flag":
                values = decoded.operands[row]
                same = isinstance(values["id"], Reg) or values["id"] % 16 == flag % 16
                if values["mode"] in modes and same:
                    return True
        return False

    def _anywhere(self, core: int, flag: int) -> bool:
        """Whether any code of the kernel has a set of ``flag`` that can reach ``core``."""
        first = core - core % 3
        return any(self._sets(c, core, flag) for c in range(first, first + 3))

    def _stuck(self, core: int) -> Node | None:
        """A pipe of a core that has work and cannot go on; the scalar unit last."""
        for pipe in range(1, 7):
            if self.e.pipe[core * st.PIPES + pipe, st.P_COUNT] > 0:
                return core, pipe
        return (core, st.S) if self.e.core[core, st.K_STATUS] != st.HALTED else None

    def _deadlock(self) -> Diagnostic:
        start = next(n for c in range(self.launch.cores) if (n := self._stuck(c)) is not None)
        chain: list[Node] = []
        node: Node | None = start
        lines = []
        while node is not None and node not in chain:
            chain.append(node)
            reason, following = self._waits_for(node)
            row = self._head_row(node) if reason.startswith("waits") else -1
            at = f" at {self.where(row)}" if row >= 0 else ""
            lines.append(f"{core_name(node[0])} {PIPES[node[1]]} {reason}{at}")
            node = following
        if node is not None:
            lines.append(f"which closes the circle at {core_name(node[0])} {PIPES[node[1]]}")
        elif lines[-1].endswith(("instructions", "halted")):
            lines.append("so nothing is left that could provide it")
        return Diagnostic(KINDS[110], "; ".join(lines), self.where(self._head_row(start)))
