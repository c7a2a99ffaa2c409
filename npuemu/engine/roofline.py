"""What each resource of the machine had to do, and the fewest cycles for that at its full rate."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from npuemu.engine import state as st
from npuemu.engine.launch import Launch
from npuemu.engine.measure import operand_type
from npuemu.isa.table import PIPES, Record


@dataclass
class _Load:
    """What went through one resource: how much, and the cycles of work."""

    amount: int = 0
    work: int = 0


def resource(launch: Launch, row: int, record: Record) -> tuple[str, str, int] | None:
    """(resource, unit, column of the profile that counts it) of a code row; None if it has none."""
    if record.macs is not None:
        return f"cube {operand_type(launch, row, record)}", "MAC", st.F_MACS
    if record.path is not None:
        return " -> ".join(record.path), "byte", st.F_BYTES
    if record.is_data and record.core == "vector":
        return "vector", "element", st.F_ELEMENTS
    return None


def roofline(launch: Launch, cycles: int, peaks: dict[str, int]) -> list[dict[str, Any]]:
    """Every resource that was used, the one that needs most cycles first.

    ``peaks``: multiply-adds a cycle of one cube core by operand type. The peak of a data path and
    of the vector unit is the rate at which it worked, heads and waits left out.
    """
    loads: dict[tuple[str, str, str, str], _Load] = defaultdict(_Load)
    for section, (base, length) in launch.decoded.bases.items():
        for row in range(base, base + length):
            profile, record = launch.state.profile[row], launch.decoded.records[row]
            found = resource(launch, row, record)
            if found is not None and profile[st.F_COUNT]:
                name, unit, column = found
                pipe = PIPES[launch.decoded.code[row, st.C_PIPE]]
                load = loads[name, "aic" if section == "cube" else "aiv", pipe, unit]
                load.amount += int(profile[column])
                load.work += int(profile[st.F_WORK])
    rows = [
        _roof(
            name, core, pipe, unit, load, peaks, launch.blocks * (1 if core == "aic" else 2), cycles
        )
        for (name, core, pipe, unit), load in loads.items()
        if load.amount and load.work
    ]
    rows += _shared(launch, cycles)
    return sorted(rows, key=lambda row: -row["cycles"])


def _roof(
    name: str, core: str, pipe: str, unit: str, load: _Load, peaks: dict[str, int], cores: int,
    cycles: int,
) -> dict[str, Any]:  # fmt: skip
    peak = float(peaks[name.removeprefix("cube ")]) if unit == "MAC" else load.amount / load.work
    least = load.amount / peak / cores if peak else 0.0
    return {
        "resource": name, "core": core, "pipe": pipe, "unit": unit, "amount": load.amount,
        "peak": peak, "cycles": least, "share": least / cycles if cycles else 0.0,
    }  # fmt: skip


def _shared(launch: Launch, cycles: int) -> list[dict[str, Any]]:
    """L2 and memory, which all cores share."""
    g, gm = launch.state.g, launch.machine.file.global_memory
    shared = (
        ("L2", int(g[st.G_L2_BYTES]), gm.l2_bytes_per_cycle.value),
        ("HBM", int(g[st.G_HBM_BYTES]), gm.hbm_bytes_per_cycle.value),
    )
    return [
        {
            "resource": name, "core": "die", "pipe": "", "unit": "byte", "amount": amount,
            "peak": float(rate), "cycles": amount / rate,
            "share": amount / rate / cycles if cycles else 0.0,
        }
        for name, amount, rate in shared
        if amount
    ]  # fmt: skip
