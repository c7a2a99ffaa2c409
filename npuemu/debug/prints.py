"""Lines of ``.print``: filled in where the run stands, told in the order of their cycles."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npuemu.asm.printed import WORD_FORMS, Print, Shown, ShownBytes
from npuemu.debug.lines import short
from npuemu.engine.breaks import Stop
from npuemu.engine.launch import Launch
from npuemu.engine.measure import core_label
from npuemu.formats import arrays
from npuemu.formats.format import get as get_format
from npuemu.formats.tensor import unpack_nibbles
from npuemu.isa.table import PIPES

UNKNOWN = "?"
_WORD = (1 << 64) - 1


@dataclass(frozen=True)
class Printed:
    """A line that a kernel printed.

    core: ``0.aiv1``; pipe: that of the instruction in front of the ``.print``, S where the scalar
    unit executes or queues it; cycle: when it started; where: ``file:line:column`` of the
    ``.print``; called: the outermost macro call around it, or nothing. ``str()`` is the line.
    """

    core: str
    pipe: str
    cycle: int
    where: str
    text: str
    called: str = ""

    def __str__(self) -> str:
        place = _place(self.where)
        if self.called:
            place += f" from {_place(self.called)}"
        return f"[{self.core} {self.pipe} cycle {self.cycle:,}] {place}: {self.text}"


def _place(where: str) -> str:
    """``file:line`` without folders and column."""
    file, line, _ = where.rsplit(":", 2)
    return f"{short(file)}:{line}"


class Printer:
    """Gathers the first ``limit`` lines in the order of their cycles; ``tell`` is given each.

    A scalar unit runs ahead of the pipes, so a line waits until the run has reached its cycle.
    """

    def __init__(self, limit: int, tell: Callable[[Printed], None] | None = None) -> None:
        self.limit, self.tell = limit, tell
        self.lines: list[Printed] = []
        self.left_out = 0
        self._waiting: list[tuple[int, int, Printed]] = []
        self._count = 0

    def add(self, launch: Launch, stop: Stop, line: Print) -> None:
        """A ``.print`` is reached."""
        full = len(self.lines) + len(self._waiting) >= self.limit
        if full:
            self.left_out += 1
            if not self._waiting or self._waiting[-1][0] <= stop.cycle:
                return
            self._waiting.pop()
        self._count += 1
        insort(self._waiting, (stop.cycle, self._count, render(launch, stop, line)))

    def reach(self, cycle: int) -> None:
        """The run has reached ``cycle``: tell what came before it."""
        if not self._waiting or self._waiting[0][0] >= cycle:
            return
        ready = bisect_left(self._waiting, (cycle, 0))
        for _, _, line in self._waiting[:ready]:
            self.lines.append(line)
            if self.tell is not None:
                self.tell(line)
        del self._waiting[:ready]


def render(launch: Launch, stop: Stop, line: Print) -> Printed:
    """A line, with what its fields are at a stop."""
    parts = []
    for piece in line.pieces:
        if isinstance(piece, Shown):
            parts.append(_number(stop, piece))
        elif isinstance(piece, ShownBytes):
            parts.append(_bytes(launch, stop, piece))
        else:
            parts.append(piece)
    outer = line.where.trace[-1:]
    return Printed(
        core_label(stop.core),
        PIPES[stop.pipe],
        stop.cycle,
        str(line.where),
        "".join(parts),
        str(outer[0]) if outer else "",
    )


def _register(stop: Stop, register: int | None) -> int | None:
    """A register's value, 0 for none at all; None if timing mode does not know it."""
    if register is None:
        return 0
    return None if (stop.unknown >> register) & 1 else int(stop.registers[register])


def _number(stop: Stop, shown: Shown) -> str:
    value = _register(stop, shown.register)
    if value is None:
        return UNKNOWN
    value += shown.constant
    if shown.form == "d":
        return str(value)
    bits = value & _WORD
    if shown.form in ("u", "x", "b"):
        return {"u": str(bits), "x": f"{bits:#x}", "b": f"{bits:#b}"}[shown.form]
    fmt = get_format(shown.form)
    return _elements(shown.form, np.array([bits & (fmt.code_count - 1)], fmt.storage))


def _bytes(launch: Launch, stop: Stop, shown: ShownBytes) -> str:
    base = _register(stop, shown.register)
    memory = launch.memory(stop.core, shown.memory)
    if base is None or memory is None or launch.mode == "timing":
        return UNKNOWN
    bits = WORD_FORMS.get(shown.form) or get_format(shown.form).bits
    low, high = base + shown.offset, memory.size if shown.high is None else shown.high
    end = low + (shown.count * bits + 7) // 8
    if low < shown.low or end > high:
        return f"<outside {shown.name}>"
    raw = memory[low:end]
    if bits == 4:
        return _elements(shown.form, unpack_nibbles(raw)[: shown.count])
    words = np.frombuffer(raw.tobytes(), f"<u{bits // 8}")
    if shown.form in WORD_FORMS:
        return " ".join(f"0x{int(w):0{bits // 4}x}" for w in words)
    return _elements(shown.form, words)


def _elements(form: str, codes: NDArray[np.unsignedinteger]) -> str:
    """Values of codes: shortest decimals that name them as float32."""
    return " ".join(str(value) for value in arrays.decode(get_format(form), codes))
