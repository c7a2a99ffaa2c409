"""Kernels timed: cycles, traffic, and where the cycles of the busiest pipe went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from npuemu import api
from npuemu.errors import NpuemuError
from npuemu.machine import Machine
from npuemu.machine import load as load_machine


@dataclass(frozen=True)
class Target:
    """What a kernel is timed on. ``vector_rate``: the machine's vector throughput times this."""

    machine: str
    blocks: int
    vector_rate: int = 1

    def __str__(self) -> str:
        blocks = f"{self.blocks} block{'s' if self.blocks > 1 else ''}"
        rate = f", vector rate x{self.vector_rate}" if self.vector_rate > 1 else ""
        return f"{self.machine}, {blocks}{rate}"

    def load(self) -> Machine:
        """The machine, its vector rows sped up."""
        machine = load_machine(self.machine)
        return machine if self.vector_rate == 1 else with_vector_rate(machine, self.vector_rate)


def with_vector_rate(machine: Machine, factor: int) -> Machine:
    """``machine`` whose vector instructions stream ``factor`` times as fast.

    Cycles a repeat and the floor of an instruction are divided; head, tail and the banks of the
    unified buffer stay.
    """
    timing = dict(machine.file.timing)
    for name, row in timing.items():
        if not name.startswith("v"):
            continue
        changes: dict[str, Any] = {}
        if row.cycles is not None:
            changes["cycles"] = (row.cycles[0], row.cycles[1] * factor)
        if row.floor is not None:
            changes["floor"] = -(-row.floor // factor)
        timing[name] = msgspec.structs.replace(row, **changes)
    return Machine(msgspec.structs.replace(machine.file, timing=timing), machine.source)


@dataclass(frozen=True)
class Pipe:
    """The busiest pipe of a kind: its core and name, and shares of the run's cycles."""

    name: str
    """``cube M``, ``vector V``, ..."""
    busy: float
    stalls: Mapping[str, float]
    """Share by cause. Bank conflicts and shared bandwidth: the pipe works, only slower."""

    @property
    def held(self) -> float:
        """Busy, or working slower."""
        slower = ("bank_conflict", "shared_bandwidth")
        return self.busy + sum(self.stalls.get(cause, 0.0) for cause in slower)


@dataclass(frozen=True)
class Timing:
    """One timed launch."""

    kernel: str
    target: Target
    params: Mapping[str, int]
    cycles: int
    gm_read: int
    gm_written: int
    pipes: Sequence[Pipe]
    """The busiest of each kind, most occupied first."""
    tensors: Mapping[str, Mapping[str, int]]
    """Bytes of global memory read and written by tensor."""

    @property
    def bound(self) -> Pipe:
        """The pipe that holds the kernel."""
        return self.pipes[0]

    @property
    def cube_busy(self) -> int:
        """Busy cycles of the busiest cube core's M pipe."""
        return round(next((p.busy for p in self.pipes if p.name == "cube M"), 0.0) * self.cycles)

    def where_cycles_went(self) -> str:
        """``V 92 %, M 23 %; V waits: MTE2 5 %``: the two busiest pipes, the first one's waits."""
        held = ", ".join(f"{p.name} {p.held:.0%}" for p in self.pipes[:2])
        waits = sorted(self.bound.stalls.items(), key=lambda item: -item[1])
        said = ", ".join(f"{cause} {share:.0%}" for cause, share in waits[:2] if share >= 0.005)
        return f"{held}; {self.bound.name} waits: {said}" if said else held


def time_kernel(
    kernel: str,
    target: Target,
    params: Mapping[str, int],
    inputs: Mapping[str, Sequence[int]] | None = None,
) -> Timing:
    """Run ``kernel`` in timing mode: cycles and traffic are those of a full run.

    inputs: int32 tensors that steer it; others are drawn where they matter. Raises `NpuemuError`
    where the run has findings: no figure of a faulty kernel is shown.
    """
    machine = target.load()
    program = api.load(kernel, machine=machine, blocks=target.blocks, **params)
    steering = {name: np.array(values, np.int32) for name, values in (inputs or {}).items()}
    run = api.run(program, machine, steering, mode="timing", check=False)
    if run.diagnostics:
        first = run.diagnostics[0]
        sizes = " ".join(f"{name}={value}" for name, value in params.items())
        said = f"{first['where']}: {first['code']}: {first['message']}"
        raise NpuemuError(f"{kernel} {sizes} on {target}: {said}")
    report = run.report
    traffic = report["traffic"]
    return Timing(
        kernel,
        target,
        dict(params),
        run.cycles,
        traffic["gm_read_bytes"],
        traffic["gm_write_bytes"],
        _busiest(report["cores"], run.cycles),
        traffic["tensors"],
    )


def _busiest(cores: Iterable[Mapping[str, Any]], cycles: int) -> list[Pipe]:
    """The most occupied pipe of every kind but S, most occupied first."""
    found: dict[str, Pipe] = {}
    for core in cores:
        kind = "cube" if "aic" in core["core"] else "vector"
        for name, pipe in core["pipes"].items():
            if name == "S":
                continue
            stalls = {cause: count / max(1, cycles) for cause, count in pipe["stalls"].items()}
            one = Pipe(f"{kind} {name}", pipe["busy"] / max(1, cycles), stalls)
            if one.name not in found or one.held > found[one.name].held:
                found[one.name] = one
    return sorted(found.values(), key=lambda pipe: -pipe.held)
