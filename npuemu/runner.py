"""Ties a program to the engine and turns what the engine leaves into a report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuemu.asm.program import Program
from npuemu.engine import measure
from npuemu.engine import state as st
from npuemu.engine.decode import decode_program
from npuemu.engine.diagnose import Diagnosis
from npuemu.engine.launch import Launch
from npuemu.isa.table import PIPES, load
from npuemu.machine import Machine

Event = tuple[str, str, str, int, int]
SCHEMA = "npuemu-report-1"
TILE_MACS = {"s8": 8192, "bf16": 4096, "f16": 4096, "mxfp4": 16384}
"""Multiply-adds of one 16 x 16 x k0 tile, by operand type."""


def execute(
    program: Program,
    machine: Machine,
    gm: NDArray[np.uint8],
    mode: str,
    check: bool,
    threads: int,
    max_cycles: int,
    progress: Callable[[dict[str, Any]], None] | None,
    trace: bool,
) -> tuple[dict[str, Any], list[Event] | None, dict[str, int]]:
    """Run ``program`` on global memory ``gm`` (changed in place).

    Returns the report (without outputs), the trace events if asked for, and the Cube's peak rates.
    """

    def tell(text: str) -> None:
        if progress is not None:
            progress({"text": text})

    def advance(cycle: int) -> None:
        if progress is not None:
            progress({"done": cycle, "total": None})

    decoded = decode_program(program.code, machine)
    launch = Launch(
        decoded,
        machine,
        program.blocks,
        gm,
        [(t.address, t.nbytes, t.role) for t in program.tensors],
        mode=mode,
        observe=mode == "full" or (mode == "timing" and check),
        check=check,
        trace=trace,
        threads=threads,
        max_cycles=max_cycles,
        notify=tell,
        progress=advance,
    )
    status = launch.run()
    names = [t.name for t in program.tensors]
    found = Diagnosis(launch, lambda row: locate(program, launch, row), names).found(status)
    cycles = measure.total_cycles(launch)
    report = {
        "schema": SCHEMA,
        "kernel": program.name,
        "machine": machine.name,
        "params": dict(program.params),
        "blocks": program.blocks,
        "mode": mode,
        "cycles": cycles,
        "time_us": cycles / machine.clock_mhz,
        "cores": measure.cores_report(launch, cycles),
        "buffers": measure.buffers_report(launch),
        "traffic": measure.traffic_report(launch, names),
        "work": measure.work_report(launch),
        "diagnostics": [d.row() for d in found],
    }
    peak = {name: TILE_MACS[name] for name in machine.file.types.cube}
    return report, events(launch) if trace else None, peak


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
