"""The flag or barrier that would order two instructions, as a line of text that can be typed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from npuemu.engine import state as st
from npuemu.engine.launch import Launch
from npuemu.isa.codec import Reg
from npuemu.isa.table import PIPES, Record
from npuemu.observe.order import RAISED_TWICE
from npuemu.observe.watch import Finding

OVERWRITES = 202
LOADS = ("MTE1", "MTE2")
EVENTS, CROSS_CORE_FLAGS = 8, 16
"""Numbers that there are."""
ROUNDS = "; between rounds: raise it once before the first round too, and wait once after the last"


class Repairs:
    """Words for how to order the pairs of a finished launch's findings.

    ``where``: row of the decoded code -> ``file:line:column``; ``found``: all findings of the
    run, so that one flag serves all that it can order and no two repairs take the same event.
    """

    def __init__(self, launch: Launch, where: Callable[[int], str], found: Sequence[Finding]):
        self.launch, self.where, self.found = launch, where, found
        self._taken: dict[tuple[int, ...], dict[tuple[str, str], int | None]] = {}

    def of(self, f: Finding) -> str:
        """What orders the two instructions of a race, or the wait and the second raise (E206)."""
        (core_a, a), (core_b, b) = divmod(f.pipe_a, st.PIPES), divmod(f.pipe_b, st.PIPES)
        if core_a != core_b:
            return self._across(f)
        if a == b:
            return self._barrier(f, PIPES[a])
        if waits := self._missing_wait(f, a, b):
            return waits
        row_a = f.row_a if f.kind == RAISED_TWICE else self._last(f)
        after, before = self._line(row_a, f.row_b), self._line(f.row_b, f.row_b)
        event = self._event((core_a % 3 != 0, a, b), after, before)
        pair = f"{PIPES[a]}, {PIPES[b]}{event}"
        rounds = ROUNDS if self._goes_back(f.row_a, f.row_b) else ""
        return (
            f"set_flag {pair} after {after} and wait_flag {pair} before {before} order them{rounds}"
        )

    def _barrier(self, f: Finding, pipe: str) -> str:
        after, before = self._line(f.row_a, f.row_b), self._line(f.row_b, f.row_b)
        if not self._goes_back(f.row_a, f.row_b):
            return f"pipe_barrier {pipe} between {after} and {before} orders them"
        barrier = f"pipe_barrier {pipe} before {before}"
        if pipe in LOADS:
            return f"a flag to {pipe} from the pipe that uses the bytes orders them, or {barrier}"
        return f"{barrier} orders them"

    def _missing_wait(self, f: Finding, a: int, b: int) -> str:
        """The wait alone, if a set between the two raises a flag that nothing there waits for."""
        decoded, event, raised = self.launch.decoded, None, 0
        for row in range(f.row_a + 1, f.row_b):
            record, values = decoded.records[row], decoded.operands[row]
            if _branches(record):
                return ""
            if (values.get("src"), values.get("dst")) != (a, b):
                continue
            if record.name == "set_flag":
                event, raised = values["event"], row
            elif record.name == "wait_flag":
                event = None
        if event is None:
            return ""
        set_at, before = self._line(raised, f.row_b), self._line(f.row_b, f.row_b)
        pair = f"{PIPES[a]}, {PIPES[b]}, {event}"
        return f"wait_flag {pair} before {before} orders them: {set_at} raises that flag"

    def _across(self, f: Finding) -> str:
        """Cores have no common order: what reads first may be meant to read what comes later."""
        lines = self._line(f.row_a, f.row_b), self._line(f.row_b, f.row_b)
        if self.where(f.row_a) == self.where(f.row_b):
            return (
                f"give every core a part of its own at {lines[1]} (block_idx, subblock_idx tell it "
                f"which), or let one core alone come there"
            )
        flag = self._flag(*sorted(lines))
        forth = _signal(f.pipe_a, lines[0], f.pipe_b, lines[1], flag)
        if f.kind != OVERWRITES:
            return f"{forth} order them"
        back = _signal(f.pipe_b, lines[1], f.pipe_a, lines[0], flag)
        return (
            f"if {lines[0]} should read what {lines[1]} writes: {back}; "
            f"if it should read what was there before: {forth}"
        )

    def _last(self, f: Finding) -> int:
        """Row of the last instruction that this wait is needed for: one set behind it serves all.

        Only over straight code, so that the set is executed wherever the wait is.
        """
        if self._goes_back(f.row_a, f.row_b):
            return f.row_a
        records = self.launch.decoded.records
        rows = [
            g.row_a
            for g in self.found
            if (g.pipe_a, g.pipe_b, g.row_b) == (f.pipe_a, f.pipe_b, f.row_b)
            and g.kind != RAISED_TWICE
            and f.row_a < g.row_a < f.row_b
            and not self._goes_back(g.row_a, g.row_b)
        ]
        straight = [r for r in rows if not any(map(_branches, records[f.row_a : r]))]
        return max(straight, default=f.row_a)

    def _goes_back(self, row_a: int, row_b: int) -> bool:
        """Whether the later instruction stands before the earlier one, or is the same one."""
        (file_a, line_a), (file_b, line_b) = self._at(row_a), self._at(row_b)
        return row_a >= row_b or (line_a > 0 and file_a == file_b and line_a >= line_b)

    def _event(self, pipes: tuple[int, int, int], after: str, before: str) -> str:
        """``, 3``: an event of these pipes that the code does not use; empty if there is none."""
        vector, a, b = pipes
        used = {
            values["event"]
            for name, values in self._section("vector" if vector else "cube")
            if name in ("set_flag", "wait_flag") and (values["src"], values["dst"]) == (a, b)
        }
        return self._free(pipes, (after, before), used, EVENTS)

    def _flag(self, one: str, other: str) -> str:
        used = {
            values["id"] % CROSS_CORE_FLAGS if isinstance(values["id"], int) else values["id"]
            for section in self.launch.decoded.bases
            for name, values in self._section(section)
            if name in ("cross_core_set_flag", "cross_core_wait_flag")
        }
        return self._free((), (one, other), used, CROSS_CORE_FLAGS)

    def _free(
        self, key: tuple[int, ...], lines: tuple[str, str], used: set[int | Reg], count: int
    ) -> str:
        taken = self._taken.setdefault(key, {})
        if lines not in taken:
            registers = any(isinstance(number, Reg) for number in used)
            rest = set(range(count)) - used - set(taken.values())
            taken[lines] = min((n for n in rest if isinstance(n, int)), default=None)
            if registers:
                taken[lines] = None
        number = taken[lines]
        return "" if number is None else f", {number}"

    def _section(self, name: str) -> Iterator[tuple[str, dict[str, int | Reg]]]:
        decoded = self.launch.decoded
        base, length = decoded.bases.get(name, (0, 0))
        for row in range(base, base + length):
            yield decoded.records[row].name, decoded.operands[row]

    def _at(self, row: int) -> tuple[str, int]:
        """File and line of a row; line 0 where the program has no source."""
        file, _, line = self.where(row).rpartition(":")[0].rpartition(":")
        return file, int(line) if line.isdigit() and file else 0

    def _line(self, row: int, named: int) -> str:
        """``line 12``; with its file where that is not the one of row ``named``."""
        file, _, line = self.where(row).rpartition(":")[0].rpartition(":")
        if file == self.where(named).rpartition(":")[0].rpartition(":")[0]:
            name = self.launch.decoded.records[row].name
            return f"line {line}" if file else f"the {name}"
        return f"{file.rpartition('/')[2]}:{line}"


def _branches(record: Record) -> bool:
    return any(operand.kind == "label" for operand in record.operands)


def _signal(source: int, after: str, target: int, before: str, flag: str) -> str:
    """A set on pipe ``source`` and a wait on pipe ``target`` of another core, with the mode."""
    (core_a, a), (core_b, b) = divmod(source, st.PIPES), divmod(target, st.PIPES)
    group, cubes = core_a // 3 == core_b // 3, (core_a % 3 == 0) + (core_b % 3 == 0)
    if group and cubes:
        mode = "cv"
        who = "both vector cores wait" if core_a % 3 == 0 else "both vector cores set"
    elif group:
        mode, who = "pair", "both cores set and wait"
    elif cubes != 1:
        mode, who = "all", "all cores of this kind set and wait"
    else:
        mode, who = "MODE", "through a core of the same group"
    return (
        f"cross_core_set_flag {mode}, {PIPES[a]}{flag} after {after} and "
        f"cross_core_wait_flag {PIPES[b]}{flag} before {before} ({who})"
    )
