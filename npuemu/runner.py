"""From a program and its memory to a report: decode, launch, diagnose, measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuemu.asm.disassemble import instruction as instruction_text
from npuemu.asm.program import Program
from npuemu.debug import Debugger
from npuemu.engine import measure
from npuemu.engine.breakdown import Breakdown
from npuemu.engine.decode import Decoded, decode_program
from npuemu.engine.diagnose import Diagnosis
from npuemu.engine.jitter import draw
from npuemu.engine.launch import Launch
from npuemu.engine.roofline import roofline
from npuemu.isa.codec import Reg
from npuemu.isa.table import MEM
from npuemu.machine import Machine
from npuemu.observe.diagnostics import Diagnostic
from npuemu.observe.recording import EVENT, LIVE, Instruction, Named, Recording
from npuemu.report.json_schema import SCHEMA

MXFP8 = ("mxfp8_e4m3", "mxfp8_e5m2", "mxfp8_e4m3_e5m2", "mxfp8_e5m2_e4m3")
TILE_MACS = {"s8": 8192, "bf16": 4096, "f16": 4096, "mxfp4": 16384} | dict.fromkeys(MXFP8, 8192)
"""Multiply-adds of one 16 x 16 x k0 tile, by operand type."""


@dataclass(frozen=True)
class Options:
    """How a program is run. ``jitter``: number of another legal timing, 0 for the machine's own;
    it and ``seed`` fix every delay. ``record``: the cycles [first, last) whose events are kept.
    """

    mode: str = "full"
    check: bool = True
    threads: int = 1
    max_cycles: int = 2_000_000_000
    record: tuple[int, int] | None = None
    seed: int = 0
    jitter: int = 0


@dataclass
class Session:
    """A decoded program on a machine, to be run any number of times."""

    program: Program
    machine: Machine
    progress: Callable[[dict[str, Any]], None] | None = None
    decoded: Decoded = field(init=False)

    def __post_init__(self) -> None:
        self.decoded = decode_program(self.program.code, self.machine)

    def launch(
        self,
        gm: NDArray[np.uint8],
        options: Options,
        *,
        observe: bool,
        debugger: Debugger | None = None,
    ) -> Launch:
        """A launch on global memory ``gm``, which it changes in place."""
        number = options.jitter
        return Launch(
            self.decoded,
            self.machine,
            self.program.blocks,
            gm,
            [(t.address, t.nbytes, t.role) for t in self.program.tensors],
            mode=options.mode,
            observe=observe,
            check=options.check,
            named=[(MEM[b.mem], b.address, b.address + b.nbytes) for b in self.program.buffers],
            window=options.record,
            threads=options.threads,
            max_cycles=options.max_cycles,
            jitter=int(draw(options.seed, 0, number)) | 1 if number else 0,
            notify=self._tell,
            progress=self._advance,
            breaks=None if debugger is None else debugger.breaks,
        )

    def diagnose(self, launch: Launch, status: int) -> list[Diagnostic]:
        """All findings of a launch that has ended."""
        names = [t.name for t in self.program.tensors]
        return Diagnosis(launch, lambda row: locate(self.program, launch, row), names).found(status)

    def _tell(self, text: str) -> None:
        if self.progress is not None:
            self.progress({"text": text})

    def _advance(self, cycle: int) -> None:
        if self.progress is not None:
            self.progress({"done": cycle, "total": None})


def mac_peak(machine: Machine) -> dict[str, int]:
    """Multiply-adds a cycle of one cube core, by operand type."""
    return {name: TILE_MACS[name] for name in machine.file.types.cube}


def execute(
    session: Session,
    gm: NDArray[np.uint8],
    options: Options,
    debugger: Debugger | None = None,
) -> tuple[dict[str, Any], Recording | None, dict[str, int]]:
    """Run on global memory ``gm`` (changed in place); ``debugger`` looks on.

    Returns the report (without outputs), the recording if asked for, and the Cube's peak rates.
    """
    observe = options.mode == "full" or (options.mode == "timing" and options.check)
    launch = session.launch(gm, options, observe=observe, debugger=debugger)
    status = None
    try:
        status = launch.run()
    finally:
        if debugger is not None:
            debugger.finish(status)
    peak = mac_peak(session.machine)
    found = recording(session, launch) if options.record is not None else None
    made = report(session, launch, status)
    if launch.watch is None or not launch.watch.check:
        made["checked"] = False
    if options.jitter:
        made["jitter"] = options.jitter
    return made, found, peak


def report(session: Session, launch: Launch, status: int) -> dict[str, Any]:
    """The report of a launch that has ended, without outputs."""
    program, machine = session.program, session.machine
    cycles = measure.total_cycles(launch)

    def where(row: int) -> str:
        return locate(program, launch, row)

    made: dict[str, Any] = {
        "schema": SCHEMA,
        "kernel": program.name,
        "machine": machine.name,
        "params": dict(program.params),
        "blocks": program.blocks,
        "mode": launch.mode,
        "cycles": cycles,
        "time_us": cycles / machine.clock_mhz,
        "cores": measure.cores_report(launch, cycles),
        "buffers": measure.buffers_report(launch, [b.name for b in program.buffers], where),
        "traffic": measure.traffic_report(launch, [t.name for t in program.tensors]),
        "work": measure.work_report(launch),
        "diagnostics": [d.row() for d in session.diagnose(launch, status)],
    }
    if launch.watch is not None:
        breakdown = Breakdown(launch, where)
        made["lines"], made["waits"] = breakdown.lines(), breakdown.waits()
        made["roofline"] = roofline(launch, cycles, mac_peak(machine))
    return made


def locate(program: Program, launch: Launch, row: int) -> str:
    """``file:line:column`` of a decoded row."""
    for section, (base, length) in launch.decoded.bases.items():
        if base <= row < base + length:
            return str(program.locations[section][row - base])
    return ""


def recording(session: Session, launch: Launch) -> Recording:
    """What a launch has recorded, with the program's text."""
    program, machine, records = session.program, session.machine, launch.records
    assert launch.window is not None
    return Recording(
        kernel=program.name,
        machine=machine.name,
        clock_mhz=machine.clock_mhz,
        cycles=measure.total_cycles(launch),
        cores=launch.cores,
        window=launch.window,
        code=tuple(_instructions(program, launch)),
        events=np.concatenate([np.zeros(0, EVENT), *records.events]),
        values=np.concatenate([np.zeros(0, np.int64), *records.values]),
        live=np.zeros(0, LIVE) if launch.watch is None else launch.watch.occupancy.live(),
        capacity={name: size for name, size in machine.capacity.items() if size},
        buffers=tuple(Named(b.name, b.mem, b.address, b.nbytes) for b in program.buffers),
        tensors=tuple(
            Named(t.name, "GM", t.address, t.nbytes, t.dtype, t.shape) for t in program.tensors
        ),
        latency=machine.file.sync.cross_core_latency.value,
    )


def _instructions(program: Program, launch: Launch) -> Iterator[Instruction]:
    """The code's rows with their text; labels read as instruction numbers."""
    decoded = launch.decoded
    for section, (base, length) in decoded.bases.items():
        labels = {index: name for name, index in program.labels[section].items()}
        names = {index: labels.get(index, str(index)) for index in range(length)}
        for row in range(base, base + length):
            record, values = decoded.records[row], decoded.operands[row]
            registers = tuple(
                i for i, o in enumerate(record.operands)
                if isinstance(values[o.name], Reg) and o.kind != "rd"
            )  # fmt: skip
            yield Instruction(
                record.name,
                section,
                str(program.locations[section][row - base]),
                instruction_text(record, values, names),
                tuple((name, _number(value)) for name, value in values.items()),
                registers,
            )


def _number(value: int | Reg) -> int:
    return value.index if isinstance(value, Reg) else value
