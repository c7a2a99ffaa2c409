"""Numbers of a finished launch: cycles and their labels, occupancy, traffic, work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from npuemu.engine import state as st
from npuemu.engine.launch import Launch
from npuemu.isa.codec import Reg
from npuemu.isa.table import CORE_PIPES, MEM, PIPES, Record


def core_label(core: int) -> str:
    """``0.aic``, ``0.aiv0``, ``0.aiv1``: block and kind."""
    return f"{core // 3}.{('aic', 'aiv0', 'aiv1')[core % 3]}"


def total_cycles(launch: Launch) -> int:
    """Cycles until every core had halted and every pipe had completed."""
    cursors = launch.state.pipe[:, st.P_CURSOR]
    return int(cursors.max())


def stall_name(cause: int) -> str:
    """Report name of a stall cause."""
    if st.STALL_FLAG <= cause < st.STALL_FLAG + 7:
        return f"flag_{PIPES[cause - st.STALL_FLAG]}"
    return st.STALL_NAMES[cause]


def pipe_report(launch: Launch, core: int, pipe: int, cycles: int) -> dict[str, Any]:
    """busy, stalls, idle and instructions of one pipe; they account for every cycle."""
    e = launch.state
    x = core * st.PIPES + pipe
    row, k = e.pipe[x], e.core[core]
    stalls = {stall_name(c): int(e.stalls[x, c]) for c in range(st.STALLS) if e.stalls[x, c]}
    cursor = int(row[st.P_CURSOR])
    if pipe == st.S:
        return {
            "busy": int(k[st.K_BUSY]),
            "stalls": stalls,
            "idle": cycles - cursor,
            "instructions": int(k[st.K_COUNT]),
        }
    alive = _alive(launch, core, pipe)
    if alive:
        stalls["dispatch"] = stalls.get("dispatch", 0) + alive
    return {
        "busy": int(row[st.P_BUSY]),
        "stalls": stalls,
        "idle": cycles - cursor - alive,
        "instructions": int(row[st.P_INSTRUCTIONS]),
    }


def _alive(launch: Launch, core: int, pipe: int) -> int:
    """Cycles for which a pipe's queue is empty at the end and the scalar unit still runs."""
    cursor = launch.state.pipe[core * st.PIPES + pipe, st.P_CURSOR]
    return max(0, int(launch.state.core[core, st.K_HALT] - cursor))


def alive_after(launch: Launch) -> list[tuple[int, int, int, int]]:
    """(core, pipe, code row of the halt, cycles) of every pipe that waits for its core's halt."""
    found = []
    for core in range(launch.cores):
        kind = "cube" if core % 3 == 0 else "vector"
        row = int(launch.state.core[core, [st.K_BASE, st.K_PC]].sum())
        for name in CORE_PIPES[kind] if kind in launch.decoded.bases else ():
            pipe = PIPES.index(name)
            if pipe != st.S and (cycles := _alive(launch, core, pipe)):
                found.append((core, pipe, row, cycles))
    return found


def cores_report(launch: Launch, cycles: int) -> list[dict[str, Any]]:
    """Every core that has code."""
    found = []
    for core in range(launch.cores):
        kind = "cube" if core % 3 == 0 else "vector"
        if kind not in launch.decoded.bases:
            continue
        pipes = {
            name: pipe_report(launch, core, PIPES.index(name), cycles) for name in CORE_PIPES[kind]
        }
        found.append({"core": core_label(core), "pipes": pipes})
    return found


def buffers_report(
    launch: Launch, names: Sequence[str], where: Callable[[int], str]
) -> dict[str, dict[str, Any]]:
    """Peak occupancy of every local memory that the machine has, the maximum over cores, and who
    holds it then. ``names`` of the named ranges; ``where`` tells the place of a code row.

    Empty when the run was not observed: nothing was measured.
    """
    found: dict[str, dict[str, Any]] = {}
    if launch.watch is None:
        return found
    for core, name in launch.local:
        capacity = launch.machine.capacity[name]
        if capacity == 0:
            continue
        peak, cycle = launch.watch.occupancy.peak(core * 16 + MEM[name])
        best = found.get(name)
        if best is None or peak > best["peak_bytes"]:
            found[name] = {
                "capacity": capacity,
                "peak_bytes": peak,
                "peak_cycle": cycle,
                "core": core_label(core),
                "holders": _holders(launch, core * 16 + MEM[name], cycle, names, where),
            }
    return found


def _holders(
    launch: Launch, slot: int, cycle: int, names: Sequence[str], where: Callable[[int], str]
) -> list[dict[str, Any]]:
    """Who holds a memory at ``cycle``, by named range and place."""
    assert launch.watch is not None
    sums: dict[tuple[str, str], int] = {}
    for held in launch.watch.occupancy.holders(slot, cycle):
        key = names[held.name] if held.name >= 0 else "", where(held.writer)
        sums[key] = sums.get(key, 0) + held.bytes
    return [{"buffer": name, "where": at, "bytes": n} for (name, at), n in sums.items()]


def traffic_report(launch: Launch, names: list[str]) -> dict[str, Any]:
    """Bytes between GM and the cores, in all and by tensor."""
    rows = launch.state.tensors
    return {
        "gm_read_bytes": int(rows[:, st.N_READ].sum()),
        "gm_write_bytes": int(rows[:, st.N_WRITE].sum()),
        "tensors": {
            name: {"read": int(row[st.N_READ]), "write": int(row[st.N_WRITE])}
            for name, row in zip(names, rows, strict=True)
        },
    }


def operand_type(launch: Launch, row: int, record: Record) -> str:
    """Operand type of a multiplication: ``bf16``, ``s8``, ``mxfp4``."""
    number = launch.decoded.operands[row]["type"]
    assert not isinstance(number, Reg)
    enum = record.operand("type").enum
    assert enum is not None
    return str(enum.symbol(number))


def work_report(launch: Launch) -> dict[str, Any]:
    """Multiply-adds by operand type and vector elements."""
    macs: dict[str, int] = {}
    elements = 0
    for row, record in enumerate(launch.decoded.records):
        profile = launch.state.profile[row]
        elements += int(profile[st.F_ELEMENTS])
        if record.macs is not None and profile[st.F_MACS]:
            symbol = operand_type(launch, row, record)
            macs[symbol] = macs.get(symbol, 0) + int(profile[st.F_MACS])
    return {"macs": macs, "vector_elements": elements}
