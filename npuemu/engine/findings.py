"""What the observers found, in words: races, undefined bytes, results that nobody used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from npuemu.engine import state as st
from npuemu.engine.launch import Launch
from npuemu.isa.table import MEMORIES, PIPES
from npuemu.observe.diagnostics import KINDS, Diagnostic
from npuemu.observe.order import RAISED_TWICE
from npuemu.observe.watch import Finding

Where = Callable[[int], str]
"""Row of the decoded code -> ``file:line:column``."""
KIND_NAMES = ("aic", "aiv0", "aiv1")
VERBS = {201: ("reads", "writes"), 202: ("overwrites", "reads"), 203: ("writes", "writes")}
"""What the later and the earlier instruction do."""
LOADS = ("MTE1", "MTE2")


def core_name(core: int) -> str:
    """``block 3 aic``, ``block 3 aiv0``, ``block 3 aiv1``."""
    return f"block {core // 3} {KIND_NAMES[core % 3]}"


class Findings:
    """Words for what a finished launch's observers found. ``tensors``: names by row."""

    def __init__(self, launch: Launch, where: Where, tensors: list[str]) -> None:
        self.launch, self.where, self.tensors = launch, where, tensors

    def found(self) -> list[Diagnostic]:
        """Races and uses of undefined memory."""
        if self.launch.watch is None:
            return []
        groups: dict[tuple[int, str, str], list[Finding]] = {}
        for f in self.launch.watch.found():
            earlier = self.where(f.row_a) if f.row_a >= 0 else ""
            groups.setdefault((f.kind, self.where(f.row_b), earlier), []).append(f)
        found = [self._words(group[0], _count(group)) for group in groups.values()]
        if lost := self.launch.watch.lost:
            more = f"{found[-1].message}; and {lost:,} occurrences of other pairs are not listed"
            found[-1] = replace(found[-1], message=more)
        return found

    def unused(self) -> list[Diagnostic]:
        """Results that nothing read: only of a run that came to its end.

        An instruction counts if none of its executions was of use: of one in a loop some may
        prepare what only tails or other cores need. A line may have several (macros, ``.rep``).
        """
        watch = self.launch.watch
        if watch is None or not watch.check:
            return []
        useless = (watch.unused > 0) & (watch.unused == watch.executed)
        lines: dict[tuple[str, str], list[int]] = {}
        for row in useless.nonzero()[0].tolist():
            lines.setdefault((self.where(row), self._name(row)), []).append(row)
        totals = dict.fromkeys(lines, 0)
        for row in watch.executed.nonzero()[0].tolist() if lines else ():
            if (line := (self.where(row), self._name(row))) in totals:
                totals[line] += int(watch.executed[row])
        found = []
        for (where, name), rows in lines.items():
            times, total = int(watch.executed[rows].sum()), totals[where, name]
            load = self.launch.decoded.records[rows[0]].pipe in LOADS
            what = "nothing uses what it loads" if load else "nothing reads its result"
            often = "" if total == 1 else f" in {times:,} of {total:,} executions"
            found.append(Diagnostic(KINDS[211 if load else 210], f"{name}: {what}{often}", where))
        return found

    def _words(self, f: Finding, count: int) -> Diagnostic:
        later = f"{self._name(f.row_b)} ({self._place(f.pipe_b, f.start_b)})"
        often = f"; {count:,} times in this run" if count > 1 else ""
        kind, where = KINDS[f.kind], self.where(f.row_b)
        if f.row_a < 0:
            text = f"{later} uses {self._span(f)}, which nothing has written{often}"
            return Diagnostic(kind, text, where)
        if f.kind == RAISED_TWICE:
            return self._raised_twice(f, later, often)
        verb_b, verb_a = VERBS[f.kind]
        name_a = self._name(f.row_a)
        text = f"{later} {verb_b} {self._span(f)}, which {name_a} {verb_a}: nothing orders the two"
        other = f"{name_a} ({self._place(f.pipe_a, f.start_a)}) {verb_a} them"
        return Diagnostic(kind, text + often, where, (other, self.where(f.row_a)), self._repair(f))

    def _raised_twice(self, f: Finding, later: str, often: str) -> Diagnostic:
        source, target = PIPES[f.pipe_b % st.PIPES], PIPES[f.pipe_a % st.PIPES]
        text = (
            f"{later} raises flag {source} -> {target} event {f.low}, which may still be up: "
            f"nothing orders it after the wait_flag that takes it down"
        )
        other = f"wait_flag ({core_name(f.pipe_a // st.PIPES)}, pipe {target}) takes it down"
        after, before = self._line(f.row_a, f.row_b), self._line(f.row_b, f.row_b)
        pair = f"{target}, {source}"
        repair = f"set_flag {pair} after {after} and wait_flag {pair} before {before} order them"
        where = (other, self.where(f.row_a))
        return Diagnostic(KINDS[f.kind], text + often, self.where(f.row_b), where, repair)

    def _name(self, row: int) -> str:
        return self.launch.decoded.records[row].name

    def _place(self, x: int, start: int) -> str:
        core, pipe = divmod(x, st.PIPES)
        return f"{core_name(core)}, pipe {PIPES[pipe]}, cycle {start}"

    def _span(self, f: Finding) -> str:
        """The memory and its bytes; in GM also the tensor's."""
        if f.number:
            owner = f" of {core_name(f.core)}" if f.core != f.pipe_b // st.PIPES else ""
            return f"{MEMORIES[f.number]} bytes {f.low} .. {f.high - 1}{owner}"
        for name, row in zip(self.tensors, self.launch.state.tensors, strict=True):
            start = int(row[st.N_ADDRESS])
            if start <= f.low < int(row[st.N_END]):
                return f"bytes {f.low - start} .. {f.high - 1 - start} of tensor {name} in GM"
        return f"GM bytes {f.low} .. {f.high - 1}"

    def _repair(self, f: Finding) -> str:
        """The flag or barrier that would order the two, or how not to need one."""
        (core_a, a), (core_b, b) = divmod(f.pipe_a, st.PIPES), divmod(f.pipe_b, st.PIPES)
        after, before = self._line(f.row_a, f.row_b), self._line(f.row_b, f.row_b)
        if core_a != core_b and self.where(f.row_a) == self.where(f.row_b):
            return (
                f"give every core a part of its own at {before} (block_idx, subblock_idx tell it "
                f"which), or let one core alone come there"
            )
        if core_a == core_b and a == b and after == before:
            return f"pipe_barrier {PIPES[a]} between two executions of {before} orders them"
        if core_a == core_b and a == b:
            return f"pipe_barrier {PIPES[a]} between {after} and {before} orders them"
        if core_a == core_b:
            pair = f"{PIPES[a]}, {PIPES[b]}"
            return f"set_flag {pair} after {after} and wait_flag {pair} before {before} order them"
        return (
            f"cross_core_set_flag on {PIPES[a]} after {after} and cross_core_wait_flag on "
            f"{PIPES[b]} before {before} order them"
        )

    def _line(self, row: int, named: int) -> str:
        """``line 12``; with its file where that is not the one of row ``named``."""
        file, _, line = self.where(row).rpartition(":")[0].rpartition(":")
        if file == self.where(named).rpartition(":")[0].rpartition(":")[0]:
            return f"line {line}" if file else f"the {self._name(row)}"
        return f"{file.rpartition('/')[2]}:{line}"


def _count(group: list[Finding]) -> int:
    """How often: two memories that the same two instructions share are one occurrence."""
    times: dict[tuple[int, int], int] = {}
    for f in group:
        pair = f.row_a, f.row_b
        times[pair] = max(times.get(pair, 0), f.count)
    return sum(times.values())
