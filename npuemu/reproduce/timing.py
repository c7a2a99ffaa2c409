"""Runs in timing mode, each made once: cycles and traffic are those of a full run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from npuemu import api
from npuemu.machine import Machine
from npuemu.reproduce.rows import Tell

Key = tuple[str, str, int, int, int, int, bool]


@dataclass(frozen=True)
class Timed:
    """What a run took. report: the run's; see `docs/report-schema.md`."""

    report: dict[str, Any]

    @property
    def cycles(self) -> int:
        """Cycles of the run."""
        return int(self.report["cycles"])

    @property
    def traffic(self) -> dict[str, tuple[int, int]]:
        """Bytes read and written by tensor."""
        tensors = self.report["traffic"]["tensors"]
        return {name: (t["read"], t["write"]) for name, t in tensors.items()}

    def busy(self, kind: str, pipe: str) -> int:
        """Busy cycles of a pipe, over all cores whose name holds ``kind`` (``aic``, ``aiv``)."""
        return sum(
            core["pipes"][pipe]["busy"]
            for core in self.report["cores"]
            if kind in core["core"] and pipe in core["pipes"]
        )

    @property
    def bound(self) -> str:
        """The pipe that works longest on one core, and its share: ``cube M 97%``.

        Bank conflicts and shared bandwidth count: the pipe works, only slower.
        """
        best = (0.0, "")
        for core in self.report["cores"]:
            kind = "cube" if "aic" in core["core"] else "vector"
            for name, pipe in core["pipes"].items():
                held = sum(pipe["stalls"].get(c, 0) for c in ("bank_conflict", "shared_bandwidth"))
                best = max(best, ((pipe["busy"] + held) / max(1, self.cycles), f"{kind} {name}"))
        return f"{best[1]} {best[0]:.0%}"


@dataclass
class Runs:
    """Timing runs by kernel, machine, blocks and shape; equal ones are made once."""

    tell: Tell | None = None
    _made: dict[Key, Timed] = field(default_factory=dict)
    _listed: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def machines(self, kernel: str) -> tuple[str, ...]:
        """Machines of a bundled kernel; none if it is not bundled."""
        if not self._listed:
            self._listed.update({info.name: info.machines for info in api.list_kernels()})
        return self._listed.get(kernel, ())

    def run(
        self, kernel: str, machine: str, blocks: int, m: int, n: int, k: int, *, wide: bool = False
    ) -> Timed:
        """One run; ``wide``: on the machine with twice its vector rate."""
        key = (kernel, machine, blocks, m, n, k, wide)
        if key not in self._made:
            program = api.load(kernel, machine=machine, blocks=blocks, M=m, N=n, K=k)
            target = api.machine(machine)
            run = api.run(
                program, twice_the_vector_rate(target) if wide else target, mode="timing",
                check=False, progress=self._say,
            )  # fmt: skip
            if not run.ok:
                raise api.NpuemuError(f"{kernel} on {machine}: {run.diagnostics[0]['message']}")
            self._made[key] = Timed(run.report)
        return self._made[key]

    def _say(self, event: dict[str, Any]) -> None:
        if self.tell is not None and "text" in event:
            self.tell({"text": event["text"]})


def twice_the_vector_rate(machine: Machine) -> Machine:
    """The same machine whose vector instructions take half the cycles a repeat."""
    timing = {}
    for name, row in machine.file.timing.items():
        if name.startswith("v") and row.cycles is not None:
            row = msgspec.structs.replace(row, cycles=(row.cycles[0], 2 * row.cycles[1]))
        timing[name] = row
    return replace(machine, file=msgspec.structs.replace(machine.file, timing=timing))
