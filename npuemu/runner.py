"""From a program and its memory to a report: decode, launch, diagnose, measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuemu.asm.program import Program
from npuemu.engine import measure
from npuemu.engine import state as st
from npuemu.engine.decode import Decoded, decode_program
from npuemu.engine.diagnose import Diagnosis
from npuemu.engine.jitter import draw
from npuemu.engine.launch import Launch
from npuemu.isa.table import PIPES, load
from npuemu.machine import Machine
from npuemu.observe.diagnostics import Diagnostic
from npuemu.report.json_schema import SCHEMA

Event = tuple[str, str, str, int, int]
MXFP8 = ("mxfp8_e4m3", "mxfp8_e5m2", "mxfp8_e4m3_e5m2", "mxfp8_e5m2_e4m3")
TILE_MACS = {"s8": 8192, "bf16": 4096, "f16": 4096, "mxfp4": 16384} | dict.fromkeys(MXFP8, 8192)
"""Multiply-adds of one 16 x 16 x k0 tile, by operand type."""


@dataclass(frozen=True)
class Options:
    """How a program is run. ``jitter``: number of another legal timing, 0 for the machine's own;
    it and ``seed`` fix every delay.
    """

    mode: str = "full"
    check: bool = True
    threads: int = 1
    max_cycles: int = 2_000_000_000
    trace: bool = False
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

    def launch(self, gm: NDArray[np.uint8], options: Options, *, observe: bool) -> Launch:
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
            trace=options.trace,
            threads=options.threads,
            max_cycles=options.max_cycles,
            jitter=int(draw(options.seed, 0, number)) | 1 if number else 0,
            notify=self._tell,
            progress=self._advance,
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


def execute(
    session: Session, gm: NDArray[np.uint8], options: Options
) -> tuple[dict[str, Any], list[Event] | None, dict[str, int]]:
    """Run on global memory ``gm`` (changed in place).

    Returns the report (without outputs), the trace events if asked for, and the Cube's peak rates.
    """
    observe = options.mode == "full" or (options.mode == "timing" and options.check)
    launch = session.launch(gm, options, observe=observe)
    status = launch.run()
    peak = {name: TILE_MACS[name] for name in session.machine.file.types.cube}
    found = events(launch) if options.trace else None
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
    return {
        "schema": SCHEMA,
        "kernel": program.name,
        "machine": machine.name,
        "params": dict(program.params),
        "blocks": program.blocks,
        "mode": launch.mode,
        "cycles": cycles,
        "time_us": cycles / machine.clock_mhz,
        "cores": measure.cores_report(launch, cycles),
        "buffers": measure.buffers_report(launch),
        "traffic": measure.traffic_report(launch, [t.name for t in program.tensors]),
        "work": measure.work_report(launch),
        "diagnostics": [d.row() for d in session.diagnose(launch, status)],
    }


def locate(program: Program, launch: Launch, row: int) -> str:
    """``file:line:column`` of a decoded row."""
    for section, (base, length) in launch.decoded.bases.items():
        if base <= row < base + length:
            return str(program.locations[section][row - base])
    return ""


def events(launch: Launch) -> list[Event]:
    """The recorded trace: core, pipe, instruction name, start and duration in cycles."""
    load()
    found = []
    for block in launch.events:
        for x, row, start, end in block.tolist():
            core, pipe = divmod(x, st.PIPES)
            name = launch.decoded.records[row].name
            found.append((measure.core_label(core), PIPES[pipe], name, start, end - start))
    return found
