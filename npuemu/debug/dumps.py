"""Memory as it was right after an instruction: which bytes, which execution, on which core."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass, field

from npuemu.asm.program import SECTIONS, Program
from npuemu.debug.lines import Lines
from npuemu.debug.spec import Spec
from npuemu.engine.launch import Launch
from npuemu.engine.measure import core_label
from npuemu.errors import UserError
from npuemu.formats import tensor
from npuemu.formats.format import FORMATS
from npuemu.formats.format import get as get_format
from npuemu.formats.tensor import Array
from npuemu.isa.table import MEMORIES
from npuemu.machine import Machine
from npuemu.machine.reach import reached

CORES = ("cube", "vector", "vector")
_FIRST_BLOCK = 3


class Dumps(dict[str, Array]):
    """Saved arrays by what was asked for.

    formats: number format of each; notes: one line on each, where it was taken; missed: why there
    is none. To ask for one that was missed raises `UserError`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.formats: dict[str, str] = {}
        self.notes: dict[str, str] = {}
        self.missed: dict[str, str] = {}

    def __missing__(self, text: str) -> Array:
        raise UserError(self.missed.get(text, f"dump {text!r} was not asked for"))


@dataclass
class Dump:
    """One dump: bytes [low, high) of ``memory`` after execution ``spec.times`` of one of ``rows``.

    core: the one whose executions count; None until one of block 0 has executed the line.
    """

    spec: Spec
    rows: frozenset[int]
    memory: str
    low: int
    high: int
    dtype: str
    shape: tuple[int, ...]
    core: int | None
    counts: Counter[int] = field(default_factory=Counter)
    done: bool = False

    def due(self, core: int) -> bool:
        """Count an execution of the line on ``core``; whether it is the one."""
        if self.core is None and core < _FIRST_BLOCK:
            self.core = core
        self.counts[core] += 1
        return core == self.core and self.counts[core] == self.spec.times

    def take(self, launch: Launch, core: int, cycle: int, into: Dumps) -> None:
        """Save the bytes as they are now."""
        memory = launch.memory(core, self.memory)
        assert memory is not None
        fmt, text = get_format(self.dtype), self.spec.text
        raw = memory[self.low : self.high]
        into[text] = tensor.from_bytes(raw.tobytes(), fmt, self.shape, self.spec.name)
        into.formats[text] = self.dtype
        into.notes[text] = f"{self.dtype} {list(self.shape)} ({core_label(core)}, cycle {cycle:,})"
        self.done = True

    def reason(self, ended_early: bool) -> str:
        """Why there is nothing."""
        line = f"line {self.spec.line}"
        early = ", and the run ended early" if ended_early else ""
        if self.core is not None and (count := self.counts[self.core]):
            often = "once" if count == 1 else f"{count:,} times"
            text = f"{line} is executed {often} on {core_label(self.core)}"
        elif self.core is not None:
            text = f"{core_label(self.core)} never executes {line}{self._others()}"
        elif self.counts:
            text = f"no core of block 0 executes {line}{self._others()}"
        else:
            text = f"{line} is never executed"
        return f"dump {self.spec.text}: {text}{early}"

    def _others(self) -> str:
        if not self.counts:
            return ""
        first = core_label(min(self.counts))
        return f"; {first} does: write @{first} behind the line"


def resolve(spec: Spec, program: Program, lines: Lines, machine: Machine) -> Dump:
    """What a dump means in a program; `UserError` if it makes no sense there."""
    rows = lines.rows(spec)
    memory, first, size, dtype, shape = _named(spec, program, machine)
    sections = {section for _, section in rows}
    seeing = {s for s in sections if memory in reached(machine.features, s)}
    if not seeing:
        core = " and ".join(f"{s} cores" for s in sorted(sections))
        raise spec.error(f"{core} execute line {spec.line}, and they have no {memory}")
    if spec.core is not None:
        seeing &= {_section_of(spec, program, sections)}
        if not seeing:
            raise spec.error(f"{core_label(spec.core)} has no {memory}")
    low = 0 if spec.low is None else spec.low
    high = size if spec.high is None else spec.high
    if not low < high <= size:
        raise spec.error(f"bytes {low} .. {high - 1}: {spec.name} has bytes 0 .. {size - 1}")
    if (spec.low, spec.high, spec.dtype) != (None, None, None) or not shape:
        dtype = spec.dtype or "u8"
        shape = (_elements(spec, dtype, high - low),)
    chosen = frozenset(row for row, section in rows if section in seeing)
    return Dump(spec, chosen, memory, first + low, first + high, dtype, shape, spec.core)


def _section_of(spec: Spec, program: Program, sections: set[str]) -> str:
    """The section that the chosen core runs, which the line must be in."""
    assert spec.core is not None
    label = core_label(spec.core)
    if spec.core >= 3 * program.blocks:
        raise spec.error(f"there is no core {label}: blocks are 0 .. {program.blocks - 1}")
    section = CORES[spec.core % 3]
    if section not in sections:
        other = next(iter(sections))
        raise spec.error(f"line {spec.line} is in the {other} section, which {label} does not run")
    return section


def _named(
    spec: Spec, program: Program, machine: Machine
) -> tuple[str, int, int, str, tuple[int, ...]]:
    """Memory, first byte, bytes, type and shape of what a name stands for (no shape: bytes)."""
    for item in program.tensors:
        if item.name == spec.name:
            return "GM", item.address, item.nbytes, item.dtype, item.shape
    for buffer in program.buffers:
        if buffer.name == spec.name:
            return buffer.mem, buffer.address, buffer.nbytes, "u8", ()
    sizes = {"GM": program.gm_bytes, "UB1": machine.capacity["UB"], **machine.capacity}
    seen = {m for section in SECTIONS for m in reached(machine.features, section)}
    sizes = {m: sizes[m] for m in MEMORIES if m in seen and sizes.get(m)}
    if spec.name in sizes:
        return spec.name, 0, sizes[spec.name], "u8", ()
    known = [*(t.name for t in program.tensors), *(b.name for b in program.buffers), *sizes]
    near = difflib.get_close_matches(spec.name, known, 1)
    hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"
    raise spec.error(f"no memory, buffer or tensor '{spec.name}'; {hint}")


def _elements(spec: Spec, dtype: str, size: int) -> int:
    if dtype not in FORMATS:
        near = difflib.get_close_matches(dtype, FORMATS, 1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise spec.error(f"no type '{dtype}'{hint} (all: {', '.join(FORMATS)})")
    bits = get_format(dtype).bits
    if size * 8 % bits:
        raise spec.error(f"{size} bytes are no whole number of {dtype}")
    return size * 8 // bits
