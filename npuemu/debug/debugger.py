"""Dumps and prints at the stops of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from npuemu.asm.printed import Print
from npuemu.asm.program import Program
from npuemu.debug.dumps import Dump, Dumps, resolve
from npuemu.debug.lines import Lines
from npuemu.debug.prints import Printed, Printer
from npuemu.debug.spec import parse
from npuemu.engine import state as st
from npuemu.engine.breaks import Breaks, Stop
from npuemu.engine.decode import Decoded
from npuemu.engine.launch import Launch
from npuemu.errors import UserError
from npuemu.machine import Machine


class Debugger:
    """What one run shows: made before it, which checks what is asked for.

    dumps: as `npuemu.debug.spec` describes them. print_limit: how many lines are kept and told.
    """

    def __init__(
        self,
        program: Program,
        decoded: Decoded,
        machine: Machine,
        *,
        mode: str = "full",
        dumps: Sequence[str] = (),
        print_limit: int,
        on_print: Callable[[Printed], None] | None = None,
    ) -> None:
        self.decoded = decoded
        self.dumps = Dumps()
        self.printer = Printer(print_limit, on_print)
        self._prints: dict[int, list[Print]] = {}
        for section, found in program.prints.items():
            for line in found:
                row = decoded.bases[section][0] + line.index
                self._prints.setdefault(row, []).append(line)
        self._open = self._asked(program, machine, mode, dumps) if dumps else []

    def _asked(
        self, program: Program, machine: Machine, mode: str, dumps: Sequence[str]
    ) -> list[Dump]:
        if isinstance(dumps, str):
            raise UserError(f"dumps takes a list of texts, not {dumps!r} alone")
        if mode == "timing":
            raise UserError("dumps show values, and mode timing computes none")
        lines = Lines(program, self.decoded)
        return [resolve(parse(text), program, lines, machine) for text in dict.fromkeys(dumps)]

    @property
    def breaks(self) -> Breaks | None:
        """Where the run stops; None if nowhere."""
        rows = dict.fromkeys((row for dump in self._open for row in dump.rows), st.BREAK_EFFECT)
        for row, lines in self._prints.items():
            if not self.decoded.records[row].is_data:
                rows[row] = st.BREAK_STEP
                continue
            held = any(_registers(line) for line in lines)
            rows[row] = st.BREAK_EFFECT | (st.BREAK_HOLD if held else 0)
        return Breaks(rows, self._met, self.printer.reach) if rows else None

    def _met(self, launch: Launch, stop: Stop) -> None:
        if stop.pipe != st.S or stop.follows:  # behind a branch: only if it is not taken
            for line in self._prints.get(stop.row, ()):
                self.printer.add(launch, stop, line)
        for dump in self._open:
            if stop.row in dump.rows and not dump.done and dump.due(stop.core):
                dump.take(launch, stop.core, stop.cycle, self.dumps)
                self._close(launch, dump)

    def _close(self, launch: Launch, done: Dump) -> None:
        """Rows that nothing looks at any more cost nothing any more."""
        watched = {row for dump in self._open if not dump.done for row in dump.rows}
        for row in done.rows - watched - self._prints.keys():
            launch.state.code[row, st.C_BREAK] = 0

    def finish(self, status: int | None) -> None:
        """The run has ended, with None by an exception: tell the last lines, and which dumps were
        not reached.
        """
        self.printer.reach(st.INFINITE)
        for dump in self._open:
            if not dump.done:
                self.dumps.missed[dump.spec.text] = dump.reason(status != st.DONE)


def _registers(line: Print) -> bool:
    """Whether a line shows or uses a register."""
    return any(not isinstance(p, str) and p.register is not None for p in line.pieces)
